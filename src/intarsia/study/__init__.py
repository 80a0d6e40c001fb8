"""Experiments over many runs: networks compared under one budget, and one recipe cross-validated.

study(models, encoders, minutes) - train each - score each on the same images - compare every pair -> study.html
"""

from .answer import Entry, Pair, Study
from .experiment import study
from .folds import Folds, folds

__all__ = ["Entry", "Folds", "Pair", "Study", "folds", "study"]
