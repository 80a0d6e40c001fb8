"""The terms of use of a data set, shown once on each machine."""

from __future__ import annotations

from ..output import cache_folder, replaced
from .terminal import console


def tell(name: str, again: bool = False) -> None:
    """Print the terms of a data set on standard error when it is used for the first time, or each time."""
    from ..datasets.catalogue import DATASETS

    entry = DATASETS.get(name)
    if entry is None or not entry.terms:
        return
    told = cache_folder() / "terms" / name
    try:
        if told.is_file() and told.read_text(encoding="utf-8") == entry.terms and not again:
            return
        told.parent.mkdir(parents=True, exist_ok=True)
        with replaced(told) as file:
            file.write_text(entry.terms, encoding="utf-8")
    except OSError:
        pass  # told again next time
    console(error=True).print(f"{name}: {entry.terms}", markup=False, soft_wrap=True)
