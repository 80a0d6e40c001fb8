"""Pictures of answers beside the truth: objects matched, missed and false, segments, planes, depth and its errors, tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from ..draw import boundaries, viewable
from ..labels import Color, LabelSpace
from ..metrics import PanopticQuality
from ..metrics.image_matches import paired
from ..structures import CroppedMask, Depth, Objects, Planes, Segments, Tags
from .pictures import WIDTH, Panel, Picture, png

FOUND: Color = (0, 114, 178)  # blue, orange and red, which those who see few colors tell apart as well
FALSE: Color = (230, 140, 0)
MISSED: Color = (214, 32, 39)
VOID: Color = (140, 140, 140)
WHITE: Color = (255, 255, 255)


class Key(NamedTuple):
    """What the colors of the pictures stand for."""

    classes: bool
    more: Sequence[tuple[str, Color | None]]


def object_panels(picture: Picture, space: LabelSpace) -> list[Panel]:
    """Image, true objects, detections, and which were matched, missed and false."""
    true, found = picture.truth, picture.predicted
    pairs = paired(found, true, space.num_classes)
    crowd = np.zeros(len(true.classes), bool) if true.crowd is None else np.asarray(true.crowd)
    sure = [d for d in range(len(found.classes)) if d in pairs.false or d in [p for p, _ in pairs.found]]
    real = [g for g in range(len(true.classes)) if not crowd[g]]
    marks = [(found, d, FOUND) for d, _ in pairs.found]
    marks += [(found, d, FALSE) for d in pairs.false] + [(true, g, MISSED) for g in pairs.missed]
    name, counts = picture.name, (len(pairs.found), len(pairs.missed), len(pairs.false))
    says = "{} found, {} missed, {} false".format(*counts)
    base = viewable(picture.image)
    views = (
        ("image", f"The image {name}", base),
        (f"truth: {len(real)} objects", f"The true objects of {name}", _outlined(base, [(true, g, _color(true, g, space)) for g in real])),
        (f"answer: {len(sure)} objects", f"The detections in {name}", _outlined(base, [(found, d, _color(found, d, space)) for d in sure])),
        (says, f"{name}: {says}", _outlined(base.convert("L").convert("RGB"), marks, fill=True)),
    )  # fmt: skip
    return [_panel(*view) for view in views]


def segment_panels(picture: Picture, space: LabelSpace) -> list[Panel]:
    """Image, true segments, predicted segments, and which were matched, missed and false."""
    true, found = picture.truth, picture.predicted
    things = [space.names.index(name) for name in space.things]
    match = PanopticQuality(space.num_classes, things).match(found._replace(crowd=()), true)
    gray = np.array(viewable(picture.image).convert("L").convert("RGB"))
    errors = gray.astype(np.float32)
    groups = [
        (np.isin(found.ids, [p for _, p, _ in match.matched]), FOUND, 0.25),
        (np.isin(found.ids, match.invented), FALSE, 0.6),
        (np.isin(true.ids, match.missed), MISSED, 0.6),
    ]
    for where, color, strength in groups:
        errors[where] = (1 - strength) * errors[where] + strength * np.array(color)
    errors[np.asarray(true.ids) == 0] = VOID
    says = f"{len(match.matched)} matched, {len(match.missed)} missed, {len(match.invented)} false"
    name = picture.name
    return [
        _panel("image", f"The image {name}", viewable(picture.image)),
        _panel(f"truth: {len(true.classes)} segments", f"The true segments of {name}", _segments(true, space)),
        _panel(f"answer: {len(found.classes)} segments", f"The predicted segments of {name}", _segments(found, space)),
        _panel(says, f"{name}: {says}", Image.fromarray(errors.round().astype(np.uint8)), Image.Resampling.NEAREST),
    ]


def plane_panels(picture: Picture, space: LabelSpace) -> list[Panel]:
    """Image, true planes, predicted planes, and the pixels where a plane is missed or false."""
    true, found = (np.asarray(part.planes) for part in (picture.truth, picture.predicted))
    ignored = picture.ignored if picture.ignored is not None else np.zeros(true.shape[1:], bool)
    base = viewable(picture.image)
    errors = np.array(base.convert("L").convert("RGB"))
    errors[(found & ~true).any(axis=0)] = FALSE
    errors[(true & ~found).any(axis=0)] = MISSED
    errors[ignored] = VOID
    held = ~ignored
    wrong = float((true != found).any(axis=0)[held].mean()) if held.any() else 0.0
    name, says = picture.name, f"errors: {100 * wrong:.1f} %"
    return [
        _panel("image", f"The image {name}", base),
        _panel("truth", f"The true planes of {name}", _planes(base, true & ~ignored, space)),
        _panel("answer", f"The predicted planes of {name}", _planes(base, found, space)),
        _panel(says, f"{name}: in {100 * wrong:.1f} % of the pixels a plane is wrong", Image.fromarray(errors), Image.Resampling.NEAREST),
    ]  # fmt: skip


def depth_panels(picture: Picture, space: LabelSpace) -> list[Panel]:
    """Image, true depth and predicted depth on one scale, and the relative error."""
    true, found = (np.asarray(part.meters, np.float64) for part in (picture.truth, picture.predicted))
    known = np.isfinite(true) & (true > 0)
    low, high = (float(v) for v in np.percentile(true[known], (1, 99))) if known.any() else (0.0, 1.0)
    scale = lambda meters: (meters - low) / max(high - low, 1e-9)  # noqa: E731
    error = np.abs(found - np.where(known, true, 1)) / np.where(known, true, 1)
    mean = float(error[known].mean()) if known.any() else 0.0
    every = np.ones_like(known)
    name, ends = picture.name, f"{low:.1f} to {high:.1f} m"
    return [
        _panel("image", f"The image {name}", viewable(picture.image)),
        _panel(f"truth: {ends}", f"The true depth of {name}, {ends}", _ramp(scale(np.where(known, true, low)), known)),
        _panel("answer, same scale", f"The predicted depth of {name}", _ramp(scale(found), every)),
        _panel(f"error: mean {100 * mean:.1f} %", f"The relative error of {name}, white none, red 50 % and more", _heat(error / 0.5, known)),
    ]  # fmt: skip


def tag_panels(picture: Picture, space: LabelSpace) -> list[Panel]:
    """The image, with its true and its answered classes below."""
    scores = np.asarray(picture.predicted.scores, np.float64)
    true = ", ".join(space.names[int(k)] for k in picture.truth.classes) or "none"
    answered = [f"{space.names[int(k)]} ({100 * scores[int(k)]:.0f} %)" for k in picture.predicted.classes]
    best = np.argsort(-scores)[:3]
    runners = ", ".join(f"{space.names[int(k)]} {100 * scores[int(k)]:.0f} %" for k in best)
    says = f"true: {true}; answer: {', '.join(answered) or 'none'}; most probable: {runners}"
    return [_panel(says, f"The image {picture.name}", viewable(picture.image))]


def _planes(base: Image.Image, planes: np.ndarray, space: LabelSpace) -> Image.Image:
    """The image, each plane tinted and outlined in its color; where several are, the mean of their colors."""
    colors = np.array(space.colors, np.float32)
    count = planes.sum(axis=0)
    tint = np.einsum("khw,kc->hwc", planes.astype(np.float32), colors) / np.maximum(count, 1)[..., None]
    picture = np.array(base, np.float32)
    picture[count > 0] = 0.5 * picture[count > 0] + 0.5 * tint[count > 0]
    for k in range(len(planes)):
        edge = boundaries(planes[k].astype(np.uint8), _width(base)) & planes[k]
        picture[edge] = colors[k]
    return Image.fromarray(picture.round().astype(np.uint8))


def _segments(found: Segments, space: LabelSpace) -> Image.Image:
    """Each segment in the color of its class, things a little lighter or darker by turns, and white lines between."""
    ids = np.asarray(found.ids)
    picture = np.full((*ids.shape, 3), VOID, np.uint8)
    turns = (0.0, 0.35, -0.3, 0.6, -0.5)
    seen: dict[int, int] = {}
    for segment, kind in found.classes.items():
        color = np.array(space.colors[kind], np.float64)
        if space.names[kind] in space.things:
            turn = turns[seen.get(kind, 0) % len(turns)]
            seen[kind] = seen.get(kind, 0) + 1
            color = color + turn * (255 - color) if turn > 0 else color * (1 + turn)
        picture[ids == segment] = color.round().clip(0, 255).astype(np.uint8)
    picture[boundaries(ids, 1)] = WHITE
    return Image.fromarray(picture)


def _outlined(base: Image.Image, marks: Sequence[tuple[Objects, int, Color]], fill: bool = False) -> Image.Image:
    """The image with outlines of objects, tinted where asked for."""
    picture = np.array(base.convert("RGB"))
    width = _width(base)
    for objects, n, color in marks:
        shape = objects.shapes[n]
        if isinstance(shape, CroppedMask):
            rows, columns = shape.box
            inside = np.pad(shape.inside, width)
            edge = (boundaries(inside.astype(np.uint8), width) & inside)[width:-width, width:-width]
            part = picture[rows, columns]
            if fill:
                part[shape.inside] = (0.6 * part[shape.inside] + 0.4 * np.array(color)).astype(np.uint8)
            part[edge | _rim(shape)] = color
        else:
            drawn = Image.fromarray(picture)
            ImageDraw.Draw(drawn).rectangle([float(v) for v in shape], outline=color, width=max(1, width))
            picture = np.array(drawn)
    return Image.fromarray(picture)


def _rim(shape: CroppedMask) -> np.ndarray:
    """[h, w] bool: pixels of a mask with a neighbor outside it."""
    inside = np.pad(shape.inside, 1)
    inner = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    rim: np.ndarray = shape.inside & ~inner
    return rim


def _color(objects: Objects, n: int, space: LabelSpace) -> Color:
    return space.colors[int(objects.classes[n])]


def _width(image: Image.Image) -> int:
    return max(1, round((image.width * image.height) ** 0.5 / 300))


def _ramp(share: np.ndarray, known: np.ndarray) -> Image.Image:
    """Shares 0..1 from near, light, to far, dark; gray where nothing is known."""
    stops = np.array([[253, 231, 37], [94, 201, 98], [33, 145, 140], [59, 82, 139], [68, 1, 84]], np.float64)
    place = share.clip(0, 1) * (len(stops) - 1)
    below = np.minimum(place.astype(int), len(stops) - 2)
    part = (place - below)[..., None]
    colors = stops[below] * (1 - part) + stops[below + 1] * part
    colors[~known] = VOID
    return Image.fromarray(colors.round().astype(np.uint8))


def _heat(share: np.ndarray, known: np.ndarray) -> Image.Image:
    """Shares 0..1 from white to red; gray where nothing is known."""
    part = share.clip(0, 1)[..., None]
    colors = (1 - part) * np.array(WHITE) + part * np.array(MISSED)
    colors[~known] = VOID
    return Image.fromarray(colors.round().astype(np.uint8))


def _panel(caption: str, alt: str, image: Image.Image, how: Image.Resampling = Image.Resampling.LANCZOS) -> Panel:
    if image.width > WIDTH:
        image = image.resize((WIDTH, max(1, round(image.height * WIDTH / image.width))), how)
    return Panel(caption, alt, png(image), image.width, image.height)


MATCHES = (("found", FOUND), ("false", FALSE), ("missed", MISSED))

PANELS: dict[str, tuple[Callable[[Picture, LabelSpace], list[Panel]], Key]] = {
    "planes": (plane_panels, Key(True, (("false", FALSE), ("missed", MISSED), ("ignored", VOID)))),
    "segments": (segment_panels, Key(True, (*MATCHES, ("void", VOID)))),
    "objects": (object_panels, Key(True, MATCHES)),
    "depth": (depth_panels, Key(False, (("near", (253, 231, 37)), ("far", (68, 1, 84)), ("wrong by 50 % and more", MISSED), ("unknown", VOID)))),
    "tags": (tag_panels, Key(False, ())),
}  # fmt: skip

KINDS: dict[type, str] = {
    Planes: "planes",
    Segments: "segments",
    Objects: "objects",
    Depth: "depth",
    Tags: "tags",
}
