"""What a network says of held-out images beside what is true: rows of logits, one a labeled pixel or one a picture."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..errors import DataError, LabelError, ModelError
from ..inference import Predictor
from ..labels import LabelSpace
from ..postprocess import semantic_view
from ..structures import ClassLogits, Sample
from .scoring import read_samples

Rows = tuple[Tensor, Tensor]


def held(predictor: Predictor, dataset: object) -> Iterator[Rows]:
    """Run the network on each image, and lay its logits beside the truth.

    Returns: for each image the logits [N, maps] and the truth [N]: class numbers; or, for a label space of planes, [N, maps]
        bool. N is the number of labeled pixels, or 1 for a network of whole pictures, 0 where nothing is known.

    Raises: ModelError for a network whose output has no such logits; LabelError for classes that it does not tell apart;
        DataError where the data set lacks what is needed.
    """
    for sample in read_samples(dataset, 1):  # type: ignore[arg-type]
        output = predictor.output(torch.as_tensor(sample.image)[None])
        if isinstance(output, ClassLogits):
            yield of_picture(output.logits.cpu(), sample, predictor.labels)
            continue
        view = semantic_view(output)
        if view is None:
            raise ModelError(
                f"the network returns {type(output).__name__}, which has no probabilities that could be calibrated; "
                "calibrate takes networks of classes: of pixels, or of whole pictures"
            )
        yield of_pixels(view.logits[0].float().cpu(), sample, predictor.labels)


def of_pixels(logits: Tensor, sample: Sample, space: LabelSpace) -> Rows:
    """Take the labeled pixels of one image, whose logits are [maps, H, W]."""
    counts = sample.labels != space.ignore_index
    if space.planes:
        if sample.planes is None:
            raise DataError(
                f"{sample.name}: has one label a pixel, but the model several (labels.planes); calibrate it on data with "
                "planes"
            )
        if len(sample.planes) != space.num_classes:
            raise LabelError(f"{sample.name}: {len(sample.planes)} planes, but the model has {space.num_classes}")
        return logits[:, counts].T, sample.planes[:, counts].T
    truth = sample.labels[counts].long()
    if bool((truth >= space.num_classes).any()):
        raise LabelError(f"{sample.name}: labels outside the {space.num_classes} classes")
    return logits[:, counts].T, truth


def of_picture(logits: Tensor, sample: Sample, space: LabelSpace) -> Rows:
    """Take the scores [1, maps] of one whole picture; none where one class is asked for and no tag is known."""
    if sample.tags is None:
        raise DataError(
            f"{sample.name}: the data set has no tags, the classes of whole pictures; calibrate a classifier on data that "
            "has them, such as class_folders"
        )
    if len(sample.tags) != space.num_classes:
        raise LabelError(f"{sample.name}: {len(sample.tags)} tags, but the model has {space.num_classes} classes")
    if space.planes:
        return logits, sample.tags[None]
    known = sample.tags.nonzero()[:, 0]
    if len(known) > 1:
        raise LabelError(
            f"{sample.name}: has {len(known)} classes, but the model gives each picture one (labels.planes is for several)"
        )
    return logits[: len(known)], known
