"""NASFPN: a feature pyramid whose connections were found by search, stacked until every level has met every other.

Ghiasi, Lin, Pang, Le. "NAS-FPN: Learning Scalable Feature Pyramid Architecture for Object Detection." CVPR 2019.
arXiv:1904.07392
(on EfficientNet-L2, for segmentation: Zoph, Ghiasi, Lin, Cui, Liu, Cubuk, Le. "Rethinking Pre-training and
Self-training." NeurIPS 2020. arXiv:2006.06882)

A pyramid's top-down road was drawn by hand. Here a search chose, for seven cells, which two maps each merges, at which
level, and how: by a sum, or by a sum in which the coarser map's maxima say how much of each channel of the finer one
passes. Five levels go in and five come out, so that the graph can be stacked; the last stack's levels are summed.

    c3, c4, c5 - lateral - p3, p4, p5;  p6, p7 = p5 pooled
    one stack, g a gated and + a plain sum, each cell a ReLU, a 3x3 convolution and a norm:
        p4 g p6 -> t - + p4 -> u - + p3 -> p3'
                               u - + p3' -> p4'
                                     p3' g p4' - + p5 -> p5'
                               u - g p5' - + p7 -> p7'
                                     p5' g p7' -> p6'
    p3 .. p7 of the last stack - enlarged to stride 4 - + - 3x3 - 3x3 - 3x3 - classify - x4 - logits

Departures from the paper: for segmentation, all is as in the second paper's released code: separable convolutions, the
gate by maxima, and the head. But maps are enlarged by half pixels, laterals are plain 1x1 convolutions, where the code's
separable ones scale each channel first, and windows of uneven maps begin at their corner. p6 and p7 have a side of at
least 2.

Compared with tensorflow/tpu models/official/detection/modeling/architecture/nasfpn.py, nn_ops.py and heads.py: pyramid,
fusion and head; difference 0 with half-pixel enlargement there (docs/faithfulness.md).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import crop_like, resize_like
from ...blocks.sizes import larger
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class NASFPN(nn.Module):
    """NAS-FPN with a head for segmentation.

    Args:
        channels: width of the pyramid and of the head.
        stacks: how often the graph is repeated.
        separable: convolutions of the cells, as for segmentation; false: full ones, as for detection.
        depth: 3x3 convolutions of the head.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "tf_efficientnet_l2",
        in_channels: int = 3,
        channels: int = 256,
        stacks: int = 7,
        separable: bool = True,
        depth: int = 3,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if stacks < 1:
            raise ModelError(f"stacks is {stacks}; the graph is there at least once, and 7 times in the paper")
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, channels, 1, bias=False), nn.BatchNorm2d(channels))
            for c in self.encoder.channels[1:]
        )
        self.stacks = nn.ModuleList(Stack(channels, separable) for _ in range(stacks))
        self.head = nn.Sequential(*(ConvNormAct(channels, channels) for _ in range(depth)))
        self.classify = PixelClassifier(channels, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        c2, c3, c4, c5 = self.encoder(image)  # [B, 104, H/4, W/4], ..., [B, 1376, H/32, W/32]
        p3, p4 = self.lateral[0](c3), self.lateral[1](c4)  # [B, 256, H/8, W/8], [B, 256, H/16, W/16]
        p5 = self.lateral[2](c5)  # [B, 256, H/32, W/32]
        levels = [p3, p4, p5, shrink(p5, 1), shrink(p5, 2)]  # [B, 256, H/8, W/8], ...
        for stack in self.stacks:
            levels = stack(levels)
        x = resize_like(levels[0], c2)  # [B, 256, H/4, W/4]
        for level in levels[1:]:
            x = x + resize_like(level, c2)
        x = self.classify(self.head(x))  # [B, K, H/4, W/4]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]


class Stack(nn.Module):
    """The graph once: five maps p3 .. p7 in, five maps of the same sizes out."""

    def __init__(self, channels: int, separable: bool) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cell(channels, separable) for _ in range(7))

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        p3, p4, p5, p6, p7 = levels
        t = self.cells[0](gated(p4, enlarge(p6, p4)))
        u = self.cells[1](t + p4)
        p3 = self.cells[2](p3 + enlarge(u, p3))
        p4 = self.cells[3](shrink(p3, 1, p4) + u)
        p5 = self.cells[4](gated(shrink(p3, 2, p5), shrink(p4, 1, p5)) + p5)
        p7 = self.cells[5](gated(shrink(u, 3, p7), shrink(p5, 2, p7)) + p7)
        p6 = self.cells[6](gated(shrink(p5, 1, p6), enlarge(p7, p6)))
        return [p3, p4, p5, p6, p7]


def cell(channels: int, separable: bool) -> nn.Sequential:
    """What follows each merge: ReLU, 3x3 convolution, norm."""
    full = [nn.Conv2d(channels, channels, 3, padding=1, bias=False)]
    thin = [
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
    ]
    return nn.Sequential(nn.ReLU(), *(thin if separable else full), nn.BatchNorm2d(channels))


def gated(fine: Tensor, coarse: Tensor) -> Tensor:
    """The coarser map, and as much of each channel of the finer one as the coarser one's maximum lets pass."""
    return coarse + fine * coarse.amax(dim=(2, 3), keepdim=True).sigmoid()


def enlarge(x: Tensor, reference: Tensor) -> Tensor:
    """`x` repeated to the size of `reference`."""
    return resize_like(x, reference, mode="nearest")


def shrink(x: Tensor, levels: int, reference: Tensor | None = None) -> Tensor:
    """The maximum of each window: a map of so many levels up, in size ceil(h / 2**levels) x ceil(w / 2**levels).

    Small maps repeat their border first and give 2 x 2 values: a side of 1 would freeze in an exported graph.

    Args:
        reference: a map of the size in which the answer is wanted.
    """
    height, width = x.shape[-2:]
    least = 2**levels + 1
    missing = larger(least - width, 0), larger(least - height, 0)
    x = F.pad(x, (0, missing[0], 0, missing[1]), mode="replicate")
    x = F.max_pool2d(x, 2**levels, ceil_mode=True)
    return x if reference is None else crop_like(x, reference)
