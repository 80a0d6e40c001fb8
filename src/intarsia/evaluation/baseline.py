"""Classify each pixel by its color alone: the score that a network has to beat."""

import numpy as np

from ..structures import Sample


def pixel_baseline(train: object, val: object, num_classes: int, ignore_index: int = 255, levels: int = 16) -> float:
    """The mIoU, 0..1, that a classifier of single pixels' colors reaches: the commonest class of each of levels**3 colors.

    Args:
        train, val: data sets of three-channel uint8 Samples; counted on the first, scored on the second.
    """
    step = 256 // levels

    def bins(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        red, green, blue = (channel.astype(np.int64) // step for channel in sample.image.numpy())
        truth = sample.labels.numpy().astype(np.int64)
        kept = truth != ignore_index
        return ((red * levels + green) * levels + blue)[kept], truth[kept]

    counts = np.zeros((levels**3, num_classes), np.int64)
    for n in range(len(train)):  # type: ignore[arg-type]
        color, truth = bins(train[n])  # type: ignore[index]
        counts += np.bincount(color * num_classes + truth, minlength=counts.size).reshape(counts.shape)
    guess = np.where(counts.sum(1) > 0, counts.argmax(1), counts.sum(0).argmax())
    matrix = np.zeros((num_classes, num_classes), np.int64)  # rows truth
    for n in range(len(val)):  # type: ignore[arg-type]
        color, truth = bins(val[n])  # type: ignore[index]
        matrix += np.bincount(truth * num_classes + guess[color], minlength=matrix.size).reshape(matrix.shape)
    hits, union = np.diag(matrix), matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
    return float((hits[union > 0] / union[union > 0]).mean())
