"""A picture of any size in, the class of every pixel out, and how sure that is."""

from .engine import Engine, Torch
from .ensemble import Ensemble
from .graph import Graph
from .inputs import expand, left_out, result_names
from .job import Predictions, predict
from .prediction import Prediction
from .predictor import Predictor
from .runtime.export import export
from .sets import LabelSets
from .uncertainty import KINDS, uncertainty
from .views import Averaged
from .windows import Windowed

__all__ = [
    "KINDS",
    "Averaged",
    "Engine",
    "Ensemble",
    "Graph",
    "LabelSets",
    "Prediction",
    "Predictions",
    "Predictor",
    "Torch",
    "Windowed",
    "expand",
    "export",
    "left_out",
    "predict",
    "result_names",
    "uncertainty",
]
