"""What Huang et al. claim: a pixel sees its row and its column, after two passes every pixel, in little memory."""

import weakref

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from intarsia.models import build
from intarsia.models.attention.ccnet import CrissCrossAttention, shares
from intarsia.models.attention.danet import PositionAttention


@torch.no_grad()
@pytest.mark.parametrize("size", [(3, 4), (1, 5), (5, 1), (1, 1)], ids=str)
def test_criss_cross_attention_equals_a_slow_loop(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    attend, x = CrissCrossAttention(16).double(), torch.randn(2, 16, *size, dtype=torch.float64)
    attend.gain.fill_(0.7)
    query, key, value = (part(x) for part in (attend.ask, attend.answer, attend.tell))
    wanted = x.clone()
    for b in range(2):
        for i in range(size[0]):
            for j in range(size[1]):
                cross = [(y, j) for y in range(size[0]) if y != i] + [(i, z) for z in range(size[1])]
                weights = torch.stack([query[b, :, i, j] @ key[b, :, y, z] for y, z in cross]).softmax(0)
                wanted[b, :, i, j] += 0.7 * sum(w * value[b, :, y, z] for w, (y, z) in zip(weights, cross, strict=True))
    torch.testing.assert_close(attend(x), wanted)


def reached(attend: nn.Module, passes: int) -> Tensor:
    """The places whose feature changes when that of one place does."""
    x = torch.rand(1, 8, 5, 7)
    other = x.clone()
    other[..., 1, 2] += 1
    for _ in range(passes):
        x, other = attend(x), attend(other)
    return (x - other).abs().amax(dim=1)[0] > 0


@torch.no_grad()
def test_two_passes_reach_every_pixel() -> None:
    torch.manual_seed(0)
    attend = CrissCrossAttention(8)
    attend.gain.fill_(1.0)
    cross = torch.zeros(5, 7, dtype=torch.bool)
    cross[1], cross[:, 2] = True, True
    assert torch.equal(reached(attend, 1), cross)
    assert reached(attend, 2).all()


def test_large_scores_do_not_overflow() -> None:
    down, across = shares(torch.full((1, 2, 3, 3), 500.0), torch.full((1, 3, 2, 2), 500.0), torch.ones(1))
    assert down.sum(3).transpose(1, 2).add(across.sum(3)).allclose(torch.ones(1, 3, 2))


class Peak(TorchDispatchMode):
    """The most bytes that tensors made meanwhile took at once; nothing is allocated for those of the meta device."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    def freed(self, size: int) -> None:
        self.now -= size

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        known = {x.untyped_storage()._cdata for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        for x in tree_leaves(out):
            if isinstance(x, Tensor) and x.untyped_storage()._cdata not in known:
                storage = x.untyped_storage()
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self.freed, storage.nbytes())
        return out


def peak(passes: list[nn.Module], *, trained: bool) -> int:
    """Bytes that attention needs at most on a map of 97x97, beside what goes in and comes out."""
    x = torch.empty(1, 512, 97, 97, device="meta", requires_grad=True)
    with Peak() as tracked, torch.set_grad_enabled(trained):
        y = x
        for attend in passes:
            y = attend(y)
        if trained:
            y.backward(torch.empty_like(y))
    return tracked.most - (1 + trained) * x.untyped_storage().nbytes()


def test_two_passes_take_a_tenth_of_the_memory_of_attention_between_all_places() -> None:
    """In evaluation and in training."""
    with torch.device("meta"):
        cross, full = CrissCrossAttention(512), PositionAttention(512)
    assert peak([cross, cross], trained=False) <= 0.1 * peak([full], trained=False)
    assert peak([cross, cross], trained=True) <= 0.1 * peak([full], trained=True)


def test_attention_that_is_computed_again_has_the_gradients_of_attention_that_was_kept() -> None:
    torch.manual_seed(0)
    attend, x = CrissCrossAttention(16), torch.randn(2, 16, 4, 5, requires_grad=True)
    nn.init.constant_(attend.gain, 0.7)
    again, kept = (
        torch.autograd.grad(attend.train(mode)(x).square().sum(), [x, *attend.parameters()]) for mode in (True, False)
    )
    torch.testing.assert_close(again, kept)


def test_the_auxiliary_head_speaks_in_training_only() -> None:
    net, image = build("ccnet", 4, encoder="resnet18", channels=16), torch.randn(2, 3, 40, 48)
    assert [side.shape for side in net.train()(image).auxiliary] == [(2, 4, 5, 6)]
    assert net.eval()(image).auxiliary == ()
