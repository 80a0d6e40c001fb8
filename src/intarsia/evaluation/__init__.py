"""A predictor and a data set in, scores under a named protocol out, image by image and in bounded memory.

evaluate(model, data) - opens both -> score(predictor, dataset) -> Score -> scores.json, images.safetensors, report.html
compare(a, b) - counts both on the same images -> Verdict -> compare.json, compare.html
predictions of any tool: score_masks -> Score; score_panoptic, score_bitmasks -> PQ; score_instances -> AP; score_video -> STQ;
score_cityscapes -> Cityscapes' AP; score_davis -> J and F; score_depth -> errors of depth; score_tubes -> VPQ and DVPQ;
score_volumes -> overlap and surface distances in mm; score_ranking -> top-k
"""

from .bitmasks import score_bitmasks
from .cityscapes import score_cityscapes
from .comparison import compare
from .davis import score_davis
from .depth import score_depth
from .entry import evaluate
from .instances import score_instances
from .masks import MaskFolder, Predictions
from .measures import MEASURES
from .panoptic import score_panoptic
from .ranking import score_ranking
from .scoring import Score, score
from .semantic import score_masks
from .tubes import score_tubes
from .verdict import Verdict, judge
from .video import score_video
from .volumes import score_volumes

__all__ = [
    "MEASURES",
    "MaskFolder",
    "Predictions",
    "Score",
    "Verdict",
    "compare",
    "evaluate",
    "judge",
    "score",
    "score_bitmasks",
    "score_cityscapes",
    "score_davis",
    "score_depth",
    "score_instances",
    "score_masks",
    "score_panoptic",
    "score_ranking",
    "score_tubes",
    "score_video",
    "score_volumes",
]
