"""What Li et al. claim: the most crowded rectangle is found, enlarged, parsed once more and put back in its place."""

import torch
import torch.nn.functional as F

from intarsia.losses import Auxiliary, CrossEntropy
from intarsia.losses.auxiliary import total
from intarsia.models import build
from intarsia.models.attention.foveanet import fovea, look_closer, put_back
from intarsia.models.catalogue import ARCHITECTURES

SMALL = ARCHITECTURES["foveanet"].smallest


def test_the_fovea_is_the_rectangle_with_the_largest_mean() -> None:
    random = torch.Generator().manual_seed(0)
    crowding = torch.rand(6, 1, 16, 32, generator=random)
    top, left = fovea(crowding)
    for n in range(6):
        means = {
            (i, j): crowding[n, 0, 2 * i : 2 * i + 8, 4 * j : 4 * j + 16].mean() for i in range(5) for j in range(5)
        }
        i, j = max(means, key=lambda place: means[place])
        assert (top[n].item(), left[n].item()) == (i / 8, j / 8)


def test_a_crowd_is_found_where_it_is() -> None:
    crowding = torch.zeros(2, 1, 20, 20)
    crowding[0, :, 12:, :8] = crowding[1, :, 6:14, 12:] = 1
    top, left = fovea(crowding)
    assert (top[0], left[0]) == (0.5, 0.0)
    assert 0.125 <= top[1] <= 0.375 and left[1] == 0.5


def test_the_rectangle_is_enlarged_by_two() -> None:
    image = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    top, left = torch.tensor([0.0, 0.25]), torch.tensor([0.0, 0.5])
    found = look_closer(image, top, left)
    for n, (i, j) in enumerate(((0, 0), (4, 12))):
        want = F.interpolate(image[n : n + 1, :, i : i + 8, j : j + 12], (16, 24), mode="bilinear")
        torch.testing.assert_close(found[n, :, 1:-1, 1:-1], want[0, :, 1:-1, 1:-1])


def test_what_was_seen_closer_comes_back_to_its_place() -> None:
    top, left = torch.tensor([0.25]), torch.tensor([0.5])
    back = put_back(torch.ones(1, 1, 16, 24), top, left)[0, 0]
    assert back[5:11, 13:23].allclose(torch.tensor(1.0))
    assert not back[:3].any() and not back[13:].any() and not back[:, :11].any()
    smooth = F.interpolate(
        torch.randn(1, 2, 3, 3, generator=torch.Generator().manual_seed(0)), (16, 24), mode="bicubic"
    )
    again = put_back(look_closer(smooth, top, left), top, left)
    assert (again - smooth)[..., 6:10, 14:22].abs().max() < 0.1


def test_crowding_is_trained_in_training_alone() -> None:
    torch.manual_seed(0)
    net, image = build("foveanet", 4, **SMALL), torch.randn(2, 3, 64, 96)
    output = net.train()(image)
    assert output.crowding is not None and output.crowding.shape == (2, 1, 8, 12)
    labels = torch.zeros(2, 64, 96, dtype=torch.long)
    labels[..., 40:] = 1
    terms = Auxiliary(CrossEntropy())(output, labels)
    assert set(terms) == {"main", "auxiliary", "crowding"}
    total(terms).backward()
    assert all(p.grad is not None for p in net.parameters())
    assert net.eval()(image).crowding is None


@torch.no_grad()
def test_what_the_fovea_shows_changes_its_place_alone() -> None:
    torch.manual_seed(0)
    net, image = build("foveanet", 4, **SMALL).eval(), torch.randn(1, 3, 128, 128)
    before = net(image).logits
    net.estimate[1].weight.zero_()  # all places alike: the first is taken, the upper left
    first = net(image).logits
    net.score_fovea[1].score.bias.add_(3)
    changed = (net(image).logits - first).abs().amax(1)[0]
    assert changed[:48, :48].min() > 0 and changed[100:, 100:].max() == 0
    assert before.isfinite().all()
