"""The methods from before deep learning, in the order in which the field came by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import contours, edges, grabcut, growing, superpixels, thresholds, watershed


class Method(NamedTuple):
    """One method that learns nothing: a function of one picture [H, W, C] to its foreground [H, W] bool."""

    run: Callable[..., np.ndarray]
    family: str
    title: str
    year: int
    says: str  # what it does, for somebody who meets it first


METHODS: dict[str, Method] = {
    "threshold": Method(
        thresholds.threshold, "thresholds", "One threshold", 1966,
        "Every pixel brighter than one fixed value is foreground. The value is the same for all pictures, so that it is "
        "right only under the light it was chosen in.",
    ),
    "sobel": Method(
        edges.sobel, "edges", "Sobel edges, filled", 1968,
        "The gradient is strong where brightness changes. Strong places become outlines, gaps are closed, and what an "
        "outline encloses is filled. An outline with a hole in it encloses nothing.",
    ),
    "otsu": Method(
        thresholds.otsu, "thresholds", "Otsu's threshold", 1979,
        "The picture chooses its threshold by itself: the value that splits its histogram into two groups, each as even "
        "as can be. It works where there are two groups, and knows nothing of where a pixel lies.",
    ),
    "canny": Method(
        edges.canny, "edges", "Canny edges, filled", 1986,
        "Edges are thinned to one pixel, and weak ones are kept only where they continue strong ones. What they enclose "
        "is filled. Texture has edges too, and they are no borders of objects.",
    ),
    "adaptive": Method(
        thresholds.adaptive, "thresholds", "Adaptive threshold", 1986,
        "Each pixel is compared with the mean of its own neighborhood. Light may differ over the picture; in the middle of "
        "large objects there is nothing to compare with.",
    ),
    "snake": Method(
        contours.snake, "contours", "Active contour (snake)", 1988,
        "A rubber band around the middle of the picture contracts until edges hold it. It finds one object, needs to start "
        "close to it, and does not go around corners.",
    ),
    "watershed": Method(
        watershed.watershed, "watershed", "Watershed from markers", 1991,
        "Water rises over the gradient from pixels that are surely dark and surely bright; where the two waters meet, a "
        "border stands. Doubtful pixels go to the side that they are connected with.",
    ),
    "li": Method(
        thresholds.li, "thresholds", "Li's threshold", 1993,
        "As Otsu's, with another measure of what a good split is: the two-valued picture should keep as much as possible "
        "of what the gray one says. It suits small bright objects on a dark ground.",
    ),
    "region_growing": Method(
        growing.region_growing, "growing", "Region growing from seeds", 1994,
        "From seeds inside the objects, regions grow over all neighbors that look like the seed. A gap in a border lets a "
        "region run out.",
    ),
    "multi_otsu": Method(
        thresholds.multi_otsu, "thresholds", "Multi-Otsu", 2001,
        "Otsu's rule for more than two groups, such as background, tissue and nuclei; the outermost group is the foreground.",
    ),
    "chan_vese": Method(
        contours.chan_vese, "contours", "Active contours without edges", 2001,
        "Outlines move until brightness is as even as possible inside and outside, and stay smooth. No edge is needed, but "
        "both sides must differ in brightness as a whole.",
    ),
    "mean_shift": Method(
        superpixels.mean_shift, "superpixels", "Mean shift", 2002,
        "Each pixel's color moves uphill to the most frequent color around it, which flattens texture and keeps borders. "
        "The flat picture is then split at Otsu's value.",
    ),
    "grabcut": Method(
        grabcut.grabcut, "grabcut", "GrabCut", 2004,
        "The colors inside a rectangle and outside are described by two mixtures; the cheapest cut between them that "
        "follows edges is taken, and again. A person would draw the rectangle; here it is the picture without its margin.",
    ),
    "felzenszwalb": Method(
        superpixels.felzenszwalb, "superpixels", "Graph-based regions", 2004,
        "Pixels are joined to regions as long as the step between two regions is no larger than the steps inside of them. "
        "Regions are then split by their brightness.",
    ),
    "slic": Method(
        superpixels.slic, "superpixels", "SLIC superpixels", 2012,
        "The picture is cut into patches of one color and about one size, some hundred instead of a million pixels. Each is "
        "named as a whole, here by its brightness.",
    ),
}  # fmt: skip
