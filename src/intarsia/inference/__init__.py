"""A picture of any size in, the class of every pixel out."""

from .inputs import expand
from .prediction import Prediction
from .predictor import Predictor

__all__ = ["Prediction", "Predictor", "expand"]
