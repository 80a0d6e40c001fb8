"""Counts gathered image by image, ratios taken once at the end.

confusion.update(predicted, labels), ... -> confusion.compute(protocol) -> Scores
"""

from .confusion import ConfusionMatrix
from .protocols import PROTOCOLS, Protocol
from .scores import Scores

__all__ = ["PROTOCOLS", "ConfusionMatrix", "Protocol", "Scores"]
