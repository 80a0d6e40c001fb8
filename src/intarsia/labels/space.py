"""A label space: class names in order, their colors, and the class of every raw value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import LabelError, OddValues, counted, nearest
from .checks import IGNORE, checked_names, checked_planes, checked_values
from .colors import CLEAR, TRANSPARENT, Color, distinct_colors, parse_color
from .keys import color_table, id_table, is_color, parse_value
from .largest import largest
from .planes import laid
from .stray import outside, things_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class LabelSpace:
    """Class names in order, their colors, and the class of every raw value.

    Args:
        names: the classes; the position is the class number.
        colors: one (red, green, blue) of 0..255 for each class; distinct ones are made when absent.
        values: raw value -> class name or "ignore". Keys are ids (`7`, `-1`), spans of ids (`"128..255"`, both ends
            included), or colors (`"#804080"`, and `"transparent"` for RGBA masks). Several values may name one class.
            When absent: the position is the id, and the ignore index is ignored.
        activation: "softmax" gives each class a map of scores; "sigmoid", for two classes only, gives one map for the
            second class. With `planes` it is a sigmoid for each class, and need not be given.
        planes: several labels a pixel: each class is a mask of its own, on or off, so that a pixel may be of several
            classes or of none. Then `values` are left out.
        things: the classes whose objects are told apart, such as car and person; the others are stuff.

    Raises: LabelError when names repeat, things name no class, values name no class, or ids and colors are mixed.
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...] = ()
    values: Mapping[int | str, str] = field(default_factory=dict, hash=False)
    activation: str = "softmax"
    planes: bool = False
    things: tuple[str, ...] = ()
    explicit: bool = field(init=False, compare=False, repr=False, default=False)  # whether `values` were written out

    def __post_init__(self) -> None:
        names = checked_names(self.names)
        object.__setattr__(self, "names", names)
        if self.activation not in ("softmax", "sigmoid"):
            raise LabelError(
                f"labels.activation is {self.activation!r}{nearest(self.activation, ('softmax', 'sigmoid'))}"
            )
        if self.planes:
            object.__setattr__(self, "activation", "sigmoid")
        elif self.activation == "sigmoid" and len(names) != 2:
            raise LabelError(f"one sigmoid map tells two classes apart, but {len(names)} are listed; use softmax")
        if self.colors and len(self.colors) != len(names):
            raise LabelError(f"{len(self.colors)} colors for {len(names)} classes; give one for each, or none")
        object.__setattr__(self, "things", things_of(self.things, names))
        object.__setattr__(self, "colors", tuple(map(parse_color, self.colors)) or distinct_colors(len(names)))
        object.__setattr__(self, "explicit", bool(self.values) and not self.planes)
        positions = {**dict(enumerate(names)), self.ignore_index: IGNORE}
        object.__setattr__(self, "values", checked_values(self.values, names) if self.values else positions)
        if self.planes and self.values != positions:
            raise LabelError(
                "labels.values says what the values of one mask mean, but with labels.planes each class is a mask of its "
                "own, on or off; leave labels.values out"
            )
        if not self.by_color:
            self._id_table()  # spans that overlap show here, not at the first mask

    @property
    def num_classes(self) -> int:
        """K, the number of classes, whatever the number of maps in the head."""
        return len(self.names)

    @property
    def head_size(self) -> int:
        """How many maps the network draws: K, or 1 for two classes under a sigmoid, one of which holds."""
        return 1 if self.activation == "sigmoid" and not self.planes else len(self.names)

    def maps(self, output: type) -> int:
        """How many classes a network that returns this kind of output is built for: `head_size` for a map of logits.

        Where queries, boxes or centers decide, two classes are two, whatever the activation.
        """
        from ..structures import ClassLogits, SemanticLogits

        return self.head_size if output in (SemanticLogits, ClassLogits) else len(self.names)

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
        return is_color(next(iter(self.values)))

    def encode(self, raw: np.ndarray) -> np.ndarray:
        """Map a raw mask to labels.

        Args:
            raw: [H, W] integer ids, or, for a label space of colors, [H, W] colors packed by `pack_colors`.

        Returns: [H, W] of `dtype`: class numbers and the ignore index.

        Raises: LabelError naming each value outside the label space, its pixel count and what could be meant; and for a
            label space of planes, which no single map holds.
        """
        if self.planes:
            raise LabelError(
                f"one mask says one label a pixel, but labels.planes asks for {counted(len(self.names), 'plane')}; give one "
                "mask a class, or leave labels.planes out"
            )
        if raw.dtype.kind not in "iu":
            raise LabelError(f"the mask holds {raw.dtype} numbers; label values are whole numbers")
        codes = self._codes(raw)
        if codes.min(initial=0) < 0:
            values, counts = np.unique(raw[codes < 0], return_counts=True)
            found, remedy = outside(self, {int(v): int(c) for v, c in zip(values, counts, strict=True)})
            raise OddValues(found=found, remedy=remedy)
        return codes.astype(self.dtype)

    def encode_planes(self, planes: np.ndarray, ignored: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Check masks of one class each, and clear them where pixels do not count.

        Args:
            planes: [K, H, W] bool, or integers of 0 and 1, in the order of the classes.
            ignored: [H, W] bool, pixels that do not count; None: all count.

        Returns: [K, H, W] bool, and [H, W] of `dtype`: 0 where pixels count, else the ignore index.

        Raises: LabelError for another number of planes, or values other than 0 and 1.
        """
        planes = checked_planes(planes, len(self.names))
        labels = np.zeros(planes.shape[1:], self.dtype)
        if ignored is None:
            return planes, labels
        labels[ignored] = self.ignore_index
        return planes & ~ignored, labels

    def flattened(self, planes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Lay planes over each other for a picture: what several classes share shows the last of them alone.

        Args:
            planes: [K, H, W] bool.
            labels: [H, W] 0, or the ignore index where pixels do not count.

        Returns: [H, W] of `dtype`: class numbers, and the ignore index where no class is.
        """
        return laid(planes, labels == self.ignore_index, self.ignore_index).astype(self.dtype)

    @property
    def plain(self) -> LabelSpace:
        """The same classes where masks hold class numbers: each raw value is the position of its class."""
        return LabelSpace(self.names, self.colors, {}, self.activation, self.planes, self.things)

    def stray(self, counts: Mapping[int, int]) -> dict[int, int]:
        """The raw values, with their pixel counts, that this label space does not know."""
        raw = np.fromiter(counts, np.int64, len(counts))
        return {int(v): counts[int(v)] for v in raw[self._codes(raw) < 0]}

    def ignoring(self, value: int | None) -> LabelSpace:
        """The same classes, with one more raw value ignored: that which a file itself declares to be no data.

        Where `values` were written out and give it a meaning, that holds; and where fewer than two classes would remain,
        the value stays what it is.
        """
        if value is None or self.planes or (self.explicit and self.classes_of(np.array([value], np.int64))[0] >= 0):
            return self
        known: dict[int, LabelSpace] = self.__dict__.setdefault("_ignoring", {})
        if value not in known:
            values = {**self.values, self.spell(value).strip('"'): IGNORE}
            values = {parse_value(key): name for key, name in values.items()}
            left = {name for name in values.values() if name != IGNORE}
            kept = len(left) < 2 <= self.num_classes
            known[value] = (
                self if kept else LabelSpace(self.names, self.colors, values, self.activation, False, self.things)
            )
        return known[value]

    def classes_of(self, raw: np.ndarray) -> np.ndarray:
        """The class number of each raw value, the ignore index, or -1 for an unknown one: for counting, not for training."""
        return self._codes(raw)

    def describe_stray(self, stray: Mapping[int, int]) -> str:
        """One sentence about values outside the label space: which, how often, what is allowed, what to do."""
        return "; ".join(outside(self, stray))

    def spell(self, value: int) -> str:
        """A raw value as it is written in a recipe: `7`, or `"#804080"`."""
        if not self.by_color:
            return str(value)
        return TRANSPARENT if value == CLEAR else f'"#{value:06x}"'

    def decide(self, logits: Tensor, threshold: float = 0.5) -> Tensor:
        """Logits to class numbers.

        Args:
            logits: [B, K, H, W], or [B, 1, H, W] for one sigmoid map.
            threshold: of the sigmoid, 0..1; unused by softmax.

        Returns: [B, H, W] class numbers, uint8 or (beyond 255 classes) int32.

        Raises: LabelError for a label space of planes, where a pixel has no one class.
        """
        import torch

        if self.planes:
            raise LabelError("a pixel may have several of these labels, so that no one class can be chosen for it")

        dtype = torch.uint8 if self.dtype is np.uint8 else torch.int32
        if self.activation == "sigmoid":
            return (logits[:, 0].sigmoid() > threshold).to(dtype)
        return largest(logits).to(dtype)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits [B, K or 1, H, W] to the probability of each class, [B, K, H, W]; of planes each by itself."""
        import torch

        if self.planes:
            return logits.sigmoid()
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
        """Return plain data, for YAML and JSON."""
        return {
            "classes": list(self.names),
            "colors": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in self.colors],
            "values": dict(self.values),
            "activation": self.activation,
            **({"planes": True} if self.planes else {}),
            **({"things": list(self.things)} if self.things else {}),
        }

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> LabelSpace:
        """From what `to_dict` gave, or from a recipe's `labels`.

        Raises: LabelError for what is none, and as the constructor.
        """
        classes = tree.get("classes") if isinstance(tree, Mapping) else None
        if not isinstance(classes, list | tuple) or not isinstance(tree.get("values") or {}, Mapping):
            raise LabelError("a label space is a mapping with classes, a list of names, and perhaps values, a mapping")
        if not isinstance(tree.get("planes") or False, bool):
            raise LabelError(f"labels.planes is {tree['planes']!r}; write true for several labels a pixel, or false")
        return cls(
            tuple(tree["classes"]),
            tuple(tree.get("colors") or ()),
            tree.get("values") or {},
            tree.get("activation") or "softmax",
            bool(tree.get("planes")),
            tuple(tree.get("things") or ()),
        )

    def _codes(self, raw: np.ndarray) -> np.ndarray:
        """Class number, ignore index or -1 (stray) of each raw value: int32, the shape of `raw`."""
        if self.by_color:
            keys, codes = self._color_table()
            place = np.searchsorted(keys, raw).clip(max=len(keys) - 1)
            return np.where(keys[place] == raw, codes[place], np.int32(-1))
        table = self._id_table()
        if raw.dtype == np.uint8:
            small: np.ndarray = table[raw]
            return small
        inside = (raw >= 0) & (raw < len(table))
        codes = np.where(inside, table[np.where(inside, raw, 0)], np.int32(-1))
        for key, name in self.values.items():
            if isinstance(key, int) and key < 0 and raw.dtype.kind == "i":
                codes[raw == key] = self._numbers()[name]
        return codes

    def _numbers(self) -> dict[str, int]:
        return {**{name: n for n, name in enumerate(self.names)}, IGNORE: self.ignore_index}

    def _id_table(self) -> np.ndarray:
        table: np.ndarray | None = self.__dict__.get("_table")
        if table is None:
            table = id_table(self.values, self._numbers())
            object.__setattr__(self, "_table", table)
        return table

    def _color_table(self) -> tuple[np.ndarray, np.ndarray]:
        table: tuple[np.ndarray, np.ndarray] | None = self.__dict__.get("_table")
        if table is None:
            table = color_table(self.values, self._numbers())
            object.__setattr__(self, "_table", table)
        return table
