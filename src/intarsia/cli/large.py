"""Options of `predict` for pictures beyond memory, polygons and measures, and the bar that shows how far a large one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DataError
from .terminal import console

if TYPE_CHECKING:
    from ..inference.large.answer import Large
    from ..inference.vectors import Vectors

Always = Annotated[
    bool | None,
    typer.Option(
        "--large/--no-large",
        help="Predict tile row by tile row, going on where a stopped process was; a folder is then one picture in tiles. "
        "Without either: pictures that do not fit into memory.",
    ),
]
Level = Annotated[int, typer.Option(min=0, help="Level of a large picture's pyramid; 0 has the most pixels.")]
SkipBlank = Annotated[
    str,
    typer.Option(
        help="Tiles of a large picture whose values all lie in LOW..HIGH are not predicted: 230..255; their pixels are ignored, "
        "or of a class: 230..255=background.",
        metavar="RANGE",
    ),
]
Form = Annotated[str, typer.Option(help="Forms of a large label map: tif (a pyramid; GeoTIFF stays one), zarr.")]
Polygons = Annotated[
    str,
    typer.Option(help="Also write DIR/polygons/<name>: geojson, coco, svg, dxf; several with commas.", metavar="FORMS"),
]
Measure = Annotated[
    bool,
    typer.Option(
        "--measure", help="Also write DIR/measures/<name>.csv: area, perimeter, length of each region, in real units."
    ),
]
Spacing = Annotated[
    str,
    typer.Option(
        help="Micrometers a pixel for --measure, over what the file says: 0.25, or down,across: 0.25,0.5.",
        metavar="UM",
    ),
]
MinSize = Annotated[
    int, typer.Option(min=0, help="Pixels that a region must have for --polygons and --measure; label maps keep all.")
]
Simplify = Annotated[
    float, typer.Option(min=0, help="Leave out corners of --polygons so many pixels from a straight line.")
]
Intensity = Annotated[
    str,
    typer.Option(
        help="Values of NIfTI and DICOM pictures that are black and white, LOW..HIGH, such as -1000..1000.",
        metavar="RANGE",
    ),
]
As = Annotated[
    str,
    typer.Option(
        "--as",
        help="Also write what a server takes: cityscapes, ade20k, coco, voc, kitti, or Kaggle's rle-csv.",
        metavar="SERVER",
    ),
]


def large_of(always: bool | None, level: int, skip_blank: str, form: str) -> Large:
    """Read how large pictures are answered."""
    from ..inference.large.answer import Large

    return Large(always, level, skip_blank, tuple(filter(None, (one.strip() for one in form.split(",")))))


def vectors_of(polygons: str, measure: bool, spacing: str, min_size: int, simplify: float) -> Vectors:
    """Read what is made of the regions of label maps.

    Raises: DataError for a spacing that is none.
    """
    from ..inference.vectors import Vectors

    forms = tuple(filter(None, (one.strip() for one in polygons.split(","))))
    return Vectors(forms, measure, _spacing(spacing), min_size, simplify)


@contextmanager
def bar() -> Iterator[Callable[[str, float], None]]:
    """A bar with the time left of each large picture, on standard error; a line each tenth where nobody watches a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    screen = console(error=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, object] = {}
    tenths: dict[str, int] = {}
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as shown:

        def moved(name: str, share: float) -> None:
            if not screen.is_terminal:
                if int(10 * share) > tenths.get(name, 0):
                    tenths[name] = int(10 * share)
                    screen.print(f"{name}: {share:.0%}", markup=False, soft_wrap=True)
                return
            if name not in tasks:
                tasks[name] = shown.add_task(name, total=1.0)
            shown.update(tasks[name], completed=share)  # type: ignore[arg-type]

        yield moved


def _spacing(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise DataError(f"--spacing is {text!r}; give micrometers a pixel, such as 0.25, or down,across: 0.25,0.5")
    return numbers[0], numbers[-1]
