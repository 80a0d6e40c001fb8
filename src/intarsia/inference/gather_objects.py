"""Join the objects that several views of a picture, or several networks, found: of those that overlap, the best stays.

`gather` joins the maps of pixels, and knows both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..structures import CompetingMasks, Detections, MaskQueries
from .poses import View, upright

OVERLAP = 0.5  # objects of a class whose boxes, or masks, have at least this IoU are one
HALF = -0.6931  # logarithm of a half
EMPTY = -100.0  # the logit of a cell of a mask that is no object's
NONE = 30.0  # the score of "no object" of a query that is one of another view as well


class Union:
    """The objects of all outputs; of those of one class that overlap, the best."""

    def __init__(self, size: tuple[int, int], how: str, sigmoid: bool) -> None:
        self.size = size
        self.found: list[Detections] = []

    def add(self, output: Detections, view: View, temperature: float) -> None:
        masks, whole = (None if part is None else upright(part, view) for part in (output.masks, output.whole))
        boxes, windows = (
            None if part is None else self._upright(part, view) for part in (output.boxes, output.windows)
        )
        first = self.found[0].whole if self.found else None
        if self.found and _drawn(output) != _drawn(self.found[0]):
            raise ModelError(
                f"one network answers with {_drawn(self.found[0])} and another with {_drawn(output)}; average networks whose "
                "objects are alike, such as two of one architecture with the same options"
            )
        if whole is not None and first is not None and whole.shape[2:] != first.shape[2:]:
            whole = nn.functional.interpolate(whole, first.shape[2:], mode="bilinear", align_corners=False)
        assert boxes is not None
        self.found.append(
            output._replace(boxes=boxes, masks=masks, size=self.size, found_by=None, windows=windows, whole=whole)
        )

    def _upright(self, boxes: Tensor, view: View) -> Tensor:
        """Bring boxes [B, N, 4] of a view back into the pose and the size of the picture."""
        height, width = view.size[::-1] if view.turns % 2 else view.size
        if view.mirrored:
            boxes = torch.stack([width - boxes[..., 2], boxes[..., 1], width - boxes[..., 0], boxes[..., 3]], dim=-1)
        for _ in range(view.turns % 4):  # back with the clock
            x0, y0, x1, y1 = boxes.unbind(-1)
            boxes = torch.stack([height - y1, x0, height - y0, x1], dim=-1)
            height, width = width, height
        return boxes * boxes.new_tensor([self.size[1] / width, self.size[0] / height] * 2)

    def output(self) -> Detections:
        most = self.found[0].scores.shape[1]
        found = _of_one_shape(self.found)
        scores, classes, boxes, masks, windows, whole = (
            None if parts[0] is None else torch.cat(parts, dim=1)
            for parts in zip(*((o.scores, o.classes, o.boxes, o.masks, o.windows, o.whole) for o in found), strict=True)
        )
        assert scores is not None and classes is not None and boxes is not None
        rows = []
        for own in zip(scores, classes, boxes, strict=True):
            kept = kept_of(*own)[:most]
            rows.append(torch.cat([kept, kept.new_full((most - len(kept),), scores.shape[1])]))
        order = torch.stack(rows)  # [B, N], one past the end where nothing is left
        scores, classes, boxes = (_taken(_padded(part), order) for part in (scores, classes, boxes))
        masks, windows, whole = (
            None if part is None else _taken(_padded(part), order) for part in (masks, windows, whole)
        )
        agnostic = self.found[0].agnostic
        return Detections(scores, classes, boxes, masks, self.size, None, agnostic, windows, whole)


class Queries:
    """The queries of all outputs; of those of one class whose masks overlap, all but the best find no object.

    Where masks compete for pixels, they go on to: each view's are probabilities, and those that find nothing leave theirs.
    """

    def __init__(self, size: tuple[int, int], how: str, sigmoid: bool) -> None:
        self.size = size
        self.kind: Any = None
        self.classes: list[Tensor] = []
        self.masks: list[Tensor] = []

    def add(self, output: MaskQueries | CompetingMasks, view: View, temperature: float) -> None:
        self.kind = type(output)
        masks = upright(output.masks.float(), view)
        if self.masks and masks.shape[2:] != self.masks[0].shape[2:]:
            masks = nn.functional.interpolate(masks, self.masks[0].shape[2:], mode="bilinear", align_corners=False)
        self.classes.append(output.classes.float())
        self.masks.append(masks.log_softmax(dim=1) if self.kind is CompetingMasks else masks)

    def output(self) -> MaskQueries | CompetingMasks:
        classes, masks = torch.cat(self.classes, dim=1), torch.cat(self.masks, dim=1)
        scores, labels = classes.softmax(dim=-1)[..., :-1].max(dim=-1)
        none = torch.zeros_like(classes[0, 0])
        none[-1] = NONE
        least = HALF if self.kind is CompetingMasks else 0.0
        for n, (own, score, label) in enumerate(zip(classes, scores, labels, strict=True)):
            drawn = masks[n].flatten(1) > least
            both = drawn.float() @ drawn.float().T
            area = both.diagonal()
            close = (both >= OVERLAP * (area[:, None] + area - both)) & (both > 0) & (label[:, None] == label)
            kept = torch.zeros_like(score, dtype=torch.bool)
            kept[_best(score.argsort(descending=True, stable=True), close)] = True
            own[~kept] = none
            if self.kind is CompetingMasks and len(self.classes) > 1:
                masks[n, ~kept & drawn.any(1)] = -NONE
        joined: MaskQueries | CompetingMasks = self.kind(classes, masks, self.size)
        return joined


def kept_of(scores: Tensor, classes: Tensor, boxes: Tensor, overlap: float = OVERLAP) -> Tensor:
    """Suppress what overlaps something better of its class.

    Args:
        scores, classes: [N]; of score 0 is padding.
        boxes: [N, 4] x0, y0, x1, y1.
        overlap: the least IoU.

    Returns: the rows that are kept, best first.
    """
    order = scores.argsort(descending=True, stable=True)
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    both = (high - low).clamp_min(0).prod(dim=-1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=-1)
    close = (both >= overlap * (area[:, None] + area - both)) & (both > 0) & (classes[:, None] == classes)
    return _best(order[scores[order] > 0], close)


def _best(order: Tensor, close: Tensor) -> Tensor:
    """The rows of `order` without those that are close [N, N] to one that comes before them and is kept itself."""
    near = close[order][:, order].cpu()
    alive = torch.ones(len(order), dtype=torch.bool)
    for n in range(len(order)):
        if alive[n]:
            alive[n + 1 :] &= ~near[n, n + 1 :]
    return order[alive.to(order.device)]


def _drawn(output: Detections) -> str:
    """Name how objects are drawn: only what is drawn alike can stand in one tensor."""
    kinds = "proposals of no class and " if output.agnostic else ""
    if output.whole is not None and output.masks is None:
        return f"{kinds}masks of the whole picture"
    if output.masks is None:
        return f"{kinds}boxes alone"
    if output.windows is not None:
        return f"{kinds}masks in windows of their own"
    return f"{kinds}masks of {output.masks.shape[2]}x{output.masks.shape[3]} cells"


def _of_one_shape(found: list[Detections]) -> list[Detections]:
    """Enlarge the windows of masks by cells that are no object's, so that the masks of all views have as many cells."""
    sides = [output.masks.shape[2:] for output in found if output.masks is not None and output.windows is not None]
    if not sides:
        return found
    h, w = (max(side[n] for side in sides) for n in (0, 1))
    even = []
    for output in found:
        assert output.masks is not None and output.windows is not None
        m, n = output.masks.shape[2:]
        x0, y0, x1, y1 = output.windows.unbind(-1)
        windows = torch.stack([x0, y0, x0 + (x1 - x0) * w / n, y0 + (y1 - y0) * h / m], dim=-1)
        even.append(
            output._replace(masks=nn.functional.pad(output.masks, (0, w - n, 0, h - m), value=EMPTY), windows=windows)
        )
    return even


def _padded(part: Tensor) -> Tensor:
    """One row of zeros after the last."""
    return torch.cat([part, torch.zeros_like(part[:, :1])], dim=1)


def _taken(part: Tensor, order: Tensor) -> Tensor:
    index = order.reshape(*order.shape, *(1 for _ in part.shape[2:])).expand(-1, -1, *part.shape[2:])
    return part.gather(1, index)
