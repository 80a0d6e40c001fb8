"""RoIPool, RoIWarp, RoIAlign: torchvision's, a slow loop's, and a box whose numbers can be followed by hand."""

import math

import pytest
import torch
from torch import Tensor

from intarsia.blocks import roi_align, roi_pool, roi_warp
from intarsia.errors import ModelError

REDUCE = {"max": max, "average": lambda values: sum(values) / len(values)}


def boxes(count: int, h: int, w: int, *, beyond: float = 0.0) -> tuple[Tensor, Tensor]:
    """Boxes of all sizes, some of them reaching out of the map, and which of two images each lies in."""
    corner = torch.rand(count, 2, 2) * torch.tensor([w + 2 * beyond, h + 2 * beyond]) - beyond
    low, high = corner.min(1).values, corner.max(1).values
    return torch.cat([low, high], dim=1), torch.randint(0, 2, (count,))


def at(x: Tensor, py: float, px: float) -> float:
    """The map's value between its pixels: interpolation, copies of the border up to a pixel outside, 0 beyond."""
    h, w = x.shape
    if not (-1 <= py <= h and -1 <= px <= w):
        return 0.0
    py, px = min(max(py, 0.0), h - 1.0), min(max(px, 0.0), w - 1.0)
    i, j = int(py), int(px)
    k, l = min(i + 1, h - 1), min(j + 1, w - 1)
    a, b = py - i, px - j
    upper, lower = (1 - b) * x[i, j] + b * x[i, l], (1 - b) * x[k, j] + b * x[k, l]
    return float((1 - a) * upper + a * lower)


def rounded(value: float) -> int:
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def slow_sampled(
    x: Tensor, start: tuple[float, float], length: tuple[float, float], n: int, s: int, reduce: str
) -> Tensor:
    """Cell by cell, point by point; start and length (x, y) in numbers of pixels."""
    out = torch.empty(len(x), n, n)
    for c, channel in enumerate(x):
        for i in range(n):
            for j in range(n):
                values = [
                    at(
                        channel,
                        start[1] + length[1] * (i + (p + 0.5) / s) / n,
                        start[0] + length[0] * (j + (q + 0.5) / s) / n,
                    )
                    for p in range(s)
                    for q in range(s)
                ]
                out[c, i, j] = REDUCE[reduce](values)
    return out


def slow_pool(x: Tensor, box: list[float], n: int, scale: float, reduce: str) -> Tensor:
    x0, y0, x1, y1 = (rounded(v * scale) for v in box)
    w, h = max(x1 - x0 + 1, 1), max(y1 - y0 + 1, 1)
    out = torch.zeros(len(x), n, n)
    for c, channel in enumerate(x):
        for i in range(n):
            for j in range(n):
                rows = range(max(y0 + i * h // n, 0), min(y0 - (-(i + 1) * h // n), len(channel)))
                columns = range(max(x0 + j * w // n, 0), min(x0 - (-(j + 1) * w // n), channel.shape[1]))
                values = [float(channel[p, q]) for p in rows for q in columns]
                out[c, i, j] = REDUCE[reduce](values) if values else 0.0
    return out


@pytest.mark.parametrize("reduce", ["max", "average"])
def test_pool_is_a_slow_loop(reduce: str) -> None:
    x = torch.randn(2, 2, 9, 11)
    given, images = boxes(12, 18, 22, beyond=6)
    ours = roi_pool(x, given, 3, images=images, scale=0.5, reduce=reduce)
    for answer, box, image in zip(ours, given.tolist(), images.tolist(), strict=True):
        torch.testing.assert_close(answer, slow_pool(x[image], box, 3, 0.5, reduce), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("reduce", ["max", "average"])
def test_align_is_a_slow_loop(reduce: str, aligned: bool) -> None:
    x = torch.randn(2, 2, 9, 11)
    given, images = boxes(8, 18, 22, beyond=5)
    ours = roi_align(x, given, 3, images=images, scale=0.5, samples=2, reduce=reduce, aligned=aligned)
    for answer, (x0, y0, x1, y1), image in zip(ours, (given * 0.5).tolist(), images.tolist(), strict=True):
        shift, least = (0.5, 0.0) if aligned else (0.0, 1.0)
        length = max(x1 - x0, least), max(y1 - y0, least)
        expected = slow_sampled(x[image], (x0 - shift, y0 - shift), length, 3, 2, reduce)
        torch.testing.assert_close(answer, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("reduce", ["max", "average"])
def test_warp_is_a_slow_loop(reduce: str) -> None:
    x = torch.randn(2, 2, 9, 11)
    given, images = boxes(8, 18, 22)
    ours = roi_warp(x, given, 3, images=images, scale=0.5, samples=2, reduce=reduce)
    for answer, box, image in zip(ours, given.tolist(), images.tolist(), strict=True):
        x0, y0, x1, y1 = (rounded(v * 0.5) for v in box)
        expected = slow_sampled(x[image], (x0 - 0.5, y0 - 0.5), (x1 - x0 + 1, y1 - y0 + 1), 3, 2, reduce)
        torch.testing.assert_close(answer, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 7, (2, 5)])
def test_pool_is_torchvisions(size) -> None:
    x = torch.randn(2, 3, 20, 30)
    given, images = boxes(60, 160, 240, beyond=30)
    options = {"images": images, "scale": 1 / 8}
    torch.testing.assert_close(roi_pool(x, given, size, **options), roi_pool(x, given, size, fast=True, **options))


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize(("size", "samples"), [(7, 2), (1, 1), ((3, 5), 3)])
def test_align_is_torchvisions(size, samples: int, aligned: bool) -> None:
    x = torch.randn(2, 3, 20, 30)
    given, images = boxes(60, 160, 240, beyond=30)
    options = {"images": images, "scale": 1 / 8, "samples": samples, "aligned": aligned}
    ours, theirs = roi_align(x, given, size, **options), roi_align(x, given, size, fast=True, **options)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_a_box_by_hand() -> None:
    """On a ramp the mean of sample points is the ramp at the cell's middle, which only RoIAlign puts in the right place."""
    ramp = torch.arange(10.0).expand(1, 1, 10, 10)
    box = torch.tensor([[2.3, 1.0, 6.3, 9.0]])
    middles = torch.tensor([3.3, 5.3]) - 0.5
    torch.testing.assert_close(roi_align(ramp, box, 2)[0, 0], middles.expand(2, 2))
    # rounded it is pixels 2 to 6: two cells of 2.5 pixels each, or of the pixels 2-4 and 4-6
    torch.testing.assert_close(roi_warp(ramp, box, 2, reduce="average")[0, 0, 0], torch.tensor([2.75, 5.25]))
    assert roi_pool(ramp, box, 2)[0, 0].tolist() == [[4, 6], [4, 6]]


def test_align_moves_with_the_box_and_pool_jumps() -> None:
    ramp = torch.arange(20.0).expand(1, 1, 20, 20)
    shifts = torch.arange(0, 1.01, 0.1)[:, None] * torch.tensor([1.0, 0, 1, 0])
    boxes = torch.tensor([4.0, 4, 9, 9]) + shifts
    smooth = roi_align(ramp, boxes, 1).flatten()
    stepped = roi_pool(ramp, boxes, 1).flatten()
    torch.testing.assert_close(smooth.diff(), torch.full((10,), 0.1), atol=1e-4, rtol=0)
    assert sorted(set(stepped.tolist())) == [9, 10]


def test_gradients_reach_the_map() -> None:
    x = torch.randn(1, 1, 6, 6, dtype=torch.double, requires_grad=True)
    box = torch.tensor([[0.7, 1.2, 4.9, 5.1]], dtype=torch.double)
    for operator in (roi_align, roi_warp, roi_pool):
        assert torch.autograd.gradcheck(lambda x, operator=operator: operator(x, box, 2), x)


def test_no_boxes_no_regions() -> None:
    none = torch.zeros(0, 4)
    for operator in (roi_pool, roi_warp, roi_align):
        assert operator(torch.zeros(1, 3, 5, 5), none, 7).shape == (0, 3, 7, 7)


X, BOX = torch.zeros(2, 1, 5, 5), torch.tensor([[0.0, 0, 3, 3]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: roi_pool(X[0], BOX, 2), r"cut out of maps \[B, C, h, w\] by boxes \[M, 4\]"),
        (lambda: roi_align(X, torch.zeros(1, 5), 2), "goes into `images`"),
        (lambda: roi_align(X, BOX, 0), "hold nothing"),
        (lambda: roi_warp(X, BOX, 2, samples=0), "of 0 samples a side hold nothing"),
        (lambda: roi_warp(X, BOX, 2, reduce="maxx"), "reduced by 'maxx'; did you mean 'max'"),
        (lambda: roi_pool(X, BOX.flip(1), 2), "ends before it begins"),
        (lambda: roi_pool(X, BOX, 2, images=torch.tensor([2])), "one of 2 images, 0 .. 1, for each of 1 boxes"),
        (lambda: roi_pool(X, BOX, 2, reduce="average", fast=True), "torchvision's roi_pool knows 'max' only"),
        (lambda: roi_align(X, BOX, 2, reduce="max", fast=True), "roi_align knows 'average' only"),
    ],
)
def test_mistakes_are_sentences(call, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        call()
