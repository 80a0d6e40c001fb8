"""The tables that `intarsia score` shows: one function for each kind of result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .terminal import console, percent, table


def show_semantic(found: Any) -> None:
    """IoU, Dice, precision and recall of each class, the means, and what else was measured."""
    from .evaluate import show, show_measures

    show(found)
    show_measures(found)


def show_panoptic(found: Any) -> None:
    """PQ, SQ and RQ: a row a class that occurs, then things, stuff and all."""
    scores, out = found.scores, console()
    rows = []
    for k, name in enumerate(found.names):
        if scores.matched[k] + scores.invented[k] + scores.missed[k]:
            counts = (scores.matched[k], scores.invented[k], scores.missed[k])
            part = "thing" if k in found.things else "stuff"
            rows.append((name, part, *map(percent, (scores.pq[k], scores.sq[k], scores.rq[k])), *counts))
    for name in ("things", "stuff", "all"):
        part = getattr(scores, name)
        rows.append((name, f"{part.classes} classes", *map(percent, part[:3]), "", "", ""))
    columns = ("class", "", ">PQ", ">SQ", ">RQ", ">matched", ">invented", ">missed")
    out.print(table(None, columns, rows))
    absent = len(found.names) - scores.all.classes
    out.print(
        f"in percent; {found.images} images; {absent} of {len(found.names)} classes occur nowhere and do not count"
    )


def show_instances(found: Any) -> None:
    """AP and AR as COCO prints them, for masks, boxes and boundaries side by side, then the AP of each class that occurs."""
    parts = {"masks": found.masks, "boxes": found.boxes, "boundaries": found.boundaries}
    kinds = {kind: part for kind, part in parts.items() if part is not None}
    told = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "ap_small": "AP small", "ap_medium": "AP medium",
            "ap_large": "AP large", "ar1": "AR, 1 an image", "ar10": "AR, 10 an image", "ar100": "AR, 100 an image",
            "ar_small": "AR small", "ar_medium": "AR medium", "ar_large": "AR large"}  # fmt: skip
    rows = [(name, *(percent(getattr(part, key)) for part in kinds.values())) for key, name in told.items()]
    out, columns = console(), [f">{kind}" for kind in kinds]
    values = list(zip(found.names, *(part.classes for part in kinds.values()), strict=True))
    seen = [(name, *map(percent, row)) for name, *row in values if any(x == x for x in row)]
    out.print(table("AP by class", ("class", *columns), seen))
    out.print(table(None, ("", *columns), rows))
    out.print(
        f"in percent; {found.detections} detections of {found.objects} objects in {found.images} images; "
        f"{len(found.names) - len(seen)} of {len(found.names)} classes have no object and do not count",
        soft_wrap=True,
    )


def show_video(found: Any) -> None:
    """STQ, AQ and SQ of each sequence and of all, and the IoU of each class."""
    out = console()
    out.print(table(None, ("class", ">IoU", ""), _tracked(found)))
    stq = "wSTQ" if found.weighted else "STQ"
    rows = [(name or "(frames)", *map(percent, values)) for name, values in found.scores.sequences.items()]
    rows.append(("all", *map(percent, (found.scores.stq, found.scores.aq, found.scores.sq))))
    out.print(table(None, ("sequence", f">{stq}", ">AQ", ">SQ"), rows))
    out.print(f"in percent; {found.frames} frames; '-' where a class or a track does not occur")


def _tracked(found: Any) -> Iterable[tuple[str, ...]]:
    return (
        (name, percent(iou), "tracked" if name in found.things else "")
        for name, iou in zip(found.names, found.scores.iou, strict=True)
    )


def show_cityscapes(found: Any) -> None:
    """AP and AP50 of each class and of all, as the official script prints them."""
    out, s = console(), found.scores
    rows = [(n, percent(a), percent(b)) for n, a, b in zip(found.names, s.classes, s.classes50, strict=True)]
    out.print(table(None, ("class", ">AP", ">AP50"), [*rows, ("all", percent(s.ap), percent(s.ap50))]))
    out.print(
        f"in percent, by Cityscapes' rules; {found.detections} detections in {found.images} images; "
        "'-' where a class has no object",
        soft_wrap=True,
    )


DEPTH = {
    "AbsRel": "abs_rel", "SqRel": "sq_rel", "RMSE": "rmse", "RMSE log": "rmse_log", "log10": "log10", "SILog": "silog",
    "delta < 1.25": "delta1", "delta < 1.25^2": "delta2", "delta < 1.25^3": "delta3",
}  # fmt: skip


def show_depth(found: Any) -> None:
    """Errors of depth, the smaller the better, then the shares that are near, the larger the better."""
    out, s = console(), found.scores
    told = {"rmse": f"{s.rmse:.4f} m", **{k: f"{percent(getattr(s, k))} %" for k in ("delta1", "delta2", "delta3")}}
    rows = [(name, told.get(key, f"{getattr(s, key):.4f}")) for name, key in DEPTH.items()]
    out.print(table(None, ("", ">value"), rows))
    out.print(f"{s.images} images, {s.pixels} pixels with a known depth", markup=False)
    out.print(f"protocol {found.protocol!r}: {found.says}", markup=False, soft_wrap=True)


def show_tubes(found: Any) -> None:
    """VPQ of each length of windows (and tolerance of depth), then the mean; and PQ of each class."""
    out, s = console(), found.scores
    name = "DVPQ" if found.with_depth else "VPQ"
    columns = ("frames", *([">depth within"] if found.with_depth else []), f">{name}", ">things", ">stuff")
    rows = []
    for (k, tolerance), one in s.each.items():
        depth = [f"{100 * tolerance:g} %"] if found.with_depth else []
        rows.append((k, *depth, *(percent(getattr(one, part).pq) for part in ("all", "things", "stuff"))))
    rows.append(("mean", *([""] if found.with_depth else []), *map(percent, (s.all, s.things, s.stuff))))
    classes = []
    for k, of in enumerate(found.names):
        values = [one.pq[k] for one in s.each.values() if one.pq[k] == one.pq[k]]
        if values:
            part = "thing" if of in found.things else "stuff"
            classes.append((of, part, percent(sum(values) / len(values))))
    out.print(table(None, ("class", "", f">{name}"), classes))
    out.print(table(None, columns, rows))
    out.print(f"in percent; {found.frames} frames of {found.videos} videos")


def show_davis(found: Any) -> None:
    """J and F of each object and of all: mean, recall and decay, as the official script prints them."""
    out, s = console(), found.scores
    rows = [(f"{name or '(frames)'} {n}", *map(percent, one)) for (name, n), one in s.objects.items()]
    columns = ("object", ">J&F", ">J mean", ">recall", ">decay", ">F mean", ">recall", ">decay")
    out.print(table(None, columns, [*rows, ("all", *map(percent, s.all))]))
    out.print(
        f"in percent; {len(rows)} objects in {found.sequences} sequences, {found.frames} frames count; {found.task}"
    )


def show_volumes(found: Any) -> None:
    """Dice, IoU and surface distances of each class, and how many volumes miss it or have it invented."""
    out, s, d = console(), found.scores, found.surfaces
    rows = []
    for k, name in enumerate(found.names):
        far = (d.hausdorff[k], d.average[k], d.to_truth[k])
        shares = (s.dice[name], s.iou[name], d.surface_dice[k])
        rows.append(
            (name, *map(percent, shares), *map(millimeters, far), percent(d.ravd[k]), d.missed[k], d.invented[k])
        )
    columns = ("class", ">Dice", ">IoU", ">NSD", ">HD95", ">ASSD", ">ASD", ">RAVD", ">missed", ">invented")
    out.print(table(None, columns, rows))
    out.print(
        f"mean Dice {percent(s.mean_dice)}   mIoU {percent(s.miou)}   mean HD95 {millimeters(d.mean_hausdorff)} mm"
    )
    out.print(
        f"Dice, IoU, NSD (within {found.tolerance:g} mm) and RAVD in percent, distances in mm by the rule of {found.rule}; "
        f"{found.volumes} volumes; means of surfaces over volumes; protocol {s.protocol!r}",
        markup=False,
        soft_wrap=True,
    )


def millimeters(value: float) -> str:
    """A distance with two digits after the point; "-" where there is none."""
    return "-" if value != value else f"{value:.2f}"


def show_ranking(found: Any) -> None:
    """Top-k accuracy of each class that occurs, and of all images."""
    out, s = console(), found.scores
    rows = [
        (name, *(percent(s.classes[k][n]) for k in s.accuracy))
        for n, name in enumerate(found.names)
        if any(s.classes[k][n] == s.classes[k][n] for k in s.accuracy)
    ]
    columns = ("class", *(f">top-{k}" for k in s.accuracy))
    out.print(table(None, columns, [*rows, ("all", *map(percent, s.accuracy.values()))]))
    out.print(f"in percent; {s.counted} images; {len(found.names) - len(rows)} of {len(found.names)} classes have none")
