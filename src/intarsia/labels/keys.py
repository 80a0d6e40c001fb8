"""What the keys of `labels.values` may be, and the tables that give each raw value its class number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import LabelError
from .colors import CLEAR, HEX, TRANSPARENT, packed, parse_color, unpacked

LARGEST = 1 << 24  # of raw values: what 24 bits of color hold, and one more
_SPAN = re.compile(r"(\d{1,8})\.\.(\d{1,8})")
_NEGATIVE = re.compile(r"-[1-9]\d{0,9}")  # rasters with a sign, down to -2147483648, mark what holds no data so


def parse_value(raw: Any) -> int | str:
    """Read one key of `labels.values`: an id, a span "128..255", a color "#804080", or "transparent".

    Raises: LabelError for anything else.
    """
    if isinstance(raw, bool) or raw is None:
        raise LabelError(f"labels.values: {raw!r} is no raw value; write an id, '128..255' or '#804080'")
    text = "a number of too many digits" if isinstance(raw, int) and abs(raw) > 10**100 else str(raw).strip()
    if _NEGATIVE.fullmatch(text) or (text.isdecimal() and len(text) <= 8 and int(text) <= LARGEST):
        return int(text)
    if HEX.fullmatch(text) or text == TRANSPARENT:
        return text.lower()
    if (span := _SPAN.fullmatch(text)) and int(span[1]) <= int(span[2]) <= LARGEST:
        return text
    if text.removeprefix("-").isdecimal():
        raise LabelError(
            f"labels.values: {text[:40]} is no raw value: ids end at 16777216, and at -2147483648 where nothing is; renumber the masks"
        )
    raise LabelError(
        f"labels.values: {_short(text if isinstance(raw, int) else repr(raw))} is no raw value; write an id (7), a span ('128..255') or a color ('#804080')"
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:50]}..."


def is_color(key: int | str) -> bool:
    """Whether a key is a color; ids and spans are not."""
    return isinstance(key, str) and ".." not in key


def span_of(key: int | str) -> tuple[int, int]:
    """The first and the last id that a key stands for."""
    if isinstance(key, int):
        return key, key
    first, last = key.split("..")
    return int(first), int(last)


def id_table(values: Mapping[int | str, str], numbers: Mapping[str, int]) -> np.ndarray:
    """Make the table [largest id + 1, at least 256] int32 that gives each id its class number; -1: none.

    Args:
        values: ids and spans of ids, each with the name of a class; negative ids stand in no table.
        numbers: the number of each name.

    Raises: LabelError where spans of different classes overlap, or hold some values many times over.
    """
    spans = [(span_of(key), numbers[name]) for key, name in values.items()]
    spans = [(ends, code) for ends, code in spans if ends[0] >= 0]
    if sum(last - first + 1 for (first, last), _ in spans) > 2 * LARGEST:
        raise LabelError("labels.values: the spans hold some values many times over; write each value once")
    table = np.full(max(256, *(last + 1 for (_, last), _ in spans), 0), -1, np.int32)
    for (first, last), code in spans:
        part = table[first : last + 1]
        if ((part >= 0) & (part != code)).any():
            raise LabelError(f"labels.values: {first}..{last} overlaps another value; a value has one meaning")
        table[first : last + 1] = code
    return table


def color_table(values: Mapping[int | str, str], numbers: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Make two tables [N]: the codes of the colors, ascending, and the class number of each, int32."""
    pairs = sorted((packed(key), numbers[name]) for key, name in values.items())
    return np.array([code for code, _ in pairs]), np.array([number for _, number in pairs], np.int32)


def spelled_ids(values: Mapping[int | str, str], table: np.ndarray) -> str:
    """Spell the ids that have a meaning, the first eight spans of them: "values -1, 0..11, 255".

    Args:
        table: as `id_table` makes it of `values`.
    """
    known = np.flatnonzero(table >= 0)
    runs = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    spans = [f"{r[0]}..{r[-1]}" if len(r) > 1 else str(r[0]) for r in runs if len(r)]
    spans = [*map(str, sorted(key for key in values if isinstance(key, int) and key < 0)), *spans]
    return "values " + ", ".join(spans[:8]) + (" and more" if len(spans) > 8 else "")


def spelled_colors(values: Mapping[int | str, str]) -> str:
    """Spell the first six colors that have a meaning."""
    keys = [str(key) for key in values]
    return "colors " + ", ".join(keys[:6]) + (f" and {len(keys) - 6} more" if len(keys) > 6 else "")


def near_color(values: Mapping[int | str, str], value: int) -> str:
    """The class whose color is nearest to a color's code, within 16 steps a channel (root of 3 x 16^2); "" for none."""
    known = [key for key in values if key != TRANSPARENT]
    if not known or value == CLEAR:
        return ""
    distance = [sum((a - b) ** 2 for a, b in zip(parse_color(str(k)), unpacked(value), strict=True)) for k in known]
    return values[known[int(np.argmin(distance))]] if min(distance) <= 3 * 16**2 else ""
