"""The label doctor's findings as one HTML page, with the pictures that show them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from ..doctor import Audit, Diagnosis
from ..doctor.finding import Sight
from ..draw import colorize, overlay, viewable
from ..draw.maps import WRONG
from ..errors import DataError
from ..labels import LabelSpace
from .machine import machine, now, versions
from .pictures import png
from .template import LARGEST_MATRIX, clock, label_rows, render, written

SIDE = 300  # pixels a picture is at most wide or high
_SIZES = 6
_CHANNELS = {1: ("gray",), 2: ("gray", "alpha"), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}

Read = Callable[[Sight], tuple[np.ndarray | None, np.ndarray | None]]


class View(NamedTuple):
    """A picture on the page."""

    uri: str
    alt: str


class Shown(NamedTuple):
    """A sample that a finding shows."""

    caption: str
    views: tuple[View, ...]
    lacks: str  # what cannot be shown, in words


class Line(NamedTuple):
    """A class in the table of classes."""

    name: str
    color: tuple[int, int, int]
    pixels: int
    share: float  # of the pixels that count
    length: float  # of the bar, 0..1
    held: float  # share of the images
    regions: int
    median: int
    bins: list[int]


def write(
    path: str | Path,
    found: Diagnosis,
    *,
    title: str = "",
    command: str = "",
    seconds: float | None = None,
    facts: Mapping[str, str] | None = None,
) -> Path:
    """Write the page as one HTML file that needs nothing beside it.

    Args:
        title: what was looked at; the diagnosis has one as well.
        command: what repeats it, as it is typed.
        seconds: wall-clock of the audit.

    Raises: DataError where nobody knows the classes; OSError when the file cannot be written.
    """
    audit, space = found.audit, found.labels
    if space is None:
        raise DataError(f"{found.title}: a page needs to know its classes; give the data set a label space")
    read = found.reader()
    sizes = list(audit.sizes.items())
    top = int(np.flatnonzero(audit.objects.sum(axis=0)).max(initial=0)) if audit.objects.size else 0
    held = np.maximum(np.diag(audit.together), 1)[:, None] if audit.presence.size else None
    page = render(
        "audit.html",
        title=title or found.title,
        audit=audit,
        errors=len(audit.errors),
        warnings=len(audit.warnings),
        findings=[(f, [_shown(s, space, read, len(audit.images) > 1) for s in f.sights]) for f in audit.findings],
        first=f"the first split, {next(iter(audit.images), '')}" if len(audit.images) > 1 else "all images",
        classes=_classes(audit, space, top),
        largest=f"{(1 << top + 1) - 1:,} px".replace(",", "\u202f"),
        together=(audit.together / held).tolist() if held is not None and len(audit.names) <= LARGEST_MATRIX else None,
        channels=_CHANNELS.get(audit.channels, tuple(map(str, range(audit.channels)))),
        sizes=sizes[:_SIZES],
        more_sizes=max(len(sizes) - _SIZES, 0),
        more_images=sum(n for _, n in sizes[_SIZES:]),
        labels=label_rows(space),
        command=command,
        facts={
            **(facts or {}),
            **({"duration": clock(seconds)} if seconds is not None else {}),
            "machine": machine(),
            "time": now(),
            "hash of the data": audit.hash,
        },
        versions=versions(),
    )
    return written(path, page)


def _classes(audit: Audit, space: LabelSpace, top: int) -> list[Line]:
    total, most = max(int(audit.counts.sum()), 1), max(int(audit.counts.max(initial=0)), 1)
    images = max(len(audit.presence), 1)
    lines = []
    for n, name in enumerate(space.names):
        bins = audit.objects[n] if len(audit.objects) > n else np.zeros(24, np.int64)
        regions = int(bins.sum())
        median = 1 << int(np.searchsorted(np.cumsum(bins), regions / 2)) if regions else 0
        held = int(audit.presence[:, n].sum()) if audit.presence.size else 0
        pixels = int(audit.counts[n])
        lines.append(
            Line(name, space.colors[n], pixels, pixels / total, pixels / most, held / images, regions, median, bins[: top + 1].tolist())
        )  # fmt: skip
    return lines


def _shown(sight: Sight, space: LabelSpace, read: Read, several: bool) -> Shown:
    """Show the picture, and under it the picture with its labels, or the labels alone where sizes differ.

    Args:
        several: whether there are several splits, so that a picture's is named.
    """
    image, labels = read(sight)
    caption = f"{sight.split}/{sight.name}" if several and sight.split else sight.name
    views: list[View] = []
    if image is not None:
        views.append(View(_jpeg(_fit(viewable(image))), f"The image {sight.name}"))
    if labels is None:
        lacks = "no mask" if sight.mask is None else "the mask cannot be read"
        return Shown(caption, tuple(views), lacks if image is not None else "cannot be read")
    stray = labels < 0
    spot = sight.spot
    if stray.any() and stray.mean() < 0.01:
        spot = tuple(map(int, np.argwhere(stray)[len(np.argwhere(stray)) // 2]))  # type: ignore[assignment]
    codes = np.where(stray, space.ignore_index, labels).astype(space.dtype)
    if image is not None and image.shape[:2] == labels.shape:
        drawn = np.array(overlay(image, codes, space, alpha=0.6))
        drawn[stray] = WRONG
        views.append(View(_jpeg(_ringed(Image.fromarray(drawn), spot)), f"The labels of {sight.name} over the image"))
    else:
        drawn = np.array(colorize(codes, space))
        drawn[stray] = WRONG
        views.append(View(png(_fit(Image.fromarray(drawn), Image.Resampling.NEAREST)), f"The labels of {sight.name}"))
        caption += f" (image {_size(image)}, mask {_size(labels)})" if image is not None else ""
    return Shown(caption, tuple(views), "" if image is not None else "the image cannot be read")


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"


def _fit(picture: Image.Image, how: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    scale = min(1.0, SIDE / max(picture.size))
    if scale == 1.0:
        return picture
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), how)


def _ringed(picture: Image.Image, spot: tuple[int, int] | None) -> Image.Image:
    """The picture as the page shows it, with a ring around a spot that is too small to be seen."""
    small = _fit(picture)
    if spot is not None:
        scale = small.width / picture.width
        x, y, radius = (spot[1] + 0.5) * scale, (spot[0] + 0.5) * scale, max(5, round(0.045 * max(small.size)))
        pen = ImageDraw.Draw(small)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline="white", width=3)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=WRONG, width=2)
    return small


def _jpeg(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
