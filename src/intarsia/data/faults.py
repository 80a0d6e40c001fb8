"""Annotations that cannot be used: where each one is and why. Readers record them and read on; training refuses them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import DataError, counted
from .dataset import Fault, Itemized, notes_of

_SHOWN = 3  # faults that a sentence names; the audit lists all of them


def told_faults(faults: Sequence[Fault]) -> str:
    """How many annotations cannot be used, and of how many pictures; pictures and files that cannot be read as well."""
    single = sum(bool(fault.annotation) for fault in faults)
    whole = len(faults) - single
    pictures = len({(fault.file, fault.picture) for fault in faults if fault.annotation})
    parts = [f"{counted(single, 'annotation')} of {counted(pictures, 'picture')}"] if single else []
    parts += [f"{counted(whole, 'picture')} as a whole"] if whole else []
    return f"{' and '.join(parts)} cannot be used"


def of(datasets: Iterable[object]) -> list[Fault]:
    """The faults of some data sets, each once; those that belong to no picture are in every split."""
    return list(dict.fromkeys(fault for dataset in datasets for fault in notes_of(dataset).faults))


def check_whole(*datasets: object) -> None:
    """Refuse data sets of which some annotations cannot be used: what is not drawn would count as background.

    Raises: DataError with the count, the first few, and what to do.
    """
    if faults := of(datasets):
        raise DataError(f"{first_of(faults)}. {advice(datasets)}")


def first_of(faults: Sequence[Fault]) -> str:
    """How many annotations cannot be used, and the first few of them."""
    shown = "; ".join(f"({n}) {fault}" for n, fault in enumerate(faults[:_SHOWN], 1))
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return f"{told_faults(faults)}: {shown}{more}"


def advice(datasets: Iterable[object]) -> str:
    """What to do about annotations that cannot be used."""
    firsts = (d.items[0] for d in datasets if notes_of(d).faults and isinstance(d, Itemized) and d.items)
    source = next((item.mask for item in firsts), None)
    return (
        "Mend them in the annotation tool and export again, or leave them out: "
        f"`intarsia data audit {source or 'SOURCE'} --fix DIR` writes a copy without them, and lists them all."
    )
