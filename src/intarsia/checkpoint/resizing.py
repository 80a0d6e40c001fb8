"""The size in which a network wants its pictures: the rule by which its weights were trained, or its library prepares them.

Resizing(shorter=520)                    the shorter side becomes 520 pixels, as torchvision's segmentation networks want
Resizing(shorter=512, longest=2048, nearest=True, antialias=False)      mmsegmentation's (2048, 512)
Resizing(size=(512, 512))                both sides, whatever the shape was
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import CheckpointError
from ..limits import OPTION

METHODS = ("bilinear", "bicubic", "nearest")


class Resizing(NamedTuple):
    """A rule from a picture's size to the size that the network sees; answers are brought back to the picture's own.

    Args:
        shorter: pixels of the shorter side afterwards, the shape kept; 0: no such rule.
        longest: pixels that the longer side has at most, for which the shorter one gives way; 0: any number.
        size: (height, width) afterwards, whatever the shape was; None: the shape is kept.
        multiple: both sides are raised to a multiple of it.
        nearest: the other side is rounded to the nearest number of pixels; false: down.
        method: "bilinear", "bicubic" or "nearest".
        antialias: smooth a picture that becomes smaller, as Pillow does and OpenCV does not.
        fractions: keep fractions of a gray level, as libraries do that resize after they have normalized.
        direct: enlarge the network's coarse maps to the picture's size in one step, as transformers does; otherwise they are
            brought to the size that the network sees first.
    """

    shorter: int = 0
    longest: int = 0
    size: tuple[int, int] | None = None
    multiple: int = 1
    nearest: bool = False
    method: str = "bilinear"
    antialias: bool = True
    fractions: bool = False
    direct: bool = False

    def of(self, height: int, width: int) -> tuple[int, int]:
        """The size in which the network sees a picture of height x width pixels."""
        if self.size is not None:
            rows, columns = self.size
        elif self.shorter:
            rows, columns = self._kept(height, width)
        else:
            rows, columns = height, width
        up = self.multiple
        return -(-rows // up) * up, -(-columns // up) * up

    def _kept(self, height: int, width: int) -> tuple[int, int]:
        short, long = min(height, width), max(height, width)
        if not self.nearest:
            side, other = self.shorter, int(self.shorter * long / short)
            if self.longest and other > self.longest:
                side, other = int(self.longest * short / long), self.longest
        else:
            factor = min(self.shorter / short, self.longest / long) if self.longest else self.shorter / short
            side, other = int(short * factor + 0.5), int(long * factor + 0.5)
        side, other = max(side, 1), max(other, 1)
        return (side, other) if height <= width else (other, side)

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain data; what is as usual is left out."""
        return {key: value for key, value in self._asdict().items() if value != self._field_defaults[key]}


def resizing_of(tree: Mapping[str, Any]) -> Resizing | None:
    """The rule that `to_dict` wrote; None for an empty mapping.

    Raises: CheckpointError for what is none.
    """
    if not tree:
        return None
    if unknown := [key for key in tree if key not in Resizing._fields]:
        raise CheckpointError(f"resize has a key {unknown[0]!r}; it knows {', '.join(Resizing._fields)}")
    values = dict(tree)
    if values.get("size") is not None:
        values["size"] = tuple(values["size"])
    made = Resizing(**values)
    sides = [made.shorter, made.longest, made.multiple, *(made.size or ())]
    whole = all(isinstance(side, int) and not isinstance(side, bool) and 0 <= side <= OPTION for side in sides)
    if (
        not whole
        or made.multiple < 1
        or made.method not in METHODS
        or (made.size and (len(made.size) != 2 or 0 in made.size))
    ):
        raise CheckpointError(f"resize is {dict(tree)}, which is no rule for sizes of pictures")
    return made
