"""How sure a prediction is, pixel by pixel: maps [H, W] of 0 (sure) to 1.

    probabilities --entropy--> -sum p log p / log K      spread over all classes
                  --margin---> 1 - (first - second)      how near the runner-up is
                  --sets-----> (classes that could be true - 1) / (K - 1), by the sets of `intarsia calibrate`
    several passes --spread--> sum over classes of the variance of p
        mc-dropout   with dropout as in training: what the network does not know
        tta          flipped and scaled: what the picture's pose changes

Yarin Gal, Zoubin Ghahramani. "Dropout as a Bayesian Approximation." ICML 2016. arXiv:1506.02142
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ..errors import ModelError, nearest
from ..output import Output
from .folded import DROPOUTS
from .inputs import fit_channels, to_tensor
from .predictor import Predictor
from .resized import Resized
from .sets import LabelSets
from .views import Averaged, back, check_views, views
from .windows import Windowed

KINDS = ("entropy", "margin", "mc-dropout", "tta", "sets")
SCALES = (0.75, 1.0, 1.25)
UNSURE = "uncertainty"  # the folder of the maps
VARIANCES = ("mc-dropout", "tta")  # kinds whose pictures show the root


def entropy(probabilities: Tensor) -> Tensor:
    """The entropy of each pixel over its largest possible value, [B, K, H, W] to [B, H, W] of 0..1."""
    classes = probabilities.shape[1]
    if classes < 2:
        return torch.zeros_like(probabilities[:, 0])
    return (torch.special.entr(probabilities).sum(dim=1) / math.log(classes)).clamp(0, 1)


def margin(probabilities: Tensor) -> Tensor:
    """1 minus the lead of the most probable class, [B, K, H, W] to [B, H, W] of 0..1."""
    if probabilities.shape[1] < 2:
        return torch.zeros_like(probabilities[:, 0])
    first, second = probabilities.topk(2, dim=1).values.unbind(dim=1)
    return 1 - (first - second)


def spread(passes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """(mean probabilities [B, K, H, W], summed variance [B, H, W] of 0..1) of several passes."""
    stack = torch.stack(list(passes))
    return stack.mean(dim=0), stack.var(dim=0, unbiased=False).sum(dim=1)


def mc_dropout(predictor: Predictor, image: Tensor, passes: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Passes with dropout switched on and everything else, batch norm above all, as in evaluation.

    Args:
        image: [B, C, H, W] raw integers.
        passes: networks that are drawn, 2 and more.

    Raises: ModelError when the network has no dropout, or for fewer than two passes.
    """
    if passes < 2:
        raise ModelError(f"{passes} passes have no spread; take two and more, such as 8")
    devices = [predictor.device] if predictor.device.type == "cuda" else []
    with torch.random.fork_rng(devices), _dropping(predictor):
        torch.manual_seed(seed)
        return spread([predictor.probabilities(image) for _ in range(passes)])


def tta(
    predictor: Predictor, image: Tensor, scales: Sequence[float] = SCALES, flip: bool = True
) -> tuple[Tensor, Tensor]:
    """Passes over the image in several sizes, as it is and mirrored; each is brought back before they are compared.

    Args:
        image: [B, C, H, W] raw integers.
        scales: factors of its size.

    Raises: ModelError for no scale, or one that is not above 0.
    """
    check_views(scales)
    single, size = _without_views(predictor), (image.shape[2], image.shape[3])
    return spread([back(single.probabilities(seen), view, size) for view, seen in views(image, scales, flip)])


def uncertainty(predictor: Predictor, image: Tensor, kind: str) -> Tensor:
    """A map of one of `KINDS`, [B, H, W] float32 of 0..1 on the CPU.

    Args:
        image: [B, C, H, W] raw integers.

    Raises: ModelError for an unknown kind, or one that the network cannot give.
    """
    if kind not in KINDS:
        raise ModelError(f"there is no uncertainty {kind!r}{nearest(kind, KINDS)}")
    if kind == "mc-dropout":
        found = mc_dropout(predictor, image)[1]
    elif kind == "tta":
        found = tta(predictor, image)[1]
    elif kind == "sets":
        held = LabelSets.of(predictor)(predictor.probabilities(image))
        found = (held.sum(dim=1) - 1) / max(1, held.shape[1] - 1)
    else:
        found = (entropy if kind == "entropy" else margin)(predictor.probabilities(image))
    return found.float().cpu()


def _without_views(predictor: Predictor) -> Predictor:
    """The predictor as it sees a single view, where its engine averages several."""
    engine = predictor.engine
    if isinstance(engine, Resized):
        within = copy.copy(predictor)
        within.engine = engine.engine
        single = copy.copy(predictor)
        single.engine = Resized(_without_views(within).engine, engine.rule)
        return single
    inner = engine.engine if isinstance(engine, Windowed) else engine
    if not isinstance(inner, Averaged):
        return predictor
    single = copy.copy(predictor)
    single.engine = engine.around(inner.engine) if isinstance(engine, Windowed) else inner.engine
    return single


def dropouts(predictor: Predictor) -> list[nn.Module]:
    """List the parts of a predictor's network that drop values in training.

    Raises: ModelError where there are none, or the predictor runs no single network in PyTorch.
    """
    found: list[nn.Module] = [m for m in predictor.model.modules() if isinstance(m, DROPOUTS) and m.p > 0]
    if not found:
        raise ModelError(
            f"{type(predictor.model).__name__} has no dropout, so its passes would all be one; use tta, entropy or margin"
        )
    return found


@contextmanager
def _dropping(predictor: Predictor) -> Iterator[None]:
    """Dropout as in training, and the rest of the network as in evaluation."""
    found = dropouts(predictor)
    predictor.model.eval()
    for module in found:
        module.train()
    try:
        yield
    finally:
        predictor.model.eval()


def write_uncertainty(predictor: Predictor, picture: np.ndarray, kind: str, name: str, results: Output) -> Path:
    """Write one picture's map as numbers and as a gray picture; returns the path of the numbers."""
    image = to_tensor(fit_channels(picture, predictor.in_channels)[0])
    found = uncertainty(predictor, image, kind)[0].numpy()
    numbers, gray = f"{UNSURE}/{name}.npy", f"{UNSURE}/{name}.png"
    with results.file(numbers) as file:
        np.save(file, found)
    seen = np.sqrt(found) if kind in VARIANCES else found
    with results.file(gray) as file:
        Image.fromarray((255 * seen.clip(0, 1)).round().astype(np.uint8)).save(file)
    return results.folder / numbers
