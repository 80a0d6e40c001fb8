"""The terms of networks of videos against their formulas, written out pixel by pixel."""

import numpy as np
import pytest
import torch
from torch import Tensor

from intarsia.errors import DataError, LabelError, ModelError
from intarsia.losses.centers import Centers
from intarsia.losses.moving import MovingCenters, ways_back
from intarsia.structures import Batch, PanopticLogits

H, W = 9, 12


def scene() -> tuple[Batch, PanopticLogits]:
    """Object 4 moved, object 7 is new, object 2 is gone; depth is unknown in one column."""
    objects, before = torch.zeros(2, H, W, dtype=torch.int32), torch.zeros(2, H, W, dtype=torch.int32)
    objects[0, 2:5, 1:6], objects[0, 5:9, 6:12] = 4, 7
    before[0, 1:4, 3:7], before[0, 6:8, 0:2] = 4, 2
    labels = (objects > 0).to(torch.uint8)
    labels[0, :, 1] = 255
    depth = torch.rand(2, H, W, generator=torch.Generator().manual_seed(1)) * 9 + 1
    depth[..., -1] = float("nan")
    random = torch.Generator().manual_seed(5)
    semantic, centers, offsets, motion = (torch.randn(2, c, H, W, generator=random) for c in (2, 1, 2, 2))
    deep = torch.rand(2, 1, H, W, generator=random) * 20 + 0.5
    batch = Batch(torch.zeros(2, 3, H, W), labels, ("a", "b"), objects, depth, previous=before)
    return batch, PanopticLogits(semantic, centers, offsets, deep, motion)


def test_each_term_is_its_formula() -> None:
    batch, output = scene()
    loss = MovingCenters(things=(1,), hardest=1.0)(output, batch)
    plain = Centers(things=(1,), hardest=1.0)(output._replace(motion=None, depth=None), batch)
    assert {key: float(loss[key]) for key in plain} == {key: float(value) for key, value in plain.items()}
    away = []
    for y in range(H):
        for x in range(W):
            if batch.objects[0, y, x] == 4 and batch.labels[0, y, x] != 255:
                dy, dx = output.motion[0, :, y, x].tolist()
                away.append(
                    abs(2.0 - y - dy) + abs(4.5 - x - dx)
                )  # object 4 was in the middle of rows 1-3, columns 3-6
    assert len(away) == 12 and float(loss["motion"]) == pytest.approx(0.01 * np.mean(away) / 2, rel=1e-5)
    each = []
    for p, t in zip(output.depth[:, 0, :, :-1].double().numpy(), batch.depth[..., :-1].double().numpy(), strict=True):
        d = np.log(p) - np.log(t)
        each.append((d**2).mean() - d.mean() ** 2 + np.sqrt((((t - p) / t) ** 2).mean()))
    assert float(loss["depth"]) == pytest.approx(0.1 * np.mean(each), rel=1e-5)


def test_a_right_answer_costs_nothing_and_the_gradient_is_of_what_is_known() -> None:
    batch, output = scene()
    ways = torch.stack([ways_back(*pair)[0] for pair in zip(batch.objects, batch.previous, strict=True)])
    motion, depth = ways.clone().requires_grad_(), batch.depth.nan_to_num(7.0)[:, None].requires_grad_()
    loss = MovingCenters(things=(1,))(output._replace(motion=motion, depth=depth), batch)
    assert loss["motion"].item() == 0 and loss["depth"].item() < 1e-6
    motion = torch.zeros_like(ways, requires_grad=True)
    loss = MovingCenters(things=(1,))(output._replace(motion=motion), batch)
    (loss["motion"] + loss["depth"]).backward()
    moved: Tensor = motion.grad.abs().sum(1) > 0
    assert (moved == ((batch.objects == 4) & (batch.labels != 255))).all()


def test_what_is_missing_is_said() -> None:
    batch, output = scene()
    with pytest.raises(ModelError, match="returns motion and depth, which the loss 'centers' would leave untrained"):
        Centers()(output, batch)
    loss = MovingCenters()
    with pytest.raises(ModelError, match="this one returns no motion; use the loss 'centers'"):
        loss(output._replace(motion=None), batch)
    with pytest.raises(LabelError, match=r"these samples do not know its objects; use a data set with data\.previous"):
        loss(output, batch._replace(previous=None))
    with pytest.raises(DataError, match="the network measures depth and the data set has none"):
        loss(output, batch._replace(depth=None))
    first = batch._replace(previous=torch.zeros_like(batch.previous))
    assert float(loss(output, first)["motion"]) == 0  # the first frame of a video
