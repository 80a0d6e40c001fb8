"""One HTML file a run that needs nothing beside it: no script, no font, no request.

scores, log.jsonl, a few pictures - write -> report.html
"""

from .page import write
from .pictures import Picture

__all__ = ["Picture", "write"]
