"""FoveaNet: where the street is far away, the picture is looked at once more, enlarged.

Li, Jie, Wang, Liu, Yang, Shen, Lin, Chen, Yan, Feng. "FoveaNet: Perspective-aware Urban Scene Parsing." ICCV 2017.
arXiv:1708.02421

Seen along a street, what is far is small and crowded, and a network that treats all places alike fails there. A small head
estimates from the picture how crowded each place is (perspective estimation, section 3.1). The rectangle of half the
picture's height and width in which that is most, the fovea, is enlarged by two and parsed by a second branch; its scores,
shrunk and laid in their place, are fused with those of the whole (section 3.2).

    image - coarse branch - scores ------------------------------------------ beside - 3x3 - 3x3 - x8 - logits
                         ` estimate - crowding (trained as `crowding`)          |
                                     ` fovea of the image, x2 - fovea branch - scores, back in place

Crowding is learned from the labels: how near a pixel is to the border of its class (`losses/crowding.py`), so that any data
set will do; the paper learns the mean size of the objects around a place, for which it needs the objects.

Departures from the paper: that target; the fovea is the best of 5x5 places, where the paper slides; the perspective-aware
conditional random field and its detector are left out (section 3.3; `postprocess` has the field without perspective). No
code of the authors was found; widths are ours. Built from a summary of the paper, whose own text could not be read: numbers
of sections, widths and sizes may be others there.

Not compared: no released code was found (docs/faithfulness.md).
"""

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...structures import SemanticLogits

PLACES = 5  # of the fovea, across and down


class FoveaNet(nn.Module):
    """A coarse branch, a fovea branch, and the head that says where to look.

    Args:
        channels: width in front of the classifiers.
        estimate: width of the head that estimates how crowded places are.
        output_stride: of either encoder: 8, or 16 for less work.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: int = 512,
        estimate: int = 64,
        output_stride: int = 8,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.coarse, self.fovea = (
            Encoder(encoder, levels=(5,), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained)
            for _ in range(2)
        )
        (c5,) = self.coarse.channels
        self.score, self.score_fovea = (
            nn.Sequential(ConvNormAct(c5, channels), PixelClassifier(channels, num_classes, dropout=dropout))
            for _ in range(2)
        )
        self.estimate = nn.Sequential(ConvNormAct(c5, estimate), nn.Conv2d(estimate, 1, 1))
        self.fuse = nn.Sequential(
            nn.Conv2d(2 * num_classes + 1, 4 * num_classes, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(4 * num_classes, num_classes, 3, padding=1),
        )  # fmt: skip
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.coarse(image)  # [B, 2048, H/8, W/8]
        whole, crowding = self.score(c5), self.estimate(c5)  # [B, K, H/8, W/8], [B, 1, H/8, W/8]
        top, left = fovea(crowding.sigmoid())  # [B], [B]
        (near,) = self.fovea(look_closer(image, top, left))  # [B, 2048, H/8, W/8]
        inside = self.score_fovea(near)  # [B, K, H/8, W/8]
        there = torch.cat([inside, torch.ones_like(crowding)], dim=1)  # [B, K+1, H/8, W/8]
        there = put_back(there, top, left)
        x = whole + self.fuse(torch.cat([whole, there], dim=1))  # [B, K, H/8, W/8]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        if not self.training:
            return SemanticLogits(logits)
        return SemanticLogits(logits, (whole,), crowding=crowding)


def fovea(crowding: Tensor) -> tuple[Tensor, Tensor]:
    """Find the rectangle of half the height and width with the largest mean.

    Args:
        crowding: [B, 1, h, w].

    Returns: its upper and its left edge, each [B], as a share of the height and of the width, 0..0.5.
    """
    _, _, h, w = crowding.shape
    rows, columns = (_halves(n, crowding) for n in (h, w))
    means = (rows @ crowding @ columns.transpose(0, 1)).flatten(1)  # [B, 25]
    best = means.argmax(dim=1)
    top, left = best // PLACES, best % PLACES
    return top / (2 * (PLACES - 1)), left / (2 * (PLACES - 1))


def look_closer(image: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Enlarge a rectangle of half the height and width of `image` [B, C, H, W] to the image's size, linearly."""
    rows, columns = (_enlarging(n, edge, image) for n, edge in zip(image.shape[2:], (top, left), strict=True))
    return rows @ image @ columns.transpose(2, 3)


def put_back(x: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Shrink `x` [B, C, h, w] to half its height and width and lay it at its place; zeros are around it."""
    rows, columns = (_enlarging(n, edge, x) for n, edge in zip(x.shape[2:], (top, left), strict=True))
    return rows.transpose(2, 3) @ x @ columns / 4


def _halves(n: int, x: Tensor) -> Tensor:
    """[5, n]: the mean over half of n pixels at each of five places, the first at the beginning, the last at the end."""
    place, pixel = torch.arange(PLACES, device=x.device)[:, None], torch.arange(n, device=x.device)[None]
    # place n / 8 <= pixel + 1/2 <= place n / 8 + n / 2, in whole numbers
    inside = ((place * n < 8 * pixel + 5) & (8 * pixel + 4 < (place + 4) * n + 1)).to(x.dtype)
    return inside / inside.sum(dim=1, keepdim=True)


def _enlarging(n: int, edge: Tensor, x: Tensor) -> Tensor:
    """[B, 1, n, n]: row i takes, between its two neighbors, the place edge n + (i + 1/2) / 2 of n pixels."""
    place = torch.arange(n, device=x.device)
    seen = edge[:, None] * n + (place + 0.5)[None] / 2 - 0.5  # [B, n]
    seen = seen.clamp(min=0)[..., None]
    weight = (1 - (seen - place).abs()).clamp(min=0)
    return (weight / weight.sum(dim=2, keepdim=True).clamp(min=1e-6)).to(x.dtype)[:, None]
