"""The loss of DeepMask and SharpMask: does a window hold an object, and which of its pixels are the object's.

Pinheiro, Collobert, Dollar. "Learning to Segment Object Candidates." NeurIPS 2015. arXiv:1506.06204 (equation 1)
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from ..matched import WindowMatches
from ..structures import Batch, Detections


class SharpMaskLoss(nn.Module):
    """{"mask", "score"}: the binary cross entropy of each pixel, of windows around objects alone, and of each window.

    Args:
        weight: of the score.
    """

    def __init__(self, *, weight: float = 1 / 32) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, output: Detections, truth: Batch) -> dict[str, Tensor]:
        """Compare the windows that the network has drawn with the true objects.

        Raises: ModelError when it has drawn none, in eval mode or without the truth, or compares otherwise.
        """
        found = output.found_by
        if not isinstance(found, WindowMatches):
            raise ModelError(
                "the loss sharpmask reads the windows that SharpMask has compared with the true objects, and there are none: "
                "call network(image, truth) in training mode, or choose the loss of the network's own paper"
            )
        masks = F.binary_cross_entropy_with_logits(found.masks, found.wanted_masks, reduction="sum")
        scores = F.binary_cross_entropy_with_logits(found.scores, found.is_object, reduction="sum")
        return {
            "mask": masks / max(found.masks.numel(), 1),
            "score": self.weight * scores / max(len(found.scores), 1),
        }
