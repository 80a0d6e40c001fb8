"""What networks minimize whose masks compete for pixels: one minus a panoptic quality that can be differentiated.

Wang, Zhu, Adam, Yuille, Chen. "MaX-DeepLab: End-to-End Panoptic Segmentation with Mask Transformers." CVPR 2021.
arXiv:2012.00759, sections 3.2 and 3.4
Yu, Wang, Qiao, Collins, Zhu, Adam, Yuille, Chen. "k-means Mask Transformer." ECCV 2022. arXiv:2207.04044

    similarity of a query and a segment    p(class) * dice of the masks            the matching of the largest sum counts
    class      3 * mean of a w * -log p(class), or "no object" without a segment  a: 3/4 with a segment, 1/4 without
                                                                                   w: dice; without a segment, its void share
    dice       3 * 3/4 * sum of p(class) * (1 - dice) / Q
    mask_id    0.3 * mean over pixels of -log softmax over the queries
    pixels     cross entropy between how alike pixels are (v v / 0.3) and whether they are of one segment
    semantic   cross entropy of the head of classes beside

Pixels and classes are compared at drawn pixels, those of small segments more often. Pixels of no segment do not count.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from ..structures import Batch, CompetingMasks
from .set_prediction import Target, targets_for
from .targets import precise

ALIKE = 0.3  # temperature of how alike two pixels are
SAMPLES = {"pixels": 1.5, "semantic": 2.0}  # how much more often pixels of small segments are drawn: area^-power
LEAST = 1e-5  # weight of a query whose mask or class fits nothing


class Wanted(NamedTuple):
    """What one picture's queries should say.

    Args:
        classes: [Q] int64; K is "no object".
        masks: [Q, P] whose each pixel is, 0..1; zeros for a query without a segment.
        of_class, of_mask: [Q] weights of the class and of the mask.
    """

    classes: Tensor
    masks: Tensor
    of_class: Tensor
    of_mask: Tensor


class PQStyle(nn.Module):
    """{"class", "dice", "mask_id", "pixels", "semantic", "earlier"}: the terms of MaX- and kMaX-DeepLab, to be added up.

    Args:
        ignore_index: the label of pixels that do not count.
        things: numbers of the classes whose objects are told apart; a pixel of theirs without an object does not count.
            Without them every class without an object is stuff.
        classes: weight of the classes.
        dice: weight of the overlaps.
        mask_id: weight of the cross entropy over queries at each pixel.
        pixels: weight of telling pixels of different segments apart.
        semantic: weight of the head of classes beside.
        earlier: weight of the terms of each earlier layer, for which the last one's matching counts.
        samples: how many pixels of a picture are drawn for the last two.
    """

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        things: Sequence[int] = (),
        classes: float = 3.0,
        dice: float = 3.0,
        mask_id: float = 0.3,
        pixels: float = 1.0,
        semantic: float = 1.0,
        earlier: float = 1.0,
        samples: int = 4096,
    ) -> None:
        super().__init__()
        self.ignore_index, self.things, self.samples = ignore_index, tuple(things), samples
        self.weights = {"class": classes, "dice": dice, "mask_id": mask_id, "pixels": pixels, "semantic": semantic}
        self.earlier = earlier

    def forward(self, output: CompetingMasks, truth: Batch) -> dict[str, Tensor]:
        """Compare every layer with the true segments.

        Raises: ModelError for the output of another kind of network.
        """
        if not isinstance(output, CompetingMasks):
            raise ModelError(
                f"the loss 'pq_style' compares CompetingMasks, and the network returned {type(output).__name__}; use the loss "
                "of that network"
            )
        targets = targets_for(output, truth, self.ignore_index, self.things)
        small = [shrunk(target, output.masks.shape[-2:]) for target in targets]
        wanted = [
            self.want(precise(logits), precise(masks).flatten(1), target.classes, true.to(precise(masks).dtype))
            for logits, masks, target, true in zip(output.classes, output.masks, targets, small, strict=True)
        ]
        terms = self._terms(output, wanted)
        if output.semantic is not None:
            terms["semantic"] = self._semantic(precise(output.semantic), truth, small)
        terms = {name: self.weights[name] * term for name, term in terms.items()}
        if output.auxiliary and self.earlier:
            rest = [
                self.weights[name] * term
                for layer in output.auxiliary
                for name, term in self._terms(_resized(layer, output.masks.shape[-2:]), wanted).items()
            ]
            terms["earlier"] = self.earlier * torch.stack(rest).sum()
        return terms

    @torch.no_grad()
    def want(self, logits: Tensor, masks: Tensor, classes: Tensor, true: Tensor) -> Wanted:
        """Give each segment the query that has the most of it, and say what all queries should be.

        Args:
            logits: [Q, K + 1].
            masks: [Q, P] logits.
            classes, true: [M] and [M, P], of the segments, M at most Q.
        """
        from scipy.optimize import linear_sum_assignment

        q, none = len(logits), logits.shape[1] - 1
        known = (true > 0).any(dim=0)
        share = masks.softmax(dim=0)  # [Q, P]
        inside = share * known
        dice = 2 * (inside @ true.T) / (inside.sum(1)[:, None] + true.sum(1) + 2e-5)  # [Q, M]
        sure = logits.softmax(dim=1)[:, classes]  # [Q, M]
        cost = -(dice * sure).nan_to_num(0)
        query, row = (torch.as_tensor(n, device=masks.device) for n in linear_sum_assignment(cost.cpu().numpy()))
        wanted = torch.full((q,), none, device=masks.device)
        wanted[query] = classes[row]
        drawn, of_mask = torch.zeros_like(masks), masks.new_zeros(q)
        drawn[query] = true[row]
        of_mask[query] = sure[query, row].clamp(min=LEAST)
        of_class = (share * ~known).sum(1) / (share.sum(1) + 1e-5)
        of_class[query] = dice[query, row]
        return Wanted(wanted, drawn / drawn.sum(0).clamp(min=1), of_class.clamp(min=LEAST), of_mask)

    def _terms(self, layer: CompetingMasks, wanted: Sequence[Wanted]) -> dict[str, Tensor]:
        logits, masks = precise(layer.classes), precise(layer.masks).flatten(2)  # [B, Q, K + 1], [B, Q, P]
        classes, true, of_class, of_mask = (torch.stack(part) for part in zip(*wanted, strict=True))
        none = logits.shape[2] - 1
        alpha = torch.where(classes == none, 0.25, 0.75) * of_class
        known = true.sum(1) > 0  # [B, P]
        inside = masks.softmax(dim=1) * known[:, None]
        dice = (2 * (inside * true).sum(2) + 1) / (inside.sum(2) + true.sum(2) + 1)
        each = -(masks.log_softmax(dim=1) * true).sum(1)
        terms = {
            "class": _mean(alpha * F.cross_entropy(logits.transpose(1, 2), classes, reduction="none")),
            "dice": ((1 - dice) * of_mask).sum(1).mean() * 0.75 / masks.shape[1],
            "mask_id": _mean(torch.where(known, each, 0)),
        }
        if layer.pixels is not None:
            terms["pixels"] = self._pixels(precise(layer.pixels).flatten(2), true)
        return terms

    def _pixels(self, vectors: Tensor, true: Tensor) -> Tensor:
        """How far pixels [B, D, P] are from being alike where they are of one segment, and unlike elsewhere."""
        chosen, valid = self._drawn(true, SAMPLES["pixels"])
        of_one = true.gather(2, chosen[:, None].expand(-1, true.shape[1], -1))  # [B, Q, S]
        same = of_one.transpose(1, 2) @ of_one
        same = same / same.sum(1, keepdim=True).clamp(min=1)
        v = vectors.gather(2, chosen[:, None].expand(-1, vectors.shape[1], -1))  # [B, D, S]
        alike = (v.transpose(1, 2) @ v / ALIKE).masked_fill(~valid[:, :, None], torch.finfo(v.dtype).min)
        each = -(alike.log_softmax(dim=1) * same).sum(1)
        return _mean(torch.where(valid, each, 0))

    def _semantic(self, logits: Tensor, truth: Batch, small: Sequence[Tensor]) -> Tensor:
        """Cross entropy at drawn pixels of logits [B, K, h, w]."""
        labels = F.interpolate(truth.labels[:, None].float(), logits.shape[2:], mode="nearest").long().flatten(1)
        most = max(len(part) for part in small)
        segments = torch.stack([F.pad(part, (0, 0, 0, most - len(part))) for part in small]).to(logits.dtype)
        if segments.shape[2] != labels.shape[1]:
            raise ModelError("the masks and the semantic map of a network of competing masks have to be of one size")
        chosen, valid = self._drawn(segments, SAMPLES["semantic"])
        picked = labels.gather(1, chosen)
        picked = torch.where(valid & (picked != self.ignore_index), picked, -1)
        scores = logits.flatten(2).gather(2, chosen[:, None].expand(-1, logits.shape[1], -1))
        return _mean(F.cross_entropy(scores, picked, ignore_index=-1, reduction="none"))

    def _drawn(self, true: Tensor, power: float) -> tuple[Tensor, Tensor]:
        """Draw pixels without replacement, of small segments more often: [B, S], and whether each is of a segment.

        Args:
            true: [B, Q, P].
        """
        known = true.sum(1) > 0
        area = (true * true.sum(2, keepdim=True)).sum(1)  # [B, P] of each pixel's segment
        odds = power * (true.shape[2] / area.clamp(min=1)).log()
        noise = torch.rand_like(odds).clamp(1e-7, 1 - 1e-7)
        chosen = (
            (odds - (-noise.log()).log()).masked_fill(~known, -99999.0).topk(min(self.samples, true.shape[2])).indices
        )
        return chosen, known.gather(1, chosen)


def shrunk(target: Target, size: Sequence[int]) -> Tensor:
    """The masks of segments at another size, by the nearest pixel: [M, h w], 0 or 1, none where a pixel does not count."""
    parts = torch.cat([target.masks & target.counted, target.counted[None]])[None].float()
    return F.interpolate(parts, tuple(size), mode="nearest")[0, :-1].flatten(1)


def _resized(layer: CompetingMasks, size: Sequence[int]) -> CompetingMasks:
    parts = (
        None if part is None else F.interpolate(precise(part), tuple(size), mode="bilinear", align_corners=False)
        for part in (layer.masks, layer.pixels)
    )
    masks, pixels = parts
    assert masks is not None
    return layer._replace(masks=masks, pixels=pixels)


def _mean(values: Tensor) -> Tensor:
    """Of each picture the mean of what is not 0, then the mean over pictures: [B, N] to a number."""
    return (values.sum(1) / (values != 0).sum(1).clamp(min=1)).mean()
