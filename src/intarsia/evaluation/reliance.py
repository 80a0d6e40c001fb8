"""What a network's probabilities can be relied on for: their temperature, and sets that hold the truth.

    temperature   one number T fitted on held-out pixels or pictures: softmax(logits / T); no class changes
                  (Guo et al., ICML 2017, arXiv:1706.04599)
    label sets    for each pixel the classes that could be true, so that an image's share of pixels whose set misses the
                  truth is at most 1 - coverage on average (conformal risk control, Angelopoulos et al., arXiv:2208.02814)

Pixels of one image depend on each other, so the label sets take the image as the unit: with n held-out images and R(t)
their mean share of missed pixels at threshold t, the smallest t with n/(n + 1) R(t) + 1/(n + 1) <= 1 - coverage is taken.
That promise needs new images to come as the held-out ones did, and says nothing of one image alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.dataset import labels_of
from ..errors import DataError, LabelError, nearest
from ..inference import Predictor
from ..inference.sets import SCORES, LabelSets, scores
from ..labels import LabelSpace
from ..metrics import Calibration
from .held import held
from .scoring import read_samples, same_classes

PIXELS = 2000  # of each image, that the temperature is fitted on
BINS = 2000


class Temperature(NamedTuple):
    """The temperature to keep, and what it does to pixels that it was not fitted on (where there are two images or more).

    Args:
        value: the fitted one where it makes those pixels likelier, else 1, which changes nothing.
        nll, ece: before and after: mean negative log-likelihood, expected calibration error.
        images: how many it was fitted on, and measured on.
        refused: the fitted temperature and its negative log-likelihood, where it was no better than 1.
    """

    value: float
    nll: tuple[float, float]
    ece: tuple[float, float]
    images: tuple[int, int]
    refused: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as a checkpoint keeps it."""
        return {
            "temperature": self.value,
            "nll": list(self.nll),
            "ece": list(self.ece),
            "images": list(self.images),
            **({"refused": dict(zip(("temperature", "nll"), self.refused, strict=True))} if self.refused else {}),
        }


def fit_temperature(predictor: Predictor, dataset: Any, *, pixels: int = PIXELS, seed: int = 0) -> Temperature:
    """The temperature that makes held-out labels most likely; the predictor is left as it is.

    Every other image, from the first on, is fitted on; the others measure it. A data set of one image does both. Where the
    others become less likely than without it, it is not kept: the temperature is 1.

    Args:
        dataset: as `score` takes it; not what the network was trained on.
        pixels: how many of each image, drawn at random.

    Raises: DataError when there is no labeled pixel; LabelError when the classes are not the model's.
    """
    from scipy.optimize import minimize_scalar

    space = predictor.labels
    same_classes(space, labels_of(dataset))
    parts: tuple[list[Tensor], list[Tensor]] = ([], [])
    truths: tuple[list[Tensor], list[Tensor]] = ([], [])
    random = np.random.default_rng(seed)
    for n, (logits, labels) in enumerate(held(predictor, dataset)):
        if not len(labels):
            continue
        taken = torch.from_numpy(random.choice(len(labels), min(pixels, len(labels)), replace=False))
        parts[n % 2].append(logits[taken])
        truths[n % 2].append(labels[taken])
    if not parts[0] and not parts[1]:
        raise DataError("no pixel of the data set has a label, and no picture; there is nothing to calibrate on")
    given = [(torch.cat(p), torch.cat(t)) if p else None for p, t in zip(parts, truths, strict=True)]
    fitted = given[0] or given[1]
    measured = given[1] or given[0]
    assert fitted is not None and measured is not None
    found = minimize_scalar(lambda log: _nll(*fitted, math.exp(log), space), bounds=(-4.0, 4.0), method="bounded")
    value = float(math.exp(found.x))
    before, after = (_measured(*measured, t, space) for t in (1.0, value))
    sizes = (len(parts[0]) or len(parts[1]), len(parts[1]) or len(parts[0]))
    if not after[0] < before[0]:
        return Temperature(1.0, (before[0], before[0]), (before[1], before[1]), sizes, (value, after[0]))
    return Temperature(value, (before[0], after[0]), (before[1], after[1]), sizes)


@dataclass
class SetFitter:
    """Gathers the scores of the true classes, image by image, and gives the threshold for a coverage.

    Args:
        score: "lac" gives the smallest sets; "aps" larger ones where many classes compete.
        bins: the threshold is rounded up to one of so many steps.
    """

    score: str = "lac"
    bins: int = BINS
    rows: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.score not in SCORES:
            raise DataError(f"there is no score {self.score!r} for label sets{nearest(self.score, SCORES)}")

    def update(self, probabilities: Tensor, labels: Tensor, ignore_index: int | None = 255) -> None:
        """Count one image, [K, H, W] and [H, W]; without a labeled pixel it says nothing."""
        held = torch.ones_like(labels, dtype=torch.bool) if ignore_index is None else labels != ignore_index
        if not bool(held.any()):
            return
        truth = labels.long().masked_fill(~held, 0)
        if bool(((truth < 0) | (truth >= probabilities.shape[0])).any()):
            raise LabelError(f"labels outside the {probabilities.shape[0]} classes")
        own = scores(probabilities[None], self.score)[0].gather(0, truth[None])[0][held].double()
        top = (probabilities.argmax(dim=0) == truth)[held]
        own = own.masked_fill(top, 0.0)  # the most probable class is in every set
        place = (own * self.bins).ceil().long().clamp(0, self.bins)  # held by the threshold place / bins and above
        self.rows.append(torch.bincount(place, minlength=self.bins + 1).cpu().numpy() / len(own))

    def fit(self, coverage: float) -> LabelSets:
        """The smallest threshold whose promise holds.

        Raises: DataError for a coverage outside 0..1, or one that so few images cannot promise.
        """
        if not 0 < coverage < 1:
            raise DataError(f"coverage is {coverage}; it is a share between 0 and 1, such as 0.9")
        images, least = len(self.rows), math.ceil(1 / (1 - coverage) - 1 - 1e-9)
        if images < max(1, least):
            raise DataError(
                f"a coverage of {coverage:g} takes {least} held-out images at least, and there are {images}; ask for less"
            )
        missed = 1 - np.mean(self.rows, axis=0).cumsum()
        bound = images / (images + 1) * missed + 1 / (images + 1)
        places = np.flatnonzero(bound <= 1 - coverage + 1e-12)
        return LabelSets(float(places[0] if len(places) else self.bins) / self.bins, coverage, self.score, images)


def fit_sets(predictor: Predictor, dataset: Any, coverage: float, *, score: str = "lac") -> LabelSets:
    """The label sets of a coverage, from images that neither the network nor its temperature was fitted on.

    Raises: as `SetFitter.fit`.
    """
    fitter, space = SetFitter(score), predictor.labels
    if space.planes:
        raise LabelError(
            "label sets say which one class of a pixel could be true, and here a pixel may have several (labels.planes); "
            "leave coverage out"
        )
    same_classes(space, labels_of(dataset))
    for sample in read_samples(dataset, 1):
        found = predictor.probabilities(torch.as_tensor(sample.image)[None])[0].cpu()
        fitter.update(found, sample.labels, space.ignore_index)
    return fitter.fit(coverage)


class Part:
    """Some items of a data set, as a data set."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices, self.labels = dataset, indices, labels_of(dataset)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]


def _nll(logits: Tensor, truth: Tensor, temperature: float, space: LabelSpace) -> float:
    if space.activation == "sigmoid":  # of several labels a pixel, the mean over classes too
        loss: Callable[..., Tensor] = torch.nn.functional.binary_cross_entropy_with_logits
        return float(loss((logits if space.planes else logits[:, 0]).double() / temperature, truth.double()))
    return float(torch.nn.functional.cross_entropy(logits.double() / temperature, truth))


def _measured(logits: Tensor, truth: Tensor, temperature: float, space: LabelSpace) -> tuple[float, float]:
    """(NLL, ECE); of several labels a pixel, each class is a question of its own with two answers."""
    calibration = Calibration(2 if space.planes else space.num_classes, None)
    if space.planes:
        yes = (logits / temperature).sigmoid().flatten()
        calibration.update(torch.stack([1 - yes, yes], dim=1), truth.long().flatten())
    else:
        calibration.update(space.probabilities(logits / temperature), truth)
    return _nll(logits, truth, temperature, space), calibration.compute().ece
