"""What every architecture of the catalogue promises; a newcomer is tested by being listed.

All tests of a row together, its export (test_exports.py) included, take at most 6 s of a quick core: `miniatures` has
encoders of a few layers for that, and the encoders that the catalogue names run with `make test-all`.
"""

import inspect

import pytest
import torch
from exports import picture, tensors
from miniatures import miniature
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from intarsia.models import build, summarize
from intarsia.models.catalogue import ARCHITECTURES, CONSTRUCTORS, Entry
from intarsia.structures import SemanticLogits

K = 5
NAMED = {name: (name, dict(entry.smallest)) for name, entry in ARCHITECTURES.items() if entry.output is SemanticLogits}
NAMED["unet on an encoder"] = ("unet", {"encoder": "resnet18"})
QUICK = {case: (name, miniature(name, options)) for case, (name, options) in NAMED.items()}
WHOLE = {f"{case}, encoder as named": NAMED[case] for case in NAMED if NAMED[case] != QUICK[case]}
CASES = QUICK | WHOLE


def awakened(network: nn.Module) -> nn.Module:
    """The network with nothing that training starts at zero: norms at one, score layers at random, no dropout."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.affine:
            nn.init.ones_(module.weight)
            if module.num_features == 1:  # the one channel of a map, which a ReLU may follow
                nn.init.constant_(module.bias, 3.0)
        elif isinstance(module, nn.Dropout):
            module.p = 0.0
    for name, parameter in network.named_parameters():
        added = parameter.dim() > 1 or name.endswith(".gain")
        if added and not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return network


def built(case: str, **more: int) -> nn.Module:
    torch.manual_seed(0)
    name, options = CASES[case]
    return awakened(build(name, K, **options, **more))


@pytest.fixture(scope="module", params=[*QUICK, *(pytest.param(case, marks=pytest.mark.slow) for case in WHOLE)])
def case(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def network(case: str) -> nn.Module:
    return built(case)


@torch.no_grad()
def answer(network: nn.Module, image: Tensor) -> Tensor:
    return network.eval()(image).logits


@pytest.mark.parametrize("size", [(1, 1), (1, 17), (2, 3), (31, 37), (64, 64), (97, 33)], ids=str)
def test_any_size_in_the_same_size_out(network: nn.Module, size: tuple[int, int]) -> None:
    logits = answer(network, picture(1, 3, *size))
    assert logits.shape == (1, K, *size)
    assert logits.isfinite().all()


def test_an_image_is_answered_alike_alone_and_in_company(network: nn.Module) -> None:
    images = picture(3, 3, 41, 58)
    together = answer(network, images)
    near = max(3e-5, 2e-6 * float(together.abs().max()))  # of the largest score, where that is above 15
    for n in range(3):
        torch.testing.assert_close(answer(network, images[n : n + 1]), together[n : n + 1], atol=near, rtol=1e-4)


def test_every_part_of_the_image_counts(network: nn.Module) -> None:
    image = picture(1, 3, 45, 45)
    before = answer(network, image)
    for corner in [(0, 0), (0, 44), (44, 0), (44, 44)]:
        other = image.clone()
        other[..., corner[0], corner[1]] += 100
        assert not torch.equal(answer(network, other), before), f"pixel {corner} is never looked at"


@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_channels(case: str, channels: int) -> None:
    assert answer(built(case, in_channels=channels), picture(1, channels, 40, 32)).shape == (1, K, 40, 32)


def test_one_type_in_training_and_evaluation(network: nn.Module) -> None:
    image = picture(2, 3, 64, 96)
    trained, evaluated = network.train()(image), network.eval()(image)
    for output in (trained, evaluated):
        assert type(output) is SemanticLogits
        assert output.logits.shape == (2, K, 64, 96)
    assert evaluated._replace(logits=None) == SemanticLogits(None), "what only training has is None in evaluation"
    assert all(side.shape[:2] == (2, K) for side in trained.auxiliary)
    assert trained.presence is None or trained.presence.shape == (2, K)


def test_every_parameter_gets_a_gradient(network: nn.Module) -> None:
    network.train()
    for module in network.modules():  # of a batch's own statistics, a bias before the norm would have no effect
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    network.zero_grad(set_to_none=True)
    output = network(picture(2, 3, 64, 96))
    sum((side * picture(*side.shape)).mean() for side in tensors(output)).backward()
    assert [key for key, p in network.named_parameters() if p.requires_grad and p.grad is None] == []
    assert [key for key, p in network.named_parameters() if p.requires_grad and not p.grad.any()] == []
    assert all(p.requires_grad for p in network.parameters())


def test_weights_saved_and_loaded_give_the_same_answer(case: str, network: nn.Module) -> None:
    other = built(case)
    for parameter in other.parameters():
        nn.init.constant_(parameter, 0.5)
    other.load_state_dict(from_bytes(to_bytes(network.state_dict())))
    image = picture(1, 3, 33, 47)
    assert torch.equal(answer(other, image), answer(network, image))


def test_bfloat16_and_channels_last(network: nn.Module) -> None:
    image = picture(2, 3, 47, 64)
    with torch.autocast("cpu", torch.bfloat16):
        quick = answer(network, image.contiguous(memory_format=torch.channels_last)).float()
    exact = answer(network, image)
    assert (quick - exact).abs().mean() < 0.05 * exact.abs().mean() + 0.02


def _large(entry: Entry) -> bool:
    """Whether an architecture stands on an encoder of timm, or is asked for its layers: to look at them takes seconds."""
    return "encoder" in inspect.signature(entry.build).parameters or "layers" in entry.full


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if _large(e) else n for n, e in ARCHITECTURES.items()]
)
def test_full_size_costs_what_the_table_says(name: str) -> None:
    entry = ARCHITECTURES[name]
    with torch.device("meta"):
        network = build(name, **{"num_classes": 21, **entry.full})
    told = summarize(network, 512, 512)
    idle = sum(count for _, count in told.idle)
    assert (told.parameters - idle, idle) == (entry.parameters, entry.training_only)
    assert round(told.flops / 1e9, 1) == entry.gflops


def test_the_table_is_complete() -> None:
    assert set(ARCHITECTURES) == set(CONSTRUCTORS)
    for name, entry in ARCHITECTURES.items():
        assert entry.paper.startswith(("arXiv:", "doi:", "https://")) and 2012 <= entry.year <= 2026, name
        assert CONSTRUCTORS[name] is entry.build
