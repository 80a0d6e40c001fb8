"""Gaussian filters over points of any number of features, on a lattice: each point goes once in and once out.

Adams, Baek, Davis. "Fast High-Dimensional Filtering Using the Permutohedral Lattice." Eurographics 2010

    values of points - splat: onto the d + 1 vertices around each - blur along d + 1 axes - slice: back to the points

A Gaussian over N points of colors and places takes N^2 steps; on the lattice it takes N. The answer is that of a Gaussian of
deviation 1 in the space of features, with an error of a few percent after it has been normalized.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError

ROOM = 2**62  # keys that count cells stay below
REACH = 1e6  # deviations from 0: farther away float32 cannot tell which simplex a point is in
MIX = 0x9E3779B97F4A7C15  # the golden ratio in 64 bits: multiples of it are far from each other


class Lattice:
    """The vertices around a set of points, and who is next to whom.

    Args:
        features: [N, d], each divided by the deviation that is wanted of it; no gradient flows to them.

    Raises: ModelError for features of another shape, or none, and for points too far away.

    N points, M vertices; the row M stands for a vertex that no point touches.
    """

    def __init__(self, features: Tensor) -> None:
        features = features.detach()
        if features.ndim != 2 or not features.numel():
            raise ModelError(f"features of shape {tuple(features.shape)}; give [N, d], not empty")
        check_reach(features)
        d = features.shape[1]
        corner, rank, self.weights = _simplex(features)
        step = torch.arange(d + 1, device=features.device)
        # vertex k of a simplex: k more than its corner along axes of a low rank, k - (d + 1) along the others
        canonical = torch.where(
            step[None] <= d - step[:, None], step[:, None], step[:, None] - (d + 1)
        )  # of shape [k, rank]
        vertices = corner[:, None, :d] + canonical.T[rank[:, :d]].transpose(1, 2)  # of shape [N, d + 1, d]
        low, high = vertices.amin((0, 1)) - d - 1, vertices.amax((0, 1)) + d + 1
        strides = torch.tensor(strides_of((high - low + 1).tolist()), device=features.device)
        keys = ((vertices - low) * strides).sum(-1)  # of shape [N, d + 1]
        known, places = keys.unique(return_inverse=True)
        self.places: Tensor = places  # of shape [N, d + 1]
        self.count = len(known)
        offsets = strides.sum() - (d + 1) * torch.cat(
            [strides, strides.new_zeros(1)]
        )  # of shape [d + 1] to the next vertex
        wanted = known[None, :, None] + offsets[:, None, None] * torch.tensor([1, -1], device=features.device)
        found = torch.searchsorted(known, wanted).clamp_(max=self.count - 1)
        self.around = torch.where(known[found] == wanted, found, self.count)  # of shape [d + 1, M, 2]

    def filter(self, values: Tensor) -> Tensor:
        """Blur values of points [N, C] of any floating type; differentiable in them, twice.

        Returns: [N, C]; a one at each point gives how much of the others it sees, which a mean divides by.
        """
        out: Tensor = _Filter.apply(values, self, False)
        return out

    def blurred(self, values: Tensor, backwards: bool) -> Tensor:
        """Splat, blur and slice values [N, C]; backwards: along the axes in reverse, which is the transpose."""
        d1 = self.weights.shape[1]
        weights = self.weights.to(values.dtype)
        x = values.new_zeros(self.count + 1, values.shape[1])
        for k in range(d1):
            x.index_add_(0, self.places[:, k], weights[:, k, None] * values)
        for axis in reversed(range(d1)) if backwards else range(d1):
            one, other = self.around[axis].unbind(1)
            x = torch.cat([x[:-1] + 0.5 * (x[one] + x[other]), x[-1:]])
        out = torch.zeros_like(values)
        for k in range(d1):
            out += weights[:, k, None] * x[self.places[:, k]]
        return out / (1 + 2.0 ** (1 - d1))


class _Filter(torch.autograd.Function):
    """The filter is linear, and its transpose is the same one with the axes in reverse."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, lattice: Lattice, backwards: bool) -> Tensor:
        ctx.lattice, ctx.backwards = lattice, backwards
        return lattice.blurred(values, backwards)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return _Filter.apply(grads[0], ctx.lattice, not ctx.backwards), None, None


def check_reach(features: Tensor) -> None:
    """See that a lattice can tell points apart, [N, d].

    Raises: ModelError for features that are no numbers, or more than `REACH`.
    """
    low, high = (float(end) for end in features.aminmax())
    farthest = max(-low, high)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ModelError("the features of the CRF hold numbers that are none (NaN or infinite)")
    if farthest > REACH:
        raise ModelError(
            f"features of the CRF reach {farthest:.3g} deviations, and a lattice tells points apart up to {REACH:,.0f}; "
            "give larger deviations (place, color, near), and colors in units of 0..255"
        )


def strides_of(extents: Sequence[int]) -> list[int]:
    """What a vertex's coordinates are multiplied by, and added up, to give it a key of 64 bits.

    Args:
        extents: how many values each coordinate may take.

    Returns: strides with which each cell has a key of its own; where there are more cells than keys, odd numbers without a
        pattern, with which two of a million vertices share one in one of ten million pictures.
    """
    if math.prod(extents) < ROOM:
        return [math.prod(extents[:i]) for i in range(len(extents))]
    mixed = [(MIX * (2 * i + 1) ** 3 + (MIX >> (i + 1))) % 2**64 | 1 for i in range(len(extents))]
    return [key - 2**64 if key >= 2**63 else key for key in mixed]


def steps_of(dimensions: int) -> list[float]:
    """How many steps of the lattice a feature's deviation of 1 is, for each of the features (section 3 of the paper)."""
    reach = math.sqrt(2 / 3) * (dimensions + 1)
    return [reach / math.sqrt((i + 1) * (i + 2)) for i in range(dimensions)]


def _simplex(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The corner of each point's simplex [N, d + 1], the ranks [N, d + 1], and the shares of its vertices [N, d + 1]."""
    d = features.shape[1]
    scaled = features * features.new_tensor(steps_of(d))
    below = scaled.flip(1).cumsum(1).flip(1)  # sums of x[i], x[i + 1], ...
    counts = torch.arange(d + 1, device=features.device).to(features.dtype)
    raised = torch.cat([below, below.new_zeros(len(below), 1)], 1)
    raised[:, 1:] -= counts[1:] * scaled
    nearest = (raised / (d + 1) + 0.5).floor()
    excess = nearest.sum(1, keepdim=True).long()
    corner = nearest.long() * (d + 1)
    away = raised - corner
    rank = away.argsort(dim=1, descending=True, stable=True).argsort(dim=1) + excess
    corner = corner + (d + 1) * ((rank < 0).long() - (rank > d).long())
    rank = rank + (d + 1) * ((rank < 0).long() - (rank > d).long())
    away = (raised - corner) / (d + 1)
    by_rank = torch.zeros_like(away).scatter_(1, rank, away)  # the largest first
    smallest = by_rank.flip(1)
    shares = smallest - torch.cat([smallest.new_zeros(len(smallest), 1), smallest[:, :-1]], 1)
    shares[:, 0] += 1 - by_rank[:, 0]
    return corner, rank, shares
