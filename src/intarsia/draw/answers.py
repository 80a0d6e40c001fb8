"""The picture of each kind of answer: a literal table each for overlays and for colors alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from ..labels import LabelSpace
from ..metrics.image_matches import SURE
from ..structures import Answer, Depth, Labels, Objects, Planes, Segments, Tags
from .depth import colorize_depth, overlay_depth
from .legend import Row, with_legend, with_rows
from .maps import WHITE, check_alpha, colorize, overlay, viewable
from .objects import colorize_objects, colorize_segments, overlay_objects, overlay_segments
from .planes import colorize_planes, overlay_planes

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 5  # classes in the caption of a picture with tags, and all that it has


class Look(NamedTuple):
    """How an answer is laid over its picture; what does not concern it, it does not look at."""

    alpha: float
    clear: str | None
    min_score: float


def overlay_answer(
    image: np.ndarray | Tensor | Image.Image,
    answer: Answer,
    space: LabelSpace,
    alpha: float = 0.5,
    clear: str | None = None,
    min_score: float = SURE,
) -> Image.Image:
    """The picture under its answer, with a legend beside or below it.

    Args:
        image: as `viewable` takes it.
        answer: of the image's size.
        alpha: strength of the tint, 0..1.
        clear: the class that is left clear, as for `cleared`; of labels, planes and segments.
        min_score: objects that score less are not drawn, 0..1.

    Returns: an RGB image that starts with the picture, enlarged by a whole factor where it is small.
    """
    check_alpha(alpha)
    return OVERLAYS[type(answer)](image, answer, space, Look(alpha, clear, min_score))


def colorize_answer(answer: Answer, space: LabelSpace, size: tuple[int, int], min_score: float = SURE) -> Image.Image:
    """The answer alone in its colors.

    Args:
        size: (H, W) of the picture.
        min_score: objects that score less are not drawn, 0..1.

    Returns: an RGB image of that size.
    """
    return COLORS[type(answer)](answer, space, size, min_score)


def _overlay_labels(image: Any, answer: Labels, space: LabelSpace, look: Look) -> Image.Image:
    picture = overlay(image, answer.classes, space, look.alpha, clear=look.clear)
    return with_legend(picture, answer.classes, space, clear=look.clear)


def _overlay_tags(image: Any, answer: Tags, space: LabelSpace, _: Look) -> Image.Image:
    """The picture with its classes below, and the next probable ones with empty swatches."""
    scores = np.asarray(answer.scores, np.float64)
    chosen = [int(n) for n in answer.classes]
    rest = [int(n) for n in np.argsort(-scores, kind="stable") if int(n) not in chosen]
    rows = [
        Row(space.colors[n] if n in chosen else WHITE, space.names[n], f"{100 * scores[n]:.1f} %")
        for n in [*chosen, *rest[: max(0, SHOWN - len(chosen))]]
    ]
    return with_rows(viewable(image), rows)


def _colorize_tags(answer: Tags, space: LabelSpace, size: tuple[int, int], _: float) -> Image.Image:
    color = space.colors[int(answer.classes[0])] if len(answer.classes) else WHITE
    return Image.new("RGB", size[::-1], color)


OVERLAYS: dict[type, Callable[[Any, Any, LabelSpace, Look], Image.Image]] = {
    Labels: _overlay_labels,
    Planes: lambda image, answer, space, look: overlay_planes(image, answer.planes, space, look.alpha, look.clear),
    Segments: lambda image, answer, space, look: overlay_segments(image, answer, space, look.alpha, look.clear),
    Objects: lambda image, answer, space, look: overlay_objects(image, answer, space, look.alpha, look.min_score),
    Depth: lambda image, answer, _, look: overlay_depth(image, answer.meters, look.alpha),
    Tags: _overlay_tags,
}

COLORS: dict[type, Callable[[Any, LabelSpace, tuple[int, int], float], Image.Image]] = {
    Labels: lambda answer, space, _, __: colorize(answer.classes, space),
    Planes: lambda answer, space, _, __: colorize_planes(answer.planes, space),
    Segments: lambda answer, space, _, __: colorize_segments(answer, space),
    Objects: lambda answer, _, size, min_score: colorize_objects(answer, size, min_score),
    Depth: lambda answer, _, __, ___: colorize_depth(answer.meters),
    Tags: _colorize_tags,
}
