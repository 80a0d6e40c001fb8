"""Experiments over many runs under one budget, and one page that answers them.

study(models, encoders, minutes) - train each - score each on the same images - compare every pair -> study.html
"""

from .answer import Entry, Pair, Study
from .experiment import study

__all__ = ["Entry", "Pair", "Study", "study"]
