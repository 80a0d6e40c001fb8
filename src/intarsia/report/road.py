"""The page that shows one picture through every method, from thresholding to the newest network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..draw import colorize, overlay, viewable
from ..labels import LabelSpace
from .machine import machine, now, versions
from .pictures import Panel, panel
from .template import render, written

HIT, FALSE, MISSED = (233, 150, 62), (214, 32, 39), (52, 120, 214)  # found; found and not there; there and not found
PARTS = (  # part of the road, its heading, and what it has in common
    ("nothing", "Rules that learn nothing", "Each is a rule that a person wrote down. It has seen no other picture, and needs none."),
    ("features", "Designed features, learned decision", "People designed what a pixel looks like in numbers; a classifier learned from labeled pictures what to make of them."),
    ("network", "Learned features", "Networks learn from labeled pictures what to look at as well, and see far around each pixel."),
)  # fmt: skip


class Stop(NamedTuple):
    """One method on the road."""

    name: str  # by which it is called
    title: str
    year: int | None
    says: str  # what it does, for somebody who meets it first
    part: str  # "nothing", "features" or "network"
    found: np.ndarray  # [H, W] class numbers
    space: LabelSpace  # of these classes
    miou: float | None  # 0..1; None without a truth
    seconds: float


class Slide(NamedTuple):
    """A classifier of patches that slides over a picture, beside its dense twin."""

    context: int  # pixels of the window's side
    pixels: int  # that it was slid over
    dense: float  # seconds of one dense pass over the picture
    sliding: float  # seconds that sliding over all of it takes, at the time a pixel took
    factor: float
    unlike: float  # largest difference of the two answers
    trained: bool  # whether it is a network of the user's; else it is one without training
    box: tuple[int, int, int]  # left, top and side of one window, in pixels


def write_road(
    path: str | Path,
    *,
    name: str,
    image: np.ndarray,
    truth: np.ndarray | None,
    stops: Sequence[Stop],
    slide: Slide,
    note: str = "",
    command: str = "",
) -> Path:
    """Write the page as one HTML file that needs nothing beside it.

    Args:
        name: of the picture.
        image: [H, W, 3] raw values.
        truth: [H, W] 0 background, 1 foreground; or None.
        stops: in the order of the page.
        note: a sentence about the picture, empty for none.

    Raises: OSError when the file cannot be written.
    """
    shown = [(stop, _shown(stop, image, truth)) for stop in stops]
    parts = [(heading, says, [one for one in shown if one[0].part == part]) for part, heading, says in PARTS]
    scored = [stop for stop in stops if stop.miou is not None]
    page = render(
        "road.html",
        picture=name,
        given=panel("the picture", f"The picture {name}", viewable(image), Image.Resampling.LANCZOS),
        truth=None if truth is None else panel("the truth", f"The true foreground of {name}", _true(truth), Image.Resampling.NEAREST),
        parts_of_road=[one for one in parts if one[2]],
        ranked=sorted(scored, key=lambda stop: -(stop.miou or 0)),
        colors={"found": HIT, "found, and not there": FALSE, "there, and not found": MISSED} if truth is not None else {"found": HIT},
        slide=slide,
        window=panel("one window", "The picture, with the window of one pixel", _window(image, slide.box), Image.Resampling.LANCZOS),
        note=note,
        command=command,
        facts={
            "picture": f"{name}, {image.shape[1]} x {image.shape[0]} pixels",
            "score": "mIoU: the mean of background's and foreground's intersection over union, on this one picture" if scored else "none: no truth was given",
            "foreground": "which side of a rule is the foreground is not looked up in the truth: it is the side that has less of "
            "the picture's border, or the one that --polarity names",
            "learned": "a method that learned from this very picture has seen the answer; judge it by others",
            "time": "seconds of one run on this machine, reading and drawing left out",
            "machine": machine(),
            "made": now(),
        },
        versions=versions(),
    )  # fmt: skip
    return written(path, page)


def _shown(stop: Stop, image: np.ndarray, truth: np.ndarray | None) -> Panel:
    """What a method found: laid over the gray picture, or the classes of a network of several over the colored one."""
    alt = f"What {stop.title} finds"
    if stop.space.num_classes != 2:
        return panel("", alt, overlay(image, stop.found, stop.space), Image.Resampling.LANCZOS)
    light = np.asarray(viewable(image).convert("L"), np.float32)[..., None]
    drawn = np.repeat(light * 0.75 + 30, 3, axis=2)
    inside = stop.found == 1
    layers = [(inside, HIT)] if truth is None else [(inside & (truth == 1), HIT), (inside & (truth == 0), FALSE), (~inside & (truth == 1), MISSED)]  # fmt: skip
    for where, color in layers:
        drawn[where] = 0.42 * drawn[where] + 0.58 * np.array(color)
    return panel("", alt, Image.fromarray(drawn.clip(0, 255).astype(np.uint8)), Image.Resampling.LANCZOS)


def _true(truth: np.ndarray) -> Image.Image:
    return colorize(truth, LabelSpace(("background", "foreground"), ((26, 23, 21), HIT)))


def _window(image: np.ndarray, box: tuple[int, int, int]) -> Image.Image:
    """The picture with the square that is seen for its middle pixel."""
    drawn = np.array(viewable(image))
    left, top, side = box
    width = max(1, round(max(drawn.shape[:2]) / 200))
    rows, columns = np.ogrid[: drawn.shape[0], : drawn.shape[1]]

    def square(more: int) -> np.ndarray:
        inside: np.ndarray = (
            (rows >= top - more)
            & (rows < top + side + more)
            & (columns >= left - more)
            & (columns < left + side + more)
        )
        return inside

    drawn[~square(0)] = (drawn[~square(0)] * 0.55).astype(np.uint8)
    drawn[square(width) & ~square(0)] = HIT
    return Image.fromarray(drawn)
