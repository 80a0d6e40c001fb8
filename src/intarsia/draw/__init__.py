"""Pictures of answers: class colors, overlays, outlines, names, ramps of depth, error maps, and the legend beside them.

Every function that draws returns an RGB image of PIL's. Ignored pixels are hatched gray in a map and left as they are in
an overlay, so that they look like no class. A legend stands beside or below the picture and never covers a pixel of it.

    image, answer  --overlay_answer-->  picture and legend
    image, labels  --overlay-->  picture  --with_legend-->  picture and legend
"""

from .answers import colorize_answer, overlay_answer
from .depth import colorize_depth, overlay_depth
from .legend import legend, rows, with_legend
from .maps import boundaries, colorize, error_map, overlay, viewable
from .objects import color_of, colorize_objects, colorize_segments, overlay_objects, overlay_segments
from .planes import colorize_planes, overlay_planes

__all__ = [
    "boundaries",
    "color_of",
    "colorize",
    "colorize_answer",
    "colorize_depth",
    "colorize_objects",
    "colorize_planes",
    "colorize_segments",
    "error_map",
    "legend",
    "overlay",
    "overlay_answer",
    "overlay_depth",
    "overlay_objects",
    "overlay_planes",
    "overlay_segments",
    "rows",
    "viewable",
    "with_legend",
]
