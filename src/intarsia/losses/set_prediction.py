"""What a network of queries minimizes: masks are matched with the true segments one to one, and pulled towards them.

Cheng, Schwing, Kirillov. "Per-Pixel Classification is Not All You Need for Semantic Segmentation." NeurIPS 2021.
arXiv:2107.06278, sections 3.2 and 4 (the matching: Carion et al. "End-to-End Object Detection with Transformers." ECCV
2020. arXiv:2005.12872)

    cost of (query, segment)    -p(class) + 20 focal + dice         the cheapest matching of all counts
    class       cross entropy; a query without a segment should say "no object", at a tenth of the weight
    focal       20 * mean of a (1 - p)^2 * -log p                   a: 1/4 inside the segment, 3/4 outside
    dice        1 - (2 sum p y + 1) / (sum p + sum y + 1)

Each object is a segment, and so is each class of stuff. Where no sample has objects, each class is one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import LabelError, ModelError
from ..structures import Batch, CompetingMasks, MaskQueries, Sample, objects_in
from .targets import precise, refuse


class Target(NamedTuple):
    """The true segments of one picture.

    Args:
        classes: [M] int64.
        masks: [M, H, W] bool.
        counted: [H, W] bool, which pixels count.
    """

    classes: Tensor
    masks: Tensor
    counted: Tensor


class SetPrediction(nn.Module):
    """{"class", "focal", "dice", "earlier"}: MaskFormer's terms, weighted, to be added up.

    Args:
        ignore_index: the label of pixels that do not count.
        things: numbers of the classes whose objects are told apart; a pixel of theirs without an object, such as one of a
            crowd, does not count. Without them every class without an object is stuff.
        no_object: weight of a query without a segment in the cross entropy.
        classes: weight of the cross entropy, in the matching too.
        focal: weight of the focal term, in the matching too.
        dice: weight of the dice term, in the matching too.
        earlier: weight of the same terms of each earlier layer, matched by itself; in training only.
    """

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        things: Sequence[int] = (),
        no_object: float = 0.1,
        classes: float = 1.0,
        focal: float = 20.0,
        dice: float = 1.0,
        earlier: float = 1.0,
    ) -> None:
        super().__init__()
        self.ignore_index, self.things, self.no_object = ignore_index, tuple(things), no_object
        self.classes, self.focal, self.dice, self.earlier = classes, focal, dice, earlier

    def forward(self, output: MaskQueries, truth: Batch) -> dict[str, Tensor]:
        targets = targets_for(output, truth, self.ignore_index, self.things)
        terms = self._terms(output, targets)
        if output.auxiliary and self.earlier:
            rest = [term for layer in output.auxiliary for term in self._terms(layer, targets).values()]
            terms["earlier"] = self.earlier * torch.stack(rest).sum()
        return terms

    def _terms(self, output: MaskQueries, targets: Sequence[Target]) -> dict[str, Tensor]:
        logits, masks = precise(output.classes), precise(output.masks)
        wanted = torch.full(logits.shape[:2], logits.shape[2] - 1, device=logits.device)  # "no object"
        focal, dice = masks.sum() * 0, masks.sum() * 0
        for n, target in enumerate(targets):
            if not len(target.classes):
                continue
            query, row = self.match(logits[n], masks[n], target)
            wanted[n, query] = target.classes[row]
            drawn = F.interpolate(masks[n, query][None], target.counted.shape, mode="bilinear", align_corners=False)[0]
            inside = drawn[:, target.counted]  # [M, P]
            true = target.masks[row][:, target.counted].to(inside.dtype)
            focal = focal + _focal(inside, true).sum()
            dice = dice + _dice(inside.sigmoid(), true).sum()
        weight = logits.new_ones(logits.shape[2])
        weight[-1] = self.no_object
        count = max(1, sum(len(target.classes) for target in targets))
        return {
            "class": self.classes * F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), weight),
            "focal": self.focal * focal / count,
            "dice": self.dice * dice / count,
        }

    @torch.no_grad()
    def match(self, logits: Tensor, masks: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        """Find the cheapest way to give each segment a query of its own.

        Args:
            logits: [Q, K + 1].
            masks: [Q, h, w] logits.
            target: M segments, M at most Q; compared at the masks' size, by the nearest pixel.

        Returns: two times [M] int64, which query and which segment.
        """
        from scipy.optimize import linear_sum_assignment

        parts = torch.cat([target.masks, target.counted[None]])[None].to(masks.dtype)
        *small, counted = F.interpolate(parts, masks.shape[-2:], mode="nearest")[0].flatten(1)  # each [h w]
        held = counted > 0
        drawn, true = masks.flatten(1)[:, held], torch.stack(small)[:, held]  # [Q, P], [M, P]
        p = drawn.sigmoid()
        on = 0.25 * (1 - p) ** 2 * F.softplus(-drawn)
        off = 0.75 * p**2 * F.softplus(drawn)
        focal = (on @ true.T + off @ (1 - true).T) / max(1, drawn.shape[1])
        dice = 1 - (2 * p @ true.T + 1) / (p.sum(1)[:, None] + true.sum(1) + 1)
        cost = self.focal * focal + self.dice * dice - self.classes * logits.softmax(1)[:, target.classes]
        query, row = linear_sum_assignment(cost.nan_to_num(1e6, 1e6, -1e6).cpu().numpy())
        return torch.as_tensor(query, device=masks.device), torch.as_tensor(row, device=masks.device)


def targets_for(
    output: MaskQueries | CompetingMasks, truth: Batch, ignore_index: int, things: Sequence[int]
) -> list[Target]:
    """List the true segments of each picture of a batch that queries have answered.

    Args:
        things: as for `SetPrediction`.

    Raises: ModelError for other sizes, LabelError for more segments than queries or a class that the network does not know.
    """
    if len(output.masks) != len(truth.labels) or tuple(output.size) != tuple(truth.labels.shape[-2:]):
        raise ModelError(
            f"the network drew {len(output.masks)} pictures of {list(output.size)} and the labels are "
            f"{list(truth.labels.shape)}; a loss compares them pixel by pixel"
        )
    targets = [segments_of(truth.sample(n), ignore_index, things) for n in range(len(truth.labels))]
    kinds, queries = output.classes.shape[2] - 1, output.classes.shape[1]
    for target in targets:
        if len(target.classes) > queries:
            raise LabelError(
                f"a picture has {len(target.classes)} segments and the network {queries} queries, each of which draws one; "
                f"set model.queries to {len(target.classes)} or more"
            )
        refuse(target.classes, kinds, ignore_index)
    return targets


def segments_of(truth: Sample, ignore_index: int, things: Sequence[int] = ()) -> Target:
    """List the true segments of one picture: objects, and each class of what is left.

    Args:
        things: as for `SetPrediction`.
    """
    labels = truth.labels.long()
    counted = labels != ignore_index
    classes, masks = labels.new_zeros(0), counted.new_zeros(0, *labels.shape)
    known = truth.objects is not None or truth.masks is not None
    if known:
        found = objects_in(truth, ignore_index)
        classes, masks = torch.as_tensor(found.classes), torch.as_tensor(found.shapes)
        if things:
            kept = torch.isin(classes, classes.new_tensor(things))
            classes, masks = classes[kept], masks[kept]
    free = counted & ~masks.any(dim=0)
    if known and things:
        crowd = free & torch.isin(labels, labels.new_tensor(things))
        free, counted = free & ~crowd, counted & ~crowd
    stuff = labels[free].unique()  # type: ignore[no-untyped-call]
    masks = torch.cat([masks, free & (labels == stuff[:, None, None])])
    return Target(torch.cat([classes, stuff]), masks, counted)


def _focal(logits: Tensor, true: Tensor) -> Tensor:
    """Mean over pixels of each mask, [M]; Lin et al. 2017 with alpha 1/4 and gamma 2."""
    each = F.binary_cross_entropy_with_logits(logits, true, reduction="none")
    miss = torch.where(true > 0, 1 - logits.sigmoid(), logits.sigmoid())
    return ((0.75 - 0.5 * true) * miss**2 * each).sum(1) / max(1, logits.shape[1])


def _dice(p: Tensor, true: Tensor) -> Tensor:
    return 1 - (2 * (p * true).sum(1) + 1) / (p.sum(1) + true.sum(1) + 1)
