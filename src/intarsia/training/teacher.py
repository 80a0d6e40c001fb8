"""Knowledge distillation: a network is drawn towards the softened answers of one that is trained already.

Hinton, Vinyals, Dean. "Distilling the Knowledge in a Neural Network." 2015. arXiv:1503.02531, section 2

    weight * T^2 * KL(softmax(teacher / T) || softmax(student / T))          mean over the pixels that count

Maps that are questions of their own (one map, several labels a pixel) have sigmoids in place of the softmax, and the mean is
taken over them, too.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import checkpoint as files
from ..config.learning import Train
from ..errors import ModelError, TrainingError
from ..inference.engine import Engine, Torch
from ..labels import LabelSpace
from ..structures import Batch, ClassLogits, SemanticLogits

SOFT = (SemanticLogits, ClassLogits)  # outputs whose logits can be softened


class Teacher:
    """The term of a loss that compares a network's output with a teacher's.

    Args:
        engine: the teacher: raw images to its output; it runs in evaluation mode and is not trained.
        labels: the classes of both.
        temperature: T above, above 0; larger ones show more of what the teacher holds for possible.
        weight: of the term.
    """

    def __init__(self, engine: Engine, labels: LabelSpace, temperature: float, weight: float) -> None:
        self.engine, self.labels, self.temperature, self.weight = engine, labels, temperature, weight

    def __call__(self, output: SemanticLogits | ClassLogits, batch: Batch) -> Tensor:
        """The term for a batch and the student's output of it.

        Raises: ModelError when the two networks' logits have not one shape.
        """
        with torch.no_grad():
            told = self.engine(batch.image)
        student = output.logits if output.logits.dtype == torch.float64 else output.logits.float()
        if not isinstance(told, SOFT) or told.logits.shape != student.shape:
            shape = list(told.logits.shape) if isinstance(told, SOFT) else type(told).__name__
            raise ModelError(
                f"the teacher's answer is {shape} and the network's is {list(student.shape)}; they are compared one by one"
            )
        teacher = told.logits.to(student) / self.temperature
        student = student / self.temperature
        if student.shape[1] == 1 or self.labels.planes:
            p = teacher.sigmoid()
            own = F.binary_cross_entropy_with_logits(teacher, p, reduction="none")  # what no student can be below
            each = (F.binary_cross_entropy_with_logits(student, p, reduction="none") - own).mean(dim=1)
        else:
            rows = F.kl_div(student.log_softmax(1), teacher.log_softmax(1), reduction="none", log_target=True)
            each = rows.sum(dim=1)  # [B, H, W], or [B] of whole pictures
        if isinstance(output, SemanticLogits):
            counted = batch.labels != self.labels.ignore_index
            mean = (each * counted).sum() / counted.sum().clamp(min=1)
        else:
            mean = each.mean()
        return self.weight * self.temperature**2 * mean


def teacher_of(
    wish: Train, labels: LabelSpace, channels: int, output: type, device: torch.device, precision: str = "float32"
) -> Teacher | None:
    """Load the recipe's teacher; None where it names none.

    Args:
        output: the kind of output that the student returns.
        precision: of the teacher's arithmetic.

    Raises: CheckpointError when there is no such model; TrainingError for one that knows other classes or channels, or
        where the output has no logits to compare.
    """
    if wish.teacher is None:
        return None
    if output not in SOFT:
        raise TrainingError(
            f"train.teacher compares class scores, and the network returns {output.__name__}; leave train.teacher out, or "
            "take a network of SemanticLogits or ClassLogits"
        )
    old = files.load(wish.teacher)
    if (old.labels.names, old.labels.planes) != (labels.names, labels.planes) or old.labels.maps(output) != labels.maps(
        output
    ):
        strange = [name for name in old.labels.names if name not in labels.names]
        missing = [name for name in labels.names if name not in old.labels.names]
        differ = [f"it knows {', '.join(strange[:5])}"] if strange else []
        differ += [f"it lacks {', '.join(missing[:5])}"] if missing else []
        raise TrainingError(
            f"train.teacher={wish.teacher} does not tell the classes of this data apart in this form"
            f"{': ' + ' and '.join(differ) if differ else ' (their order, labels.activation and labels.planes count)'}; teach "
            "with a model of the same classes in the same order"
        )
    if old.in_channels != channels:
        raise TrainingError(
            f"train.teacher={wish.teacher} reads images of {old.in_channels} channels, and these have {channels}; teach with "
            "a model of such images"
        )
    model = old.build().requires_grad_(False)
    return Teacher(
        Torch(model, old.mean, old.std, device=device, precision=precision),
        labels,
        wish.teacher_temperature,
        wish.teacher_weight,
    )
