"""A predictor and a data set in, scores under a named protocol out, image by image and in bounded memory.

evaluate(model, data) - opens both -> score(predictor, dataset) -> Score -> scores.json, images.safetensors, report.html
compare(a, b) - counts both on the same images -> Verdict -> compare.json, compare.html
"""

from .compare import Verdict, compare, judge
from .entry import evaluate
from .masks import MaskFolder
from .measures import MEASURES
from .scoring import Score, score

__all__ = ["MEASURES", "MaskFolder", "Score", "Verdict", "compare", "evaluate", "judge", "score"]
