"""Networks of centers and of queries, exported and in half precision, as test_architectures tries those of logits."""

import logging

import numpy as np
import onnxruntime
import pytest
import torch
from miniatures import miniature
from torch import Tensor, nn

from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.structures import MaskQueries, Output, PanopticLogits

CASES = [name for name, entry in ARCHITECTURES.items() if entry.output in (PanopticLogits, MaskQueries)]


@pytest.fixture(scope="module", params=CASES)
def network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return build(request.param, 5, **miniature(request.param, ARCHITECTURES[request.param].smallest)).eval()


def picture(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def tensors(output: Output) -> list[Tensor]:
    return [part for part in output if isinstance(part, Tensor)]


@torch.no_grad()
def answer(network: nn.Module, image: Tensor) -> Output:
    return network(image)


def test_bfloat16_and_channels_last(network: nn.Module) -> None:
    image = picture(2, 3, 47, 64)
    with torch.autocast("cpu", torch.bfloat16):
        quick = tensors(answer(network, image.contiguous(memory_format=torch.channels_last)))
    for fast, exact in zip(quick, tensors(answer(network, image)), strict=True):
        assert (fast.float() - exact).abs().mean() < 0.05 * exact.abs().mean() + 0.02


def test_exported_graphs_agree_at_other_sizes(network: nn.Module, tmp_path) -> None:
    dynamic = torch.export.Dim.DYNAMIC
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
