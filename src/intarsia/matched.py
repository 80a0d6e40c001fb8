"""What detectors answer in training beside what is wanted of them; only their losses read it (`Detections.found_by`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class PointMatches(NamedTuple):
    """The answers of a detector that finds boxes from points: P points of all images, Q of them in an object, M masks."""

    logits: Tensor  # [P, K]
    classes: Tensor  # [P] int64; K is no object
    distances: Tensor  # [Q, 4] to the left, top, right and lower edge, in strides of the point's level
    wanted_distances: Tensor  # [Q, 4]
    centerness: Tensor  # [Q] logits
    masks: Tensor | None  # [M, m, m] logits, of the object's class; None for boxes alone
    wanted_masks: Tensor | None  # [M, m, m] 0 or 1
    overlaps: Tensor | None  # [M] how much each mask is thought to overlap its object; None where nothing judges that
    wanted_overlaps: Tensor | None  # [M] IoU, 0..1


class WindowMatches(NamedTuple):
    """The answers of a network that looks at windows: N windows of all images, Q of them around an object."""

    scores: Tensor  # [N] logits
    is_object: Tensor  # [N] 0 or 1
    masks: Tensor  # [Q, m, m] logits
    wanted_masks: Tensor  # [Q, m, m] 0 or 1


class AnchorMatches(NamedTuple):
    """The answers of a detector that refines shapes: P anchors of all images, Q of them an object's, and N masks."""

    logits: Tensor  # [P, K]
    classes: Tensor  # [P] int64; K is no object
    codes: Tensor  # [Q, 4] how to move an anchor
    wanted_codes: Tensor  # [Q, 4]
    priors: Tensor | None = None  # [N, m, m] 0..1, mixed of usual shapes; None for boxes alone
    coarse: Tensor | None = None  # [N, m, m] logits
    fine: Tensor | None = None  # [N, M, M] logits
    wanted_coarse: Tensor | None = None  # [N, m, m] 0 or 1
    wanted_fine: Tensor | None = None  # [N, M, M] 0 or 1


class RetinaMatches(NamedTuple):
    """The answers of RetinaMask in training, and what is wanted of each; only its loss reads it."""

    logits: Tensor  # [B, A, K] of every anchor
    classes: Tensor  # [B, A] int64; K is nothing, -1 does not count
    codes: Tensor  # [P, 4] how to move those that are an object's
    wanted_codes: Tensor  # [P, 4]
    corner: Tensor  # [4] of the smooth L1 of each code: below it the loss is a square
    masks: Tensor  # [Q, m, m] logits, of the object's class
    wanted_masks: Tensor  # [Q, m, m] 0..1
