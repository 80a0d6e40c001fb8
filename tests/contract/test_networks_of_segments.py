"""What every architecture owes that answers with centers or queries, as those of logits owe it in test_architectures."""

import logging
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from miniatures import miniature
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from intarsia.labels import LabelSpace
from intarsia.losses import LOSSES, USUAL_LOSS
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.postprocess import checked, decide
from intarsia.postprocess.checked import finite
from intarsia.structures import Batch, MaskQueries, PanopticLogits, Segments

SPACE = LabelSpace(("road", "sky", "car", "person", "dog"), things=("car", "person", "dog"))
K = SPACE.num_classes
CASES = [name for name, entry in ARCHITECTURES.items() if entry.output in (PanopticLogits, MaskQueries)]
IDLE = {
    "maskformer": {f"decode.0.among.{part}.weight" for part in ("query", "key", "value")} | {"decode.0.among.key.bias"}
}


def built(name: str, **more: int) -> nn.Module:
    torch.manual_seed(0)
    network = build(name, K, **miniature(name, ARCHITECTURES[name].smallest), **more)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


@pytest.fixture(scope="module", params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def network(name: str) -> nn.Module:
    return built(name)


def picture(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def tensors(output: Any) -> list[Tensor]:
    return [part for part in output if isinstance(part, Tensor)]


@torch.no_grad()
def answer(network: nn.Module, image: Tensor) -> Any:
    return network.eval()(image)


@pytest.mark.parametrize("size", [(1, 1), (1, 17), (31, 37), (97, 33)], ids=str)
def test_any_size(name: str, network: nn.Module, size: tuple[int, int]) -> None:
    image = picture(1, 3, *size)
    output = checked(answer(network, image), image, SPACE, name)
    finite(output)
    (segments,) = decide(output, SPACE, "panoptic")
    assert type(segments) is Segments and segments.ids.shape == size


def test_an_image_is_answered_alike_alone_and_in_company(network: nn.Module) -> None:
    images = picture(3, 3, 41, 58)
    together = answer(network, images)
    for n in range(3):
        for one, all_ in zip(tensors(answer(network, images[n : n + 1])), tensors(together), strict=True):
            torch.testing.assert_close(one, all_[n : n + 1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_channels(name: str, channels: int) -> None:
    image = picture(1, channels, 40, 32)
    checked(answer(built(name, in_channels=channels), image), image, SPACE, name)


def test_one_type_in_training_and_evaluation(name: str, network: nn.Module) -> None:
    image = picture(2, 3, 64, 96)
    for output in (network.train()(image), network.eval()(image)):
        assert type(output) is ARCHITECTURES[name].output
        checked(output, image, SPACE, name)
    assert getattr(output, "auxiliary", ()) == ()


def batch() -> Batch:
    labels, objects = torch.zeros(2, 64, 96, dtype=torch.uint8), torch.zeros(2, 64, 96, dtype=torch.int32)
    labels[:, :20] = 1
    for number, left in enumerate((5, 30, 60), 1):
        objects[0, 24:50, left : left + 20], labels[0, 24:50, left : left + 20] = number, 1 + number
    return Batch(picture(2, 3, 64, 96), labels, ("objects", "none"), objects)


def test_every_parameter_learns_from_the_usual_loss(name: str, network: nn.Module) -> None:
    """But those that mix the queries of the first layer, which are all zero there: any weights give the same mean."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    network.zero_grad(set_to_none=True)
    loss = LOSSES[USUAL_LOSS[ARCHITECTURES[name].output]](things=[2, 3, 4])
    given = batch()
    terms = loss(network(given.image), given)
    sum(terms.values(), start=torch.zeros(())).backward()
    assert all(term.isfinite() for term in terms.values())
    assert [key for key, p in network.named_parameters() if p.grad is None] == []
    still = {key for key, p in network.named_parameters() if p.grad is not None and p.grad.abs().max() < 1e-12}
    assert still <= IDLE.get(name, set())


def test_weights_saved_and_loaded_give_the_same_answer(name: str, network: nn.Module) -> None:
    other = built(name)
    for parameter in other.parameters():
        nn.init.constant_(parameter, 0.5)
    other.load_state_dict(from_bytes(to_bytes(network.state_dict())))
    image = picture(1, 3, 33, 47)
    for one, two in zip(tensors(answer(other, image)), tensors(answer(network, image)), strict=True):
        assert torch.equal(one, two)


def test_bfloat16_and_channels_last(network: nn.Module) -> None:
    image = picture(2, 3, 47, 64)
    with torch.autocast("cpu", torch.bfloat16):
        quick = tensors(answer(network, image.contiguous(memory_format=torch.channels_last)))
    for fast, exact in zip(quick, tensors(answer(network, image)), strict=True):
        assert (fast.float() - exact).abs().mean() < 0.05 * exact.abs().mean() + 0.02


def test_exported_graphs_agree_at_other_sizes(network: nn.Module, tmp_path) -> None:
    dynamic = torch.export.Dim.DYNAMIC
    network.eval()
    program = torch.export.export(
        network, (picture(2, 3, 64, 96),), dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},)
    )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports the parts that are None
    path = tmp_path / "network.onnx"
    torch.onnx.export(program, dynamo=True, verbose=False).save(path)
    graph, session = program.module(), onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in [(1, 3, 45, 67), (3, 3, 101, 33), (1, 3, 128, 64)]:
        image = picture(*size)
        expected = answer(network, image)
        exported = graph(image)
        assert type(exported) is type(expected)
        if isinstance(exported, MaskQueries):
            assert exported.size == size[2:]
        given = session.run(None, {session.get_inputs()[0].name: image.numpy()})
        for one, two, three in zip(tensors(exported), tensors(expected), given, strict=False):
            torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-3)
            np.testing.assert_allclose(three, two.numpy(), atol=1e-4, rtol=1e-3)
