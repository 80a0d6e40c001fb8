"""Detectors of one stage as graphs: as many rows whatever is found, so that exported graphs answer as PyTorch does."""

import logging
from pathlib import Path

import onnxruntime
import pytest
import torch
from miniatures import miniature
from test_architectures import awakened
from test_export_of_detections import in_order, picture

from intarsia.inference.runtime.stages import Score, parts_of, rebuilt
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.structures import Detections

ROWS = ["centermask", "sharpmask", "shapemask", "yolact", "retinamask", "tensormask"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`create_unbacked_symint`")  # what torchvision calls
@pytest.mark.parametrize("name", ROWS)
def test_exported_graphs_agree_at_other_sizes(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, dynamic = build(name, 3, **miniature(name, ARCHITECTURES[name].smallest)), torch.export.Dim.DYNAMIC
    net = Score(awakened(net))
    program = torch.export.export(
        net, (picture(2, 3, 264, 300),), dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},)
    )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    path = tmp_path / "network.onnx"
    torch.onnx.export(program, dynamo=True, verbose=False).save(path)
    graph, session = program.module(), onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in [(1, 3, 270, 267), (3, 3, 301, 333)]:
        image = picture(*size)
        with torch.no_grad():
            expected, exported = net.output(image), graph(image)
        assert isinstance(expected, Detections) and (expected.scores > 0).any()
        given = map(torch.from_numpy, session.run(None, {session.get_inputs()[0].name: image.numpy()}))
        mine, its = (
            rebuilt(Detections, dict(zip(parts_of(expected), parts, strict=True)), size[2:])
            for parts in (exported, given)
        )
        for n in range(size[0]):
            for one, two, three in zip(*(in_order(o, n) for o in (mine, expected, its)), strict=True):
                torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-3)
                torch.testing.assert_close(three, two, atol=1e-3, rtol=1e-3)
