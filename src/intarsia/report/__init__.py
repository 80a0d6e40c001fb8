"""One HTML file a run that needs nothing beside it: no script, no font, no request.

scores, log.jsonl, a few pictures - write -> report.html
a score of objects, segments, planes, depth or tags - write_answers -> report.html
two models on the same images - write_versus -> compare.html
a run while it trains - write_live -> run.html
one picture through every method - write_road -> road.html
many runs under one budget - write_study -> study.html
networks timed against each other - write_benchmark -> benchmark.html
"""

from .answers import write_answers
from .benchmark import write_benchmark
from .live import write_live
from .page import write
from .pictures import Picture
from .road import write_road
from .study import write_study
from .versus import write_versus

__all__ = [
    "Picture",
    "write",
    "write_answers",
    "write_benchmark",
    "write_live",
    "write_road",
    "write_study",
    "write_versus",
]
