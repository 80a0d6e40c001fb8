"""Bricks that two or more architectures need, and the operators of the lectures, to be read and called by hand.

    pooling       max_pool average_pool                                    unpool.py
    unpooling     max_unpool nearest_unpool bed_of_nails                   unpool.py
    transposed    transposed_convolution convolution_matrix                transposed.py
    bilinear      bilinear_kernel bilinear_upsample                        transposed.py
    atrous        atrous_convolution receptive_field chained_field         atrous.py
    separable     depthwise_convolution pointwise_convolution              separable.py
                  separable_convolution separable_weights full_weights
    by hand       apply_conv                                               apply.py
    regions       roi_pool roi_warp roi_align                              regions.py
    coordinates   add_coordinates CoordinateConv                           coordinates.py

`intarsia lab OPERATOR` draws what each does to numbers or to an image. Layers with weights, norm and activation stand in
conv.py, atrous.py, pooling.py; the one resize of the house in resize.py.
"""

from .apply import apply_conv
from .atrous import atrous_convolution, chained_field, receptive_field
from .coordinates import CoordinateConv, add_coordinates
from .regions import roi_align, roi_pool, roi_warp
from .separable import (
    depthwise_convolution,
    full_weights,
    pointwise_convolution,
    separable_convolution,
    separable_weights,
)
from .transposed import bilinear_kernel, bilinear_upsample, convolution_matrix, transposed_convolution
from .unpool import average_pool, bed_of_nails, max_pool, max_unpool, nearest_unpool

__all__ = [
    "CoordinateConv",
    "add_coordinates",
    "apply_conv",
    "atrous_convolution",
    "average_pool",
    "bed_of_nails",
    "bilinear_kernel",
    "bilinear_upsample",
    "chained_field",
    "convolution_matrix",
    "depthwise_convolution",
    "full_weights",
    "max_pool",
    "max_unpool",
    "nearest_unpool",
    "pointwise_convolution",
    "receptive_field",
    "roi_align",
    "roi_pool",
    "roi_warp",
    "separable_convolution",
    "separable_weights",
    "transposed_convolution",
]
