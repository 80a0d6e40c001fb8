"""Answers of detectors: the objects of each picture, their masks pasted where their boxes are."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError
from ..labels import LabelSpace
from ..structures import Answer, CroppedMask, Detections, Objects


def objects_of_detections(
    output: Detections, space: LabelSpace, threshold: float = 0.05, mask_threshold: float = 0.5
) -> list[Answer]:
    """List the objects of each picture, each with its mask; of a network that draws none, with its box.

    Args:
        threshold: objects that are less probable are left out, 0..1; the network may have left some out itself.
        mask_threshold: of the sigmoid, 0..1: pixels of a mask that are more probable are the object's.

    Returns: B of `Objects`, best first; masks as `CroppedMask`, or boxes [M, 4].

    Raises: ModelError for a threshold outside 0..1.
    """
    _check(threshold=threshold, mask_threshold=mask_threshold)
    if output.masks is None and output.whole is None:
        return boxes_of_detections(output, space, threshold)
    answers: list[Answer] = []
    for n, rows in enumerate(_rows(output, threshold)):
        boxes = output.boxes[n, rows]
        if output.whole is not None:
            drawn = enlarged(output.whole[n, rows], output.size, mask_threshold)
        elif output.windows is not None and output.masks is not None:
            drawn = placed(output.masks[n, rows].sigmoid(), output.windows[n, rows], output.size, mask_threshold)
        elif output.masks is not None:
            drawn = pasted(output.masks[n, rows].sigmoid(), boxes, output.size, mask_threshold)
        answers.append(
            Objects(drawn, output.classes[n, rows], output.scores[n, rows], boxes=boxes, agnostic=output.agnostic)
        )
    return answers


def boxes_of_detections(output: Detections, space: LabelSpace, threshold: float = 0.05) -> list[Answer]:
    """List the objects of each picture, each with its box, whether the network draws masks or not.

    Args:
        threshold: as for `objects_of_detections`.

    Returns: B of `Objects`, best first, whose shapes are boxes [M, 4].

    Raises: ModelError for a threshold outside 0..1.
    """
    _check(threshold=threshold)
    return [
        Objects(output.boxes[n, rows], output.classes[n, rows], output.scores[n, rows], agnostic=output.agnostic)
        for n, rows in enumerate(_rows(output, threshold))
    ]


def pasted(masks: Tensor, boxes: Tensor, size: tuple[int, int], threshold: float) -> list[CroppedMask]:
    """Enlarge masks to their boxes, as the released code of Mask R-CNN does: boxes end on whole pixels.

    A mask gets a border of zeros, and its box grows by as much; it is enlarged to the pixels that the box then touches.

    Args:
        masks: [M, m, m], 0..1.
        boxes: [M, 4].
        size: (H, W) of the image; what lies outside is cut off.
        threshold: pixels above it are the object's.
    """
    grown = (masks.shape[-1] + 2) / masks.shape[-1]
    center, half = (boxes[:, 2:] + boxes[:, :2]) * 0.5, (boxes[:, 2:] - boxes[:, :2]) * 0.5 * grown
    edges = torch.cat([center - half, center + half], dim=1).long().tolist()
    h, w = size
    found = []
    for mask, (x0, y0, x1, y1) in zip(F.pad(masks, (1, 1, 1, 1)), edges, strict=True):
        place = (max(y1 - y0 + 1, 1), max(x1 - x0 + 1, 1))
        whole = F.interpolate(mask[None, None], place, mode="bilinear", align_corners=False)[0, 0]
        top, left = min(max(y0, 0), h), min(max(x0, 0), w)
        low, right = max(min(y1 + 1, h), top), max(min(x1 + 1, w), left)
        inside = whole[top - y0 : low - y0, left - x0 : right - x0] > threshold
        found.append(CroppedMask((slice(top, low), slice(left, right)), inside.cpu().numpy(), size))
    return found


def placed(masks: Tensor, windows: Tensor, size: tuple[int, int], threshold: float) -> list[CroppedMask]:
    """Enlarge masks to their windows, between pixels, as Detectron2 does.

    Args:
        masks: [M, m, n], 0..1; beyond them everything is 0.
        windows: [M, 4] in pixels.
        size: (H, W) of the image; what lies outside is cut off.
        threshold: pixels above it are the object's.
    """
    found = []
    for mask, window in zip(masks.float(), windows.float(), strict=True):
        grid, place = [], []
        for n, side in ((1, size[0]), (0, size[1])):  # rows, columns
            low, high = float(window[n]), float(window[n + 2])
            start = min(max(int(low) - 1, 0), side)
            stop = max(min(int(high) + 2, side), start)
            at = torch.arange(start, stop, device=mask.device, dtype=torch.float32) + 0.5
            grid.append((at - low) / max(high - low, 1e-6) * 2 - 1)
            place.append(slice(start, stop))
        points = torch.stack([grid[1].expand(len(grid[0]), -1), grid[0][:, None].expand(-1, len(grid[1]))], dim=2)
        on = F.grid_sample(mask[None, None], points[None], align_corners=False)[0, 0] > threshold
        found.append(CroppedMask(tuple(place), on.cpu().numpy(), size))
    return found


def enlarged(masks: Tensor, size: tuple[int, int], threshold: float) -> list[CroppedMask]:
    """Enlarge masks of a whole picture to its size, as the released code of YOLACT does, and cut them to their pixels.

    Args:
        masks: [M, h, w], 0..1.
        size: (H, W) of the image.
        threshold: pixels above it are the object's.
    """
    found = []
    for mask in masks:  # one by one: all together are M times the picture
        on = F.interpolate(mask[None, None].float(), size, mode="bilinear", align_corners=False)[0, 0] > threshold
        place = []
        for axis in (1, 0):
            lines = on.any(axis).nonzero()[:, 0]
            place.append(slice(int(lines[0]), int(lines[-1]) + 1) if len(lines) else slice(0, 0))
        found.append(CroppedMask(tuple(place), on[place[0], place[1]].cpu().numpy(), size))
    return found


def _rows(output: Detections, threshold: float) -> list[Tensor]:
    """Of each picture the rows that hold an object: rows of score 0 fill up."""
    return [((one > 0) & (one >= threshold)).nonzero()[:, 0] for one in output.scores]


def _check(**thresholds: float) -> None:
    for name, value in thresholds.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            raise ModelError(f"{name} is {value!r}; give a number of 0 to 1")
