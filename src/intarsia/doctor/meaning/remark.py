"""Remarks: what was inferred about the masks of a folder, one sentence each."""

from typing import Literal, NamedTuple


class Remark(NamedTuple):
    """One sentence about what was inferred, and the kind of finding (see `finding.KINDS`) that the audit makes of it."""

    kind: Literal["meaning", "names", "objects"]
    sentence: str
