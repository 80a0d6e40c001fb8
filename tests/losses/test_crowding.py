"""Crowding: how near the next border is, and the loss of its estimate."""

import torch

from intarsia.losses import Auxiliary, CrossEntropy
from intarsia.losses.crowding import crowding, crowding_loss
from intarsia.structures import SemanticLogits


def test_crowding_falls_with_the_distance_to_the_border() -> None:
    labels = torch.zeros(1, 8, 64, dtype=torch.long)
    labels[..., 32:] = 1
    found, counted = crowding(torch.zeros(1, 2, 8, 64), labels)
    assert counted.all()
    # the first pixel on either side is within 1 of the border, the next within 2, the fifth within 8, the 17th within none
    assert (found[0, 0, 0, 32:50] * 5).round().tolist() == [5, 4, 3, 3] + [2] * 4 + [1] * 8 + [0] * 2
    assert torch.equal(found, found.flip(3))


def test_the_loss_is_zero_at_the_truth_and_leaves_out_ignored_pixels() -> None:
    labels = torch.zeros(1, 8, 64, dtype=torch.long)
    labels[..., 32:] = 1
    labels[:, 4:] = 255
    logits = torch.zeros(1, 2, 8, 64)
    wanted, _ = crowding(logits, labels)
    sure = torch.logit(wanted, 1e-6).requires_grad_()
    assert crowding_loss(SemanticLogits(logits, crowding=sure), labels) < 1e-9
    far = (sure.detach() + 1).requires_grad_()
    terms = Auxiliary(CrossEntropy(), 0.5)(SemanticLogits(logits, crowding=far), labels)
    assert set(terms) == {"main", "crowding"}
    terms["crowding"].backward()
    assert far.grad is not None and not far.grad[:, :, 4:].any() and far.grad[:, :, :4].any()
