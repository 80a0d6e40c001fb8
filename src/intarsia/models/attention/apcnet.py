"""APCNet: each pixel chooses, of grids of several sizes, the cells whose content it needs.

He, Deng, Zhou, Wang, Qiao. "Adaptive Pyramid Context Network for Semantic Segmentation." CVPR 2019.
doi:10.1109/CVPR.2019.00770

PSPNet lays the mean of a cell on the pixels of that cell, be it theirs or not. Here every pixel may take from all cells of a
grid: its weights (the adaptive affinities, section 3.3) come from its own feature and the mean of the image together, so
that a small thing in a wide scene can ask for other cells than the same thing close up. Four such modules work side by
side, on grids of 1x1, 2x2, 3x3 and 6x6.

    image - dilated encoder - c4 - auxiliary head (training only)
                            ` c5 - grid - 1x1 -----------------------------,
                               |-- 1x1 - + mean - 1x1 - sigmoid - affinities x cells - 1x1 - + - 1x1 -,  of each grid
                               |     `-------------------------------------------------------'        |
                               `--------------------------------------------------------- side by side - 3x3 - classify - x8

Departures from the paper: a 1x1 convolution follows each module, as in the code that the authors point to. Of our own:
dropout leaves out single values, there whole maps.

Compared with open-mmlab/mmsegmentation mmseg/models/decode_heads/apc_head.py, to which Junjun2016/APCNet, the authors',
points: head on the same features; difference 1.3e-5 (21) (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.pooling import average_grid
from ...blocks.resize import Resize
from ...blocks.statistics import learns_batches, require_two_values
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class APCNet(nn.Module):
    """Adaptive pyramid context network.

    Args:
        encoder: "resnet101s" is the authors'; any dilatable one works.
        bins: side of each grid.
        channels: width of each module and of the classified feature.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        auxiliary: a second classifier, on the stage before, in training.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101s",
        in_channels: int = 3,
        bins: Sequence[int] = (1, 2, 3, 6),
        channels: int = 512,
        output_stride: int = 8,
        auxiliary: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if not bins or min(bins) < 1:
            raise ModelError(f"bins is {list(bins)}; name the side of each grid, such as [1, 2, 3, 6]")
        self.encoder = Encoder(
            encoder,
            levels=(4, 5) if auxiliary else (5,),
            output_stride=output_stride,
            in_channels=in_channels,
            pretrained=pretrained,
        )
        *before, c5 = self.encoder.channels
        self.adapt = nn.ModuleList(AdaptiveContext(c5, channels, side) for side in bins)
        self.fuse = ConvNormAct(c5 + len(bins) * channels, channels)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.enlarge = Resize()
        self.auxiliary = None
        if auxiliary:
            (c4,) = before
            self.auxiliary = nn.Sequential(
                ConvNormAct(c4, c4 // 4), PixelClassifier(c4 // 4, num_classes, dropout=dropout)
            )

    def forward(self, image: Tensor) -> SemanticLogits:
        *before, c5 = self.encoder(image)  # [B, 1024, H/8, W/8], [B, 2048, H/8, W/8]
        x = torch.cat([c5, *(adapt(c5) for adapt in self.adapt)], dim=1)  # [B, 4096, H/8, W/8]
        x = self.fuse(x)  # [B, 512, H/8, W/8]
        x = self.classify(x)  # [B, K, H/8, W/8]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        auxiliary = (self.auxiliary(*before),) if self.training and self.auxiliary else ()  # [B, K, H/8, W/8]
        return SemanticLogits(logits, auxiliary)


class AdaptiveContext(nn.Module):
    """Each place's feature, and what it takes from the cells of one grid (the paper's adaptive context module).

    Args:
        side: cells of the grid in a row and in a column.
    """

    def __init__(self, in_channels: int, channels: int, side: int) -> None:
        super().__init__()
        self.channels, self.side, self.cells = channels, side, side * side
        self.reduce, self.reduce_cells = ConvNormAct(in_channels, channels, 1), ConvNormAct(in_channels, channels, 1)
        self.glance = ConvNormAct(channels, channels, 1)
        self.draw = nn.Conv2d(channels, self.cells, 1)
        self.project, self.fuse = ConvNormAct(channels, channels, 1), ConvNormAct(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        pooled = average_grid(x, self.side)  # [b, c, side, side]
        if self.side == 1:
            require_two_values(pooled, learns_batches(self), "the pooled feature of the whole image")
        cells = self.reduce_cells(pooled).flatten(2)  # [b, channels, cells]
        x = self.reduce(x)  # [b, channels, h, w]
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, channels, 1, 1]
        require_two_values(mean, learns_batches(self), "the mean feature of the image")
        affinity = self.draw(x + self.glance(mean)).sigmoid().flatten(2)  # [b, cells, h*w]
        context = (cells @ affinity).unflatten(2, (h, w))  # [b, channels, h, w]
        return self.fuse((self.project(context) + x).relu())  # [b, channels, h, w]
