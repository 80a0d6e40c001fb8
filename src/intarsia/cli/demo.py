"""`intarsia demo`: the whole line on the built-in shapes, from nothing to a report, and whether it came out as it should."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from .terminal import AsJson, answer, console, duration

RECIPE = "shapes/fpn_resnet10t"
PICTURES = 4
GOAL = 0.90  # mIoU on scenes that it has not seen, 0..1; below it the demo has failed


def demo(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Keys of the recipe `shapes/fpn_resnet10t` to change."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for everything; by default demo, demo-2, ...", metavar="DIR")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Train on drawn shapes, evaluate, predict a few pictures, and write a report.

    Ends with exit code 1 when the network comes out worse than it should: below a mIoU of 90.
    """
    from ..evaluation import LabelScore
    from ..evaluation import evaluate as score_of
    from ..inference import predict as predict_all
    from ..training import train as run
    from .evaluate import show
    from .predict import show as show_prediction
    from .predict import show_failures

    folder = out or _fresh(Path("demo"))
    terminal, started = console(), time.monotonic()

    def say(text: str) -> None:
        if not as_json:
            terminal.print(text, markup=False, soft_wrap=True)

    say(f"1/4  train: a small network learns the built-in shapes, into {folder}")
    try:
        with _one_thread():
            last = run(RECIPE, *(overrides or ()), out=folder, quiet=as_json)
    except KeyboardInterrupt:
        console(error=True).print("interrupted")
        return 130
    say("2/4  evaluate: on scenes it has not seen")
    score = score_of(last, out=folder / "report", command="intarsia demo")
    assert isinstance(score, LabelScore)
    if not as_json:
        show(score)
    say("3/4  predict: a few pictures of their own")
    pictures = _drawn(last, folder / "pictures")
    printed = show_failures if as_json else show_prediction
    predict_all(last, pictures, folder / "predictions", workers=0, done=printed)
    report = (folder / "report" / "report.html").resolve()
    reached = score.miou >= GOAL
    if as_json:
        answer(
            {
                **score.to_dict(),
                "goal": GOAL,
                "reached": reached,
                "checkpoint": last,
                "report": report,
                "predictions": folder / "predictions",
                "seconds": time.monotonic() - started,
            }
        )
        return 0 if reached else 1
    took = duration(time.monotonic() - started)
    if reached:
        say(
            f"4/4  done in {took}: mIoU {100 * score.miou:.1f} on shapes, and {100 * GOAL:.0f} is the least it should be"
        )
    say(f"     report       {report.as_uri()}")
    say(f"     overlays     {folder / 'predictions' / 'overlays'}")
    if reached:
        say("     your turn    intarsia init FOLDER, then intarsia train recipe.yaml")
        return 0
    console(error=True).print(_missed(score.miou, last, overrides or [], took), markup=False, soft_wrap=True)
    return 1


def _missed(miou: float, last: Path, overrides: list[str], took: str) -> str:
    """What to say when the network came out worse than it should."""
    from ..checkpoint import load

    steps = load(last).notes["step"]
    why = (
        f"with {' '.join(overrides)}; without changes to the recipe it should be reached"
        if overrides
        else f"please report it, with {last.parent / 'log.jsonl'} and the kind of processor"
    )
    return f"missed: mIoU {100 * miou:.1f} after {steps} steps and {took}, where at least {100 * GOAL:.0f} was to come out; {why}"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let PyTorch compute in one thread: batches this small gain little from two, and with another process busy on one
    of two cores each operation of the two would wait for the slower one."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _drawn(model: Any, folder: Path) -> list[Path]:
    """The first few validation scenes as PNG files."""
    from PIL import Image

    from .. import datasets
    from ..checkpoint import load

    dataset = datasets.open(load(model).recipe["data"]["name"], None, "val")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(min(PICTURES, len(dataset))):
        sample = dataset[index]
        paths.append(folder / f"{Path(sample.name).name}.png")
        Image.fromarray(sample.image.permute(1, 2, 0).contiguous().numpy()).save(paths[-1])
    return paths


def _fresh(folder: Path) -> Path:
    """`folder`, or the first of folder-2, folder-3, ... that is not there."""
    names = (folder, *(folder.with_name(f"{folder.name}-{n}") for n in range(2, 10_000)))
    return next(path for path in names if not path.exists())
