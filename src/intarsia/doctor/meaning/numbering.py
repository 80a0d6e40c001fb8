"""What the numbers in masks give away by themselves: objects that were counted, grays that were spread, pixels left out."""

import re
from collections import Counter
from collections.abc import Collection, Sequence

from ...labels import IGNORE
from .remark import Remark

_UNLABELED = re.compile(
    r"unlabell?ed|void|unclassified|ignored?", re.IGNORECASE
)  # an id's name; "none" may be background
MANY = 256  # more different colors or grays than this are no classes but smoothing
OBJECTS = 'look like numbers of objects, not classes; to learn one class of them, write labels.values: {0: background, "1..65535": object}'


def counts_objects(masks: Sequence[Collection[int]]) -> bool:
    """Whether masks number objects: most hold 1, 2, ... to an end of its own, or, of many ids, those that no other holds."""
    own = [set(ids) - {0} for ids in masks if set(ids) - {0}]
    owners = Counter(v for ids in own for v in ids)
    if len(owners) > MANY and sum(n == 1 for n in owners.values()) > 0.8 * len(owners):
        return True
    rows = [len(ids) for ids in own if max(ids) == len(ids)]
    return len(set(rows)) > 4 and max(rows) >= 10 and len(rows) >= 0.7 * len(own)


def without_void(
    names: list[str], values: dict[int | str, str], said: list[Remark]
) -> tuple[list[str], dict[int | str, str]]:
    """Names and values of a file in which some name says that pixels have no label, where two others remain."""
    void = {name for name in names if _UNLABELED.fullmatch(name)}
    if not void or len(names) - len(void) < 2:
        return names, values
    said += [Remark("meaning", f"{value} is {name!r}, and ignored") for value, name in values.items() if name in void]
    return [n for n in names if n not in void], {v: IGNORE if n in void else n for v, n in values.items()}
