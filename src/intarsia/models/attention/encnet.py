"""EncNet: the scene, written as residuals to learned codewords, says which channels matter.

Zhang, Dana, Shi, Zhang, Wang, Tyagi, Agrawal. "Context Encoding for Semantic Segmentation." CVPR 2018. arXiv:1803.08904

In a bedroom, a pixel is sooner a bed's than a car's. A codebook is learned with the network: each place's feature is
compared with each codeword, and the residuals, summed over the image, tell of the scene without telling places
(section 3, Eq. 1). That vector weighs the channels of the map (Eq. 2). In training it also has to name the classes that
occur at all, so that small things count as much as large ones (the paper's SE loss: `presence`, weight 0.2).

    image - dilated encoder - c4 - auxiliary head (training only)
                            ` c5 - 3x3 -, x ------------------- + x * weights - classify - x8 - logits
                                        ` codewords - vector - sigmoid '
                                                           ` presence (training only)

`lateral` adds the narrowed c3 and c4, as the released code does on PASCAL and COCO.

Departures from the paper, all as in the released code: the encoded residuals are averaged over the codewords, where the
text adds them; presence is asked of the last stage alone, where the text asks stages 3 and 4. Of our own: maps are
enlarged with half-pixel centers, where that code makes the corners meet.

Compared with zhanghang1989/PyTorch-Encoding encoding/models/sseg/encnet.py: head, presence and auxiliary head on the same
features, with and without `lateral`; difference 0 (5.1); 12,349,301 : 12,349,301 on 2048 channels (docs/faithfulness.md).
"""

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize, resize_like
from ...encoders import Encoder
from ...structures import SemanticLogits


class EncNet(nn.Module):
    """Context encoding network.

    Args:
        encoder: "resnet101s" is the authors'; any dilatable one works.
        channels: width of the feature that is encoded and classified.
        codewords: size of the codebook.
        lateral: fuse c3 and c4 with c5 first, as the released code does on PASCAL and COCO.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        auxiliary: a second classifier, on the stage before, in training.
        presence: name the classes of the whole image, in training.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101s",
        in_channels: int = 3,
        channels: int = 512,
        codewords: int = 32,
        lateral: bool = False,
        output_stride: int = 8,
        auxiliary: bool = True,
        presence: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        levels = (3, 4, 5) if lateral else (4, 5) if auxiliary else (5,)
        self.encoder = Encoder(
            encoder, levels=levels, output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        *before, c5 = self.encoder.channels
        self.channels = channels
        self.reduce = ConvNormAct(c5, channels)
        self.narrow = nn.ModuleList(ConvNormAct(c, channels, 1) for c in before) if lateral else None
        self.fuse = ConvNormAct(3 * channels, channels) if lateral else None
        self.encode = nn.Sequential(
            ConvNormAct(channels, channels, 1),
            CodewordResiduals(channels, codewords),
            nn.BatchNorm1d(codewords),
            nn.ReLU(inplace=True),
        )
        self.weigh = nn.Sequential(nn.Linear(channels, channels), nn.Sigmoid())
        self.tell = nn.Linear(channels, num_classes) if presence else None
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.enlarge = Resize()
        self.auxiliary = None
        if auxiliary:
            self.auxiliary = nn.Sequential(
                ConvNormAct(before[-1], before[-1] // 4), PixelClassifier(before[-1] // 4, num_classes, dropout=dropout)
            )

    def forward(self, image: Tensor) -> SemanticLogits:
        *before, c5 = self.encoder(image)  # [B, 1024, H/8, W/8], [B, 2048, H/8, W/8]
        x = self.reduce(c5)  # [B, 512, H/8, W/8]
        if self.narrow and self.fuse:
            narrow = [resize_like(part(c), x) for part, c in zip(self.narrow, before, strict=True)]
            x = self.fuse(torch.cat([x, *narrow], dim=1))
        scene = self.encode(x).mean(dim=1)  # [B, 512]
        weights = self.weigh(scene)[:, :, None, None]  # [B, 512, 1, 1]
        x = self.classify((x + x * weights).relu())  # [B, K, H/8, W/8]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        auxiliary = (self.auxiliary(before[-1]),) if self.training and self.auxiliary else ()  # [B, K, H/8, W/8]
        presence = self.tell(scene) if self.training and self.tell else None  # [B, K]
        return SemanticLogits(logits, auxiliary, presence=presence)


class CodewordResiduals(nn.Module):
    """What the places of a map differ by from learned codewords, each place counted for the codewords near it (Eq. 1).

    Attributes:
        codewords: [N, C].
        scale: [N], how fast a codeword's share falls, or, above 0, rises with the squared distance to it.
    """

    def __init__(self, channels: int, codewords: int) -> None:
        super().__init__()
        self.channels, self.count = channels, codewords
        bound = (codewords * channels) ** -0.5
        self.codewords = nn.Parameter(torch.empty(codewords, channels).uniform_(-bound, bound))
        self.scale = nn.Parameter(torch.empty(codewords).uniform_(-1, 0))

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = x.flatten(2).transpose(1, 2)  # [b, h*w, channels]
        exact = x.to(torch.promote_types(x.dtype, torch.float32))  # squares of 512 channels do not add up in bfloat16
        square = exact.square().sum(dim=2, keepdim=True)  # [b, h*w, 1]
        distance = square - 2 * (x @ self.codewords.T) + self.codewords.square().sum(dim=1)  # [b, h*w, count]
        shares = (self.scale * distance).softmax(dim=2)  # [b, h*w, count]
        total = shares.sum(dim=1).unsqueeze(2)  # [b, count, 1]
        return shares.transpose(1, 2) @ exact - total * self.codewords  # [b, count, channels]
