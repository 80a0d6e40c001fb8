"""A dense CRF sharpens a network's answer along the edges of the picture.

Kraehenbuehl, Koltun. "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials." NeurIPS 2011
Chen et al. "Semantic Image Segmentation with Deep Convolutional Nets and Fully Connected CRFs." ICLR 2015

Every pixel is drawn to the classes of all others: strongly to those near to it in place and color (the bilateral kernel), and
to those near in place alone (the spatial kernel), which removes specks.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError, nearest
from ..labels import LabelSpace
from ..structures import Output, PanopticLogits, SemanticLogits
from .checked import semantic_view
from .mean_field import Kernel, mean_field


def dense_crf(
    scores: Tensor,
    image: Tensor,
    *,
    bilateral: float = 4.0,
    place: float = 67.0,
    color: float = 3.0,
    spatial: float = 3.0,
    near: float = 3.0,
    iterations: int = 10,
    engine: str = "auto",
) -> Tensor:
    """Refine the class scores of one picture; the defaults are DeepLab's on PASCAL VOC.

    Args:
        scores: [K, H, W] logits, K at least 2.
        image: [C, H, W] of any number of channels, in units of 0..255 (8-bit levels).
        bilateral: weight of the kernel over place and color; 0: none.
        place: its deviation in pixels.
        color: its deviation in levels of 0..255.
        spatial: weight of the kernel over place alone; 0: none.
        near: its deviation in pixels.
        iterations: of the mean field.
        engine: as for `mean_field`.

    Returns: Q [K, H, W] float32, probabilities.

    Raises: ModelError for numbers that are none, and sizes that do not fit.
    """
    options = {"bilateral": bilateral, "place": place, "color": color, "spatial": spatial, "near": near}
    check_crf({**options, "iterations": iterations})
    if scores.ndim != 3 or image.ndim != 3 or scores.shape[1:] != image.shape[1:]:
        raise ModelError(
            f"scores of shape {tuple(scores.shape)} for a picture of shape {tuple(image.shape)}; give [K, H, W] and [C, H, W]"
        )
    classes, height, width = scores.shape
    image = image.to(scores.device)
    kernels = []
    if bilateral:
        kernels.append(Kernel(torch.cat([places(height, width, place, image), colors(image, color)], 1), bilateral))
    if spatial:
        kernels.append(Kernel(places(height, width, near, image), spatial))
    return mean_field(scores.reshape(classes, -1), kernels, iterations, engine).reshape(classes, height, width)


def places(height: int, width: int, deviation: float, like: Tensor) -> Tensor:
    """The places of pixels in units of a deviation, [H W, 2] float32 of x and y, on the device of a tensor."""
    y, x = (torch.arange(length, device=like.device).float() / deviation for length in (height, width))
    return torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)], -1).reshape(-1, 2)


def colors(image: Tensor, deviation: float) -> Tensor:
    """The channels of pixels [C, H, W] in units of a deviation, [H W, C] float32."""
    return image.float().flatten(1).T / deviation


def check_crf(options: Mapping[str, Any]) -> dict[str, Any]:
    """See that options are those of a dense CRF.

    Returns: all of them, with the defaults of those that are not given.

    Raises: ModelError with the nearest name, and for a number that is none.
    """
    known = {key: p.default for key, p in inspect.signature(dense_crf).parameters.items() if p.kind is p.KEYWORD_ONLY}
    del known["engine"]
    for key, value in options.items():
        if key not in known:
            raise ModelError(f"a CRF takes no option {key!r}{nearest(key, known) or '; it takes ' + ', '.join(known)}")
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if key == "iterations" and not (isinstance(value, int) and number and 0 <= value <= 1000):
            raise ModelError(f"iterations of the CRF is {value!r}; give a whole number of 0 to 1000")
        if not number or value < 0 or (key in ("place", "color", "near") and value < 0.01):
            least = "0.01 or more" if key in ("place", "color", "near") else "0 or more"
            raise ModelError(f"{key} of the CRF is {value!r}; give a number, {least}")
    return {**known, **options}


def refined(
    output: Output, image: Tensor, space: LabelSpace, options: Mapping[str, Any], temperature: float = 1.0
) -> Output:
    """Refine what a network says of each pixel of a batch.

    Args:
        output: with class scores of each pixel, in the image's size.
        image: [B, C, H, W] in units of 0..255.
        space: where a pixel may have several labels, or a sigmoid tells two apart, each map is a CRF of two classes.
        options: of `dense_crf`.
        temperature: scores are divided by it first.

    Returns: the output with the logarithms of the CRF's probabilities in place of its scores (of a sigmoid map, its logit).

    Raises: ModelError for an output without class scores of pixels.
    """
    view = semantic_view(output)
    if view is None or not isinstance(output, SemanticLogits | PanopticLogits):
        raise ModelError(
            f"a CRF refines class scores of pixels, and the network returns {type(output).__name__}, which has none; leave it out"
        )
    binary = isinstance(output, SemanticLogits) and space.activation == "sigmoid"
    made = []
    for scores, picture in zip(view.logits.float() / temperature, image, strict=True):
        if binary:
            pairs = [torch.stack([F.logsigmoid(-one), F.logsigmoid(one)]) for one in scores]
            found = [_logarithms(dense_crf(pair, picture, **options)) for pair in pairs]
            made.append(torch.stack([both[1] - both[0] for both in found]))
        else:
            made.append(_logarithms(dense_crf(scores, picture, **options)))
    logits = torch.stack(made)
    if isinstance(output, PanopticLogits):
        return output._replace(semantic=logits)
    return output._replace(logits=logits)


def _logarithms(q: Tensor) -> Tensor:
    return q.clamp_min(1e-30).log()
