"""`intarsia predict`: pictures in; label maps, overlays and one JSON line an image out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import DataError, IntarsiaError
from .terminal import AsJson, answer, console, plain, refuse


def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A checkpoint, or the folder of a run.")],
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
    as_json: AsJson = False,
) -> int:
    """Name every pixel of pictures: DIR/<name>.png, DIR/overlays/<name>.png, DIR/predictions.jsonl."""
    from ..errors import ModelError, nearest
    from ..inference import KINDS, Predictor, expand, left_out

    if uncertainty is not None and uncertainty not in KINDS:
        raise ModelError(f"there is no uncertainty {uncertainty!r}{nearest(uncertainty, KINDS)}")
    paths = expand(inputs)
    if sentence := left_out(inputs):
        console(error=True).print(sentence, markup=False, soft_wrap=True)
    for path in paths:
        if any(target.exists() and path.samefile(target) for target in targets(path, out)):
            raise DataError(f"the result for {path} would be written over it; choose another folder with --out")
    predictor = Predictor.load(model, device=device)
    lines = run(predictor, paths, out, alpha=alpha, workers=workers, quiet=as_json, unsure=uncertainty)
    failed = [line for line in lines if "error" in line]
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


def targets(path: Path, out: Path) -> tuple[Path, Path]:
    """Where the label map and the overlay of a picture go."""
    return out / f"{path.stem}.png", out / "overlays" / f"{path.stem}.png"


def run(
    predictor: Any,
    paths: Sequence[Path],
    out: Path,
    *,
    alpha: float,
    workers: int,
    quiet: bool,
    unsure: str | None = None,
) -> list[dict[str, Any]]:
    """Predict and write one picture after the other; one that cannot be read is told and does not stop the others.

    Returns: what predictions.jsonl holds.
    """
    (out / "overlays").mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = []
    with (out / "predictions.jsonl").open("w", encoding="utf-8") as record:

        def note(line: dict[str, Any]) -> None:
            lines.append(plain(line))
            record.write(json.dumps(lines[-1], ensure_ascii=False, allow_nan=False) + "\n")
            record.flush()

        def failed(_: str, error: IntarsiaError) -> None:
            refuse(str(error), as_json=False)
            note({"image": paths[len(lines)], "error": str(error)})

        for prediction in predictor.stream(paths, workers=workers, failed=failed):
            path = paths[len(lines)]  # results and failures come in the order of the paths
            said: dict[str, Any] = {"note": prediction.note} if prediction.note else {}
            if said:
                console(error=True).print(f"{path}: {prediction.note}", markup=False, soft_wrap=True)
            labels, overlay = targets(path, out)
            prediction.save(labels)
            prediction.overlay(alpha).save(overlay)
            if unsure is not None:
                said["uncertainty"] = _unsure(predictor, prediction, unsure, out)
            height, width = prediction.labels.shape
            shares = prediction.shares()
            note(
                {
                    "image": path,
                    "labels": labels,
                    "overlay": overlay,
                    "height": height,
                    "width": width,
                    "shares": shares,
                    **said,
                }
            )
            if not quiet:
                most = ", ".join(f"{name} {share:.0%}" for name, share in _largest(shares))
                console().print(f"{path} -> {labels}  ({most})", markup=False, soft_wrap=True)
    return lines


def _unsure(predictor: Any, prediction: Any, kind: str, out: Path) -> Path:
    """Write the map of one picture as numbers and as a gray picture; returns the path of the numbers."""
    import numpy as np
    from PIL import Image

    from ..inference import uncertainty
    from ..inference.inputs import fit_channels, to_tensor

    image = to_tensor(fit_channels(prediction.image, predictor.in_channels)[0])
    found = uncertainty(predictor, image, kind)[0].numpy()
    path = out / "uncertainty" / f"{prediction.path.stem}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, found)
    seen = np.sqrt(found) if kind in ("mc-dropout", "tta") else found
    Image.fromarray((255 * seen.clip(0, 1)).round().astype(np.uint8)).save(path.with_suffix(".png"))
    return path


def _largest(shares: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(((n, s) for n, s in shares.items() if s >= 0.005), key=lambda item: -item[1])[:3]
