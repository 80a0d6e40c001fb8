"""`intarsia export`: a model as one file for another runtime, which must say what the model says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .terminal import AsJson, Root, answer, console, table

if TYPE_CHECKING:
    from ..inference.runtime.gate import Measured, Verdict

LARGE = 1024  # pixels of a side of the pictures without truth that the gate looks at; more is cut off
SHOWN = 12  # layers of int8 that are listed


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A checkpoint, the folder of a run, or a public model.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="The file to write: .onnx, .xml (openvino), .pt2 (torch) or .pt (torchscript).", metavar="FILE"
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            help="onnx; int8 (ONNX in whole numbers of eight bits, as far as the gate allows); openvino; torch (torch.export); torchscript.",
            metavar="FORM",
        ),
    ] = "onnx",
    asked: Annotated[
        str,
        typer.Option(
            "--answer",
            help="What the file gives: labels, probabilities, planes, objects, segments or depth; none: what the model's task asks for.",
            metavar="ANSWER",
        ),
    ] = "",
    opset: Annotated[int, typer.Option(help="Operator set of ONNX; 0: the exporter's own.", metavar="N")] = 0,
    bits: Annotated[int, typer.Option(help="Of a picture's values: 8 (uint8) or 16 (int32).")] = 8,
    check: Annotated[
        list[str] | None,
        typer.Option(
            help="Pictures, a folder or a pattern that the gate compares both on, and int8 is calibrated on; none: drawn ones.",
            metavar="PICTURES",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Pictures with truth instead: a data set's name, a folder or a recipe; the change of mean IoU is bounded as well.",
            metavar="SOURCE",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Which part of SOURCE; none: val, and all pairs of a folder.")] = "",
    root: Root = None,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many pictures at most.")] = 20,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that this program did not write.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a model as one file for any number of pictures of any size: raw pictures in, class ids out.

    The file runs beside the model on pictures, and is kept only if both say the same.
    """
    from ..inference.runtime.export import export as run
    from ..inference.runtime.export import plain
    from ..output import Output

    if check and data is not None:
        from ..errors import DataError

        raise DataError("--check gives pictures and --data gives pictures with truth; give one of the two")
    predictor = plain(model)
    pictures, truths, where = _pictures(predictor, check or [], data, split, root, count)
    names = [out.name, *([out.with_suffix(".bin").name] if to == "openvino" else [])]
    target = Output(out.parent, names, overwrite=overwrite)
    with ExitStack() as stack:
        file, *others = [stack.enter_context(target.file(name)) for name in names]
        found = run(
            predictor,
            file,
            to=to,
            answer=asked,
            opset=opset,
            bits=bits,
            pictures=pictures,
            truths=truths,
            where=where,
            tell=None if as_json else show,
        )
        for other in others:
            file.with_suffix(other.suffix).replace(other)
    if as_json:
        tree = {"file": out, "to": to, "answer": found.answer, "outputs": found.outputs, "opset": found.opset or None}
        layers = [{"layer": name, "decibels": noise, "float32": kept} for name, noise, kept in found.layers]
        return answer({**tree, "verdict": found.verdict.to_dict(), "layers": layers, "notes": found.notes})
    show_layers(found.layers)
    terminal = console()
    for note in found.notes:
        terminal.print(note, markup=False, soft_wrap=True)
    terminal.print(
        f"wrote {out}: raw pictures of {bits} bit in, {', '.join(found.outputs)} out; classes, colors, recipe and verdict are in it",
        markup=False,
        soft_wrap=True,
    )
    return None


def _pictures(
    predictor: Any, check: Sequence[str], data: str | None, split: str, root: str | None, count: int
) -> tuple[list[Any], list[Any], str]:
    """The pictures that are given, their truths, and where they come from."""
    from ..errors import counted

    if data is not None:
        from ..evaluation.entry import dataset_of
        from .source import is_recipe, opened, there

        there(data)
        source: Any = opened(data, root, [split or "val"])[0] if is_recipe(data) else data
        dataset, said, _ = dataset_of(predictor, source, split or None, root)
        samples = [dataset[n] for n in range(min(count, len(dataset)))]
        where = f"{counted(len(samples), 'picture')} of {said.get('data', data)}"
        return [one.image for one in samples], [one.labels for one in samples], where
    if not check:
        return [], [], ""
    from ..inference.inputs import expand, to_tensor
    from ..inference.reading import read_picture

    paths = expand(check)[:count]
    images = [to_tensor(read_picture(path, predictor.in_channels).fitted)[0][:, :LARGE, :LARGE] for path in paths]
    return images, [], f"{counted(len(paths), 'picture')} of {', '.join(check)}"


def show(verdict: Verdict) -> None:
    """Print what the gate measured, and the bounds beside it."""
    bounds = verdict.bounds
    head = ("pictures", ">pixels changed", ">output", ">probability", "")
    rows = [*_rows(verdict.rows[:6])]
    if rest := verdict.rows[6:]:
        rows.append((f"{len(rest)} more, alone", *_cells(_worst(rest)), ""))
    rows.append(("all", f"{100 * verdict.changed:.3g} %", *_cells(_worst(verdict.rows))[1:], ""))
    allowed = f"{100 * bounds.pixels:g} %", f"{bounds.logits:g}", f"{bounds.probability:g}"
    rows.append(("allowed", *allowed, ""))
    out = console()
    out.print(table(f"The file beside the model, {verdict.pictures}", head, rows))
    out.print(
        "pixels changed: share whose answer differs; output: largest difference, in shares of its largest value",
        markup=False,
        soft_wrap=True,
    )
    if verdict.scores is not None:
        before, after = verdict.scores
        out.print(
            f"mean IoU {100 * before:.2f} -> {100 * after:.2f} on {verdict.scored} pictures; {100 * bounds.score:g} points are allowed",
            markup=False,
        )
    if verdict.smallest > 1:
        out.print(f"serves pictures of {verdict.smallest} pixels a side and more", markup=False)


def show_layers(layers: Sequence[tuple[str, float, bool]]) -> None:
    """Print the layers that eight bits cost most, and those that stayed in float32."""
    if not layers:
        return
    kept = [name for name, _, stays in layers if stays]
    rows = [(name, f"{noise:.1f}", "float32" if stays else "int8") for name, noise, stays in layers[:SHOWN]]
    more = f", the worst {SHOWN} of {len(layers)}" if len(layers) > SHOWN else ""
    console().print(
        table(f"Layers by what eight bits lose{more}", ("layer", ">signal to noise, dB", "computed in"), rows)
    )
    console().print(f"{len(layers) - len(kept)} of {len(layers)} layers in int8", markup=False)


def _rows(rows: Iterable[Measured]) -> Iterable[tuple[str, ...]]:
    for row in rows:
        yield (f"{row.images} x {row.height} x {row.width}", *_cells(row), row.failed[:60])


def _cells(row: Measured) -> tuple[str, str, str]:
    return f"{100 * row.pixels:.3g} %", _written(row.logits), _written(row.probability)


def _worst(rows: Sequence[Measured]) -> Measured:
    def worst(name: str) -> float:
        return max((v for row in rows if not math.isnan(v := getattr(row, name))), default=math.nan)

    return rows[0]._replace(pixels=worst("pixels"), logits=worst("logits"), probability=worst("probability"))


def _written(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2g}"
