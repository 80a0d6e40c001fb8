"""Mask R-CNN as a graph: as many rows whatever is found, so that torch.export and ONNX Runtime answer as PyTorch does."""

import logging
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from intarsia.blocks.two_stages import detected, fixed
from intarsia.inference.runtime.stages import Score, parts_of, rebuilt
from intarsia.models import build
from intarsia.structures import Detections

SMALL = {"encoder": "resnet10t", "channels": 16, "width": 32, "sizes": (8, 16, 32, 64, 128), "proposals": (60, 40)}


def network(**options) -> nn.Module:
    torch.manual_seed(0)
    net = build("maskrcnn", 3, **{**SMALL, "limit": 12, **options})
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.ones_(module.weight)
    with torch.no_grad():
        net.judge.classify.weight *= 100  # as sure of some as if it had learned
    return net.eval()


def picture(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def tensors(output: Detections) -> list[Tensor]:
    return [part for part in output if isinstance(part, Tensor)]


def in_order(output: Detections, n: int) -> list[Tensor]:
    """The rows of image n by class and place: of two nearly equal scores a runtime's rounding says which is first."""
    keys = [
        (int(c), *(round(float(v), 1) for v in box)) for c, box in zip(output.classes[n], output.boxes[n], strict=True)
    ]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return [part[n][order] for part in tensors(output)]


@pytest.mark.parametrize(("score", "limit", "found"), [(0.2, 12, "all"), (0.2, 40, "some"), (1.0, 12, "none")])
@torch.no_grad()
def test_rows_of_a_fixed_number_are_those_that_are_found(score: float, limit: int, found: str) -> None:
    net, image = network(score=score, limit=limit), picture(2, 3, 96, 70)
    pyramid = net.pyramid(net.encoder(image))
    plain, rows_of_all = (way(net, pyramid, (96, 70)) for way in (detected, fixed))
    rows = int((plain.scores > 0).sum())
    assert {"all": rows == 24, "some": 0 < rows < 80, "none": rows == 0}[found]
    for one, two in zip(tensors(plain), tensors(rows_of_all), strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`create_unbacked_symint`")  # what torchvision calls
@pytest.mark.parametrize("masks", [True, False])
def test_exported_graphs_agree_at_other_sizes(masks: bool, tmp_path: Path) -> None:
    """Made of pictures beyond 64 pixels a side, where the coarsest level has more than one cell, for any such picture."""
    net, dynamic = Score(network(masks=masks, score=0.2, limit=40)), torch.export.Dim.DYNAMIC
    program = torch.export.export(
        net, (picture(2, 3, 80, 130),), dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},)
    )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    path = tmp_path / "network.onnx"
    torch.onnx.export(program, dynamo=True, verbose=False).save(path)
    graph, session = program.module(), onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in [(1, 3, 70, 67), (3, 3, 101, 133), (1, 3, 128, 96)]:
        image = picture(*size)
        with torch.no_grad():
            expected, exported = net.output(image), graph(image)
        assert isinstance(expected, Detections)
        given = map(torch.from_numpy, session.run(None, {session.get_inputs()[0].name: image.numpy()}))
        mine, its = (
            rebuilt(Detections, dict(zip(parts_of(expected), parts, strict=True)), size[2:])
            for parts in (exported, given)
        )
        for n in range(size[0]):
            for one, two, three in zip(*(in_order(o, n) for o in (mine, expected, its)), strict=True):
                torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-3)
                torch.testing.assert_close(three, two, atol=1e-3, rtol=1e-3)
