"""What a recipe says about frames of videos, and whether any are missing."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Literal

from ..errors import DataError

Previous = bool | Literal["frame", "centers"]  # what a frame knows of the one before; see `clips`
CLOCK = 10**8  # from here on a number is a time of a clock, and no frame
_NUMBER = re.compile(r"(\d+)\D*$")  # the last number of a name


def check_numbers(names: Sequence[str], video: str) -> None:
    """See that no frame of a video is missing: the last number in the names of its files rises in steps of one size.

    Args:
        names: of the files, in order; names without numbers, or with times of a clock, say nothing.
        video: what a message calls it.

    Raises: DataError naming the frames on both sides of the gap, or two frames whose numbers are not in order.
    """
    found = [match for name in names if (match := _NUMBER.search(name.rpartition(".")[0] or name)) is not None]
    numbers = [int(match[1]) for match in found]
    if len(numbers) < len(names) or len(names) < 3 or max(numbers) >= CLOCK:
        return
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    usual = min(steps)
    if usual < 0 < max(steps) and len({match.string[: match.start(1)] for match in found}) == 1:
        late = steps.index(usual)
        raise DataError(
            f"{video}: {names[late + 1]} comes after {names[late]}, for their names are sorted letter by letter; objects are "
            "followed from frame to frame, so write all numbers with as many digits, as in 0002 and 0010"
        )
    for n, step in enumerate(steps):
        if usual > 0 and step != usual:
            lost = step // usual - 1
            raise DataError(
                f"{video}: {lost or 'some'} frame{'' if lost == 1 else 's'} between {names[n]} and {names[n + 1]} "
                f"{'is' if lost == 1 else 'are'} missing; objects are followed from frame to frame, so give all of them, or "
                "put each part of the video into a folder of its own"
            )
