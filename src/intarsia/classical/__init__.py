"""Before deep learning: thresholds, edges, growing, watershed, superpixels, cuts and contours, as engines.

    raw integers [B, C, H, W] - engine - SemanticLogits

scikit-image and OpenCV do the work; `pip install "intarsia[classic]"` brings them.
"""

from .catalogue import METHODS, Method
from .engine import Unlearned, engine_of
from .names import FOREGROUND, PREFIX, Named, is_classical, is_method, parsed
from .options import OPTIONS, defaults

__all__ = [
    "FOREGROUND",
    "METHODS",
    "OPTIONS",
    "PREFIX",
    "Method",
    "Named",
    "Unlearned",
    "defaults",
    "engine_of",
    "is_classical",
    "is_method",
    "parsed",
]
