"""Windows: an engine that shows another one a large picture piece by piece, in memory that does not grow with the picture.

    image - windows that overlap, row by row - engine - weighted sum - finished parts - answer
                                                      ` answers of objects - stitched where windows overlap

What no later window touches is handed out at once (`blend.py`); kept are the sums of the rows and columns that later
windows share.

Fabian Isensee et al. "nnU-Net." Nature Methods 2021 (Gaussian weights, a deviation of an eighth of the window).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError, counted, nearest
from ..limits import PIXELS
from ..postprocess.stitch import STITCHED, Box, Placed
from ..structures import Answer, Depth, Labels, Output, Planes
from .blend import MAPS, blended, layers, unlayered
from .engine import Engine, innermost, name_of, networks_of
from .memory import free_memory, out_of_memory
from .spans import GRID, Span, shared, spans, starts

BLENDS = ("gaussian", "cosine", "none")
WHOLE = 1 << 22  # pixels, as of 2048 x 2048: larger pictures are predicted in windows unless somebody says otherwise
LARGEST, SMALLEST = 1024, 128  # pixels, the sides of windows that are chosen here
NEED = 2048  # bytes for each pixel of a window, which nearly all networks stay below, and for each class as well:
NEED_OF_CLASS = 12  # its score in float32 three times: the output, its weighted copy, and what deciding takes
SHARE = 0.5  # of the memory that is free now
KEPT = 3 << 27  # bytes of sums that are kept for later windows of a picture of more pixels than are read as a whole
HUGE = 1 << 26  # pixels, as of 8192 x 8192: larger pictures are seen in windows of one size up to
WIDE = 20_000  # pixels of width, for whose sums there is room, and
ROOMY = 512  # pixels a side: what is read as a whole is not seen in smaller windows for that

PIXELWISE = (Labels, Planes, Depth)  # answers that can be decided part by part


class Windowed:
    """An engine that runs another one on windows that overlap, and blends what it says of each pixel.

    Args:
        engine: raw integers [B, C, H, W] to an output, of any size.
        size: side of the windows in pixels; a picture that is smaller along an axis is seen whole along it. "auto": pictures
            of at most `WHOLE` pixels are seen whole, and larger ones in windows of a side that fits into free memory, tried
            again with half of it when memory does not suffice; "whole": no windows.
        overlap: the share of a window that the next one sees again, at least, 0 up to 1.
        blend: "gaussian" or "cosine" weights; "none": each pixel is taken from the window whose middle is nearest, which is
            exact where the network sees no farther than half of what overlaps.
        classes: that the engine tells apart, where windows of a side chosen here should leave room for their scores.

    Raises: ModelError for sizes, overlaps and blends that are none, and windows smaller than the network works on.
    """

    def __init__(
        self,
        engine: Engine,
        size: int | str = "auto",
        overlap: float = 0.25,
        blend: str = "gaussian",
        *,
        classes: int = 0,
    ) -> None:
        if isinstance(size, str) and size not in ("auto", "whole"):
            raise ModelError(f"window is {size!r}; give the side of windows in pixels, such as 512, or auto, or whole")
        if not isinstance(overlap, int | float) or not 0 <= overlap < 1:
            raise ModelError(
                f"overlap is {overlap}; give the share of a window that the next one sees again, 0 up to and without 1"
            )
        if blend not in BLENDS:
            raise ModelError(f"blend is {blend!r}{nearest(blend, BLENDS)}")
        self.engine, self.size, self.overlap, self.blend = engine, size, float(overlap), blend
        self.classes, self.minimum = classes, minimum_of(engine)
        self.largest = LARGEST  # of the sides that memory was not too small for
        self.used: int | None = None  # the side of the last image's windows
        if not isinstance(size, str) and size < self.minimum:
            raise ModelError(
                f"windows of {counted(size, 'pixel')} are smaller than {name_of(engine)} works on; give at least {self.minimum}"
            )

    def __call__(self, image: Tensor) -> Output:
        """Run the engine on raw integers [B, C, H, W].

        Returns: the engine's output, its maps put together in the image's size on the engine's device.

        Raises: ModelError for windows of an engine whose outputs are lists of objects, or say something of the whole image.
        """
        return self._tried(image, self._output)

    def around(self, engine: Engine) -> Windowed:
        """The same windows for another engine."""
        return Windowed(engine, self.size, self.overlap, self.blend, classes=self.classes)

    def sides(self, height: int, width: int) -> list[int | None]:
        """List the sides of windows to try one after the other where memory does not suffice; None: the image as a whole."""
        return list(self._sides(height, width))

    def side(self, height: int, width: int) -> int | None:
        """Say how large the windows are that an image of that size is seen in at first; None where it is seen whole."""
        return next(self._sides(height, width))

    def answers(
        self, image: Tensor, decide: Callable[[Output, Tensor], list[Answer]], things: Sequence[int] = ()
    ) -> list[Answer]:
        """Decide an image part by part, so that no output of its size is ever in memory.

        Args:
            image: [B, C, H, W] raw integers.
            decide: makes answers, on the CPU, of the output for a part of the image and that part.
            things: classes whose objects are told apart; segments of the others are one in all windows.

        Returns: one answer for each image, in its size.

        Raises: ModelError for answers that cannot be put together.
        """

        def run(image: Tensor, side: int | None) -> list[Answer]:
            if side is None:
                return decide(self.engine(image), image)
            return [self._answer(one, side, decide, things) for one in image.split(1)]

        return self._tried(image, run)

    def note(self, height: int, width: int) -> str:
        """Say in a sentence in which windows the last picture was seen, of that size; "" where it was seen whole."""
        side = self.used
        if side is None:
            return ""
        rows, columns = (len(starts(length, side, self.overlap)) for length in (height, width))
        share = f"{self.overlap:.0%}".replace("%", " %")
        return f"predicted in {rows * columns} windows of {side}x{side} pixels that overlap by at least {share}"

    def _sides(self, height: int, width: int) -> Iterator[int | None]:
        """The sides of windows to try, one after the other; None: the image as a whole."""
        if not isinstance(self.size, str):
            yield self.size if max(height, width) > self.size else None
            return
        if self.size == "whole" or height * width <= WHOLE:
            yield None
        if self.size == "whole":
            return
        least = max(SMALLEST, self.minimum)
        side = self._fitting(least, height, width)
        while side >= least:
            if max(height, width) > side:
                yield side
            if side == least:
                return
            side = max(least, side // 2 // GRID * GRID)

    def _fitting(self, least: int, height: int, width: int) -> int:
        """The largest side whose windows, and the sums kept for later windows, fit into a share of the free memory.

        Of large pictures the sums are bounded as well, by one rule up to a width of 20,000 pixels: so their windows are the same
        on every machine, and a pixel of a smaller one takes no longer than one of a larger.
        """
        free, side = SHARE * free_memory(device_of_engine(self.engine)), max(least, min(self.largest, LARGEST))
        while side > least:
            kept = 4 * self.classes * shared(height, side, self.overlap) * width
            bounded = height * width <= HUGE or self._bounded(height, width, side)
            if bounded and side * side * (NEED + NEED_OF_CLASS * self.classes) + kept <= free:
                break
            side -= GRID
        return max(least, side)

    def _bounded(self, height: int, width: int, side: int) -> bool:
        """Whether the sums of windows stay below `KEPT`, of this picture and of one `WIDE` pixels square."""
        if height * width <= PIXELS and side <= ROOMY:
            return True
        sizes = ((height, width), (WIDE, WIDE)) if width < WIDE else ((height, width),)
        return all(4 * self.classes * shared(tall, side, self.overlap) * wide <= KEPT for tall, wide in sizes)

    def _tried(self, image: Tensor, run: Callable[[Tensor, int | None], Any]) -> Any:
        """Run with each side in turn until memory suffices."""
        sides = self.sides(image.shape[2], image.shape[3])
        for side in sides[:-1]:
            self.used = side
            try:
                return run(image, side)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
            if side is not None:
                self.largest = side - GRID  # the next image does not fail again
            if device_of_engine(self.engine).type == "cuda":
                torch.cuda.empty_cache()
        self.used = sides[-1]
        return run(image, sides[-1])

    def _output(self, image: Tensor, side: int | None) -> Output:
        if side is None:
            return self.engine(image)
        whole: Tensor | None = None
        for (top, left, bottom, right), part in self.parts(
            (image.shape[2], image.shape[3]), side, lambda box: _cut(image, box)
        ):
            assert part is not None  # no window is left out
            maps = layers(part)
            if whole is None:
                whole = maps.new_empty(*maps.shape[:2], *image.shape[2:])
            whole[..., top:bottom, left:right] = maps
        assert whole is not None and part is not None
        return unlayered(whole, part)

    def _answer(
        self, image: Tensor, side: int, decide: Callable[[Output, Tensor], list[Answer]], things: Sequence[int]
    ) -> Answer:
        """The answer of one image [1, C, H, W]."""

        def answer(output: Output | None, box: Box) -> Answer:
            assert output is not None  # no window is left out
            return decide(output, _cut(image, box))[0]

        windows = self._windows((image.shape[2], image.shape[3]), side, lambda box: _cut(image, box))
        row, column, output = next(windows)
        kind = type(answer(output, _box(row, column)))
        if kind not in STITCHED:
            raise ModelError(
                f"{kind.__name__} say something of the whole picture, which windows do not see; leave the window out"
            )
        size = (image.shape[2], image.shape[3])
        every = chain([(row, column, output)], windows)
        placed = (
            Placed(_box(r, c), (r.first, c.first, r.last, c.last), answer(one, _box(r, c))) for r, c, one in every
        )
        if kind in PIXELWISE and type(output) in MAPS:
            placed = (
                Placed(box, box, answer(part, box))
                for box, part in blended(
                    every, size[1], shared(size[0], side, self.overlap), self.blend, name_of(self.engine)
                )
            )
        return STITCHED[kind](size, placed, things)

    def parts(
        self,
        size: tuple[int, int],
        side: int,
        cut: Callable[[Box], Tensor],
        first: int = 0,
        skip: Callable[[Box], bool] | None = None,
    ) -> Iterator[tuple[Box, Output | None]]:
        """Run the engine on windows of an image that need not be in memory, and hand out finished parts row by row.

        Args:
            size: (H, W) of the image.
            side: of the windows.
            cut: gives the raw integers [1, C, h, w] of a window y0, x0, y1, x1.
            first: the row of windows to begin with. Pixels that an earlier row touches are wrong then.
            skip: tells which windows are left out, because nobody asks for any of their pixels.

        Returns: boxes that cover each pixel once, and the output there; None for those of a window that is left out.
        """
        most = shared(size[0], side, self.overlap)
        return blended(self._windows(size, side, cut, first, skip), size[1], most, self.blend, name_of(self.engine))

    def _windows(
        self,
        size: tuple[int, int],
        side: int,
        cut: Callable[[Box], Tensor],
        first: int = 0,
        skip: Callable[[Box], bool] | None = None,
    ) -> Iterator[tuple[Span, Span, Output | None]]:
        """What the engine says of each window, row by row."""
        rows, columns = (spans(length, side, self.overlap, self.blend) for length in size)
        for row in rows[first:]:
            for column in columns:
                box = _box(row, column)
                yield row, column, None if skip is not None and skip(box) else self.engine(cut(box))


def minimum_of(engine: Engine) -> int:
    """The smallest side in pixels that the encoders of an engine's networks work on; 1 where none says."""
    modules = (module for network in networks_of(engine) for module in network.model.modules())
    said = (getattr(module, "minimum", None) for module in modules)
    own = getattr(innermost(engine), "minimum", 1)  # of an engine that is no network in PyTorch
    return max([1, own if isinstance(own, int) else 1, *(side for side in said if isinstance(side, int))])


def device_of_engine(engine: Engine) -> torch.device:
    """Where an engine computes; the CPU for one that does not say."""
    return next((network.device for network in networks_of(engine)), torch.device("cpu"))


def _box(row: Span, column: Span) -> Box:
    return row.start, column.start, row.stop, column.stop


def _cut(image: Tensor, box: Box) -> Tensor:
    return image[..., box[0] : box[2], box[1] : box[3]]
