"""Experiments over many runs or networks: compared under one budget, cross-validated, or timed against each other.

study(models, encoders, minutes) - train each - score each on the same images - compare every pair -> study.html
benchmark(models, encoders, backends) - time all in turn - score the trained ones -> benchmark.html
"""

from .answer import Entry, Pair, Study
from .benchmark import Contender, benchmark
from .experiment import study
from .folds import Folds, folds
from .speeds import Benchmark, Speed

__all__ = ["Benchmark", "Contender", "Entry", "Folds", "Pair", "Speed", "Study", "benchmark", "folds", "study"]
