"""Pairs of places of a random field, each as one classification of both labels (piecewise training, Lin et al. 2016)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError
from ..structures import PairLogits
from .targets import Truth, labels_of, precise


def pair_loss(pairs: PairLogits, truth: Truth, ignore_index: int = 255) -> Tensor:
    """Take the mean cross entropy of the pairs' labels: K^2 classes a pair, over pairs whose places both count.

    Args:
        pairs: scores at the places of a coarse map; a place's label is that of the pixel in its middle.
        truth: a batch, or its labels [B, H, W].

    Raises: ModelError for several labels a pixel, of which a pair has no one class.
    """
    labels = labels_of(truth)
    if labels.ndim == 4:
        raise ModelError(
            "a random field of pairs has one label a pixel; leave labels.planes out, or use another network"
        )
    scores = precise(pairs.logits)
    b, e, both, h, w = scores.shape
    states = round(both**0.5)
    places = F.interpolate(labels[:, None].double(), (h, w), mode="nearest-exact")[:, 0].long()  # [B, h, w]
    places = torch.where(places == ignore_index, -1, places)
    others = torch.stack([_moved(places, dy, dx) for dy, dx in pairs.shifts], dim=1)  # [B, E, h, w]
    one = places[:, None].expand_as(others)
    target = torch.where((one < 0) | (others < 0), -1, one * states + others)
    counted = (target >= 0).sum().clamp(min=1)
    rows = scores.movedim(2, -1).reshape(-1, both)
    return F.cross_entropy(rows, target.flatten(), ignore_index=-1, reduction="sum") / counted


def _moved(places: Tensor, dy: int, dx: int) -> Tensor:
    """What lies (dy, dx) from each place, -1 beyond the border."""
    sides = (-dx, dx, -dy, dy)
    wide = F.pad(places, [max(side, 0) for side in sides], value=-1)
    return F.pad(wide, [min(side, 0) for side in sides])
