"""ONNX files whose layers compute in whole numbers of eight bits, as many of them as the gate allows.

Jacob et al. "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference." CVPR 2018.
arXiv:1712.05877

    pictures - ranges of all values - quantize - the gate ------------- kept
                                         |          ` refused: the layers that lose most stay in float32, and again
                                         ` noise of each layer, in decibels

A layer's noise is that of its input and of its weights: how far eight bits are from the numbers they stand for, by
themselves, whatever came before.
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import ModelError, extra
from ..graph import Graph
from .gate import Verdict
from .onnx_engine import ran, session
from .onnx_file import PIXELS, part_of

LAYERS = ("Conv", "Gemm", "MatMul")  # operators that runtimes compute in eight bits
CALIBRATED = 32  # pictures whose values say the ranges, the first ones
CUT = 512  # pixels of a side of these
WATCHED = 2  # pictures on which the noise of layers is measured
FLOAT = (0.0, 0.1, 0.25, 0.5, 0.75)  # shares of the layers that stay in float32, tried in turn

Layers = tuple[tuple[str, float, bool], ...]


def quantized(
    model: Any, parts: Sequence[str], graph: Graph, pictures: Sequence[Tensor], judge: Callable[[Any], Verdict]
) -> tuple[Any, Layers, Verdict]:
    """Quantize a file's network, all of it or what the gate allows.

    Args:
        model: `onnx.ModelProto` in float32.
        parts: of the network's output.
        graph: that it was made of.
        pictures: [C, H, W] raw integers, for calibration.
        judge: what the gate finds of a model.

    Returns: the model, its layers (name, decibels of signal to noise, whether it stayed in float32), worst first, and the
        verdict, which may be a refusal.

    Raises: ModelError for a network without a layer that could be quantized; MissingExtra without onnxruntime.
    """
    extra("onnxruntime", "export")
    names = [f"network/{part}" for part in parts]
    network = part_of(model, [PIXELS], names)
    layers = layers_of(network)
    if not layers:
        raise ModelError(
            "the network has no convolution or linear layer that eight bits could compute; export --to onnx"
        )
    shown = [graph.prepare(_cut(picture)[None]).numpy() for picture in pictures[:CALIBRATED]]
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        source = Path(folder) / "float.onnx"
        source.write_bytes(network.SerializeToString())
        noise: dict[str, float] = {}
        tried: set[int] = set()
        for share in FLOAT:
            count = min(math.ceil(share * len(layers)), len(layers) - 1)
            if count in tried:
                continue
            tried.add(count)
            order = sorted(layers, key=lambda name: noise.get(name, 0.0))
            kept = order[:count]
            small = _quantized(source, Path(folder) / "int8.onnx", shown, kept)
            if not noise:
                noise = noise_of(network, small, layers, shown[:WATCHED])
            made = replaced_network(model, small)
            verdict = judge(made)
            if verdict.passed:
                break
        found = sorted(((name, noise[name], name in kept) for name in layers), key=lambda row: row[1])
    return made, tuple(found), verdict


def layers_of(network: Any) -> list[str]:
    """The names of a network's layers that have weights and could be quantized, in their order."""
    weights = {weight.name for weight in network.graph.initializer}
    return [node.name for node in network.graph.node if node.op_type in LAYERS and node.input[1] in weights]


def replaced_network(model: Any, network: Any) -> Any:
    """The whole model with another network between its first and its last stage."""
    import onnx

    places = [n for n, node in enumerate(model.graph.node) if node.name.startswith("network/")]
    before, after = list(model.graph.node)[: places[0]], list(model.graph.node)[places[-1] + 1 :]
    weights = [weight for weight in model.graph.initializer if not weight.name.startswith("network/")]
    graph = onnx.helper.make_graph(
        [*before, *network.graph.node, *after],
        model.graph.name,
        list(model.graph.input),
        list(model.graph.output),
        [*weights, *network.graph.initializer],
    )
    graph.value_info.extend(model.graph.value_info)
    made = onnx.helper.make_model(
        graph, opset_imports=list(network.opset_import), ir_version=max(model.ir_version, network.ir_version)
    )
    made.producer_name = "intarsia"
    return made


class _Reader:
    """Pictures one after the other, as the calibration draws them."""

    def __init__(self, shown: Sequence[np.ndarray]) -> None:
        self.rest: Iterator[np.ndarray] = iter(shown)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next picture, None after the last one."""
        pixels = next(self.rest, None)
        return None if pixels is None else {PIXELS: pixels}


def _quantized(source: Path, target: Path, shown: Sequence[np.ndarray], kept: Sequence[str]) -> Any:
    """A network in eight bits but for some of its layers."""
    import onnx
    from onnxruntime import quantization as tools

    before = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it advises steps that the exporter has done
    try:
        tools.quantize_static(
            str(source),
            str(target),
            _Reader(shown),
            quant_format=tools.QuantFormat.QDQ,
            op_types_to_quantize=list(LAYERS),
            per_channel=True,
            reduce_range=True,  # eight bits times eight saturate on processors without VNNI
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            nodes_to_exclude=list(kept),
        )
    finally:
        logging.root.setLevel(before)
    return onnx.load(str(target))


def noise_of(network: Any, small: Any, layers: Sequence[str], shown: Sequence[np.ndarray]) -> dict[str, float]:
    """How much of a layer's input and weights eight bits lose: signal to noise in decibels, lower is worse.

    Args:
        network: in float32.
        small: the same, all layers quantized.
        layers: their names.
        shown: pixels [1, C, H, W] of pictures.
    """
    import onnx

    made = {name: node for node in small.graph.node for name in node.output}
    weights = {weight.name: weight for weight in small.graph.initializer}
    floats = {weight.name: onnx.numpy_helper.to_array(weight) for weight in network.graph.initializer}
    found: dict[str, float] = {}
    ranges: dict[str, list[np.ndarray]] = {}
    inputs: dict[str, str] = {}
    sources = {node.name: node for node in network.graph.node}
    for node in small.graph.node:
        if node.name not in layers:
            continue
        inputs[node.name] = sources[node.name].input[0]
        value, weight = (made.get(name) for name in node.input[:2])
        if value is not None and value.op_type == "DequantizeLinear":
            ranges[node.name] = [onnx.numpy_helper.to_array(weights[name]) for name in value.input[1:3]]
        true = floats[sources[node.name].input[1]]
        stood = None if weight is None else _dequantized(weight, weights)
        found[node.name] = math.inf if stood is None else _decibels(true, stood)
    values = _values(network, sorted({name for name in inputs.values() if name != PIXELS}), shown)
    values[PIXELS] = list(shown)
    for name, (scale, zero) in ranges.items():
        top = np.iinfo(np.asarray(zero).dtype)
        noise = []
        for true in values[inputs[name]]:
            steps = np.clip(np.round(true / scale) + float(zero), top.min, top.max)
            noise.append(_decibels(true, (steps - float(zero)) * scale))
        both = 10 ** (-min(noise) / 10) + 10 ** (-found[name] / 10)
        found[name] = -10 * math.log10(max(both, 1e-30))
    return {name: found.get(name, math.inf) for name in layers}


def _values(network: Any, names: Sequence[str], shown: Sequence[np.ndarray]) -> dict[str, list[np.ndarray]]:
    """What stands at places inside of a network, of each picture."""
    import onnx

    watched = onnx.ModelProto()
    watched.CopyFrom(network)
    known = {value.name for value in watched.graph.output}
    watched.graph.output.extend([onnx.helper.make_empty_tensor_value_info(name) for name in names if name not in known])
    order = [value.name for value in watched.graph.output]
    run = session(watched, "the network")
    found: dict[str, list[np.ndarray]] = {name: [] for name in order}
    for pixels in shown:
        for name, array in zip(order, ran(run, {PIXELS: pixels}, "the network"), strict=True):
            found[name].append(array)
    return found


def _dequantized(node: Any, weights: Mapping[str, Any]) -> np.ndarray | None:
    """The weights that a node makes of eight bits; None where it makes none."""
    import onnx

    if node.op_type != "DequantizeLinear" or node.input[0] not in weights:
        return None
    values, scale, zero = (onnx.numpy_helper.to_array(weights[name]) for name in node.input[:3])
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    if scale.ndim:
        shape = [1] * values.ndim
        shape[axis] = -1
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return np.asarray((values.astype(np.float32) - zero.astype(np.float32)) * scale)


def _decibels(true: np.ndarray, stood: np.ndarray) -> float:
    """Signal to noise of numbers and of those that stand for them."""
    signal, noise = (
        float(np.square(true, dtype=np.float64).sum()),
        float(np.square(true - stood, dtype=np.float64).sum()),
    )
    return math.inf if noise == 0 else -math.inf if signal == 0 else 10 * math.log10(signal / noise)


def _cut(picture: Tensor) -> Tensor:
    return picture[:, :CUT, :CUT]
