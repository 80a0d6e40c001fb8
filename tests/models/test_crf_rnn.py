"""What Zheng et al. claim: the mean field is a layer, has gradients, is trained with the network, and is the dense CRF."""

import pytest
import torch
from torch import Tensor

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.structured.crf_rnn import MeanField, mean_of
from intarsia.postprocess.dense_crf import colors, places
from intarsia.postprocess.mean_field import Kernel, mean_field

SMALL = (4, 8, 8, 16, 16, 32)


def scene(height: int = 24, width: int = 30) -> tuple[Tensor, Tensor]:
    """Scores that are unsure where a disk of another color ends, and its picture in levels of 0..255."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    away = 8 - ((y - 12) ** 2 + (x - 14) ** 2).sqrt()
    noise = torch.randn(3, height, width, generator=torch.Generator().manual_seed(0))
    image = 100 + 60 * (away > 0) + 4 * noise
    return torch.stack([-away, away, away * 0 - 2]) / 3 + noise / 2, image


def test_before_training_it_is_a_dense_crf() -> None:
    """Of weights 5 and 3, normalized after the filter, as the released layer starts."""
    scores, image = scene()
    layer = MeanField(3, 6, 2, place=20, color=13, near=3).eval()
    far, near = places(24, 30, 20, image), places(24, 30, 3, image)
    kernels = [Kernel(torch.cat([far, colors(image, 13)], 1), 5.0, "after"), Kernel(near, 3.0, "after")]
    with torch.no_grad():
        mine = layer(scores[None], image[None])[0].softmax(0).flatten(1)
        trained = layer.train()(scores[None], image[None])[0].softmax(0).flatten(1)
    torch.testing.assert_close(mine, mean_field(scores.flatten(1), kernels, 6), atol=1e-4, rtol=0)
    torch.testing.assert_close(trained, mean_field(scores.flatten(1), kernels, 2), atol=1e-4, rtol=0)
    assert float((mine - scores.softmax(0).flatten(1)).abs().max()) > 0.2


@torch.no_grad()
def test_one_map_under_a_sigmoid_is_refined_as_two_classes() -> None:
    scores, image = scene()
    one, two = (MeanField(classes, 4, 2, place=20, color=13, near=3).eval() for classes in (1, 2))
    found, pair = one(scores[None, 1:2], image[None]), torch.stack([torch.zeros(24, 30), scores[1]])
    wanted = two(pair[None], image[None])
    torch.testing.assert_close(found, wanted[:, 1:] - wanted[:, :1])
    assert float((found - scores[1]).abs().max()) > 0.5


def test_gradients_are_those_of_small_steps() -> None:
    """Through the filter, twice, and through the layer to its scores and to all of its weights, in float64."""
    random = torch.Generator().manual_seed(1)
    points = torch.rand(12, 3, generator=random, dtype=torch.float64) * 2
    values = torch.rand(12, 2, generator=random, dtype=torch.float64, requires_grad=True)
    one = mean_of(points)
    assert torch.autograd.gradcheck(one, (values,)) and torch.autograd.gradgradcheck(one, (values,))
    layer = MeanField(3, 2, 2, place=3, color=40, near=1.5).double()
    scores, image = (part[..., 8:12, 5:10].double() for part in scene())
    weights = [p.detach() + 0.2 * torch.rand(p.shape, generator=random, dtype=p.dtype) for p in layer.parameters()]
    names = [name for name, _ in layer.named_parameters()]

    def run(scores: Tensor, *weights: Tensor) -> Tensor:
        given = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(layer, given, (scores[None], image[None]))

    inputs = (scores.contiguous().requires_grad_(), *(w.requires_grad_() for w in weights))
    assert torch.autograd.gradcheck(run, inputs)


def test_network_and_crf_are_trained_together() -> None:
    """From weights that know nothing: the CRF sharpens what the network has learned, and its own weights move too."""
    torch.manual_seed(0)
    _, image = scene(32, 40)
    network = build("crf_rnn", 2, channels=SMALL, dropout=0.0, color=20.0, place=8.0).train()
    truth = (image[0] > 130).long()[None]
    given = ((image / 255 - 0.45) / 0.23)[None]
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    losses = []
    for _ in range(40):
        output = network(given)
        parts = [torch.nn.functional.cross_entropy(part, truth) for part in (output.logits, *output.auxiliary)]
        loss = parts[0] + 0.4 * parts[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(parts[0].item())
    assert max(losses[-3:]) < 0.5 * losses[0] and len(network.eval()(given).auxiliary) == 0
    for name in ("refine.bilateral", "refine.spatial", "refine.compatibility", "score.weight", "encoder.fc7.weight"):
        assert not torch.equal(before[name], dict(network.named_parameters())[name]), name


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"iterations": 0}, "iterations is 0; the mean field takes a whole number of 1 or more"),
        ({"training_iterations": 1.5}, "training_iterations is 1.5; the mean field takes"),
        ({"color": 0.0}, "color is 0.0; give a deviation above 0"),
    ],
)
def test_numbers_that_make_no_mean_field(options: dict, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        build("crf_rnn", 3, channels=SMALL, **options)
