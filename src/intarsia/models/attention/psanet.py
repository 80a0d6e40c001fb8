"""PSANet: each pixel learns where in the scene it looks, and whom it tells, by distance and direction.

Zhao, Zhang, Liu, Shi, Loy, Lin, Jia. "PSANet: Point-wise Spatial Attention Network for Scene Parsing." ECCV 2018.
doi:10.1007/978-3-030-01240-3_17

Likeness is not the only reason to look at a place: a pixel may want what lies beneath it. From its own feature, each pixel
draws a map of weights around itself, twice as high and wide as the scene so that it reaches every corner from every
other (the over-complete map, section 3.3). In one branch it collects with these weights; in the other it distributes: the
weights say how much its feature matters to the others. Both see half of the places in each direction.

    image - dilated encoder - c4 - auxiliary head (training only)
                            ` c5 - 1x1 - half - (1x1, weights) - collect ---,
                               |-- 1x1 - half - (1x1, weights) - distribute - 1x1 - x2 -,
                               `---------------------------------------- side by side --- 3x3 - classify - x8 - logits

Departures from the paper, as in the released code: a softmax over the places that a pixel gets something from takes the
place of dividing by their number. The over-complete map has the size of the authors' crop of 465 pixels; in larger images
the places beyond it have score 0, as there. Of our own: plain tensor operations (one gather); maps change size with
half-pixel centers, there so that the corners meet; dropout leaves out single values, there whole maps.

Compared with hszhao/semseg model/psanet.py, its psamask written in PyTorch: head and auxiliary head on the same features,
with over-complete maps of three sizes; difference 0 (4.6) (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class PSANet(nn.Module):
    """Point-wise spatial attention network.

    Args:
        encoder: "resnet101s" is the authors'; any dilatable one works.
        channels: width of both branches and of the classified feature.
        window: rows and columns of the over-complete map, odd; 2 n - 1 for a halved map of side n.
        shrink: how many times smaller the map is on which the branches work.
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
        channels: int = 512,
        window: Sequence[int] = (59, 59),
        shrink: int = 2,
        output_stride: int = 8,
        auxiliary: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(window) != 2 or any(side < 1 or side % 2 == 0 for side in window):
            raise ModelError(f"window is {list(window)}; give two odd numbers, rows and columns, such as [59, 59]")
        self.encoder = Encoder(
            encoder,
            levels=(4, 5) if auxiliary else (5,),
            output_stride=output_stride,
            dilate_first=True,
            in_channels=in_channels,
            pretrained=pretrained,
        )
        *before, c5 = self.encoder.channels
        self.shrink = shrink
        self.reduce = nn.ModuleList(ConvNormAct(c5, channels, 1) for _ in range(2))
        self.attend = nn.ModuleList(PointwiseAttention(channels, window, distributes=way) for way in (False, True))
        self.project = ConvNormAct(2 * channels, c5, 1)
        self.fuse = ConvNormAct(2 * c5, channels)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.halve: nn.Module = Resize()
        self.enlarge = Resize()
        self.auxiliary = None
        if auxiliary:
            (c4,) = before
            self.auxiliary = nn.Sequential(
                ConvNormAct(c4, c4 // 4), PixelClassifier(c4 // 4, num_classes, dropout=dropout)
            )

    def forward(self, image: Tensor) -> SemanticLogits:
        *before, c5 = self.encoder(image)  # [B, 1024, H/8, W/8], [B, 2048, H/8, W/8]
        size = c5[:, :1, :: self.shrink, :: self.shrink]  # [B, 1, H/16, W/16]
        half = [self.halve(reduce(c5), size) for reduce in self.reduce]  # [B, 512, H/16, W/16] each
        x = torch.cat([attend(x) for attend, x in zip(self.attend, half, strict=True)], dim=1)  # [B, 1024, H/16, W/16]
        x = self.project(x)  # [B, 2048, H/16, W/16]
        x = self.halve(x, c5)  # [B, 2048, H/8, W/8]
        x = self.fuse(torch.cat([c5, x], dim=1))  # [B, 512, H/8, W/8]
        x = self.classify(x)  # [B, K, H/8, W/8]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        auxiliary = (self.auxiliary(*before),) if self.training and self.auxiliary else ()  # [B, K, H/8, W/8]
        return SemanticLogits(logits, auxiliary)


class PointwiseAttention(nn.Module):
    """What each place of a map gets from all places, by weights that depend on where they lie from it (section 3.2).

    Args:
        window: rows and columns of the map of weights that each place draws around itself, odd.
        distributes: each place draws how much it gives to the others, instead of how much it takes from them.
    """

    def __init__(self, channels: int, window: Sequence[int], *, distributes: bool = False) -> None:
        super().__init__()
        self.rows, self.columns = window
        self.count, self.distributes = self.rows * self.columns, distributes
        self.draw = nn.Sequential(ConvNormAct(channels, channels, 1), nn.Conv2d(channels, self.count, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        drawn = self.draw(x).flatten(2)  # [b, count, h*w]
        scores = by_place(drawn, (self.rows, self.columns), (h, w))  # [b, h*w, h*w]
        weights = (scores.transpose(1, 2) if self.distributes else scores).softmax(dim=1)
        return (x.flatten(2) @ weights).unflatten(2, (h, w))  # [b, c, h, w]


def by_place(drawn: Tensor, window: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Turn scores of distances into scores of places.

    Args:
        drawn: [B, rows * columns, h * w]; of each place, its scores of the distances to others, the middle one its own.
        window: rows and columns of that map, odd.
        size: (h, w) of the map of places.

    Returns: [B, N, N], of each place (last) and each other (second); 0 where the other lies beyond the window.
    """
    (rows, columns), (h, w) = window, size
    y, x = torch.arange(h, device=drawn.device), torch.arange(w, device=drawn.device)
    y = y[:, None] - y + rows // 2  # [h, h], the row of the other in the window of the place
    x = x[:, None] - x + columns // 2  # [w, w]
    inside = ((y >= 0) & (y < rows))[:, None, :, None] & ((x >= 0) & (x < columns))[None, :, None]  # [h, w, h, w]
    index = y[:, None, :, None] * columns + x[None, :, None]  # [h, w, h, w]
    index, inside = (part.reshape(h * w, h * w) for part in (index, inside))  # [h*w, h*w], [h*w, h*w]
    index = torch.where(inside, index, 0).expand(drawn.shape[0], -1, -1)
    return torch.where(inside, drawn.gather(1, index), 0.0)
