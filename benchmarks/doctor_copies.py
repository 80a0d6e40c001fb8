"""Copies of real pictures that the label doctor finds: part `copies` of benchmarks/doctor.py."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from intarsia.doctor.exam.examine import Exam, counted, measured
from intarsia.doctor.findings.duplicates import AGREE, copies

Pixels = np.ndarray
Change = Callable[[Pixels, Pixels], tuple[Pixels, Pixels]]  # of an image [H, W, C] and its mask [H, W]


def _picture(image: Pixels) -> Image.Image:
    return Image.fromarray(image if image.shape[2] > 1 else image[..., 0])


def _array(picture: Image.Image) -> Pixels:
    made = np.asarray(picture)
    return made if made.ndim == 3 else made[..., None]


def _jpeg(image: Pixels, mask: Pixels) -> tuple[Pixels, Pixels]:
    held = io.BytesIO()
    _picture(image).save(held, "JPEG", quality=75)
    return _array(Image.open(held)), mask


def _half(image: Pixels, mask: Pixels) -> tuple[Pixels, Pixels]:
    small = _picture(image).resize((image.shape[1] // 2, image.shape[0] // 2), Image.Resampling.BILINEAR)
    return _array(small), mask[::2, ::2][: small.height, : small.width]


def _cropped(image: Pixels, mask: Pixels) -> tuple[Pixels, Pixels]:
    y, x = (round(0.04 * side) for side in mask.shape)
    return image[y:-y, x:-x], mask[y:-y, x:-x]


WAYS: dict[str, Change] = {
    "pixel for pixel": lambda image, mask: (image, mask),
    "JPEG of quality 75": _jpeg,
    "half the size": _half,
    "darker by a fifth": lambda image, mask: ((image * 0.8).astype(np.uint8), mask),
    "noise of 3 levels": lambda image, mask: (
        np.clip(image + np.random.default_rng(0).normal(0, 3, image.shape), 0, 255).astype(np.uint8),
        mask,
    ),
    "mirrored": lambda image, mask: (image[:, ::-1], mask[:, ::-1]),
    "a quarter turn": lambda image, mask: (np.rot90(image), np.rot90(mask)),
    "4 % cropped from each side": _cropped,
}


def _exam(name: str, image: Pixels, mask: Pixels) -> Exam:
    exam = measured(Exam(name, name, image_path=Path(name)), np.ascontiguousarray(image), None, False)
    return counted(exam, np.ascontiguousarray(mask), False)


def copied(folder: str, real: list[tuple[str, Pixels, Pixels]]) -> Iterator[dict[str, Any]]:
    """Lines on one set: of each way to copy its pictures, how many copies are found in the other split, and what else is."""
    real = [(name, image, mask) for name, image, mask in real if image.dtype == np.uint8 and image.shape[2] in (1, 3)]
    sound = [_exam(f"{n} {name}", image, mask) for n, (name, image, mask) in enumerate(real)]
    for way, change in WAYS.items():
        made = [_exam(f"copy of {n} {name}", *change(image, mask)) for n, (name, image, mask) in enumerate(real)]
        found = copies(["train", "val"], [sound, made])
        told = [{e.name for _, e in group} for group in found.same]
        told += [{a.one[1].name, a.two[1].name} for a in found.again if a.agreement >= AGREE]
        hit = sum(any({exam.name, f"copy of {exam.name}"} <= names for names in told) for exam in sound)
        wrong = sum(len({name.removeprefix("copy of ") for name in names}) > 1 for names in told)
        yield {"part": "copies", "set": folder, "way": way, "planted": len(sound), "found": hit, "false": wrong}
