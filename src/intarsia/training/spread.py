"""A validation that all processes of a run share: each scores every n-th image, and the counts are put together exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch.utils.data import Subset

from ..errors import IntarsiaError, TrainingError
from ..evaluation import LabelScore
from ..labels import LabelSpace
from ..metrics import ImageCounts, Scores


def shareable(task: str, labels: LabelSpace) -> bool:
    """Whether processes may share a validation: of maps of one label a pixel, whose counts add up."""
    return task == "semantic" and not labels.planes


def share(dataset: Any, rank: int, world: int) -> Any:
    """The images of one process: every `world`-th from number `rank` on."""
    return Subset(dataset, range(rank, len(dataset), world))


def gathered(own: LabelScore | Exception, world: int) -> LabelScore:
    """The score of all processes' images together, in all of them.

    Args:
        own: the score of this process's share, or what went wrong with it.

    Raises: the error of the first process that had one, in all of them, so that none waits for another.
    """
    import torch.distributed as processes

    sent = (type(own), str(own)) if isinstance(own, Exception) else own
    every: list[Any] = [None] * world
    processes.all_gather_object(every, sent)
    for rank, found in enumerate(every):
        if isinstance(found, tuple):
            kind, told = found
            if isinstance(own, Exception) and sent == found:
                raise own
            raise (kind if issubclass(kind, IntarsiaError) else TrainingError)(f"{told} (in process {rank})")
    return merged(every)


def merged(parts: Sequence[LabelScore]) -> LabelScore:
    """One score of the shares of several processes, as if one had scored all images in their order."""
    first, world = parts[0], len(parts)
    images = sum(len(part.per_image) for part in parts)
    counts = ImageCounts(len(first.space.names), first.space.names)
    per_image = []
    for number in range(images):
        part, place = parts[number % world], number // world
        per_image.append(part.per_image[place])
        if part.counts is not None:
            hit, truth, predicted = part.counts.rows[place]
            counts.append(part.counts.names[place], hit, truth, predicted, int(part.counts.ignored[place]))
    scores = Scores(
        np.sum([part.scores.matrix for part in parts], axis=0),
        sum(part.scores.ignored_pixels for part in parts),
        first.scores.protocol,
        first.scores.names,
        counts,
    )
    return replace(
        first, scores=scores, per_image=per_image, counts=counts, seconds=max(part.seconds for part in parts)
    )
