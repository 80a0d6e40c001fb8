"""Pictures of answers beside the truth: objects matched, missed and false, segments, planes, depth and its errors, tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from ..draw import boundaries, colorize_depth, colorize_segments, viewable
from ..draw.depth import RAMP
from ..draw.maps import rim
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
NEAR, FAR = ((int(r), int(g), int(b)) for r, g, b in (RAMP[0], RAMP[-1]))


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
    errors[boundaries(np.asarray(true.ids), 1)] = WHITE
    errors[np.asarray(true.ids) == 0] = VOID
    says = f"{len(match.matched)} matched, {len(match.missed)} missed, {len(match.invented)} false"
    name = picture.name
    return [
        _panel("image", f"The image {name}", viewable(picture.image)),
        _panel(f"truth: {len(true.classes)} segments", f"The true segments of {name}", colorize_segments(true, space)),
        _panel(
            f"answer: {len(found.classes)} segments",
            f"The predicted segments of {name}",
            colorize_segments(_numbered(found, true, match.matched), space),
        ),
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
    low, high = (float(v) for v in np.percentile(true[known], (1, 99))) if known.any() else (1.0, 2.0)
    error = np.abs(found - np.where(known, true, 1)) / np.where(known, true, 1)
    mean = float(error[known].mean()) if known.any() else 0.0
    name, ends = picture.name, f"{low:.1f} to {high:.1f} m"
    return [
        _panel("image", f"The image {name}", viewable(picture.image)),
        _panel(f"truth: {ends}", f"The true depth of {name}, {ends}", colorize_depth(true, (low, high))),
        _panel("answer, same scale", f"The predicted depth of {name}", colorize_depth(found, (low, high))),
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
        edge = rim(planes[k], _width(base))
        picture[edge] = colors[k]
    return Image.fromarray(picture.round().astype(np.uint8))


def _numbered(found: Segments, true: Segments, matched: Sequence[tuple[int, int, float]]) -> Segments:
    """The predicted segments, those that match with the numbers of the true ones, so that both have one color."""
    names = {p: t for t, p, _ in matched}
    spare = max(true.classes, default=0)
    for n, segment in enumerate((s for s in found.classes if s not in names), 1):
        names[segment] = spare + n
    present, places = np.unique(np.asarray(found.ids), return_inverse=True)
    table = np.array([names.get(int(s), 0) for s in present], np.int64)
    ids = table[places].reshape(np.shape(found.ids))
    return Segments(ids, {names[s]: kind for s, kind in found.classes.items()})


def _outlined(base: Image.Image, marks: Sequence[tuple[Objects, int, Color]], fill: bool = False) -> Image.Image:
    """The image with outlines of objects, tinted where asked for."""
    picture = np.array(base.convert("RGB"))
    width = _width(base)
    for objects, n, color in marks:
        shape = objects.shapes[n]
        if isinstance(shape, CroppedMask):
            rows, columns = shape.box
            part = picture[rows, columns]
            if fill:
                part[shape.inside] = (0.6 * part[shape.inside] + 0.4 * np.array(color)).astype(np.uint8)
            part[rim(np.pad(shape.inside, width), width)[width:-width, width:-width]] = color
        else:
            drawn = Image.fromarray(picture)
            ImageDraw.Draw(drawn).rectangle([float(v) for v in shape], outline=color, width=max(1, width))
            picture = np.array(drawn)
    return Image.fromarray(picture)


def _color(objects: Objects, n: int, space: LabelSpace) -> Color:
    return space.colors[int(objects.classes[n])]


def _width(image: Image.Image) -> int:
    return max(1, round((image.width * image.height) ** 0.5 / 300))


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
    "tracks": (segment_panels, Key(True, (*MATCHES, ("void", VOID)))),
    "objects": (object_panels, Key(True, MATCHES)),
    "depth": (depth_panels, Key(False, (("near", NEAR), ("far", FAR), ("wrong by 50 % and more", MISSED), ("unknown", VOID)))),
    "tags": (tag_panels, Key(False, ())),
}  # fmt: skip

KINDS: dict[type, str] = {
    Planes: "planes",
    Segments: "segments",
    Objects: "objects",
    Depth: "depth",
    Tags: "tags",
}
