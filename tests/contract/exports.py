"""A network as `torch.export` and ONNX have it, held against the network itself at sizes other than the traced one.

Tracing a network costs some 5 ms for each node of its graph, and writing it as ONNX twice that again, whatever its widths.
So `make test-all` traces each row of the catalogue and writes it as ONNX; quick tests trace one row of each kind of head, and
write the rows of `IN_ONNX`, and rows with an operator that the table lacks. So each operator is tried in ONNX, and a newcomer
of known ones costs no more.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import ExportedProgram

from intarsia.blocks.resize import resize_like
from intarsia.blocks.unpool import max_pool, max_unpool
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.models.realtime.lraspp import Weigh
from intarsia.structures import MaskQueries, Output, SemanticLogits

NODES = 1000  # of the graph of a row; a miniature with more has layers that say nothing new
LARGE = {"kmax_deeplab", "max_deeplab"}  # whose attention has a norm on each part: one layer of each kind has more
SIZES = [(1, 3, 45, 67), (3, 3, 101, 33), (1, 3, 128, 64)]
# A graph serves maps of one row only if it was traced with one, for torch asks of each map whether it has more. So these rows,
# whose coarsest maps are smaller than a 32nd of the image, are traced and compared at sizes so many times as large; their
# graphs serve no images of a side below 129 (pan, dynamic_routing) or 33 (segformer).
LARGER = {"pan": 5, "segformer": 2, "dynamic_routing": 5}
# Rows that no graph can hold, and why.
NOT_EXPORTED = {name: entry.no_graph for name, entry in ARCHITECTURES.items() if entry.no_graph}

# Row, or "bricks" (below) -> operators that it shows to be right in ONNX, each listed once.
IN_ONNX: dict[str, str] = {
    "fcn_alexnet": "add add.Tensor avg_pool3d conv2d conv_transpose2d.input div.Tensor dropout(False) floordiv max_pool2d mul "
    "mul.Tensor pad pad(constant) pad(replicate) pow.Tensor_Scalar relu_ squeeze.dim sub sym_size.int view",
    "vgg_classifier": "__and__.Tensor _assert_tensor_metadata arange flatten.using_ints linear lt.Tensor matmul max_pool2d(True) "
    "promote_types sum.dim_IntList(True) to.dtype transpose.int unsqueeze",
    "maskformer": "arange.start cos einsum(bqc,bchw->bqhw) embedding group_norm(False) layer_norm(False) numpy_T pow.Scalar sin "
    "slice.Tensor softmax.int sym_float unflatten.int zeros_like",
    "bricks": "abs add_.Tensor amax amax(True) argmax avg_pool2d avg_pool2d(False,False) avg_pool2d(True,False) "
    "batch_norm(False,False) cat chunk clamp detach elu_ eq.Tensor exp expand feature_dropout(False) floor_divide gather "
    "ge.Scalar getitem hardsigmoid hardswish_ le.Scalar le.Tensor leaky_relu lt.Scalar masked_fill.Scalar "
    "max_pool2d_with_indices(True) maximum mean.dim mean.dim(True) neg new_zeros ones_like permute pixel_shuffle prelu relu "
    "remainder.Scalar reshape rsub.Scalar scatter.src sigmoid sqrt square stack sub.Tensor sum.dim_IntList sym_max tanh "
    "truediv upsample_bilinear2d.vec(False) upsample_nearest2d.vec where.ScalarOther",
}


class Bricks(nn.Module):
    """What many rows have, or only those of large graphs, in a small one: writing it as ONNX tries all of that at once."""

    def __init__(self) -> None:
        super().__init__()
        self.slope, self.weigh = nn.PReLU(3), Weigh(3, 3, 3, (1, 2))
        self.norm, self.drop = nn.BatchNorm2d(3), nn.Dropout2d(0.5)

    def forward(self, image: Tensor) -> SemanticLogits:
        near = F.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)
        near = F.hardswish(self.slope(near), inplace=True) * F.hardsigmoid(self.weigh(near))
        far = F.leaky_relu(F.avg_pool2d(image, 2)).exp().tanh()
        far = far + (far <= 0).to(far.dtype)
        near, far = resize_like(1 - near, image), resize_like(far, image)
        near = near * image.amax((2, 3), keepdim=True) + far + self.gathered(image)
        best, parts = image.flatten(2).argmax(dim=2)[..., None, None], image.tanh().chunk(3, dim=1)
        logits = near + (best // 5 + best % 5) * torch.ones_like(parts[0]) - parts[2]
        return SemanticLogits(logits + self.pooled(image) + self.joined(image))

    def pooled(self, image: Tensor) -> Tensor:
        """What encoders and decoders do: norms, sums in place, pooling and its way back."""
        features = F.elu(self.drop(self.norm(image)), inplace=True)
        features += F.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
        features = features * features.relu().mean(dim=(2, 3))[..., None, None]
        values, places = max_pool(features, 2)
        return max_unpool(values, places, *image.shape[2:])

    def joined(self, image: Tensor) -> Tensor:
        """What heads do: shuffled channels, maps side by side, the best and the sum of several, one vector for all pixels."""
        shuffled = F.pixel_shuffle(torch.cat([image] * 4, dim=1), 2)
        near = F.interpolate(shuffled, (image.shape[2], image.shape[3]), mode="nearest")
        several = torch.stack([image, near])
        vector = image.mean(dim=(2, 3), keepdim=True).expand(-1, -1, image.shape[2], image.shape[3])
        return several.amax(dim=0) + several.sum(dim=0) + vector

    def gathered(self, image: Tensor) -> Tensor:
        """What each column gets from the others, as attention by place has it."""
        b, c, h, w = image.shape
        places = torch.arange(w, device=image.device)
        itself = places[:, None] == places
        alike = image.square().sum(dim=1).permute(0, 2, 1) @ (-image).mean(dim=1)  # [b, w, w]
        alike = torch.maximum(alike, alike.detach().mean(dim=2, keepdim=True)).masked_fill(itself, 0.0)
        beside = torch.where((places >= 1) & (places < 40), places - 1, 0).expand(b, w, w)
        weights = alike.gather(1, beside).softmax(dim=1)
        return (image.reshape(b, c * h, w) @ weights).unflatten(1, (c, h)) + image.square().mean(
            dim=1, keepdim=True
        ).sqrt()


def tried(table: dict[str, str]) -> set[str]:
    """Every operator of a table."""
    return {name for names in table.values() for name in names.split()}


def picture(*shape: int) -> Tensor:
    """Noise that depends on the shape alone."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def sizes(case: str) -> list[tuple[int, int, int, int]]:
    """The sizes at which a row's graph is compared."""
    times = LARGER.get(case.partition(",")[0], 1)
    return [(count, channels, h * times, w * times) for count, channels, h, w in SIZES]


def exported(network: nn.Module, case: str = "") -> ExportedProgram:
    """The network traced at one size, for any number of images of any size."""
    dynamic, times = torch.export.Dim.DYNAMIC, LARGER.get(case.partition(",")[0], 1)
    image = picture(2, 3, 64 * times, 96 * times)
    return torch.export.export(network.eval(), (image,), dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},))


def operators(program: ExportedProgram) -> set[str]:
    """What a graph calls, with the flags it is called with: "max_pool2d", "max_pool2d(True)" where it rounds up."""
    found = set()
    for node in program.graph.nodes:
        if node.op == "call_function":
            name = node.target.__name__ if not isinstance(node.target, torch._ops.OpOverload) else str(node.target)
            flags = ",".join(str(flag) for flag in node.args if isinstance(flag, bool | str))
            found.add(name.removeprefix("aten.").removesuffix(".default") + (f"({flags})" if flags else ""))
    return found


def fits(case: str, program: ExportedProgram) -> None:
    """The row is small enough to be traced with all others, and has what `IN_ONNX` says of it."""
    nodes, seen = len(program.graph.nodes), operators(program)
    limit = 2 * NODES if case in LARGE else NODES
    assert nodes <= limit, (
        f"the graph of {case!r} has {nodes} nodes, and {limit} are allowed: give `smallest` in the catalogue fewer layers, "
        "or the row an encoder of tests/contract/miniatures.py"
    )
    gone = sorted(set(IN_ONNX.get(case, "").split()) - seen)
    assert not gone, f"{case!r} has no {', '.join(gone)} any more: give it to another row of IN_ONNX"


def new(program: ExportedProgram) -> set[str]:
    """Operators that no row of the table shows to be right in ONNX."""
    return operators(program) - tried(IN_ONNX)


def tensors(output: Output) -> Iterator[Tensor]:
    """The tensors of an output in order, those of tuples in it included."""
    for part in output:
        if isinstance(part, Tensor):
            yield part
        elif isinstance(part, tuple) and not isinstance(part, torch.Size):
            yield from tensors(part)  # type: ignore[arg-type]


def agrees_in_torch(program: ExportedProgram, network: nn.Module, case: str = "") -> None:
    """The exported graph gives the answer of the network, in the same type, at other sizes."""
    graph = program.module()
    for size in sizes(case):
        with torch.no_grad():
            expected, given = network(picture(*size)), graph(picture(*size))
        assert type(given) is type(expected)
        if isinstance(given, MaskQueries):
            assert given.size == size[2:]
        for mine, its in zip(tensors(given), tensors(expected), strict=True):
            torch.testing.assert_close(mine, its, atol=1e-4, rtol=1e-3)


def agrees_in_onnx(program: ExportedProgram, network: nn.Module, folder: Path, case: str = "") -> None:
    """The graph written as ONNX gives the answer of the network at other sizes."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports the parts of an output that are None
    path = folder / "network.onnx"
    torch.onnx.export(program, dynamo=True, verbose=False).save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in sizes(case):
        with torch.no_grad():
            expected = list(tensors(network(picture(*size))))
        given = session.run(None, {session.get_inputs()[0].name: picture(*size).numpy()})
        for mine, its in zip(given, expected, strict=False):  # sizes may come after
            wide = 100 if case in LARGE else 1  # a vector of nearly no length is turned by a runtime's rounding
            np.testing.assert_allclose(mine, its.numpy(), atol=wide * 1e-4, rtol=wide * 1e-3)
        assert len(given) >= len(expected) > 0
