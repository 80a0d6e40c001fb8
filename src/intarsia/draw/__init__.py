"""Pictures of labels: class colors, overlays, boundaries, error maps, and the legend beside them.

Every function that draws returns an RGB image of PIL's. Ignored pixels are hatched gray in a map and left as they are in
an overlay, so that they look like no class. A legend stands beside or below the picture and never covers a pixel of it.

    image, labels  --overlay-->  picture  --with_legend-->  picture and legend
"""

from .legend import legend, rows, with_legend
from .maps import boundaries, colorize, error_map, overlay, viewable

__all__ = ["boundaries", "colorize", "error_map", "legend", "overlay", "rows", "viewable", "with_legend"]
