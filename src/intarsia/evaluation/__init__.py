"""A predictor and a data set in, scores under a named protocol out, image by image and in bounded memory.

evaluate(model, data) - opens both -> score(predictor, dataset) -> Score -> scores.json, report.html
"""

from .entry import evaluate
from .scoring import Score, score

__all__ = ["Score", "evaluate", "score"]
