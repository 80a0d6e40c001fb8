"""The kinds of predictions that `intarsia score` takes: how each is read and scored, shown, and which options it has."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DataError, RecipeError
from . import score_tables


class Asked(NamedTuple):
    """The arguments and options of one call."""

    predictions: str
    truth: str
    classes: str
    ignore: str
    things: str
    raw: bool
    split: str
    root: str | None
    protocol: str
    metrics: str
    depths: str
    depth_scale: float | None
    limits: str
    median: bool
    windows: str
    unsupervised: bool
    weights: str
    spacing: str
    tolerance: float | None
    rule: str
    k: str


FLAGS = {name: "--" + {"depths": "depth"}.get(name, name).replace("_", "-") for name in Asked._fields[2:]}


class Kind(NamedTuple):
    """One kind of predictions: how it is read and scored, how it is shown, and which options say something about it."""

    read: Callable[[Asked], Any]
    show: Callable[[Any], None]
    options: frozenset[str] = frozenset()


def _panoptic(asked: Asked) -> Any:
    from ..evaluation import score_panoptic

    return score_panoptic(asked.predictions, asked.truth)


def _bitmasks(asked: Asked) -> Any:
    from ..evaluation import score_bitmasks

    return score_bitmasks(asked.predictions, asked.truth)


def _bitmask_instances(asked: Asked) -> Any:
    from ..evaluation import score_bitmask_instances

    return score_bitmask_instances(asked.predictions, asked.truth)


def _instances(asked: Asked) -> Any:
    """AP of masks and boxes, and of boundaries where they are asked for."""
    from ..evaluation import score_instances

    if wrong := [name for name in listed(asked.metrics) if name != "boundary"]:
        raise RecipeError(f"--metrics names {wrong[0]!r}; of instances there is 'boundary' (boundary AP)")
    return score_instances(asked.predictions, asked.truth, dilation_ratio=0.02 if asked.metrics else 0.0)


def _cityscapes(asked: Asked) -> Any:
    from ..evaluation import score_cityscapes

    return score_cityscapes(asked.predictions, asked.truth)


def _video(asked: Asked) -> Any:
    from ..evaluation import score_video

    given = _given(
        classes=_numbered(_classes(asked.classes)), things=listed(asked.things) or None, weights=asked.weights or None
    )
    return score_video(asked.predictions, asked.truth, **given)


def _tubes(asked: Asked) -> Any:
    """Video panoptic quality, with depth where its folders are named."""
    from ..evaluation import score_tubes

    depths = listed(asked.depths)
    if depths and len(depths) != 2:
        raise RecipeError(f"--depth names {len(depths)} folders; give two, PREDICTED,TRUE")
    windows = numbers("--windows", asked.windows, "1,2,3,4")
    if wrong := [n for n in windows if n != int(n) or n < 1]:
        raise RecipeError(f"--windows holds {wrong[0]:g}; give numbers of frames, such as 1,2,3,4")
    return score_tubes(
        asked.predictions,
        asked.truth,
        classes=_numbered(_classes(asked.classes)),
        things=listed(asked.things) or None,
        depths=(depths[0], depths[1]) if depths else None,
        per_meter=asked.depth_scale,
        **_given(windows=[int(n) for n in windows] or None),
    )


def _depth(asked: Asked) -> Any:
    from ..evaluation import score_depth

    limits = numbers("--limits", asked.limits, "0.001,80")
    if limits and len(limits) != 2:
        raise RecipeError(
            f"--limits is {asked.limits!r}; give the least and the largest depth in meters, such as 0.001,80"
        )
    return score_depth(
        asked.predictions,
        asked.truth,
        protocol=asked.protocol or "all",
        per_meter=asked.depth_scale,
        limits=(limits[0], limits[1]) if limits else None,
        scale="median" if asked.median else "",
    )


def _davis(asked: Asked) -> Any:
    from ..evaluation import score_davis

    task: Any = "unsupervised" if asked.unsupervised else "semi-supervised"
    return score_davis(asked.predictions, asked.truth, split=asked.split, task=task)


def _volumes(asked: Asked) -> Any:
    """Volumes of labels, with distances in millimeters."""
    from ..evaluation import score_volumes

    ignored = listed(asked.ignore)
    if len(ignored) > 1 or any(not n.isdigit() for n in ignored):
        raise RecipeError(f"--ignore is {asked.ignore!r}; of volumes give one value, such as 255")
    spacing = numbers("--spacing", asked.spacing, "5,0.7,0.7")
    if spacing and len(spacing) != 3:
        raise RecipeError(f"--spacing is {asked.spacing!r}; give three sizes of a voxel in mm, such as 5,0.7,0.7")
    return score_volumes(
        asked.predictions,
        asked.truth,
        classes=_numbered(_classes(asked.classes)),
        ignore=int(ignored[0]) if ignored else None,
        spacing=spacing or None,
        protocol=asked.protocol or "dataset",
        **_given(tolerance=asked.tolerance, rule=asked.rule or None),
    )


def _ranking(asked: Asked) -> Any:
    from ..evaluation import score_ranking

    k = numbers("--k", asked.k, "1,5")
    if wrong := [n for n in k if n != int(n)]:
        raise RecipeError(f"--k holds {wrong[0]:g}; give whole numbers of guesses, such as 1,5")
    return score_ranking(asked.predictions, asked.truth, **_given(k=[int(n) for n in k] or None))


def _semantic(asked: Asked) -> Any:
    """Label maps against label maps, which mean the same values, or against a data set."""
    from ..evaluation import MaskFolder, Predictions, score_masks
    from ..evaluation.from_files.masks import alone, without
    from .source import truth_of

    truth, split, classes, ignored = asked.truth, asked.split, _classes(asked.classes), listed(asked.ignore)
    if wrong := [n for n in ignored if not n.isdigit()]:
        raise RecipeError(f"--ignore holds {wrong[0]!r}; give values of label maps, such as 0 or 0,255")
    place, found, pairs = Path(truth), Path(asked.predictions), ""
    if place.is_dir() and alone(place, [found]):
        if split:
            raise RecipeError(f"{truth}: holds label maps alone, and no splits; leave out --split")
        space = without([place, found], [int(n) for n in ignored], classes) if ignored else classes
        dataset: Any = MaskFolder(place, space, others=[found])
    elif ignored:
        raise DataError(
            f"{truth!r} says itself which values count; leave out --ignore, or write labels.values in a recipe"
        )
    elif isinstance(classes, int):
        raise DataError(f"{truth!r} says itself how many classes it has; leave out --classes, or name them")
    else:
        dataset, pairs = truth_of(truth, asked.root, split or None, classes)
    seen = Predictions(found, dataset.labels, asked.raw or isinstance(dataset, MaskFolder))
    protocol, metrics = asked.protocol or "dataset", listed(asked.metrics)
    spacing = numbers("--spacing", asked.spacing, "0.7,0.7")
    if spacing and len(spacing) != 2:
        raise RecipeError(f"--spacing is {asked.spacing!r}; of label maps give two sizes of a pixel, such as 0.7,0.7")
    surface = _given(spacing=spacing or None, tolerance=asked.tolerance, rule=asked.rule or None)
    scored = score_masks(seen, dataset, protocol=protocol, metrics=metrics, only=True, surface=surface)
    return dataclasses.replace(scored, source={**({"pairs": pairs} if pairs else {}), **scored.source})


def _classes(given: str) -> list[str] | int | None:
    """Names, or how many there are; None where nothing is said."""
    if given.strip().isdigit():
        if not int(given):
            raise RecipeError("--classes is 0; there is one class at least")
        return int(given)
    path = Path(given)
    if given and "," not in given and path.is_file():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: no text with one class a line ({error})") from None
        return [line.strip() for line in lines if line.strip()]
    return listed(given) or None


def _numbered(classes: list[str] | int | None) -> list[str] | None:
    return [str(n) for n in range(classes)] if isinstance(classes, int) else classes


def listed(given: str) -> list[str]:
    """What stands between commas."""
    return [name.strip() for name in given.split(",") if name.strip()]


def _given(**options: Any) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def numbers(flag: str, given: str, such_as: str) -> list[float]:
    """Numbers between commas.

    Raises: RecipeError naming what is none.
    """
    found = []
    for word in listed(given):
        try:
            found.append(float(word))
        except ValueError:
            raise RecipeError(f"{flag} holds {word!r}; give numbers, such as {such_as}") from None
    return found


MAPS = frozenset("--classes --ignore --raw --split --root --protocol --metrics --spacing --tolerance --rule".split())
KINDS: dict[str, Kind] = {
    "semantic": Kind(_semantic, score_tables.show_semantic, MAPS),
    "panoptic": Kind(_panoptic, score_tables.show_panoptic),
    "bdd100k": Kind(_bitmasks, score_tables.show_panoptic),
    "bdd100k_instances": Kind(_bitmask_instances, score_tables.show_instances),
    "instances": Kind(_instances, score_tables.show_instances, frozenset({"--metrics"})),
    "cityscapes": Kind(_cityscapes, score_tables.show_cityscapes),
    "video": Kind(_video, score_tables.show_video, frozenset({"--classes", "--things", "--weights"})),
    "vps": Kind(
        _tubes,
        score_tables.show_tubes,
        frozenset("--classes --things --windows --depth --depth-scale".split()),
    ),
    "davis": Kind(_davis, score_tables.show_davis, frozenset({"--split", "--unsupervised"})),
    "volumes": Kind(
        _volumes,
        score_tables.show_volumes,
        frozenset("--classes --ignore --protocol --spacing --tolerance --rule".split()),
    ),
    "classification": Kind(_ranking, score_tables.show_ranking, frozenset({"--k"})),
    "depth": Kind(_depth, score_tables.show_depth, frozenset("--protocol --depth-scale --limits --median".split())),
}
