"""One picture read for a network, and many of them read ahead while the network runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor

from ..data.folders.layout import channels_of
from ..data.regions.source import is_large
from ..errors import DataError
from .frames import Frame
from .inputs import channel_files, fit_channels, read

Given = str | Path | Frame | Image.Image | np.ndarray | Tensor  # what a user calls a picture


class Picture(NamedTuple):
    """A picture that was read."""

    pixels: np.ndarray  # [H, W, C] as it is
    fitted: np.ndarray  # [H, W, in_channels]
    name: str  # the stem of its file, or "image"
    path: Path | None
    note: str  # what was done to its channels, in a sentence; empty for nothing
    spacing: tuple[float, float] | None = None  # micrometers a pixel (down, across)


def read_picture(image: Given, in_channels: int) -> Picture:
    """Read a picture, in the channels of a network.

    Raises: DataError that names its file.
    """
    if isinstance(image, Frame):
        return _frame(image, in_channels)
    path = Path(image) if isinstance(image, str | Path) else None
    if path is not None and is_large(path):
        raise DataError(
            f"{path}: is read region by region; `intarsia predict`, or predictor.write(path, out) in Python, answers it tile row "
            "by tile row"
        )
    try:
        files = channel_files(path) if path is not None else ()
        if len(files) > 1 and len(files) != in_channels:
            told = f"has {len(files)} files, one a channel, and the network was trained on {in_channels} channels"
            raise DataError(f"{path}: {told}; give pictures like those it was trained on")
        pixels = channels_of(files) if len(files) > 1 else read(image)
    except MemoryError:
        raise DataError(
            f"{called(image)}: the picture does not fit into memory; cut it into tiles, or make it smaller"
        ) from None
    try:
        fitted, note = fit_channels(pixels, in_channels)
    except DataError as error:
        if path is None:
            raise
        raise DataError(f"{path}: {error}") from None
    return Picture(pixels, fitted, path.stem if path else "image", path, note)


def _frame(frame: Frame, in_channels: int) -> Picture:
    pixels = frame.read()
    try:
        fitted, note = fit_channels(pixels, in_channels)
    except DataError as error:
        raise DataError(f"{frame}: {error}") from None
    return Picture(pixels, fitted, frame.name, frame.stack.path, note, frame.stack.spacing)


def read_ahead(images: Iterable[Given], in_channels: int, workers: int) -> Generator[tuple[str, Future[Picture]]]:
    """Read pictures in threads, in order; at most `workers` + 1 of them wait.

    Args:
        images: drawn one by one, so that it may be endless.
        workers: threads; 0 reads each picture when its turn comes.

    Returns: what a message calls each, and its picture to come; whoever takes it lets go of it before the next.
    """
    with ThreadPoolExecutor(max(1, workers)) as pool:
        waiting: deque[tuple[str, Future[Picture]]] = deque()
        source = iter(images)
        try:
            while True:
                while len(waiting) <= workers:
                    try:
                        image = next(source)
                    except StopIteration:
                        break
                    waiting.append((called(image), pool.submit(read_picture, image, in_channels)))
                if not waiting:
                    return
                yield waiting.popleft()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def called(image: object) -> str:
    """What a message calls a picture: its path, or "image"."""
    return str(image) if isinstance(image, str | Path | Frame) else "image"
