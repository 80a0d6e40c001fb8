"""The mean field of a dense CRF: any number of points, classes, kernels and features.

Kraehenbuehl, Koltun. "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials." NeurIPS 2011

    scores - softmax - Q - filter by each kernel - compatibility - add the scores - softmax - Q ...

On CPUs with numba (extra `crf`) the loops of `lattice.py` run, on as many threads as PyTorch uses, with the same answer
for any number of them; elsewhere the lattice of `blocks.permutohedral` in PyTorch.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..blocks.permutohedral import Lattice, check_reach, steps_of, strides_of
from ..errors import ModelError, nearest
from .lattice import LANES, compiled

ENGINES = ("auto", "numba", "torch")
NORMALIZATIONS = ("symmetric", "before", "after", "none")
TINY = 1e-20
BAND = 65536  # points whose probabilities are splatted into a lattice of their own, twice


class Kernel(NamedTuple):
    """One Gaussian kernel between all pairs of points.

    Args:
        features: [N, d] of the points, divided by the deviation of each.
        weight: how strongly a point is drawn to the classes of the points that it sees: a number or [K] (a Potts model: other
            classes cost this much), or [K, K], what class l pays for class m beside it.
        normalization: "symmetric", "before" or "after" the filter, each by what a filtered one gives, or "none".
    """

    features: Tensor
    weight: float | Sequence[float] | Tensor = 1.0
    normalization: str = "symmetric"


def mean_field(scores: Tensor, kernels: Sequence[Kernel], iterations: int = 10, engine: str = "auto") -> Tensor:
    """Find the probabilities of each point's classes under a dense CRF.

    Args:
        scores: [K, N] logarithms of the unary probabilities, up to a constant for each point.
        iterations: of the mean field; 0: the softmax of the scores.
        engine: "numba" (on the CPU), "torch", or "auto": numba for scores on the CPU where it is installed.

    Returns: Q [K, N] float32 on the device of the scores; each column adds up to 1.

    Raises: ModelError for what does not fit together, and scores that are no numbers.
    """
    _check(scores, kernels, iterations, engine)
    scores = scores.detach().float()
    if not kernels:
        return scores.softmax(0)
    if engine == "numba" or (engine == "auto" and scores.device.type == "cpu" and importlib.util.find_spec("numba")):
        lattices = [_embedded(kernel.features) for kernel in kernels]
        return _by_numba(scores, kernels, lattices, iterations)
    return _by_torch(scores, kernels, iterations)


def _check(scores: Tensor, kernels: Sequence[Kernel], iterations: int, engine: str) -> None:
    if engine not in ENGINES:
        raise ModelError(f"there is no engine {engine!r} of a dense CRF{nearest(engine, ENGINES)}")
    if not isinstance(iterations, int) or isinstance(iterations, bool) or iterations < 0:
        raise ModelError(f"iterations is {iterations!r}; give a whole number, 0 or more")
    if scores.ndim != 2 or not scores.numel():
        raise ModelError(f"scores of shape {tuple(scores.shape)}; give [K, N], not empty")
    if not _finite(scores):
        raise ModelError("the scores of the CRF hold numbers that are none (NaN or infinite)")
    for kernel in kernels:
        if kernel.features.ndim != 2 or len(kernel.features) != scores.shape[1] or not kernel.features.shape[1]:
            raise ModelError(
                f"features of shape {tuple(kernel.features.shape)} for {scores.shape[1]} points; give [N, d]"
            )
        check_reach(kernel.features)
        if kernel.normalization not in NORMALIZATIONS:
            raise ModelError(
                f"there is no normalization {kernel.normalization!r}{nearest(kernel.normalization, NORMALIZATIONS)}"
            )
        _compatibility(kernel.weight, len(scores))


def _finite(values: Tensor) -> bool:
    low, high = values.aminmax()
    return bool(low.isfinite() and high.isfinite())


def _compatibility(weight: float | Sequence[float] | Tensor, classes: int) -> Tensor:
    """What multiplies filtered probabilities to give messages: a number [], [K, 1], or [K, K]; float32 on the CPU."""
    found = torch.as_tensor(weight, dtype=torch.float32).detach().cpu()
    if tuple(found.shape) not in ((), (classes,), (classes, classes)) or not bool(found.isfinite().all()):
        raise ModelError(
            f"a weight of shape {tuple(found.shape)} for {classes} classes; give a number, [K] or [K, K] of them"
        )
    return -found if found.ndim == 2 else found if not found.ndim else found[:, None]


def _by_torch(scores: Tensor, kernels: Sequence[Kernel], iterations: int) -> Tensor:
    """The mean field in PyTorch."""
    filters = []
    for kernel in kernels:
        lattice = Lattice(kernel.features.to(scores.device).float())
        ones = lattice.filter(scores.new_ones(scores.shape[1], 1))
        before, after = (one.T for one in _norms(ones, kernel.normalization))
        filters.append((lattice, before, after, _compatibility(kernel.weight, len(scores)).to(scores.device)))
    q = scores.softmax(0)
    for _ in range(iterations):
        total = scores.clone()
        for lattice, before, after, weight in filters:
            seen = lattice.filter((q * before).T).T * after
            total += weight @ seen if weight.ndim == 2 and weight.shape[1] > 1 else weight * seen
        q = total.softmax(0)
    return q


def _norms(ones: Any, normalization: str) -> tuple[Any, Any]:
    """What values are multiplied by before and after a filter that makes this of ones."""
    whole = ones / ones
    if normalization == "symmetric":
        return (ones + TINY) ** -0.5, (ones + TINY) ** -0.5
    one = 1 / (ones + TINY)
    return {"before": (one, whole), "after": (whole, one), "none": (whole, whole)}[normalization]


class _Embedded(NamedTuple):
    """A lattice as the compiled loops take it; `around` says M where there is no neighbor."""

    places: np.ndarray  # [N, d + 1] uint32
    weights: np.ndarray  # [N, d + 1] float32
    around: np.ndarray  # [d + 1, M, 2] uint32
    vertices: int  # M


def _embedded(features: Tensor) -> _Embedded:
    """The lattice of features [N, d]."""
    points = np.ascontiguousarray(features.detach().cpu().float().numpy())
    loops, (n, d) = compiled(), points.shape
    scale = np.array(steps_of(d), np.float32)
    low, high = (np.array([float(x) for x in how]) * scale for how in _ends(points))
    extents = []
    for i in range(d):  # coordinate i is x[i] + x[i + 1] + ... - i x[i - 1]
        factor = np.array([0.0] * (i - 1) + [-float(i)] * (i > 0) + [1.0] * (d - i))
        ends = np.stack([factor * low, factor * high])
        extents.append(int(ends.max(0).sum() - ends.min(0).sum()) + 8 * (d + 1))
    strides = np.array(strides_of(extents), np.int64)
    keys, weights = np.empty((n, d + 1), np.int64), np.empty((n, d + 1), np.float32)
    _spread(n, lambda a, b: loops.embed(a, b, points, scale, strides, keys, weights))
    places = np.empty((n, d + 1), np.uint32)
    table, owned, bits = loops.number(keys, places)
    count = len(owned)
    around = np.empty((d + 1, count, 2), np.uint32)
    offsets = strides.sum() - (d + 1) * np.append(strides, 0)
    _spread(count, lambda a, b: loops.neighbors(a, b, table, owned, bits, offsets, around))
    return _Embedded(places, weights, around, count)


def _ends(points: np.ndarray) -> tuple[list[np.floating[Any]], list[np.floating[Any]]]:
    """The least and the largest of each feature; a column at a time, which is several times faster than all at once."""
    columns = [points[:, i] for i in range(points.shape[1])]
    return [column.min() for column in columns], [column.max() for column in columns]


def _by_numba(scores: Tensor, kernels: Sequence[Kernel], lattices: Sequence[_Embedded], iterations: int) -> Tensor:
    """The mean field by compiled loops; the lattices of all kernels lie in one, one after the other."""
    loops, (classes, n) = compiled(), scores.shape
    columns = -(-classes // LANES) * LANES
    bounds = np.cumsum([0, *(one.vertices for one in lattices)])
    total = int(bounds[-1])
    weights = [_weights(one, kernel.normalization) for one, kernel in zip(lattices, kernels, strict=True)]
    places = np.concatenate([one.places + np.uint32(start) for one, start in zip(lattices, bounds, strict=False)], 1)
    slicing = np.concatenate([both[0] for both in weights], 1)
    splatting = slicing if all(a is b for a, b in weights) else np.concatenate([both[1] for both in weights], 1)
    around = [
        np.where(one.around == one.vertices, np.uint32(total), one.around + np.uint32(start))
        for one, start in zip(lattices, bounds, strict=False)
    ]
    factors = [_compatibility(kernel.weight, classes).numpy() for kernel in kernels]
    unary = np.full((n, columns), -1e30, np.float32)
    unary[:, :classes] = scores.cpu().numpy().T
    bands = max(1, min(2 * min(8, max(1, n // BAND)), 4 * n // max(1, total)))  # whatever the number of threads
    edges = np.linspace(0, n, bands + 1).astype(int)
    parts = np.zeros((bands, total, columns), np.float32)
    lattice, other = np.zeros((2, total + 1, columns), np.float32)
    nothing, q = np.zeros((0, columns), np.float32), np.empty_like(unary)

    def smooth(k: int) -> None:
        """Blur the vertices of kernel k, and multiply them by its compatibility."""
        x, y, start, stop = lattice, other, int(bounds[k]), int(bounds[k + 1])
        for axis in range(len(around[k])):
            loops.blur(0, stop - start, start, around[k][axis], x, y)
            x, y = y, x
        rows, factor = x[start:stop, :classes], factors[k]
        lattice[start:stop, :classes] = rows @ factor.T if factor.ndim == 2 and factor.shape[1] > 1 else rows * factor.T

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for step in range(iterations + 1):
            messages, last = lattice if step else nothing, step == iterations

            def one(band: int, messages: np.ndarray = messages, last: bool = last) -> None:
                found = nothing if last else parts[band]
                loops.sweep(edges[band], edges[band + 1], places, slicing, splatting, unary, messages, found, q)

            list(pool.map(one, range(bands)))
            if not last:
                _spread(total, lambda a, b: loops.merge(a, b, parts, lattice), pool)
                list(pool.map(smooth, range(len(kernels))))
    return torch.from_numpy(np.ascontiguousarray(q[:, :classes].T)).to(scores.device)


def _weights(lattice: _Embedded, normalization: str) -> tuple[np.ndarray, np.ndarray]:
    """The weights of slicing and of splatting, with what the filter is normalized by; one array where they are the same."""
    loops, (n, d1) = compiled(), lattice.places.shape
    scale = np.float32(1 / (1 + 2.0 ** (1 - d1)))
    if normalization == "none":
        root = lattice.weights * np.sqrt(scale)
        return root, root
    x, y = np.zeros((2, lattice.vertices + 1, 1), np.float32)
    loops.splat(0, n, lattice.places, lattice.weights, np.ones((n, 1), np.float32), x)
    for axis in range(d1):
        loops.blur(0, lattice.vertices, 0, lattice.around[axis], x, y)
        x, y = y, x
    ones = np.empty((n, 1), np.float32)
    _spread(n, lambda a, b: loops.read(a, b, lattice.places, lattice.weights, x, ones))
    before, after = _norms(ones * scale, normalization)
    if normalization == "symmetric":
        root = lattice.weights * (before * np.sqrt(scale)).astype(np.float32)
        return root, root
    return lattice.weights * (after * scale).astype(np.float32), lattice.weights * before.astype(np.float32)


def _spread(count: int, work: Callable[[int, int], Any], pool: ThreadPoolExecutor | None = None) -> None:
    """Do the work for the numbers 0 .. count - 1 in one part for each thread of PyTorch's."""
    threads = torch.get_num_threads() if count >= 4096 else 1
    edges = np.linspace(0, count, threads + 1).astype(int)
    if threads == 1:
        work(0, count)
        return
    if pool is not None:
        list(pool.map(work, edges[:-1], edges[1:]))
        return
    with ThreadPoolExecutor(threads) as own:
        list(own.map(work, edges[:-1], edges[1:]))
