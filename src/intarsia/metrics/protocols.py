"""What an mIoU means, by name: the same counts give different means under the conventions in use.

A class may occur in the truth only, in the prediction only, or nowhere. Whether it then counts as nought, as one or
not at all moves the mean by tens of points, so the name of the protocol stands beside every mean we print.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..errors import RecipeError, nearest


class Protocol(NamedTuple):
    """One convention: which classes a mean is taken over."""

    name: str
    says: str  # one sentence for reports: absent classes, ignored pixels, averaging
    counted: Callable[[np.ndarray, np.ndarray], np.ndarray]  # (truth, predicted), pixels of each class [K] -> bool [K]


PROTOCOLS: dict[str, Protocol] = {
    "dataset": Protocol(
        "dataset",
        "pixels of all images are counted together; ignored pixels count nowhere; the mean is over the classes that "
        "occur in the truth or in the prediction, and a class that occurs in neither does not count",
        lambda truth, predicted: truth + predicted > 0,
    ),
}


def protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises: RecipeError with the nearest name.
    """
    if name not in PROTOCOLS:
        raise RecipeError(f"there is no protocol {name!r}{nearest(name, PROTOCOLS)}")
    return PROTOCOLS[name]
