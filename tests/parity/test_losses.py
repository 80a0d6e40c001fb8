"""Losses against torch.nn.functional and segmentation-models-pytorch."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from intarsia.losses import BinaryCrossEntropy, CrossEntropy, Dice
from intarsia.structures import SemanticLogits


@pytest.fixture
def scene() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(11)
    labels = torch.randint(0, 6, (3, 17, 23), generator=random)
    labels[torch.rand(labels.shape, generator=random) < 0.1] = 255
    return torch.randn(3, 6, 17, 23, generator=random) * 3, labels


@pytest.mark.parametrize("weights", [None, [0.2, 1.0, 3.0, 0.5, 1.5, 0.0]])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs(scene: tuple[Tensor, Tensor], weights: list[float] | None, smoothing: float) -> None:
    logits, labels = scene
    ours = CrossEntropy(weights=weights, smoothing=smoothing)(SemanticLogits(logits), labels)
    table = None if weights is None else torch.tensor(weights)
    torch.testing.assert_close(
        ours, F.cross_entropy(logits, labels, table, ignore_index=255, label_smoothing=smoothing)
    )


def test_cross_entropy_of_channels_last_bfloat16_is_torchs_of_its_float32(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    half = logits.bfloat16().contiguous(memory_format=torch.channels_last).requires_grad_()
    full = half.detach().float().requires_grad_()
    CrossEntropy()(SemanticLogits(half), labels).backward()
    F.cross_entropy(full, labels, ignore_index=255).backward()
    torch.testing.assert_close(half.grad, full.grad.bfloat16())  # type: ignore[union-attr]


def test_binary_cross_entropy_is_torchs() -> None:
    random = torch.Generator().manual_seed(2)
    logits = torch.randn(2, 4, 9, 7, generator=random) * 4
    truth = torch.randint(0, 2, logits.shape, generator=random)
    weight, positive = [0.5, 1.0, 2.0, 1.0], [1.0, 3.0, 0.2, 1.0]
    ours = BinaryCrossEntropy(weight=weight, pos_weight=positive)(SemanticLogits(logits), truth)
    shape = (4, 1, 1)
    theirs = F.binary_cross_entropy_with_logits(
        logits, truth.float(), torch.tensor(weight).view(shape), pos_weight=torch.tensor(positive).view(shape)
    )
    torch.testing.assert_close(ours, theirs)


def test_dice_is_that_of_segmentation_models_pytorch(scene: tuple[Tensor, Tensor]) -> None:
    losses = pytest.importorskip(
        "segmentation_models_pytorch.losses", reason="segmentation-models-pytorch is not installed"
    )
    logits, labels = scene
    for smooth in (0.0, 5.0):
        theirs = losses.DiceLoss("multiclass", smooth=smooth, ignore_index=255)(logits, labels)
        # theirs adds it to half of numerator and denominator
        torch.testing.assert_close(Dice(smooth=2 * smooth)(SemanticLogits(logits), labels), theirs)


def test_binary_dice_is_that_of_segmentation_models_pytorch(scene: tuple[Tensor, Tensor]) -> None:
    losses = pytest.importorskip(
        "segmentation_models_pytorch.losses", reason="segmentation-models-pytorch is not installed"
    )
    logits, labels = scene[0][:, :1], torch.where(scene[1] == 255, 255, scene[1] % 2)
    theirs = losses.DiceLoss("binary", smooth=1.0, ignore_index=255)(logits, labels[:, None].float())
    torch.testing.assert_close(Dice(smooth=2.0)(SemanticLogits(logits), labels), theirs)
