"""Exported graphs: the probabilities of `torch.export` and ONNX are the predictor's, temperature and all."""

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from intarsia.checkpoint import Checkpoint, load, save
from intarsia.errors import ModelError
from intarsia.inference import Graph, Predictor
from intarsia.labels import LabelSpace

NAMES = ("sky", "road", "tree")


def network(maps: int) -> nn.Module:
    """A small network whose logits are far apart, so that a temperature matters; channels last, as checkpoints are used."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, maps, 3, padding=1))
    net[3].weight.data *= 5
    return net.to(memory_format=torch.channels_last)


def predictor_of(path: Path, temperature: float | None, activation: str = "softmax") -> Predictor:
    """From a checkpoint on the disk."""
    labels = LabelSpace(NAMES[: 2 if activation == "sigmoid" else 3], activation=activation)
    net = network(labels.head_size)
    calibration = {} if temperature is None else {"temperature": temperature}
    facts = {"labels": labels, "in_channels": 3, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}
    save(path, Checkpoint(None, {}, **facts, calibration=calibration, weights=net.state_dict()))
    return Predictor.load(path, model=network(labels.head_size))


def picture(*shape: int, dtype: torch.dtype = torch.uint8) -> Tensor:
    most = 256 if dtype == torch.uint8 else 65536
    return torch.randint(0, most, shape, generator=torch.Generator().manual_seed(sum(shape))).to(dtype)


def exported(graph: Graph, dtype: torch.dtype = torch.uint8) -> torch.export.ExportedProgram:
    dynamic = torch.export.Dim.DYNAMIC
    return torch.export.export(
        graph, (picture(2, 3, 64, 96, dtype=dtype),), dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},)
    )


@pytest.mark.parametrize(
    ("activation", "temperature", "dtype"),
    [("softmax", 2.5, torch.uint8), ("sigmoid", 0.4, torch.uint8), ("softmax", None, torch.int32)],
    ids=["softmax", "sigmoid", "16 bit, not calibrated"],
)
def test_both_formats_give_the_predictors_probabilities(
    tmp_path: Path, activation: str, temperature: float | None, dtype: torch.dtype
) -> None:
    predictor = predictor_of(tmp_path / "net.safetensors", temperature, activation)
    graph = Graph(predictor, bits=8 if dtype == torch.uint8 else 16)
    program = exported(graph, dtype)
    torch.export.save(program, tmp_path / "net.pt2", extra_files=graph.notes)
    notes = dict.fromkeys(graph.notes, "")
    again = torch.export.load(tmp_path / "net.pt2", extra_files=notes).module()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    written = torch.onnx.export(program, dynamo=True, verbose=False)
    written.model.metadata_props.update(graph.notes)
    written.save(tmp_path / "net.onnx")
    kept = {p.key: p.value for p in onnx.load(tmp_path / "net.onnx").metadata_props}
    for told in (notes, kept):
        assert json.loads(told["classes"]) == list(predictor.labels.names)
        assert json.loads(told["temperature"]) == (temperature or 1.0) == predictor.temperature
        assert told["output"].startswith("probabilities")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    for size in [(1, 3, 45, 67), (3, 3, 101, 33)]:
        image = picture(*size, dtype=dtype)
        expected = predictor.probabilities(image)
        assert expected.shape == (size[0], predictor.labels.num_classes, *size[2:])
        torch.testing.assert_close(again(image), expected, atol=1e-5, rtol=1e-4)
        (given,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
        np.testing.assert_allclose(given, expected.numpy(), atol=1e-5, rtol=1e-4)
        if temperature:  # a graph without the temperature would be seen
            without = predictor.labels.probabilities(predictor.logits(image))
            assert (without - torch.from_numpy(given)).abs().max() > 0.05


def test_a_new_temperature_is_a_new_graph(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    before = Graph(predictor_of(path, None))
    save(path, dataclasses.replace(load(path), calibration={"temperature": 3.0}))
    after, image = Graph(Predictor.load(path, model=network(3))), picture(1, 3, 40, 40)
    assert (before.temperature, after.temperature) == (1.0, 3.0)
    assert torch.equal(before(image).argmax(dim=1), after(image).argmax(dim=1))  # no pixel changes its class
    assert before(image).amax(dim=1).mean() > after(image).amax(dim=1).mean()
    with pytest.raises(ModelError, match="images of 12 bit; give 8"):
        Graph(predictor_of(path, None), bits=12)
