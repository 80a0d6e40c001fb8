"""A predictor and a data set in, scores under a named protocol out, image by image and in bounded memory.

evaluate(model, data) - opens both -> score(predictor, dataset) -> Score -> scores.json, images.safetensors, report.html
save_pretrained, push_to_hub, from_pretrained - a run as a repository of the hub, with its card
compare(a, b) - counts both on the same images -> Verdict -> compare.json, compare.html
predictions of any tool: score_masks -> Score; score_panoptic, score_bitmasks -> PQ; score_instances, score_bitmask_instances -> AP; score_video -> STQ;
score_cityscapes -> Cityscapes' AP; score_davis -> J and F; score_depth -> errors of depth; score_tubes -> VPQ and DVPQ;
score_volumes -> overlap and surface distances in mm; score_ranking -> top-k
"""

from .comparison import compare
from .entry import evaluate
from .from_files.bitmask_instances import score_bitmask_instances
from .from_files.bitmasks import score_bitmasks
from .from_files.cityscapes import score_cityscapes
from .from_files.davis import score_davis
from .from_files.depth import score_depth
from .from_files.instances import score_instances
from .from_files.masks import MaskFolder, Predictions
from .from_files.panoptic import score_panoptic
from .from_files.ranking import score_ranking
from .from_files.semantic import score_masks
from .from_files.tubes import score_tubes
from .from_files.video import score_video
from .from_files.volumes import score_volumes
from .measures import MEASURES
from .publish import from_pretrained, push_to_hub, save_pretrained
from .scoring import score
from .tallies import TALLIES, LabelScore, Score
from .verdict import Verdict, judge

__all__ = [
    "MEASURES",
    "TALLIES",
    "LabelScore",
    "MaskFolder",
    "Predictions",
    "Score",
    "Verdict",
    "compare",
    "evaluate",
    "from_pretrained",
    "judge",
    "push_to_hub",
    "save_pretrained",
    "score",
    "score_bitmask_instances",
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
