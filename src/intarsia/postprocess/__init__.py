"""From what a network returns to what is answered of each picture.

    output - checked - decide(task) - [answer, one a picture]

`DECISIONS` is the table: a kind of answer that another kind of output can give is one function and one row.
"""

from .checked import VIEWS, checked, finite, recognized, semantic_view
from .decide import DECISIONS, TASKS, check_options, decide, decision, options_of, usual_task

__all__ = [
    "DECISIONS",
    "TASKS",
    "VIEWS",
    "check_options",
    "checked",
    "decide",
    "decision",
    "finite",
    "options_of",
    "recognized",
    "semantic_view",
    "usual_task",
]
