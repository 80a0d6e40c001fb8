"""The literal tables of architectures, one a family: what is listed here is built, counted, documented and tested."""

from collections.abc import Callable

from torch import nn

from .attention import ATTENTION
from .classification import CLASSIFICATION
from .context import CONTEXT
from .depth import DEPTH
from .dual import DUAL
from .entry import Entry
from .instances import INSTANCES
from .masks import MASKS
from .panoptic import PANOPTIC
from .realtime import REALTIME
from .resolution import RESOLUTION
from .structured import STRUCTURED
from .video import VIDEO

__all__ = ["ARCHITECTURES", "CONSTRUCTORS", "Entry"]

ARCHITECTURES: dict[str, Entry] = {
    **RESOLUTION,
    **CONTEXT,
    **REALTIME,
    **ATTENTION,
    **STRUCTURED,
    **DUAL,
    **CLASSIFICATION,
    **DEPTH,
    **PANOPTIC,
    **INSTANCES,
    **MASKS,
    **VIDEO,
}
CONSTRUCTORS: dict[str, Callable[..., nn.Module]] = {name: entry.build for name, entry in ARCHITECTURES.items()}
