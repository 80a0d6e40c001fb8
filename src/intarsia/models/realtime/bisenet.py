"""BiSeNet: one path keeps the detail and stays shallow, another sees the scene and shrinks fast.

Yu, Wang, Peng, Gao, Yu, Sang. "BiSeNet: Bilateral Segmentation Network for Real-time Semantic Segmentation." ECCV 2018.
arXiv:1808.00897

Fast networks used to save time by cropping the picture or thinning the network, and lost either outlines or meaning.
BiSeNet gives each its own path: three strided convolutions keep a wide map at an eighth of the image, and an ordinary
backbone goes down to a thirty-second. The image's mean weights the channels of what the backbone found (attention
refinement), and of both paths together (feature fusion).

    image - spatial path (stride 8) --------------------------------- fuse - classify - x8 - logits
          ` encoder - c5 - refine - + glance - x2 - smooth --,         |
                    ` c4 - refine ------------------------- + - x2 - smooth
                                        a score map behind each smooth (training only)

Departures from the paper: "xception39", its lightest backbone, is not among timm's. Widths that the paper does not state
(64 in the spatial path; in front of the classifiers 64 and 256 on ResNet-18, 256 on ResNet-101) and the 1x1 convolution
behind the path are those of the authors' code; their ResNet-101 is timm's "resnet101s". All maps are enlarged with
half-pixel centers, where their code makes the corners meet (variant "torchseg_bisenet").

Compared with ycszen/TorchSeg (the authors') cityscapes.bisenet.R18 and R101: whole networks with heads, as the variant
"torchseg_bisenet"; difference 0 (104), 0 (1.4e5); 13,495,935 : 13,495,935, 48,240,959 : 48,240,959
(docs/faithfulness.md).
"""

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...blocks.statistics import learns_batches, require_two_values
from ...encoders import Encoder
from ...structures import SemanticLogits

HEADS = {"resnet18": (64, 256)}  # widths in front of the main and the auxiliary classifiers
OTHERS = (256, 256)


class BiSeNet(nn.Module):
    """Bilateral segmentation network, the first.

    Args:
        spatial: width inside the spatial path.
        channels: width of either path's result.
        head: width of the convolution in front of the classifier; null: 64 on "resnet18", else 256.
        side: width of those in front of the auxiliary classifiers; null: 256.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet18",
        in_channels: int = 3,
        spatial: int = 64,
        channels: int = 128,
        head: int | None = None,
        side: int | None = None,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, levels=(4, 5), in_channels=in_channels, pretrained=pretrained)
        c4, c5 = self.encoder.channels
        main, sides = HEADS.get(encoder, OTHERS)
        main, sides = head or main, side or sides
        self.spatial = nn.Sequential(
            ConvNormAct(in_channels, spatial, 7, stride=2),
            ConvNormAct(spatial, spatial, stride=2),
            ConvNormAct(spatial, spatial, stride=2),
            ConvNormAct(spatial, channels, 1),
        )
        self.glance = ConvNormAct(c5, channels, 1)
        self.refine = nn.ModuleList([AttentionRefinement(c4, channels), AttentionRefinement(c5, channels)])
        self.smooth = nn.ModuleList([ConvNormAct(channels, channels), ConvNormAct(channels, channels)])
        self.fuse = FeatureFusion(2 * channels)
        self.classify = nn.Sequential(ConvNormAct(2 * channels, main), PixelClassifier(main, num_classes))
        self.auxiliary = nn.ModuleList(
            nn.Sequential(ConvNormAct(channels, sides), PixelClassifier(sides, num_classes)) for _ in range(2)
        )
        self.climb, self.enlarge = Resize(), Resize()  # of features; of scores

    def forward(self, image: Tensor) -> SemanticLogits:
        detail = self.spatial(image)  # [B, 128, H/8, W/8]
        c4, c5 = self.encoder(image)  # [B, 1024, H/16, W/16], [B, 2048, H/32, W/32]
        mean = c5.mean(dim=(2, 3), keepdim=True)  # [B, 2048, 1, 1]
        require_two_values(mean, learns_batches(self), "the mean feature of the image")
        x = self.refine[1](c5) + self.glance(mean)  # [B, 128, H/32, W/32]
        coarse = self.smooth[1](self.climb(x, c4))  # [B, 128, H/16, W/16]
        x = self.refine[0](c4) + coarse
        medium = self.smooth[0](self.climb(x, detail))  # [B, 128, H/8, W/8]
        x = self.fuse(torch.cat([detail, medium], dim=1))  # [B, 256, H/8, W/8]
        x = self.classify(x)  # [B, K, H/8, W/8]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        if not self.training or not len(self.auxiliary):
            return SemanticLogits(logits)
        sides = [side(x) for side, x in zip(self.auxiliary, (medium, coarse), strict=True)]  # [B, K, H/8, W/8], ...
        return SemanticLogits(logits, tuple(sides))


class AttentionRefinement(nn.Module):
    """A 3x3 convolution, its channels weighted by their means over the image."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.conv = ConvNormAct(in_channels, channels)
        self.attend = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = self.conv(x)  # [b, channels, h, w]
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, channels, 1, 1]
        require_two_values(mean, learns_batches(self), "the mean feature of the image")
        return x * self.attend(mean)  # [b, channels, h, w]


class FeatureFusion(nn.Module):
    """Both paths mixed by a 1x1 convolution, to which the channels that matter are added once more."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.mix = ConvNormAct(channels, channels, 1)
        self.attend = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        b, c, _, _ = x.shape
        x = self.mix(x)
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, c, 1, 1]
        return x + x * self.attend(mean)
