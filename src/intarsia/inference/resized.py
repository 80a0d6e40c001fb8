"""An engine that shows another one each picture in the size its weights were trained for.

image [B, C, H, W] - resize - engine - output of h x w - back to H x W
                                           ` decided band by band where maps of H x W would be large
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import get_ident
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ..checkpoint import Resizing
from ..data.normalize import full_scale
from ..structures import (
    Answer,
    ClassLogits,
    CompetingMasks,
    Depth,
    DepthMap,
    Detections,
    DetectionsAndStuff,
    Labels,
    MaskQueries,
    Output,
    PanopticLogits,
    Planes,
    SemanticLogits,
)
from .engine import Engine
from .windows import Windowed

BAND = 1 << 26  # bytes of the scores that are decided at once
JOINED: dict[type, int] = {Labels: 0, Depth: 0, Planes: 1}  # answers of pixels, and the axis of their rows


class Resized:
    """An engine that resizes images before another one, and brings back what that says.

    Args:
        engine: raw integers [B, C, h, w] to an output.
        rule: from a picture's size to the one that the engine sees.
    """

    def __init__(self, engine: Engine, rule: Resizing) -> None:
        self.engine, self.rule = engine, rule

    def __call__(self, image: Tensor) -> Output:
        """Run the engine on raw integers [B, C, H, W]; its output is in the image's own size."""
        return restored(self.engine(resized(image, self.rule)), (image.shape[2], image.shape[3]))

    def answers(self, image: Tensor, decide: Callable[[Output, Tensor], list[Answer]]) -> list[Answer]:
        """Decide an image band by band, so that scores of its own size are never in memory as a whole.

        Args:
            image: [B, C, H, W] raw integers.
            decide: makes answers, on the CPU, of the output for a part of the image and that part.

        Returns: one answer for each image, in its size.
        """
        output = self.engine(resized(image, self.rule))
        height, width = image.shape[2:]
        if not isinstance(output, SemanticLogits):
            return decide(restored(output, (height, width)), image)
        count, classes = output.logits.shape[:2]
        rows = max(1, BAND // (4 * count * classes * width))
        if rows >= height or output.logits.shape[2:] == image.shape[2:]:
            return decide(restored(output, (height, width)), image)
        parts: list[list[Answer]] = []
        for top, bands in bands_of(output.logits, (height, width), rows):
            found = decide(SemanticLogits(bands), image[:, :, top : top + bands.shape[2]])
            if type(found[0]) not in JOINED:  # an answer of objects, which bands would cut
                return decide(restored(output, (height, width)), image)
            parts.append(found)
        return [_joined(list(pieces)) for pieces in zip(*parts, strict=True)]

    def note(self, height: int, width: int) -> str:
        """Say in which windows the last picture was seen, of that size; "" where it was seen whole."""
        return self.engine.note(*self.rule.of(height, width)) if isinstance(self.engine, Windowed) else ""


class Coarse:
    """An engine whose maps keep the size in which its network made them, before the network's last enlargement.

    Args:
        engine: raw integers [B, C, H, W] to a map of scores.
        part: of its network, which brings the map to the image's size.
    """

    def __init__(self, engine: Engine, part: nn.Module) -> None:
        self.engine, self.part = engine, part

    def __call__(self, image: Tensor) -> Output:
        """Run the engine on raw integers [B, C, H, W]; its map is smaller than the image."""
        made: list[Tensor] = []
        thread = get_ident()

        def keep(_: nn.Module, given: tuple[Any, ...]) -> None:
            if get_ident() == thread:
                made.append(given[0])

        hook = self.part.register_forward_pre_hook(keep)
        try:
            output = self.engine(image)
        finally:
            hook.remove()
        return output._replace(logits=made[-1]) if isinstance(output, SemanticLogits) and made else output


def resized(image: Tensor, rule: Resizing) -> Tensor:
    """Resize raw integers [B, C, H, W] by a rule; float32 of 0..1 where it keeps fractions."""
    size = rule.of(image.shape[2], image.shape[3])
    if rule.fractions:
        image = image.float() / full_scale(image)
    if size == tuple(image.shape[2:]):
        return image
    if rule.method == "nearest":
        return F.interpolate(image.float(), size, mode="nearest-exact").to(image.dtype)
    if image.dtype == torch.uint8 and rule.antialias:
        return _by_pillow(image, size, rule.method)
    if image.dtype == torch.uint8 and rule.method == "bilinear":
        return _by_opencv(image, size)
    made = F.interpolate(image.float(), size, mode=rule.method, antialias=rule.antialias, align_corners=False)
    if rule.fractions:
        return made
    return made.round_().clamp_(0, full_scale(image)).to(image.dtype)


def _by_pillow(image: Tensor, size: tuple[int, int], method: str) -> Tensor:
    """Resize bytes [B, C, H, W] as libraries do that read pictures with Pillow, to the last bit."""
    how = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[method]
    made = np.empty((image.shape[0], *size, image.shape[1]), np.uint8)
    for one, pixels in zip(made, image.movedim(1, -1).cpu().numpy(), strict=True):
        if pixels.shape[2] == 3:
            one[:] = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size[::-1], how))
            continue
        for channel in range(pixels.shape[2]):
            part = Image.fromarray(np.ascontiguousarray(pixels[..., channel]))
            one[..., channel] = np.asarray(part.resize(size[::-1], how))
    return torch.from_numpy(made).movedim(-1, 1).to(image.device)


def _by_opencv(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize bytes [B, C, H, W] bilinearly as OpenCV does, in whole numbers of 11 bits: to the last bit."""
    left, right, a, b = _steps(image.shape[3], size[1], image.device, inside=True)
    across = image[..., left].int() * a + image[..., right].int() * b
    above, below, a, b = _steps(image.shape[2], size[0], image.device, inside=False)
    first, second = ((across[..., rows, :] >> 4) * part[:, None] >> 16 for rows, part in ((above, a), (below, b)))
    return (first + second + 2 >> 2).clamp_(0, 255).to(torch.uint8)


def _steps(had: int, wanted: int, device: torch.device, inside: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The two pixels that each new one lies between, and the weight of either in 2048ths.

    Args:
        inside: give a pixel at the border all of the weight, as OpenCV does along rows; along columns it splits the weight.
    """
    at = ((torch.arange(wanted, dtype=torch.float64) + 0.5) * (had / wanted) - 0.5).float()
    first = at.floor()
    share = at - first
    if inside:
        share[(first < 0) | (first >= had - 1)] = 0
    weights = [(part * 2048).round().int().to(device) for part in (1 - share, share)]
    places = [(first.long() + n).clamp(0, had - 1).to(device) for n in (0, 1)]
    return places[0], places[1], weights[0], weights[1]


def restored(output: Output, size: tuple[int, int]) -> Output:
    """Bring an output back to the size of the image that was resized."""
    if isinstance(output, ClassLogits):
        return output
    if isinstance(output, MaskQueries | CompetingMasks):
        return output._replace(size=size)
    if isinstance(output, Detections):
        down, across = (wanted / had for wanted, had in zip(size, output.size, strict=True))
        factors = output.boxes.new_tensor([across, down, across, down])
        windows = None if output.windows is None else output.windows * factors
        return output._replace(boxes=output.boxes * factors, windows=windows, size=size)
    if isinstance(output, DetectionsAndStuff):
        objects = restored(output.objects, size)
        assert isinstance(objects, Detections)
        return DetectionsAndStuff(objects, _enlarged(output.semantic, size))
    if isinstance(output, DepthMap):
        return output._replace(depth=_enlarged(output.depth, size))
    if isinstance(output, SemanticLogits):
        return output._replace(logits=_enlarged(output.logits, size))
    steps = [size[n] / output.offsets.shape[2 + n] for n in (0, 1)]
    moves = output.offsets.new_tensor(steps).view(1, 2, 1, 1)
    return PanopticLogits(
        _enlarged(output.semantic, size),
        _enlarged(output.centers, size),
        _enlarged(output.offsets, size) * moves,
        None if output.depth is None else _enlarged(output.depth, size),
        None if output.motion is None else _enlarged(output.motion, size) * moves,
    )


def bands_of(maps: Tensor, size: tuple[int, int], rows: int) -> Iterator[tuple[int, Tensor]]:
    """Resize maps [B, K, h, w] bilinearly, so many rows at a time: each band's first row, and the band [B, K, rows, W]."""
    had, (height, width) = maps.shape[2], size
    for top in range(0, height, rows):
        places = (torch.arange(top, min(top + rows, height), device=maps.device) + 0.5) * (had / height) - 0.5
        places = places.clamp_(min=0)
        above = places.floor().long().clamp_(max=had - 1)
        below = (above + 1).clamp_(max=had - 1)
        share = (places - above).to(maps.dtype).view(-1, 1)
        wide = F.interpolate(
            maps[:, :, above[0] : below[-1] + 1].float(), (int(below[-1] - above[0]) + 1, width), mode="bilinear"
        )
        yield top, torch.lerp(wide[:, :, above - above[0]], wide[:, :, below - above[0]], share)


def _enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(maps.shape[2:]) == size:
        return maps
    return F.interpolate(maps.float(), size, mode="bilinear", align_corners=False)


def _joined(pieces: list[Answer]) -> Answer:
    """The answer of a picture, of those of its bands."""
    kind: Any = type(pieces[0])
    parts: list[Any] = list(pieces)
    made: Answer = kind(torch.cat([part[0] for part in parts], dim=JOINED[kind]))
    return made
