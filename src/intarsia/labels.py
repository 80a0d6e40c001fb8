"""Label spaces: what a value in a mask means. The one place that maps label values.

A mask file holds raw values: an id ("7"), a palette index, or a color ("#804080"). A network knows class numbers
0 .. K-1. Between the two stands a LabelSpace: class names in order, and for every raw value the class it stands for,
or "ignore". Nothing else in this package adds to, subtracts from, clips or compares label values.

    raw mask  --LabelSpace.encode-->  labels 0 .. K-1 and ignore_index  --network-->  logits  --LabelSpace.decide-->  labels
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import LabelError, nearest

if TYPE_CHECKING:
    from torch import Tensor

IGNORE = "ignore"
TRANSPARENT = "transparent"  # the raw value of a fully transparent pixel of an RGBA mask
_TRANSPARENT = 1 << 24  # its code among packed colors
_SPAN = re.compile(r"(\d+)\.\.(\d+)")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")

Color = tuple[int, int, int]


@dataclass(frozen=True)
class LabelSpace:
    """Class names in order, their colors, and the class of every raw value.

    Args:
        names: the classes; the position is the class number.
        colors: one (red, green, blue) of 0..255 for each class; distinct ones are made when absent.
        values: raw value -> class name or "ignore". Keys are ids (`7`), spans of ids (`"128..255"`, both ends
            included), or colors (`"#804080"`, and `"transparent"` for RGBA masks). Several values may name one class.
            When absent: the position is the id, and the ignore index is ignored.
        activation: "softmax" gives each class a map of scores; "sigmoid", for two classes only, gives one map for the
            second class.

    Raises: LabelError when names repeat, values name no class, or ids and colors are mixed.
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...] = ()
    values: Mapping[int | str, str] = field(default_factory=dict, hash=False)
    activation: str = "softmax"
    explicit: bool = field(init=False, compare=False, repr=False, default=False)  # whether `values` were written out

    def __post_init__(self) -> None:
        if isinstance(self.names, str) or not all(isinstance(n, str) and n.strip() for n in self.names):
            raise LabelError(f"class names are a list of words, not {self.names!r}")
        names = tuple(self.names)
        object.__setattr__(self, "names", names)
        if not names:
            raise LabelError("a label space needs at least one class name; list them under labels.classes")
        if repeated := {name for name in names if names.count(name) > 1}:
            raise LabelError(f"class {sorted(repeated)[0]!r} is listed twice; class names must differ")
        if IGNORE in (name.lower() for name in names):
            raise LabelError(f"{IGNORE!r} cannot be a class name: it stands for pixels that do not count")
        if len(names) > 65535:
            raise LabelError(f"{len(names)} classes given; at most 65535 fit into a 16-bit mask")
        if self.activation not in ("softmax", "sigmoid"):
            raise LabelError(
                f"labels.activation is {self.activation!r}{nearest(self.activation, ('softmax', 'sigmoid'))}"
            )
        if self.activation == "sigmoid" and len(names) != 2:
            raise LabelError(f"one sigmoid map tells two classes apart, but {len(names)} are listed; use softmax")
        if self.colors and len(self.colors) != len(names):
            raise LabelError(f"{len(self.colors)} colors for {len(names)} classes; give one for each, or none")
        object.__setattr__(self, "colors", tuple(map(parse_color, self.colors)) or distinct_colors(len(names)))
        object.__setattr__(self, "explicit", bool(self.values))
        object.__setattr__(self, "values", self._checked(self.values))
        if not self.by_color:
            self._id_table()  # spans that overlap show here, not at the first mask

    def _checked(self, values: Mapping[int | str, str]) -> dict[int | str, str]:
        if not values:
            return {**dict(enumerate(self.names)), self.ignore_index: IGNORE}
        checked: dict[int | str, str] = {}
        for raw, name in values.items():
            key = _parse_value(raw)
            if name not in self.names and name != IGNORE:
                raise LabelError(
                    f"labels.values: {raw} stands for {name!r}, which is no class{nearest(name, (*self.names, IGNORE))}"
                )
            if key in checked and checked[key] != name:
                raise LabelError(
                    f"labels.values: {raw} stands for {checked[key]!r} and for {name!r}; a value has one meaning"
                )
            checked[key] = name
        if len({_is_color(key) for key in checked}) > 1:
            raise LabelError("labels.values mixes ids and colors; a data set's masks are read as one or the other")
        return checked

    @property
    def num_classes(self) -> int:
        """K, the number of classes, whatever the number of maps in the head."""
        return len(self.names)

    @property
    def head_size(self) -> int:
        """How many maps the network draws: K, or 1 for two classes under a sigmoid."""
        return 1 if self.activation == "sigmoid" else len(self.names)

    @property
    def ignore_index(self) -> int:
        """The label of pixels that do not count: 255 up to 255 classes, 65535 beyond."""
        return 255 if len(self.names) <= 255 else 65535

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """What a label map is stored as."""
        return np.uint8 if len(self.names) <= 255 else np.uint16

    @property
    def by_color(self) -> bool:
        """Whether masks are read as colors rather than as ids or palette indices."""
        return _is_color(next(iter(self.values)))

    def encode(self, raw: np.ndarray) -> np.ndarray:
        """Map a raw mask to labels.

        Args:
            raw: [H, W] integer ids, or, for a label space of colors, [H, W] colors packed by `pack_colors`.

        Returns: [H, W] of `dtype`: class numbers and the ignore index.

        Raises: LabelError naming each value outside the label space, its pixel count and what could be meant.
        """
        if raw.dtype.kind not in "iu":
            raise LabelError(f"the mask holds {raw.dtype} numbers; label values are whole numbers")
        codes = self._codes(raw)
        if codes.min(initial=0) < 0:
            values, counts = np.unique(raw[codes < 0], return_counts=True)
            raise LabelError(self.describe_stray({int(v): int(c) for v, c in zip(values, counts, strict=True)}))
        return codes.astype(self.dtype)

    def stray(self, counts: Mapping[int, int]) -> dict[int, int]:
        """Those raw values, with their pixel counts, that this label space does not know."""
        raw = np.fromiter(counts, np.int64, len(counts))
        return {int(v): counts[int(v)] for v in raw[self._codes(raw) < 0]}

    def classes_of(self, raw: np.ndarray) -> np.ndarray:
        """The class number of each raw value, the ignore index, or -1 for a stray one: for counting, not for training."""
        return self._codes(raw)

    def describe_stray(self, stray: Mapping[int, int]) -> str:
        """One sentence about values outside the label space: which, how often, what is allowed, what to do."""
        ranked = sorted(stray.items(), key=lambda item: -item[1])
        show = [f"{self.spell(value)} ({count} px)" for value, count in ranked[:5]]
        more = f" and {len(ranked) - 5} more" if len(ranked) > 5 else ""
        first = self.spell(ranked[0][0])
        if ranked[0][0] < 0:
            return (
                f"the mask holds {', '.join(show)}{more}; ids are 0 and above ({self._allowed()}), so save the mask again "
                f"with {self.ignore_index} where pixels do not count"
            )
        guess = f", likely {near!r}" if (near := self._near_color(ranked[0][0])) else ""
        return (
            f"the mask holds {', '.join(show)}{more}, outside the {len(self.names)} classes "
            f"({self._allowed()}); add `{first}: <class or ignore>` to labels.values{guess}"
        )

    def spell(self, value: int) -> str:
        """A raw value as it is written in a recipe: `7`, or `"#804080"`."""
        if not self.by_color:
            return str(value)
        return TRANSPARENT if value == _TRANSPARENT else f'"#{value:06x}"'

    def decide(self, logits: Tensor, threshold: float = 0.5) -> Tensor:
        """Logits to class numbers.

        Args:
            logits: [B, K, H, W], or [B, 1, H, W] for one sigmoid map.
            threshold: of the sigmoid, 0..1; unused by softmax.

        Returns: [B, H, W] class numbers, uint8 or (beyond 255 classes) int32.
        """
        import torch

        dtype = torch.uint8 if self.dtype is np.uint8 else torch.int32
        if self.activation == "sigmoid":
            return (logits[:, 0].sigmoid() > threshold).to(dtype)
        return logits.argmax(dim=1).to(dtype)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits [B, K or 1, H, W] to the probability of each class, [B, K, H, W]."""
        import torch

        if self.activation == "sigmoid":
            second = logits.sigmoid()
            return torch.cat([1 - second, second], dim=1)
        return logits.softmax(dim=1)

    def rows(self) -> list[tuple[str, str, str]]:
        """(raw values, class number or "-", name) of every class and of ignore: the table printed before training."""
        held: dict[str, list[str]] = {name: [] for name in (*self.names, IGNORE)}
        for value, name in self.values.items():
            held[name].append(str(value))
        numbers = {name: str(n) for n, name in enumerate(self.names)}
        return [(", ".join(v) or "none", numbers.get(name, "-"), name) for name, v in held.items()]

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for YAML and JSON."""
        return {
            "classes": list(self.names),
            "colors": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in self.colors],
            "values": dict(self.values),
            "activation": self.activation,
        }

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> LabelSpace:
        """From what `to_dict` gave, or from a recipe's `labels`."""
        return cls(
            tuple(tree["classes"]),
            tuple(tree.get("colors") or ()),
            tree.get("values") or {},
            tree.get("activation") or "softmax",
        )

    def _codes(self, raw: np.ndarray) -> np.ndarray:
        """Class number, ignore index or -1 (stray) of each raw value: int32, the shape of `raw`."""
        if self.by_color:
            keys, codes = self._color_table()
            place = np.searchsorted(keys, raw).clip(max=len(keys) - 1)
            return np.where(keys[place] == raw, codes[place], np.int32(-1))
        table = self._id_table()
        if raw.dtype == np.uint8:
            return table[raw]
        inside = (raw >= 0) & (raw < len(table))
        return np.where(inside, table[np.where(inside, raw, 0)], np.int32(-1))

    def _code(self, name: str) -> int:
        return self.ignore_index if name == IGNORE else self.names.index(name)

    def _id_table(self) -> np.ndarray:
        table = self.__dict__.get("_table")
        if table is None:
            spans = [(_span(key), self._code(name)) for key, name in self.values.items()]
            table = np.full(max(256, *(last + 1 for (_, last), _ in spans)), -1, np.int32)
            for (first, last), code in spans:
                held = table[first : last + 1]
                if ((held >= 0) & (held != code)).any():
                    raise LabelError(f"labels.values: {first}..{last} overlaps another value; a value has one meaning")
                table[first : last + 1] = code
            object.__setattr__(self, "_table", table)
        return table

    def _color_table(self) -> tuple[np.ndarray, np.ndarray]:
        table = self.__dict__.get("_table")
        if table is None:
            pairs = sorted((_pack(key), self._code(name)) for key, name in self.values.items())
            table = (np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs], np.int32))
            object.__setattr__(self, "_table", table)
        return table

    def _allowed(self) -> str:
        if self.by_color:
            keys = [str(k) for k in self.values]
            return "colors " + ", ".join(keys[:6]) + (f" and {len(keys) - 6} more" if len(keys) > 6 else "")
        known = np.flatnonzero(self._id_table() >= 0)
        runs = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
        spans = [f"{r[0]}..{r[-1]}" if len(r) > 1 else str(r[0]) for r in runs]
        return "values " + ", ".join(spans[:8]) + (" and more" if len(spans) > 8 else "")

    def _near_color(self, value: int) -> str:
        if not self.by_color or value == _TRANSPARENT:
            return ""
        known = [key for key in self.values if key != TRANSPARENT]
        if not known:
            return ""
        distance = [sum((a - b) ** 2 for a, b in zip(parse_color(str(k)), _unpack(value), strict=True)) for k in known]
        return self.values[known[int(np.argmin(distance))]] if min(distance) <= 3 * 16**2 else ""


def pack_colors(rgb: np.ndarray) -> np.ndarray:
    """An RGB or RGBA mask as one integer a pixel, which `LabelSpace.encode` of colors reads.

    Args:
        rgb: [H, W, 3 or 4] uint8. Alpha must be 0 or 255: a pixel that is half there has no one class.

    Returns: [H, W] int32, 0xRRGGBB; fully transparent pixels have a code of their own.
    """
    packed = rgb[..., 0].astype(np.int32) << 16 | rgb[..., 1].astype(np.int32) << 8 | rgb[..., 2]
    if rgb.shape[-1] == 4:
        alpha = rgb[..., 3]
        if half := int(((alpha != 0) & (alpha != 255)).sum()):
            raise LabelError(
                f"{half} pixels of the mask are half transparent; save masks without smoothing, alpha 0 or 255"
            )
        packed[alpha == 0] = _TRANSPARENT
    return packed


def infer(names: Sequence[str], seen: Iterable[int], activation: str = "softmax") -> tuple[LabelSpace, str]:
    """The label space of index masks that hold the raw ids `seen`, when a user listed class names and nothing else.

    Returns: the label space, and one sentence that says what was taken for granted.

    Raises: LabelError when the ids do not fit the names, with the `labels.values` that would mend it.
    """
    plain = LabelSpace(tuple(names), activation=activation)
    found, count = sorted(set(map(int, seen))), len(plain.names)
    if count == 1 and len(found) > 1:
        raise LabelError(
            f"masks hold {_brief(found)}, but only the class {plain.names[0]!r} is listed; name the rest as well, such as: background, {plain.names[0]}"
        )
    if not found:
        return plain, "masks hold nothing yet: ids are the positions in the list of classes"
    if count > 2 and found == [0, 255]:
        raise LabelError(
            f"masks hold 0 and 255 alone, but {count} classes are listed; list two classes, or say in labels.values "
            f"what both stand for, such as {{0: {plain.names[0]}, 255: ignore}}"
        )
    if count == 2 and set(found) <= {0, 255} and 255 in found:
        values: dict[int | str, str] = {0: plain.names[0], 255: plain.names[1]}
        return LabelSpace(
            plain.names, values=values, activation=activation
        ), f"masks hold {' and '.join(map(str, found))}: 255 is {plain.names[1]!r}, not ignore"
    if all(0 <= value < count or value == plain.ignore_index for value in found):
        ignored = f", and {plain.ignore_index} is ignored" if plain.ignore_index in found else ""
        return plain, f"masks hold {_brief(found)}: ids are the positions in the list of classes{ignored}"
    beyond = [v for v in found if not (0 <= v < count or v == plain.ignore_index)]
    if 0 not in found and beyond == [count]:
        wish = ", ".join(f"{n + 1}: {name}" for n, name in enumerate(plain.names[:3]))
        raise LabelError(
            f"masks hold {_brief(found)} for {count} classes: ids seem to start at 1; write labels.values: {{{wish}, ...}}"
        )
    raise LabelError(
        f"masks hold {_brief(found)}, but {count} classes are listed (ids 0..{count - 1}); "
        f"list the missing classes, or say in labels.values what {_brief(beyond)} stand for (a class, or ignore)"
    )


def parse_color(color: Any) -> Color:
    """`"#804080"` or three integers to (128, 64, 128)."""
    if isinstance(color, str) and _HEX.fullmatch(color):
        return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
    if (
        isinstance(color, Sequence)
        and not isinstance(color, str)
        and len(color) == 3
        and all(isinstance(c, int) and 0 <= c <= 255 for c in color)
    ):
        return color[0], color[1], color[2]
    raise LabelError(f"{color!r} is no color; write '#804080', or three numbers of 0..255")


def distinct_colors(count: int) -> tuple[Color, ...]:
    """As many different colors: the golden angle around the color wheel, six hues to a shade, then ever finer shades."""
    shades = ((0.62, 0.95), (0.85, 0.70), (0.40, 1.00))
    colors: dict[Color, None] = {}
    n = 0
    while len(colors) < count:
        saturation, value = shades[n // 6 % 3]
        fade = 1 - 0.5 * (n // 360 * 0.618034 % 1)  # hues repeat to the eye, and at last to the byte
        r, g, b = colorsys.hsv_to_rgb((0.58 + n * 0.381966) % 1, saturation * fade, value * (1 + fade) / 2)
        colors.setdefault((round(r * 255), round(g * 255), round(b * 255)))
        n += 1
    return tuple(colors)


def _parse_value(raw: Any) -> int | str:
    if isinstance(raw, bool) or raw is None:
        raise LabelError(f"labels.values: {raw!r} is no raw value; write an id, '128..255' or '#804080'")
    text = str(raw).strip()
    if text.isdecimal() and int(text) <= 1 << 24:
        return int(text)
    if _HEX.fullmatch(text) or text == TRANSPARENT:
        return text.lower()
    if (span := _SPAN.fullmatch(text)) and int(span[1]) <= int(span[2]) <= 1 << 24:
        return text
    raise LabelError(
        f"labels.values: {raw!r} is no raw value; write an id (7), a span ('128..255') or a color ('#804080')"
    )


def _is_color(key: int | str) -> bool:
    return isinstance(key, str) and ".." not in key


def _span(key: int | str) -> tuple[int, int]:
    if isinstance(key, int):
        return key, key
    first, last = key.split("..")
    return int(first), int(last)


def _pack(key: int | str) -> int:
    return _TRANSPARENT if key == TRANSPARENT else int(str(key)[1:], 16)


def _unpack(value: int) -> Color:
    return value >> 16 & 255, value >> 8 & 255, value & 255


def _brief(values: Sequence[int]) -> str:
    if len(values) > 3 and values[-1] - values[0] == len(values) - 1:
        return f"{values[0]}..{values[-1]}"
    return ", ".join(map(str, values[:8])) + (f" and {len(values) - 8} more" if len(values) > 8 else "")
