"""BoxSup: a network learns masks from boxes, by choosing for each box a region that looks likely to itself.

Dai, He, Sun. "BoxSup: Exploiting Bounding Boxes to Supervise Convolutional Networks for Semantic Segmentation." ICCV 2015.
arXiv:1503.01640

A box around an object takes a fifteenth of the time that its outline takes. Regions are cheap: joining superpixels gives
hundreds in and around a box, one of which is nearly the object. Training goes in turns. For each box a region is chosen, one
whose own box fits and whose pixels the network finds likely; then the network learns the chosen regions as masks; and with
what it has learned, it chooses better.

    image - VGG-16, stride 8 - fc6: 3x3, rate 12 - fc7 - score - x8 - logits
    boxes, regions, log probabilities - choose - labels - cross entropy -'

The regions, and the labels of a data set of boxes, are made by `training.box_supervision`: superpixels of Felzenszwalb and
Huttenlocher joined by likeness, and GrabCut's answer.

Departures from the paper: regions come from those superpixels, where the paper takes MCG's. The
likelihood of a region is the mean over its pixels. The dense CRF is postprocessing (`--crf`), as for `deeplabv1`, whose
network this is.

Compared with `deeplabv1`, whose network it is, by a test (no code of the authors); difference 0; 20,505,429 : 20,505,429
(docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.atrous import atrous_classifier
from ...blocks.resize import resize_like
from ...encoders import AtrousVGG16
from ...structures import SemanticLogits, boxes_of


class BoxSup(nn.Module):
    """The network of BoxSup, a DeepLab-LargeFOV.

    Args:
        channels: VGG-16's widths, six numbers: five stages, then fc6 and fc7.
        rate: distance between fc6's taps, in cells of 8 pixels.
        dropout: after fc6 and after fc7, 0..1.
        pretrained: start from VGG-16's ImageNet weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512, 1024),
        rate: int = 12,
        dropout: float = 0.5,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        *widths, wide = channels
        self.encoder = AtrousVGG16(in_channels=in_channels, channels=widths, pretrained=pretrained)
        self.classify = atrous_classifier(self.encoder.channels[0], num_classes, wide, rate, dropout=dropout)

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 512, H/8, W/8]
        x = self.classify(c5)  # [B, K, H/8, W/8]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]


def costs(regions: Tensor, box: Tensor, log_probability: Tensor | None = None, weight: float = 3.0) -> Tensor:
    """What each region would cost as the mask of a box, [N]: 1 - IoU, and `weight` times its cross entropy (Eq. 3).

    Args:
        regions: [N, H, W] bool, none empty.
        box: [4] x0, y0, x1, y1 in pixels; the IoU is that with the box around a region.
        log_probability: [H, W] of the box's class, of the network as it is; None before it has learned anything.
    """
    own = torch.cat([boxes_of(region.int(), 1) for region in regions])
    x0, y0, x1, y1 = own.unbind(dim=1)
    wide = (torch.minimum(x1, box[2]) - torch.maximum(x0, box[0])).clamp(min=0)
    high = (torch.minimum(y1, box[3]) - torch.maximum(y0, box[1])).clamp(min=0)
    both = wide * high
    cost = 1 - both / ((x1 - x0) * (y1 - y0) + (box[2] - box[0]) * (box[3] - box[1]) - both)
    if log_probability is None:
        return cost
    inside = regions.flatten(1).to(log_probability.dtype)
    return cost - weight * (inside @ log_probability.flatten()) / inside.sum(dim=1)


def choose(cost: Tensor, among: int = 5, generator: torch.Generator | None = None) -> int:
    """Draw one of the cheapest regions, so that a wrong first choice is not kept for ever (section 3.2)."""
    best = cost.argsort()[:among]
    return int(best[torch.randint(len(best), (1,), generator=generator)])


def drawn(masks: Sequence[Tensor], classes: Sequence[int], size: tuple[int, int], background: int = 0) -> Tensor:
    """Paint the chosen masks into one label map, [H, W] int64; smaller ones lie on top, as the paper has it."""
    labels = torch.full(size, background)
    for n in sorted(range(len(masks)), key=lambda n: -int(masks[n].sum())):
        labels[masks[n]] = classes[n]
    return labels
