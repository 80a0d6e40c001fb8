"""Images inside the page: scaled for the eye, as data URIs."""

import base64
import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..draw import colorize, error_map, viewable
from ..labels import LabelSpace

WIDTH = 480  # pixels a picture is at most wide: four stand side by side on a page, at twice a screen's resolution


class Picture(NamedTuple):
    """An image of the data set that a report shows."""

    name: str
    score: float  # of this image alone, 0..1, higher is better
    image: np.ndarray  # [H, W, C]
    truth: Any  # [H, W] class numbers and the ignore index; or another answer of `structures`, as it should be
    predicted: Any  # [H, W] class numbers; or the answer
    ignored: np.ndarray | None = None  # [H, W] bool: of several labels a pixel, those that do not count


class Panel(NamedTuple):
    """One of the four views of an image, ready for the page."""

    caption: str
    alt: str
    uri: str
    width: int
    height: int


def panels(picture: Picture, space: LabelSpace) -> tuple[Panel, ...]:
    """Image, truth, prediction and errors, side by side."""
    held = picture.truth != space.ignore_index
    wrong = float((picture.predicted[held] != picture.truth[held]).mean()) if held.any() else 0.0
    predicted = picture.predicted.astype(picture.truth.dtype, copy=False)
    views = (
        ("image", f"The image {picture.name}", viewable(picture.image), Image.Resampling.LANCZOS),
        ("truth", f"The true classes of {picture.name}", colorize(picture.truth, space), Image.Resampling.NEAREST),
        (
            "prediction",
            f"The predicted classes of {picture.name}",
            colorize(predicted, space),
            Image.Resampling.NEAREST,
        ),
        (
            f"errors: {100 * wrong:.1f} %",
            f"{100 * wrong:.1f} % of the pixels of {picture.name} are wrong, shown in red",
            error_map(picture.truth, predicted, space, viewable(picture.image)),
            Image.Resampling.NEAREST,
        ),
    )
    return tuple(panel(caption, alt, image, how) for caption, alt, image, how in views)


def example(picture: Picture, actual: str, called: str, space: LabelSpace) -> tuple[Panel, ...]:
    """The image, and on it in red the pixels of one class that were called another."""
    a, b = space.names.index(actual), space.names.index(called)
    only = np.where((picture.truth == a) & (picture.predicted == b), np.full_like(picture.truth, b), picture.truth)
    image = viewable(picture.image)
    alt = f"Where {actual} is called {called} in {picture.name}, in red"
    return (
        panel("image", f"The image {picture.name}", image, Image.Resampling.LANCZOS),
        panel(f"{actual} called {called}", alt, error_map(picture.truth, only, space, image), Image.Resampling.NEAREST),
    )


def panel(caption: str, alt: str, image: Image.Image, how: Image.Resampling) -> Panel:
    """An image as the page holds it: at most `WIDTH` pixels wide."""
    if image.width > WIDTH:
        image = image.resize((WIDTH, max(1, round(image.height * WIDTH / image.width))), how)
    return Panel(caption, alt, png(image), image.width, image.height)


def png(image: Image.Image) -> str:
    """An image as a data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
