"""A validation that all processes of a run share: each scores every n-th image, and the counts are put together exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def another_ended(error: RuntimeError) -> bool:
    """Whether an error is what a process meets that exchanges numbers with one that is gone."""
    text = str(error)
    return any(
        word in text for word in ("gloo/transport", "Connection closed by peer", "Connection reset by peer", "NCCL")
    )


def averaged(
    losses: Sequence[float], weights: Sequence[float], terms: Mapping[str, float], world: int
) -> tuple[list[float], dict[str, float]]:
    """The losses of batches of which each process has a part, and the terms of the last one.

    Args:
        losses: of this process's parts.
        weights: of these parts in the mean over processes.
        terms: of the last part.
    """
    import torch.distributed as processes

    every: list[Any] = [None] * world
    processes.all_gather_object(every, (list(losses), list(weights), dict(terms)))
    whole = [
        sum(part[0][n] * part[1][n] for part in every if part[1][n]) / world  # a part of weight 0 may be no number
        for n in range(len(losses))
    ]
    known = [(part[1][-1], part[2]) for part in every if part[1][-1]]
    totals = {name: sum(weight for weight, found in known if name in found) for name in terms}
    named = {
        name: sum(weight * found[name] for weight, found in known if name in found) / total
        for name, total in totals.items()
        if total
    }
    return whole, named


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
