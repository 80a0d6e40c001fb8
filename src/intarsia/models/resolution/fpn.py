"""FPN: give every scale the meaning of the coarsest one, then let all scales vote on each pixel.

Kirillov, Girshick, He, Dollar. "Panoptic Feature Pyramid Networks." CVPR 2019. arXiv:1901.02446
(the pyramid itself: Lin et al. "Feature Pyramid Networks for Object Detection." CVPR 2017. arXiv:1612.03144)

A backbone's fine maps know where, its coarse maps know what. The pyramid hands the coarse ones down, adding each to the
next finer. Then every level is brought to a quarter of the image, by as many steps as that takes, and all are summed.

    c5 - lateral --------------------- p5 - smooth - 3x3 x2 - 3x3 x2 - 3x3 x2 -,
    c4 - lateral - + (p5 repeated) --- p4 - smooth - 3x3 x2 - 3x3 x2 ---------- +
    c3 - lateral - + (p4 repeated) --- p3 - smooth - 3x3 x2 ------------------- + - classify - x4 - logits
    c2 - lateral - + (p3 repeated) --- p2 - smooth - 3x3 ---------------------- '

Departures from the paper: "x2" means to the size of the next finer level, whatever it is. With fewer `channels`, the
branch narrows along. segmentation-models-pytorch's network is the variant "smp_fpn". With `finest=2` the sum is enlarged once
more, c1 is added to it, and half of the image's size is classified.

Compared with segmentation-models-pytorch FPN (the authors' is a part of Detectron2): whole network, as the variant
"smp_fpn", by a test; difference 1e-4 of the spread (docs/faithfulness.md).
"""

from typing import Literal

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, Norm, PixelClassifier
from ...blocks.feature_pyramid import Branch, hand_down
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class FPN(nn.Module):
    """Feature pyramid with Panoptic FPN's semantic branch.

    Args:
        channels: width of the pyramid.
        branch: width of the semantic branch; null: half of `channels`, as in the paper.
        smooth: a 3x3 convolution on each summed map, against the blocks that repetition leaves (FPN, section 3); most
            peers leave it out, and without it the network trains faster.
        norm: of the semantic branch, "group" (the paper's) or "batch".
        dropout: before the classifier, 0..1; 0 in the paper.
        finest: stride of the map that is classified: 4, or 2 for objects that are thinner than 4 pixels, which costs time
            and memory; it takes an encoder that has features of stride 2.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: int = 256,
        branch: int | None = None,
        smooth: bool = True,
        norm: Norm = "group",
        dropout: float = 0.0,
        finest: Literal[2, 4] = 4,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if finest not in (2, 4):
            raise ModelError(f"finest is {finest!r}; the map that is classified has stride 2 or 4")
        levels = (2, 3, 4, 5) if finest == 4 else (1, 2, 3, 4, 5)
        self.encoder = Encoder(encoder, levels=levels, in_channels=in_channels, pretrained=pretrained)
        width = branch or channels // 2
        coarse = self.encoder.channels[-4:]
        self.lateral = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in coarse)
        self.smooth = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) if smooth else nn.Identity() for _ in coarse
        )
        self.branches = nn.ModuleList(Branch(channels, width, max(1, n), norm) for n in range(4))
        self.fine = nn.Conv2d(self.encoder.channels[0], width, 1) if finest == 2 else None
        self.mix = ConvNormAct(width, width, norm=norm) if finest == 2 else None
        self.classify = PixelClassifier(width, num_classes, dropout=dropout)
        self.descend = Resize(mode="nearest")
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        features = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        c2, c3, c4, c5 = features[-4:]  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        maps = [
            lateral(c) for lateral, c in zip(self.lateral, (c2, c3, c4, c5), strict=True)
        ]  # [B, 256, H/4, W/4], ...
        sums = hand_down(maps, self.descend)  # [B, 256, H/4, W/4], ..., [B, 256, H/32, W/32]
        pyramid = [smooth(p) for smooth, p in zip(self.smooth, sums, strict=True)]
        x = self.branches[0](pyramid[:1])  # [B, 128, H/4, W/4]
        for n in (1, 2, 3):
            x = x + self.branches[n](pyramid[: n + 1])  # [B, 128, H/4, W/4]
        if self.fine is not None and self.mix is not None:
            x = self.mix(self.enlarge(x, features[0]) + self.fine(features[0]))
        x = self.classify(x)  # [B, K, H/4, W/4]
        return SemanticLogits(self.enlarge(x, image))  # [B, K, H, W]
