"""`intarsia predict`: pictures in; label maps, overlays and one JSON line an image out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..characters import one_line
from .terminal import AsJson, Overwrite, answer, console, refuse
from .views import Flip, Overlap, Scales, Window, settings_of


def predict(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A checkpoint, or the folder of a run; MODEL,MODEL averages several."),
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Pictures, folders of pictures, or patterns such as 'day*/*.jpg'."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.", metavar="DIR")],
    alpha: Annotated[float, typer.Option(min=0, max=1, help="How strongly the overlay covers the picture.")] = 0.5,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Threads that read ahead.")] = 1,
    uncertainty: Annotated[
        str | None,
        typer.Option(
            help="Also write a map of 0 (sure) to 1, DIR/uncertainty/<name>.npy and .png: entropy, margin, mc-dropout, tta "
            "(variances, whose root the picture shows) or sets (how many classes could be true)."
        ),
    ] = None,
    window: Window = None,
    overlap: Overlap = None,
    flip: Flip = None,
    scales: Scales = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Name every pixel of pictures: DIR/<name>.png, DIR/overlays/<name>.png, DIR/predictions.jsonl."""
    from ..inference import predict as run

    found = run(
        model,
        inputs,
        out,
        alpha=alpha,
        uncertainty=uncertainty,
        settings=settings_of(window, overlap, flip, scales),
        device=device,
        workers=workers,
        overwrite=overwrite,
        say=lambda sentence: console(error=True).print(one_line(sentence), markup=False, soft_wrap=True),
        done=show_failures if as_json else show,
    )
    lines, failed = found.lines, found.failed
    if as_json:
        tree: dict[str, Any] = {
            "out": out,
            "images": len(lines) - len(failed),
            "failed": len(failed),
            "predictions": lines,
        }
        if failed:
            tree["error"] = failed[0]["error"]
        answer(tree)
    if failed:
        rest = f"the others are in {out}" if len(failed) < len(lines) else f"{out} holds none"
        refuse(f"{len(failed)} of {len(lines)} pictures could not be read; {rest}", as_json=False)
        return 2
    if not as_json:
        console().print(
            f"{len(lines)} pictures: label maps in {out}, overlays in {out / 'overlays'}", markup=False, soft_wrap=True
        )
    return 0


def show(line: Mapping[str, Any]) -> None:
    """Print what was found in one picture, a line of predictions.jsonl, or why it cannot be read."""
    show_failures(line)
    if "error" not in line:
        largest = sorted(((n, s) for n, s in line["shares"].items() if s >= 0.005), key=lambda item: -item[1])[:3]
        most = ", ".join(f"{name} {share:.0%}" for name, share in largest)
        console().print(one_line(f"{line['image']} -> {line['labels']}  ({most})"), markup=False, soft_wrap=True)


def show_failures(line: Mapping[str, Any]) -> None:
    """Print, on standard error, why a picture cannot be read, or what was done to its channels."""
    if "error" in line:
        refuse(line["error"], as_json=False)
    elif "note" in line:
        console(error=True).print(one_line(f"{line['image']}: {line['note']}"), markup=False, soft_wrap=True)
