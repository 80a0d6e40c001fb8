"""What Dai et al. claim: regions chosen by overlap and by the network's own opinion are better masks than their boxes."""

import numpy as np
import pytest
import torch
from torch import Tensor

from intarsia.errors import TrainingError
from intarsia.labels import LabelSpace
from intarsia.models import build, count_parameters
from intarsia.models.dual.boxsup import choose, costs, drawn
from intarsia.structures import Sample
from intarsia.training.box_supervision import BoxLabels, candidates, regions

LABELS = LabelSpace(("ground", "disk", "bar"))


class Scenes:
    """A red disk and a blue bar that cross, on noisy ground."""

    labels = LABELS

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        y, x = np.mgrid[:48, :64]
        objects = np.zeros((48, 64), np.int32)
        objects[(y - 24) ** 2 + (x - 24 - index) ** 2 < 15**2] = 1
        objects[(abs(y - x + 20) < 5) & (x > 34) & (x < 60)] = 2
        colors = np.array([[90, 140, 90], [200, 60, 60], [60, 60, 200]])
        image = colors[objects] + np.random.default_rng(index).normal(0, 6, (48, 64, 1))
        picture = torch.from_numpy(image.clip(0, 255).astype(np.uint8)).permute(2, 0, 1)
        return Sample(picture, torch.from_numpy(objects).byte(), f"scene{index}", torch.from_numpy(objects))


def overlap(one: Tensor, other: Tensor) -> float:
    return ((one & other).sum() / (one | other).sum()).item()


def test_the_cost_is_overlap_and_the_network_s_cross_entropy() -> None:
    region = torch.zeros(2, 8, 8, dtype=torch.bool)
    region[0, 2:6, 2:6], region[1, 0, 0] = True, True
    log = torch.full((8, 8), -2.0)
    log[2:6, 2:4] = -0.5
    box = torch.tensor([2.0, 2.0, 6.0, 8.0])
    torch.testing.assert_close(costs(region, box), torch.tensor([1 - 16 / 24, 1.0]))
    torch.testing.assert_close(
        costs(region, box, log, weight=3.0), torch.tensor([1 - 16 / 24 + 3 * 1.25, 1.0 + 3 * 2.0])
    )


def test_one_of_the_five_cheapest_is_drawn() -> None:
    cost, generator = torch.tensor([9.0, 1, 2, 3, 8, 4, 5]), torch.Generator().manual_seed(0)
    assert {choose(cost, 5, generator) for _ in range(100)} == {1, 2, 3, 5, 6}
    assert choose(cost, 1) == 1


def test_smaller_masks_lie_on_top() -> None:
    large, small = torch.ones(3, 3, dtype=torch.bool), torch.zeros(3, 3, dtype=torch.bool)
    small[1, 1] = True
    assert drawn([small, large], [2, 1], (3, 3)).tolist() == [[1, 1, 1], [1, 2, 1], [1, 1, 1]]


def test_superpixels_are_joined_two_by_two_until_one_is_left() -> None:
    picture = Scenes()[0].image.permute(1, 2, 0).numpy()
    joined = regions(picture, scale=50.0)
    found = [joined.mask(n) for n in range(len(joined.spans))]
    count = (len(found) + 1) // 2
    for mask, (x0, y0, x1, y1) in zip(found, joined.boxes.astype(int), strict=True):
        assert mask[y0:y1, x0:x1].sum() == mask.sum() and mask[y0, x0:x1].any() and mask[y1 - 1, x0:x1].any()
    assert all(any(int((mask & part).sum()) == int(part.sum()) for part in found[:count]) for mask in found)
    assert sum(mask.astype(int) for mask in found[:count]).min() == 1  # superpixels cover the picture once
    assert found[-1].all()
    assert all(mask.any() for mask in found)


def test_chosen_regions_are_better_masks_than_boxes() -> None:
    boxed, scenes = BoxLabels(Scenes(), among=1), Scenes()
    made, truth = boxed[0].labels, scenes[0].objects
    for n in (1, 2):
        y, x = (truth == n).nonzero(as_tuple=True)
        box = torch.zeros(48, 64, dtype=torch.bool)
        box[y.min() : y.max() + 1, x.min() : x.max() + 1] = True
        assert overlap(made == n, truth == n) > max(0.85, overlap(box, truth == n) + 0.1)
    offered = candidates(scenes[0].image, [torch.tensor([10.0, 10.0, 39.0, 39.0])])[0]
    assert overlap(offered[-1], truth == 1) > 0.75, "GrabCut's is among them"


def test_the_network_s_opinion_changes_the_choice() -> None:
    """One that takes the left half for a disk gets regions of it."""

    class Opinion:
        def probabilities(self, image: Tensor) -> Tensor:
            likely = torch.full((1, 3, *image.shape[2:]), 1e-3)
            likely[:, 1, 12:20, 12:30] = 0.998
            return likely

    plain, taught = BoxLabels(Scenes(), among=1)[0], BoxLabels(Scenes(), Opinion(), among=1, weight=100.0)[0]
    assert not torch.equal(plain.labels, taught.labels)


def test_turns_draw_others_and_repeat_themselves() -> None:
    first, again = BoxLabels(Scenes(), turn=1)[1], BoxLabels(Scenes(), turn=1)[1]
    assert torch.equal(first.labels, again.labels)
    assert any(not torch.equal(first.labels, BoxLabels(Scenes(), turn=n)[1].labels) for n in range(2, 6))


def test_samples_without_objects_are_refused() -> None:
    plain = [(torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(8, 8, dtype=torch.uint8))]
    with pytest.raises(TrainingError, match="000000 has no objects; boxes are those around the objects"):
        BoxLabels(plain, labels=LABELS)[0]


def test_its_network_is_deeplab_largefov() -> None:
    assert count_parameters("boxsup", 21) == count_parameters("deeplabv1", 21) == 20_505_429
    torch.manual_seed(0)
    tiny = {"channels": (4, 4, 4, 8, 8, 8)}
    one, other = build("boxsup", 3, **tiny).eval(), build("deeplabv1", 3, **tiny).eval()
    other.load_state_dict(one.state_dict())
    image = torch.randn(1, 3, 33, 40)
    torch.testing.assert_close(one(image).logits, other(image).logits)
