"""The loss of a detector that names the pixels between its objects, too: both tasks, weighed.

Kirillov, Girshick, He, Dollar. "Panoptic Feature Pyramid Networks." CVPR 2019. arXiv:1901.02446 (section 3)

    objects * (objectness + rpn_box + class + box + mask)  +  stuff * cross entropy

To the cross entropy all things are one class, "other": its probability is the sum of theirs. Pixels of the ignore index do
not count.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..structures import Batch, DetectionsAndStuff
from .detection import Detection
from .targets import paired, refuse


class DetectionAndStuff(nn.Module):
    """{"objectness", "rpn_box", "class", "box", "mask", "semantic"}: the terms of Panoptic FPN, weighted, to be added up.

    Args:
        ignore_index: the label of pixels that do not count.
        things: numbers of the classes whose objects are told apart, which are one class to the semantic branch.
        corner: of the smooth L1 of boxes: below it the loss is a square (1/9 in the released code).
        objects: weight of the detector's terms.
        stuff: weight of the semantic branch (the paper's for COCO).
    """

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        things: Sequence[int] = (),
        corner: float = 1 / 9,
        objects: float = 1.0,
        stuff: float = 0.5,
    ) -> None:
        super().__init__()
        self.ignore_index, self.things = ignore_index, tuple(things)
        self.objects, self.stuff = objects, stuff
        self.detection = Detection(corner=corner)

    def forward(self, output: DetectionsAndStuff, truth: Batch) -> dict[str, Tensor]:
        """Compare what the network has matched with the true objects, and its semantic map with the labels.

        Raises: ModelError when it has matched nothing: in eval mode, or without the truth.
        """
        if not isinstance(output, DetectionsAndStuff):
            raise ModelError(
                f"the loss 'detection_and_stuff' compares DetectionsAndStuff, and the network returned {type(output).__name__}; "
                "use the loss of that network"
            )
        terms = {name: self.objects * term for name, term in self.detection(output.objects, truth).items()}
        return {**terms, "semantic": self.stuff * self._cross_entropy(output.semantic, truth)}

    def _cross_entropy(self, semantic: Tensor, truth: Batch) -> Tensor:
        logits, labels = paired(semantic, truth)
        refuse(labels, logits.shape[1], self.ignore_index)
        counted = labels != self.ignore_index
        known = logits.log_softmax(dim=1)  # [B, K, H, W]
        own = known.gather(1, torch.where(counted, labels, 0)[:, None])[:, 0]  # [B, H, W]
        if self.things:
            other = known[:, list(self.things)].logsumexp(dim=1)
            own = torch.where(torch.isin(labels, labels.new_tensor(self.things)), other, own)
        return -torch.where(counted, own, 0).sum() / counted.sum().clamp(min=1)
