"""What TensorMask minimizes: the class of every window, and the box and the mask of those that fit an object.

Chen, Girshick, He, Dollar. "TensorMask." ICCV 2019. arXiv:1903.12174, section 5

A window is an object's that contains its box, is at most twice as large, and whose middle lies at most one unit of its level
off the box's. One that fits two objects is nothing.

    class    focal loss, starred: log sigmoid of gamma times the logit, over gamma
    box      L1
    mask     2 * binary cross entropy of each cell, those of the object 1.5 times, the mean over the cells

All are sums over the batch, divided by the number of the objects' windows.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks.boxes import encode_boxes
from ..blocks.matching import NOTHING, excused
from ..blocks.natural_masks import TensorMasks, Windows, natural_at
from ..blocks.pyramid_regions import cut_masks
from ..blocks.true_objects import TrueObjects, true_objects
from ..errors import ModelError
from ..structures import Batch, Detections
from .dense_focal import focal_star_sum, one_hot

WEIGHTS = (1.5, 1.5, 0.75, 0.75)  # of the codes


class TensorMask(nn.Module):
    """{"class", "box", "mask"}: the terms of TensorMask, weighted, to be added up.

    Args:
        alpha: weight of windows of a class in the focal loss; 1 - alpha of those of nothing.
        gamma: how steep the focal loss is.
        mask: weight of the masks.
        inside: weight of the cells of the object.
        larger: times that a window may be as large as its object.
        off: units of its level that a window's middle may lie off.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.3,
        gamma: float = 3.0,
        mask: float = 2.0,
        inside: float = 1.5,
        larger: float = 2.0,
        off: float = 1.0,
    ) -> None:
        super().__init__()
        self.alpha, self.gamma, self.mask, self.inside = alpha, gamma, mask, inside
        self.larger, self.off = larger, off

    def forward(self, output: Detections, truth: Batch) -> dict[str, Tensor]:
        """Match the windows with the true objects and compare them.

        Raises: ModelError when the detections are another network's, or were made in eval mode.
        """
        found = output.found_by
        if not isinstance(found, TensorMasks):
            raise ModelError(
                "the tensormask loss reads what the network tensormask says of its windows in training mode, and these "
                "detections do not have it; train tensormask with it, or choose another network's own loss"
            )
        logits, codes, anchors = torch.cat(found.logits, 1), torch.cat(found.codes, 1), torch.cat(found.anchors)
        units = torch.cat([a.new_full((len(a),), unit) for a, unit in zip(found.anchors, found.strides, strict=True)])
        smallest = (
            float((anchors[: len(found.masks[0]), 2] - anchors[: len(found.masks[0]), 0]).min()) - found.strides[0]
        )
        focal, box, mask, count = logits.sum() * 0, codes.sum() * 0, _touched(found), 0
        for n in range(len(logits)):
            true = true_objects(truth, n, logits.shape[2])
            matched = excused(self.match(true.boxes, anchors, units, smallest), anchors, true.ignored)
            hit = (matched >= 0).nonzero()[:, 0]
            rows = matched[hit]
            count += len(hit)
            kinds = torch.full_like(matched, logits.shape[2])
            kinds[hit] = true.classes[rows]
            counted = (matched >= 0) | (matched == NOTHING)
            wanted = one_hot(kinds[counted], logits.shape[2]).to(logits)
            focal = focal + focal_star_sum(logits[n, counted], wanted, alpha=self.alpha, gamma=self.gamma)
            box = box + (codes[n, hit] - encode_boxes(true.boxes[rows], anchors[hit], WEIGHTS)).abs().sum()
            mask = mask + self._masks(found, n, hit, rows, anchors[hit], true)
        count = max(count, 1)
        return {"class": focal / count, "box": box / count, "mask": self.mask * mask / count}

    @torch.no_grad()
    def match(self, boxes: Tensor, anchors: Tensor, units: Tensor, smallest: float) -> Tensor:
        """Find the object of each window: [A] row of its box, or `NOTHING`.

        Args:
            boxes: [M, 4].
            anchors: [A, 4], the windows.
            units: [A] of their levels, in pixels.
            smallest: size of a window that the smallest objects may have, in pixels.
        """
        if not len(boxes):
            return torch.full((len(anchors),), NOTHING, device=anchors.device)
        holds = (anchors[:, :2] <= boxes[:, None, :2]).all(2) & (anchors[:, 2:] >= boxes[:, None, 2:]).all(2)  # [M, A]
        most = self.larger * (boxes[:, 2:] - boxes[:, :2]).amax(1)
        most = torch.where(most < smallest, smallest, most)
        fits = most[:, None] >= (anchors[:, 2:] - anchors[:, :2]).amax(1) - units
        middle, at = (boxes[:, 2:] + boxes[:, :2]) / 2, (anchors[:, 2:] + anchors[:, :2]) / 2
        near = ((middle[:, None] - at) / units[:, None]).square().sum(2) <= self.off**2
        own = holds & fits & near
        return torch.where(own.sum(0) == 1, own.int().argmax(0), NOTHING)

    def _masks(
        self, found: TensorMasks, n: int, hit: Tensor, rows: Tensor, windows: Tensor, true: TrueObjects
    ) -> Tensor:
        """Sum the mean cross entropies of the masks of the windows of image n that are objects'."""
        total, start, kinds = windows.new_zeros(()), 0, len(found.masks[0])
        for level, (tensors, scale) in enumerate(zip(found.masks, found.scales, strict=True)):
            local = hit - start
            across = found.wide[level]
            for kind, x in enumerate(tensors):
                some = ((local >= 0) & (local < len(found.anchors[level])) & (local % kinds == kind)).nonzero()[:, 0]
                if not len(some):
                    continue
                place = local[some] // kinds
                places = Windows(torch.full_like(place, n), place // across, place % across)
                side = round(x.shape[1] ** 0.5) * scale
                if found.aligned:
                    logits = natural_at(x, places, scale)
                else:
                    logits = x[n][:, places.rows, places.columns].T.reshape(-1, side, side)
                wanted = (cut_masks(true.masks, windows[some], rows[some], side) >= 0.5).to(logits)
                loss = F.binary_cross_entropy_with_logits(
                    logits, wanted, pos_weight=logits.new_tensor(self.inside), reduction="sum"
                )
                total = total + loss / side**2
            start += len(found.anchors[level])
        return total


def _touched(found: TensorMasks) -> Tensor:
    """A zero that all masks have a part in, so that none is without a gradient."""
    return torch.stack([x.sum() for tensors in found.masks for x in tensors]).sum() * 0
