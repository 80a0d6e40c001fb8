"""What YOLACT minimizes: the class, the box and the mask of every anchor of an object, and a semantic map.

Bolya, Zhou, Xiao, Lee. "YOLACT: Real-Time Instance Segmentation." ICCV 2019. arXiv:1904.02689, sections 3 to 5

    class       cross entropy of the objects' anchors, and of three times as many others, the hardest of each picture
    box         1.5 * smooth L1
    mask        6.125 * binary cross entropy in the true box, over the box's area
    semantic    binary cross entropy of each class and pixel of the finest level

The first three are sums over the batch, divided by the number of the objects' anchors.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks.boxes import box_iou, encode_boxes
from ..blocks.matching import NOTHING, excused, match_each
from ..blocks.prototypes import Prototyped, assembled, inside
from ..blocks.true_objects import TrueObjects, true_objects
from ..errors import ModelError
from ..structures import Batch, Detections

WEIGHTS = (10, 10, 5, 5)  # of the codes


class Yolact(nn.Module):
    """{"class", "box", "mask", "semantic"}: the terms of YOLACT, weighted, to be added up.

    Args:
        box: weight of the boxes.
        mask: weight of the masks.
        semantic: weight of the semantic map.
        low, high: an anchor is nothing below an IoU of `low`, an object's from `high` on; each object keeps one in any case.
        negatives: anchors of nothing for each of an object's; a picture without objects teaches its semantic map alone.
        masks: of an image at most; of more, some are drawn at random (100 at 550, 300 at 700).
    """

    def __init__(
        self,
        *,
        box: float = 1.5,
        mask: float = 6.125,
        semantic: float = 1.0,
        low: float = 0.4,
        high: float = 0.5,
        negatives: int = 3,
        masks: int = 100,
    ) -> None:
        super().__init__()
        self.box, self.mask, self.semantic = box, mask, semantic
        self.low, self.high, self.negatives, self.masks = low, high, negatives, masks

    def forward(self, output: Detections, truth: Batch) -> dict[str, Tensor]:
        """Match the anchors with the true objects and compare them.

        Raises: ModelError when the detections are another network's, or were made in eval mode.
        """
        found = output.found_by
        if not isinstance(found, Prototyped):
            raise ModelError(
                "the yolact loss reads what the network yolact says of its anchors in training mode, and these detections do "
                "not have it; train yolact with it, or choose another network's own loss"
            )
        terms: dict[str, list[Tensor]] = {"class": [], "box": [], "mask": [], "semantic": []}
        anchors = 0
        for n in range(len(found.logits)):
            true = true_objects(truth, n, found.logits.shape[2] - 1)
            matched = match_each(box_iou(true.boxes, found.anchors), self.low, self.high)
            matched = excused(matched, found.anchors, true.ignored, 0.7)
            hit = (matched >= 0).nonzero()[:, 0]
            rows = matched[hit]
            anchors += len(hit)
            terms["class"].append(self._classes(found.logits[n], matched, true.classes))
            wanted = encode_boxes(true.boxes[rows], found.anchors[hit], WEIGHTS)
            terms["box"].append(F.smooth_l1_loss(found.codes[n, hit], wanted, reduction="sum"))
            terms["mask"].append(self._masks(found.prototypes[n], found.coefficients[n, hit], rows, true, output.size))
            terms["semantic"].append(_semantic(found.semantic[n], true, truth.labels[n]))
        sums = {name: torch.stack(parts).sum() for name, parts in terms.items()}
        count = max(anchors, 1)
        return {
            "class": sums["class"] / count,
            "box": self.box * sums["box"] / count,
            "mask": self.mask * sums["mask"] / count,
            "semantic": self.semantic * sums["semantic"] / len(found.logits),
        }

    def _classes(self, logits: Tensor, matched: Tensor, classes: Tensor) -> Tensor:
        """Sum the cross entropy of the anchors [A, K + 1] of objects, and of the hardest that are nothing."""
        wanted = torch.full_like(matched, logits.shape[1] - 1)
        hit = matched >= 0
        wanted[hit] = classes[matched[hit]]
        with torch.no_grad():  # how sure an anchor is of any object
            hard = (logits.logsumexp(1) - logits[:, -1]).masked_fill(matched != NOTHING, -1)
            most = min(self.negatives * int(hit.sum()), int((matched == NOTHING).sum()))
            rows = torch.cat([hit.nonzero()[:, 0], hard.topk(most).indices])
        return F.cross_entropy(logits[rows], wanted[rows], reduction="sum")

    def _masks(
        self, prototypes: Tensor, coefficients: Tensor, rows: Tensor, true: TrueObjects, size: tuple[int, int]
    ) -> Tensor:
        """Sum the cross entropies of the masks of anchors [Q, P], each over the area of its true box."""
        if not len(rows):
            return (prototypes.sum() + coefficients.sum()) * 0
        count = len(rows)
        if count > self.masks:
            some = torch.randperm(count, device=rows.device)[: self.masks]
            coefficients, rows = coefficients[some], rows[some]
        h, w = prototypes.shape[1:]
        small = _shrunk(true.masks, (h, w))
        logits, boxes = assembled(prototypes[None], coefficients[None])[0], true.boxes[rows]
        loss = F.binary_cross_entropy_with_logits(logits, small[rows], reduction="none")
        loss = (loss * inside(boxes, size, (h, w))).sum((1, 2))
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1) * (h * w / (size[0] * size[1]))
        return (loss / area).sum() * (count / len(rows))


def _shrunk(masks: Tensor, shape: tuple[int, int]) -> Tensor:
    """Masks [M, H, W] bool at the size of a map, 0 or 1."""
    return (F.interpolate(masks[None].float(), shape, mode="bilinear", align_corners=False)[0] > 0.5).float()


def _semantic(logits: Tensor, true: TrueObjects, labels: Tensor) -> Tensor:
    """The mean over the pixels of the sum over the classes [K, h, w] of the cross entropy; 0 where labels are ignored."""
    ignored = labels == (255 if len(logits) <= 255 else 65535)
    ignored = F.interpolate(ignored[None, None].float(), logits.shape[1:], mode="nearest")[0] > 0
    wanted = torch.zeros_like(logits)
    if len(true.masks):
        small = _shrunk(true.masks, (logits.shape[1], logits.shape[2])).to(wanted)
        index = true.classes[:, None, None].expand_as(small)
        wanted = wanted.scatter_reduce(0, index, small, "amax")
    loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").masked_fill(ignored, 0).sum()
    return loss / (logits.shape[1] * logits.shape[2])
