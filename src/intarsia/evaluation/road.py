"""One picture, and every method from thresholding to the newest network on it: what each finds, how well, and how fast.

picture - each of `classical.METHODS` - models of the user's - how much slower a sliding window is than its dense twin
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from .. import classical, report
from ..blocks.sliding import classify_by_sliding
from ..data.files.codecs import raw_of
from ..errors import DataError, ModelError, OddValues, counted
from ..inference import Predictor
from ..inference.inputs import fit_channels, to_tensor
from ..inference.reading import read_picture
from ..labels import LabelSpace, two_classes
from ..metrics import ConfusionMatrix
from ..models import build
from ..models.catalogue import ARCHITECTURES
from ..output import Output
from ..report.road import Slide, Stop

SIDE = 512  # pixels of the longer side of what the methods see, unless the user wants another
CONTEXT = 31  # pixels of the window that slides
CROP = 24  # pixels of the side of the part that it slides over; the rest takes as long a pixel
SPACE = LabelSpace(("background", "foreground"))
LEARNS = {
    "random_forest": "Many decision trees ask about a pixel's designed features (color, filters, texture), and vote. What a "
    "feature is was a person's idea; what to make of it was learned from labeled pictures.",
    "linear_svm": "Each designed feature gets a weight for each class, so that the classes lie as far from each other as "
    "they can. What a feature is was a person's idea; its weight was learned from labeled pictures.",
}


class Road(NamedTuple):
    """What `road` found.

    Args:
        stops: one a method, in the order of the page.
        slide: how much slower the sliding window is.
        page: the file.
    """

    stops: list[Stop]
    slide: Slide
    page: Path

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        keys = ("name", "title", "year", "part", "miou", "seconds")
        rows = [{key: getattr(stop, key) for key in keys} for stop in self.stops]
        slide = {key: value for key, value in self.slide._asdict().items() if key != "box"}
        return {"page": str(self.page), "methods": rows, "sliding": slide}


def road(
    image: str | Path,
    truth: str | Path | None = None,
    models: Sequence[str | Path] = (),
    out: str | Path = "road.html",
    *,
    polarity: str = "auto",
    side: int = SIDE,
    command: str = "",
    overwrite: bool = False,
) -> Road:
    """Put every method on one picture, and write the page that shows them.

    Args:
        image: a picture.
        truth: its mask of two classes, such as 0 and 255; the larger value is the foreground. None: nothing is scored.
        models: runs, checkpoints and public models, shown after the methods that learn nothing.
        out: the page, one HTML file.
        polarity: which side is the foreground for methods that cannot know: auto, bright or dark.
        side: pixels that the picture's longer side is made smaller to, if it is larger; 0: as it is.
        command: what to print on the page as the way to repeat it.
        overwrite: also replace a page that this program did not write, or that was changed since.

    Raises: DataError for pictures and masks that cannot be read or do not fit together; ModelError and CheckpointError for
        models; MissingExtra where scikit-image or OpenCV is not installed.
    """
    if side < 0 or 0 < side < 32:
        raise DataError(f"side is {side}; give at least 32 pixels, or 0 for the picture as it is")
    results = Output(Path(out).parent, [Path(out).name], overwrite=overwrite)
    pixels = read_picture(image, 3).fitted
    known = None if truth is None else _truth(Path(truth), pixels.shape[:2])
    pixels, known, note = _smaller(pixels, known, side)
    chosen = [str(model) for model in models]
    runs = [(name, Predictor.load(name)) for name in chosen]  # whose faults show before the long work
    stops = [*(_method(name, pixels, known, polarity) for name in classical.METHODS)]
    stops += [_model(name, run, pixels, known) for name, run in runs]
    slide = _slide(pixels, [run for _, run in runs])
    with results.file(Path(out).name) as file:
        report.write_road(
            file, name=Path(image).name, image=pixels, truth=known, stops=stops, slide=slide, note=note, command=command
        )
    return Road(stops, slide, Path(out))


def _truth(path: Path, size: tuple[int, ...]) -> np.ndarray:
    """Read a mask of two classes: 0 is background, 1 foreground.

    Raises: DataError for another size, or other than two values.
    """
    try:
        raw, _ = raw_of(path, by_color=False)
    except OddValues as error:
        raise DataError(
            f"{path}: {error.found.partition(',')[0]}; road takes a mask of two values, such as 0 and 255"
        ) from None
    if raw.shape != size:
        raise DataError(
            f"{path}: the mask has {raw.shape[1]} x {raw.shape[0]} pixels and the picture {size[1]} x {size[0]}; they must be of one size"
        )
    values, counts = np.unique(raw, return_counts=True)
    pixels = {int(v): int(n) for v, n in zip(values, counts, strict=True)}
    meaning, _ = two_classes(pixels, [set(pixels)])
    if not meaning and len(values) == 2:
        meaning = {int(values[0]): 0, int(values[1]): 1}
    if not meaning:
        few = ", ".join(map(str, values[:6])) + (", ..." if len(values) > 6 else "")
        raise DataError(
            f"{path}: the mask holds {counted(len(values), 'value')} ({few}); road scores a foreground against a background: give a mask of two"
        )
    space = LabelSpace(SPACE.names, values={value: SPACE.names[number] for value, number in meaning.items()})
    return space.encode(raw)


def _smaller(pixels: np.ndarray, known: np.ndarray | None, side: int) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Picture and truth in the size that the methods see, and a sentence where that is not their own."""
    height, width = pixels.shape[:2]
    if not side or max(height, width) <= side:
        return pixels, known, ""
    share = side / max(height, width)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    planes = [
        Image.fromarray(pixels[..., c].astype(np.float32)).resize(size, Image.Resampling.BOX)
        for c in range(pixels.shape[2])
    ]
    fewer = np.stack([np.asarray(plane) for plane in planes], axis=2).round().astype(pixels.dtype)
    true = None if known is None else np.asarray(Image.fromarray(known).resize(size, Image.Resampling.NEAREST))
    return fewer, true, f"The picture was made smaller first, from {width} x {height} to {size[0]} x {size[1]} pixels."


def _method(name: str, pixels: np.ndarray, known: np.ndarray | None, polarity: str) -> Stop:
    method = classical.METHODS[name]
    options = {"polarity": polarity} if classical.counts(method.run, "polarity") else {}
    engine = classical.Unlearned(name, options)
    engine(to_tensor(pixels[:9, :9]))  # what is imported at first use takes no time of the method
    logits, seconds = _timed(lambda: engine(to_tensor(pixels)).logits)
    found = logits[0].argmax(0).numpy().astype(np.uint8)
    spelled = "".join(f":{key}={value}" for key, value in options.items() if value != "auto")
    return Stop(
        f"{classical.PREFIX}{name}{spelled}", method.title, method.year, method.says, "nothing", found, SPACE, _miou(found, known), seconds
    )  # fmt: skip


def _model(name: str, run: Predictor, pixels: np.ndarray, known: np.ndarray | None) -> Stop:
    """What a model of the user's finds.

    Raises: ModelError for one that names no pixels.
    """
    fitted = to_tensor(fit_channels(pixels, run.in_channels)[0])
    if run.in_channels == 3:
        run.run(fitted[..., :64, :64])
    answer, seconds = _timed(lambda: run.run(fitted)[0])
    if not hasattr(answer, "classes") or getattr(answer.classes, "ndim", 0) != 2:
        raise ModelError(f"{name} answers {type(answer).__name__}, and road shows a class for each pixel; leave it out")
    stored = run.checkpoint.model if run.checkpoint is not None else None
    found = answer.classes.numpy()
    year: int | None
    entry = ARCHITECTURES.get(stored or "")
    if stored is not None and classical.is_method(stored):
        method = classical.METHODS[classical.parsed(stored).method]
        title, year, says, part = f"{method.title}, as given", method.year, method.says, "nothing"
    elif stored in classical.LEARNED:
        title, year, says, part = (
            stored.replace("_", " ").capitalize(),
            2001 if stored == "random_forest" else 1995,
            LEARNS[stored],
            "features",
        )
    else:
        title, year, part = stored or "A network", entry.year if entry else None, "network"
        says = (
            f"{entry.idea[:1].upper()}{entry.idea[1:]}. Its features were learned, too."
            if entry
            else "A network, whose features were learned, too."
        )
    two = run.labels.num_classes == 2
    if known is not None and two and run.labels.names[1] != SPACE.names[1]:
        says += f" Its class {run.labels.names[1]!r} counts as the foreground."
    elif known is not None and not two:
        says += f" It tells {run.labels.num_classes} classes apart and the truth has two, so that it is not scored."
    return Stop(name, title, year, says, part, found, run.labels, _miou(found, known) if two else None, seconds)  # fmt: skip


def _slide(pixels: np.ndarray, runs: Sequence[Predictor]) -> Slide:
    """Slide a classifier of patches over the middle of the picture, and compare time and answer with one dense pass.

    The network is one of the user's that can slide, or else one without training: its time does not depend on its weights.
    """
    network: Any = None
    trained = False
    for run in runs:
        if run.checkpoint is not None and run.checkpoint.model == "pixel_classifier":
            network, trained = run.pytorch.model.cpu(), True
    if network is None:
        torch.manual_seed(0)
        network = build("pixel_classifier", 2, context=CONTEXT, channels=16, hidden=64)
    network = network.eval()
    context = 2 * int(network.around) + 1
    image = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / float(np.iinfo(pixels.dtype).max) - 0.5
    height, width = image.shape[-2:]
    rows, columns = min(CROP, height), min(CROP, width)
    top, left = (height - rows) // 2, (width - columns) // 2
    crop = image[..., top : top + rows, left : left + columns]
    with torch.inference_mode():
        small = network(crop).logits  # also the warm-up
        _, dense = _timed(lambda: network(image))
        slid, part = _timed(lambda: classify_by_sliding(network.classify_patches, crop, context))
    sliding = part * height * width / (rows * columns)
    box = (width // 2 - context // 2, height // 2 - context // 2, context)
    return Slide(
        context, rows * columns, dense, sliding, sliding / dense, float((slid - small).abs().max()), trained, box
    )


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    found = run()
    return found, time.perf_counter() - started


def _miou(found: np.ndarray, known: np.ndarray | None) -> float | None:
    if known is None:
        return None
    matrix = ConfusionMatrix(2)
    matrix.update(found.astype(np.uint8), known)
    return float(matrix.compute().miou)
