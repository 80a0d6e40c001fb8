"""The table of operators that the lab draws: what each does in a few sentences, and what draws it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import convolutions, pooling, regions, upsampling
from .parts import Figure

Draw = Callable[..., Figure]

MAP = "2 1 3 0 1 2 4 1;0 5 1 2 6 1 0 2;1 2 4 3 1 7 2 1;3 0 8 1 2 1 3 0;1 6 2 1 3 0 5 2;2 1 0 4 1 9 1 3;0 3 2 1 5 2 0 1;1 0 4 2 1 3 2 6"


class Operator(NamedTuple):
    """One operator: how it is drawn, and the text beside it."""

    title: str
    idea: str  # one line, for the list
    functions: str  # of intarsia.blocks
    formula: str
    text: str  # two or three sentences, for the page
    draw: Draw  # numbers to a figure
    show: Draw  # a picture to a figure
    numbers: str = ""  # drawn when none are given; empty where the drawing takes none
    takes: tuple[str, ...] = ()  # other options: "kernel", "box"


OPERATORS: dict[str, Operator] = {
    "pool": Operator(
        "Pooling",
        "one number for each window: the largest, or the mean",
        "max_pool, average_pool",
        "y[i] = max of x[s i .. s i + s - 1]        or their mean",
        "Pooling divides the side of a map by the size of its windows. Max pooling keeps the strongest value of each "
        "window and forgets where it stood, unless its place is remembered. Sizes that the window does not divide are "
        "rounded up: the last windows are cut off by the border, and an average counts only what they hold.",
        pooling.pool_numbers,
        pooling.pool_picture,
        "1 2 6 3;3 5 2 1;1 2 2 1;7 3 4 8",
    ),
    "unpool": Operator(
        "Unpooling",
        "three ways back up: repeat, nail down, lay at the remembered place",
        "nearest_unpool, bed_of_nails, max_unpool",
        "max_unpool:  y[place of maximum i] = x[i],  and 0 elsewhere",
        "Unpooling goes back to the larger map without anything to learn. Nearest neighbor repeats each value in its "
        "block; a bed of nails lays it at the upper left and zeros around it. Max unpooling, SegNet's, remembers from "
        "pooling where each maximum stood and lays the value there, so that outlines come back to where they were.",
        pooling.unpool_numbers,
        pooling.unpool_picture,
        "1 2 6 3;3 5 2 1;1 2 2 1;7 3 4 8",
    ),
    "transposed": Operator(
        "Transposed convolution",
        "scaled kernels, laid down a stride apart and added",
        "transposed_convolution, convolution_matrix",
        "y[s i + k - p] = sum over i, k of x[i] w[k]        side: (n - 1) s + k - 2 p + output padding",
        "Each input value lays down the kernel, scaled by itself, and overlaps are added. With its matrix transposed, a "
        "convolution goes from the small map to the large one, hence the name; it does not undo the convolution, which "
        'makes "deconvolution" misleading. Where the stride does not divide the kernel, pixels get different numbers '
        "of stamps, and unlearned kernels draw a checkerboard.",
        upsampling.transposed_numbers,
        upsampling.transposed_picture,
        "1 2;3 4",
        ("kernel",),
    ),
    "bilinear": Operator(
        "Bilinear enlargement",
        "interpolation, written as a transposed convolution with a fixed kernel",
        "bilinear_kernel, bilinear_upsample",
        "w[k, l] = (1 - |k - c| / f) (1 - |l - c| / f)        side: 2 f - f % 2,  c its center,  stride f",
        "FCN enlarges its scores by a transposed convolution whose kernel starts as, or stays, a pyramid. Each value "
        "lays down a tent twice as wide as the stride; neighboring tents add up to straight lines between the values. "
        "Away from the border it equals interpolation with half-pixel centers; at the border zeros creep in.",
        upsampling.bilinear_numbers,
        upsampling.bilinear_picture,
        "1 4 2 3",
    ),
    "atrous": Operator(
        "Atrous convolution",
        "the same weights further apart: far sight at full resolution",
        "atrous_convolution, receptive_field, chained_field",
        "y[i] = sum over k of x[i + r k] w[k]        sees k + (k - 1)(r - 1) pixels",
        "Holes between the taps let nine weights look as far as a large kernel, without pooling, so that the map keeps "
        "its resolution. DeepLab lays rates 6, 12 and 18 side by side to see things of several sizes. At a rate near "
        "the map's own side the outer taps fall onto the zeros around it, and a 3x3 kernel is a 1x1 kernel.",
        convolutions.atrous_numbers,
        convolutions.atrous_picture,
        "3 1 4 1 5 9 2 6 5",
    ),
    "separable": Operator(
        "Separable convolution",
        "look around in each channel, then mix the channels: far fewer weights",
        "depthwise_convolution, pointwise_convolution, separable_convolution, separable_weights, full_weights",
        "weights: k k C + C C'        instead of k k C C'",
        "A full convolution looks around and mixes channels at once. Depthwise convolution looks around in each channel "
        "with one kernel of its own; pointwise convolution mixes the channels at each pixel. MobileNet and Xception are "
        "built of the pair, and DeepLab v3+ adds holes to its first half.",
        convolutions.separable_numbers,
        convolutions.separable_picture,
    ),
    "roi": Operator(
        "Regions of interest",
        "boxes of any size brought to the same few cells, with and without rounding",
        "roi_pool, roi_warp, roi_align",
        "RoIAlign:  cell = mean of x at its sample points,  x(p) = sum over q of x[q] max(0, 1 - |p - q|) on each side",
        "RoIPool rounds the box and its cells to whole pixels, which shifts what a mask sees by up to a pixel of the map. RoIWarp "
        "interpolates, but in a rounded box. RoIAlign rounds nothing; in Mask R-CNN's measurement this is worth over 3 "
        "points of mask AP (26.9 with RoIPool, 27.2 with RoIWarp, 30.3 with RoIAlign).",
        regions.roi_numbers,
        regions.roi_picture,
        MAP,
        ("box",),
    ),
    "coordinates": Operator(
        "Coordinate convolution",
        "two more channels tell each pixel where it stands",
        "add_coordinates, CoordinateConv",
        "x[C] = 2 j / (w - 1) - 1,  x[C + 1] = 2 i / (h - 1) - 1        at row i, column j",
        "A convolution gives the same answer wherever a pattern stands, so that it cannot tell left from right. Two "
        "channels with the coordinates across and down let it, for the price of two more input channels.",
        convolutions.coordinates_numbers,
        convolutions.coordinates_picture,
    ),
}
