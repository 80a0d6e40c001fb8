"""Before deep learning: thresholds, edges, growing, watershed, superpixels, cuts and contours; forests and machines on features.

    raw integers [B, C, H, W] - engine - SemanticLogits

scikit-image, OpenCV and scikit-learn do the work; `pip install "intarsia[classic]"` brings them.
"""

from .catalogue import METHODS, Method
from .engine import Unlearned, engine_of, is_classical
from .features import FEATURES
from .forest import RandomForest
from .learned import LEARNED, Classifier, fitted
from .names import FOREGROUND, PREFIX, Named, is_method, parsed
from .options import OPTIONS, counts, defaults
from .svm import LinearSVM

__all__ = [
    "FEATURES",
    "FOREGROUND",
    "LEARNED",
    "METHODS",
    "OPTIONS",
    "PREFIX",
    "Classifier",
    "LinearSVM",
    "Method",
    "Named",
    "RandomForest",
    "Unlearned",
    "counts",
    "defaults",
    "engine_of",
    "fitted",
    "is_classical",
    "is_method",
    "parsed",
]
