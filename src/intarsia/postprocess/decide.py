"""Choose, by the task and the kind of output, how an answer is made of it: one literal table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ModelError, nearest
from ..labels import LabelSpace
from ..structures import (
    Answer,
    ClassLogits,
    CompetingMasks,
    DepthMap,
    Detections,
    DetectionsAndStuff,
    MaskQueries,
    Output,
    PanopticLogits,
    SemanticLogits,
)
from .centers import labels_of_centers, objects_of_centers, segments_of_centers
from .merged import boxes_of_both, labels_of_both, objects_of_both, segments_of_both
from .objects import boxes_of_detections, objects_of_detections
from .pixels import depth_of_map, labels_of_logits, tags_of_logits, thresholds
from .queries import labels_of_queries, objects_of_queries, segments_of_queries
from .slots import labels_of_slots, objects_of_slots, segments_of_slots

Decision = Callable[..., list[Answer]]

TASKS = ("classification", "semantic", "detection", "instance", "panoptic", "depth")

DECISIONS: dict[tuple[str, type], Decision] = {  # of each output the usual task first
    ("classification", ClassLogits): tags_of_logits,
    ("semantic", SemanticLogits): labels_of_logits,
    ("depth", DepthMap): depth_of_map,
    ("panoptic", PanopticLogits): segments_of_centers,
    ("instance", PanopticLogits): objects_of_centers,
    ("semantic", PanopticLogits): labels_of_centers,
    ("instance", Detections): objects_of_detections,
    ("detection", Detections): boxes_of_detections,
    ("panoptic", DetectionsAndStuff): segments_of_both,
    ("instance", DetectionsAndStuff): objects_of_both,
    ("detection", DetectionsAndStuff): boxes_of_both,
    ("semantic", DetectionsAndStuff): labels_of_both,
    ("panoptic", MaskQueries): segments_of_queries,
    ("instance", MaskQueries): objects_of_queries,
    ("semantic", MaskQueries): labels_of_queries,
    ("panoptic", CompetingMasks): segments_of_slots,
    ("instance", CompetingMasks): objects_of_slots,
    ("semantic", CompetingMasks): labels_of_slots,
}


def decide(output: Output, space: LabelSpace, task: str = "", **options: Any) -> list[Answer]:
    """Answer of each picture what a network's output says of it.

    Args:
        output: of B pictures.
        space: the classes; it also says which are things and whether a pixel has several labels.
        task: of `TASKS`; "": the usual one of this output.
        options: of the decision, such as `threshold`; the defaults are the papers'.

    Returns: B answers, on the output's device.

    Raises: ModelError for a task that this output cannot answer, or an option that the decision does not take.
    """
    return decision(type(output), space, task, options)(output, space, **options)


def decision(output: type, space: LabelSpace, task: str = "", options: dict[str, Any] | None = None) -> Decision:
    """Find the function that makes answers of this kind of output.

    Raises: ModelError as `decide`.
    """
    task = task or usual_task(output, space)
    if (task, output) not in DECISIONS:
        able = [known for known, kind in DECISIONS if kind is output]
        near = nearest(task, TASKS) if task not in TASKS else ""
        raise ModelError(
            f"the task {task!r} cannot be answered by a network that returns {output.__name__}{near}; "
            f"it answers {' and '.join(able) or 'nothing'}"
        )
    chosen = DECISIONS[task, output]
    known = options_of(task, output)
    for key in options or {}:
        if key not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise ModelError(
                f"deciding {task} of {output.__name__} takes no option {key!r}{nearest(key, known) or '; ' + takes}"
            )
    return chosen


def check_options(task: str, options: Mapping[str, Any], space: LabelSpace) -> None:
    """See that a task exists and that some output's decision of it takes the options, where the output is not known yet.

    Args:
        task: of `TASKS`; "": of any.

    Raises: ModelError with the nearest name, and for a threshold that is none.
    """
    if task and task not in TASKS:
        raise ModelError(f"there is no task {task!r}{nearest(task, TASKS)}")
    rows = [row for row in DECISIONS if task in ("", row[0])]
    known = list(dict.fromkeys(name for row in rows for name in options_of(*row)))
    for key in options:
        if key not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            of = f"deciding {task}" if task else "deciding"
            raise ModelError(f"{of} takes no option {key!r}{nearest(key, known) or '; ' + takes}")
    if "threshold" in options:
        limit = options["threshold"]
        limits = limit if isinstance(limit, list | tuple) else [limit]
        if not all(isinstance(one, int | float) and 0 <= one <= 1 for one in limits):
            raise ModelError(f"threshold is {limit!r}; give a number of 0 to 1, or one for each class")
        if task in ("semantic", "classification"):
            thresholds(limit, space)


def options_of(task: str, output: type) -> dict[str, Any]:
    """List the options of a decision with their defaults; none where there is no such decision."""
    chosen = DECISIONS.get((task, output))
    parameters = list(inspect.signature(chosen).parameters.values())[2:] if chosen else []
    return {parameter.name: parameter.default for parameter in parameters}


def usual_task(output: type, space: LabelSpace) -> str:
    """Name the task of a kind of output where nobody says one.

    The first row of `DECISIONS`; of queries, panoptic with things and stuff, instance with things alone, else semantic.

    Raises: ModelError for a type that is no output.
    """
    able = [task for task, kind in DECISIONS if kind is output]
    if not able:
        raise ModelError(f"{output.__name__} is no output that an answer can be made of")
    if "panoptic" in able and "instance" in able:
        wanted = ("panoptic" if len(space.things) < space.num_classes else "instance") if space.things else "semantic"
        return wanted if wanted in able else able[0]
    return able[0]
