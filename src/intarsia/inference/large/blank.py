"""Blank tiles: those whose values all lie in a range that the user names, such as the bare glass of a slide.

A window is left out where every tile that it touches is blank; pixels of blank tiles get one class, or none. All other
pixels are answered as if nothing had been left out, since each of their windows is seen.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np

from ...errors import DataError, nearest
from ...labels import LabelSpace


class Rule(NamedTuple):
    """Which tiles are blank, and what their pixels are.

    Args:
        low, high: the least and the greatest value that a blank tile may have, in any channel.
        value: class number, or the ignore index.
    """

    low: int
    high: int
    value: int


def rule_of(text: str, space: LabelSpace) -> Rule:
    """Read a rule: "230..255", or "230..255=background".

    Raises: DataError for what is no range, and a class that is none.
    """
    span, _, name = text.partition("=")
    found = re.fullmatch(r"\s*(\d+)\s*(?:\.\.|-)\s*(\d+)\s*", span)
    if found is None or int(found[1]) > int(found[2]):
        raise DataError(
            f"skip-blank is {text!r}; give the values that blank tiles lie in, LOW..HIGH, such as 230..255, or with a class for "
            "their pixels, 230..255=background"
        )
    if name and name not in space.names:
        raise DataError(f"skip-blank names {name!r}, which is no class{nearest(name, space.names)}")
    value = space.names.index(name) if name else space.ignore_index
    return Rule(int(found[1]), int(found[2]), value)


class Blank:
    """Which tiles of a picture are blank, as far as its rows have been seen.

    Args:
        rule: that decides.
        size: (H, W) of the picture.
        tile: side of the tiles.
    """

    def __init__(self, rule: Rule, size: tuple[int, int], tile: int) -> None:
        self.rule, self.tile, self.size = rule, tile, size
        self.flags = np.ones((math.ceil(size[0] / tile), math.ceil(size[1] / tile)), bool)
        self._lefts = np.arange(0, size[1], tile)

    def see(self, top: int, pixels: np.ndarray) -> None:
        """Look at rows [h, W, C] of the picture, from `top` on."""
        for start in range(top // self.tile * self.tile, top + len(pixels), self.tile):
            part = pixels[max(0, start - top) : start + self.tile - top]
            least, most = part.min(axis=(0, 2)), part.max(axis=(0, 2))
            inside = (np.minimum.reduceat(least, self._lefts) >= self.rule.low) & (
                np.maximum.reduceat(most, self._lefts) <= self.rule.high
            )
            self.flags[start // self.tile] &= inside

    def covers(self, box: tuple[int, int, int, int]) -> bool:
        """Tell whether all tiles that a box y0, x0, y1, x1 touches are blank; their rows have been seen."""
        top, left, bottom, right = box
        rows = slice(top // self.tile, math.ceil(bottom / self.tile))
        return bool(self.flags[rows, left // self.tile : math.ceil(right / self.tile)].all())
