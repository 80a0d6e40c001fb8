"""What the values in a folder's masks seem to mean: ids or colors, and which classes."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...data.folders.nodata import Nodata, settle
from ...errors import DataError, LabelError
from ...labels import IGNORE, TRANSPARENT, LabelSpace, distinct_colors, two_classes, unlabeled
from ..exam.examine import Exam
from ..exam.storage import as_colors, recolored
from .class_names import Named
from .numbering import MANY, OBJECTS, counts_objects, without_void
from .remark import Remark

NOTHING = re.compile(
    r"unlabell?ed|void|unknown|none|unclassified|ignored?", re.IGNORECASE
)  # names that stand for no class
_TRIMAP = re.compile(r"tri-?_?maps?", re.IGNORECASE)
_RARE = 1e-4  # colors of a smaller share are slips of a brush, where nobody gave them a name


def alone(space: LabelSpace, where: object) -> str:
    """The sentence about a label space of one class, which nothing can be told apart from; empty where there are more."""
    if space.num_classes > 1:
        return ""
    (name,) = space.names
    return (
        f"{where}: every labeled pixel is {name!r}, one class alone, so there is nothing that a network could tell apart; "
        f"give what is not {name} a value or a color of its own in the masks, such as background"
    )


class Scan(NamedTuple):
    """What the masks of a folder hold."""

    by_color: bool
    pixels: dict[int, int]  # raw value -> pixels
    kinds: Counter[str]  # kind of file -> how many
    palette: dict[int, str]  # id -> its color, where all files have palettes that agree
    folder: str = ""  # where the masks lie
    each: tuple[frozenset[int], ...] = ()  # the raw values of each mask
    nodata: Nodata = Nodata()  # what the masks declare to be no data, which is not among the values
    one_hot: bool = False  # some masks are arrays of one map for each class
    painted: bool = False  # some masks have palettes


def held(exams: Sequence[Exam]) -> Scan:
    """What label maps of one folder hold, all of them together: as ids, unless some of them hold colors.

    Raises: DataError when none can be read; LabelError when some cannot be read as the others are.
    """
    readable = [e for e in exams if e.form is not None]
    if not readable:
        raise DataError(exams[0].error[1] if exams and exams[0].error else "there is no mask")
    forms = [e.form for e in readable if e.form is not None]
    if odd := next((e for e in readable if e.form and (e.form.alpha or not e.form.exact)), None):
        how = "in their alpha channel" if odd.form and odd.form.alpha else "in shades, from JPEG or transparency"
        raise LabelError(f"{odd.place}: some masks hold their labels {how}; save them as PNG of ids or of plain colors")
    by_color = any(form.colored for form in forms) or _disagree(readable)
    if by_color and any(form.deep for form in forms):
        raise LabelError("some masks hold colors and others 16-bit ids; convert them to one kind")
    views = [Counter(as_colors(e.values, e.form) if by_color and e.form else e.values) for e in readable]
    declared = [e.nodata[0] if e.nodata else None for e in readable]
    if by_color:
        declared = [
            d if d is None or e.form is None or e.form.colored else recolored(d, e.form)
            for d, e in zip(declared, readable, strict=True)
        ]
    nodata = settle(views, declared)
    if nodata.clash:
        raise LabelError(nodata.clash)
    if below := sorted({value for view in views for value in view if value < 0}):
        for view in views:
            for value in below:
                view.pop(value, 0)
        nodata = nodata._replace(ignored=(*nodata.ignored, *below))
    total: Counter[int] = Counter()
    for view in views:
        total.update(view)
    return Scan(
        by_color,
        dict(sorted(total.items())),
        Counter(form.kind for form in forms),
        {} if by_color or any(form.palette is None for form in forms) else _painted(readable),
        str(Path(readable[0].place).parent),
        tuple(frozenset(view) for view in views),
        nodata,
        any(form.one_hot for form in forms),
        any(form.palette is not None for form in forms),
    )


def _painted(exams: Sequence[Exam]) -> dict[int, str]:
    """The color of each id in masks that have palettes."""
    return {v: f"#{recolored(v, e.form) & 0xFFFFFF:06x}" for e in exams if e.form for v in e.values}


def _disagree(exams: Sequence[Exam]) -> bool:
    """Whether an index in use has one color in one palette and another in the next; gray files say nothing about colors."""
    meaning: dict[int, int] = {}
    painted = [(e.values, e.form.palette) for e in exams if e.form and e.form.palette is not None]
    return any(meaning.setdefault(v, int(palette[v])) != palette[v] for values, palette in painted for v in values)


def label_space(
    root: Path, scan: Scan, classes: list[str] | None, file: Named | None, said: list[Remark]
) -> LabelSpace:
    """The label space of what the masks hold.

    Args:
        classes: the class names, where somebody gave them.
        file: class names that lie beside the masks.
        said: gets what was concluded.

    Raises: LabelError when the values make no classes, or not as many as were named.
    """
    kinds = ", ".join(f"{n} {kind}" for kind, n in scan.kinds.items())
    way = "colors" if scan.by_color else "ids"
    said.append(Remark("meaning", f"masks: {kinds}; read as {way}, {len(scan.pixels)} different ones"))
    if scan.one_hot:
        told = "of one-hot arrays the last map that holds a pixel counts, and where none does the id is their number"
        said.append(Remark("meaning", told))
    numbers, sentence = black_and_white(scan)
    if numbers and not (scan.by_color and file and file.colors):
        names = _two(classes, file)
        said.append(Remark("meaning", sentence))
        return LabelSpace(tuple(names), values={value: names[number] for value, number in numbers.items()})
    return _colors(scan, classes, file, said) if scan.by_color else _ids(root, scan, classes, file, said)


def _ids(root: Path, scan: Scan, classes: list[str] | None, file: Named | None, said: list[Remark]) -> LabelSpace:
    """The label space of masks of ids."""
    seen = list(scan.pixels)
    _check_objects(root, scan, said)
    if classes is None and file is None and seen == [1, 2, 3] and _TRIMAP.search(scan.folder):
        told = "a folder of trimaps: 1 is the foreground, 2 the background, and 3, not classified, is ignored"
        said.append(Remark("meaning", told))
        return LabelSpace(("background", "foreground"), values={1: "foreground", 2: "background", 3: IGNORE})
    ignored = unlabeled(seen)
    ids = [v for v in seen if v not in ignored]
    if file is not None and scan.palette and file.colors:
        file = _by_palette(scan, file, said)
    if classes is not None or file is not None:
        names, values = _numbered(root, ids, classes, file, ignored, said)
        if classes is None:
            names, values = without_void(names, values, said)
    elif ids and set(ids) <= {0, 1}:
        names, values = ["background", "foreground"], {0: "background", 1: "foreground"}
    else:
        names = [f"class_{v}" for v in ids]
        values = dict(zip(ids, names, strict=True))
        told = "no names were given, so classes are named after their ids; write better ones into labels"
        said.append(Remark("meaning", told))
    if ignored:
        said.append(Remark("meaning", f"{ignored[0]} is taken for pixels without a label, and ignored"))
    return LabelSpace(tuple(names), values={**values, **dict.fromkeys(ignored, IGNORE)})


def _check_objects(root: Path, scan: Scan, said: list[Remark]) -> None:
    """Say that ids look like numbers of objects.

    Raises: LabelError where there are too many of them for classes.
    """
    seen = list(scan.pixels)
    if counts_objects(scan.each) or (len(seen) > MANY and max(map(len, scan.each), default=len(seen)) > MANY):
        told = f"the masks hold {len(seen)} different ids up to {seen[-1]}; these {OBJECTS}"
        if len(seen) > MANY:
            raise LabelError(f"{root}: {told}")
        said.append(Remark("objects", told))


def _by_palette(scan: Scan, file: Named, said: list[Remark]) -> Named | None:
    """The ids of a file's names, found by comparing its colors with the masks' palette; None when the file means other masks."""
    ids = {color: value for value, color in scan.palette.items()}
    found = [(name, ids[color]) for name, color in zip(file.names, file.colors, strict=True) if color in ids]
    if len(found) < len([v for v in scan.pixels if v != 255]):
        said.append(
            Remark(
                "names",
                f"{file.path.name} gives other colors than the masks' palette: its names ({', '.join(file.names[:8])}) are not used",
            )
        )
        return None
    return file._replace(names=[n for n, _ in found], colors=[], ids=[i for _, i in found])


def black_and_white(scan: Scan) -> tuple[dict[int | str, int], str]:
    """The class, 0 or 1, of each value in masks of black and white, and a sentence about it; empty for other masks."""
    if scan.by_color:
        plain = set(scan.pixels) <= {0, 0xFFFFFF} and 0xFFFFFF in scan.pixels
        return ({"#000000": 0, "#ffffff": 1}, "black and white are two classes") if plain else ({}, "")
    shown = {value: scan.palette.get(value) for value in scan.pixels}
    if len(shown) == 2 and list(shown.values()) == ["#000000", "#ffffff"] and 0 in shown:
        top = max(shown)
        return {0: 0, top: 1}, f"0 is painted black and {top} white: they are two classes"
    found, sentence = two_classes(scan.pixels, scan.each)
    spans = any(isinstance(value, str) for value in found)
    return ({}, "") if scan.painted and spans else (found, sentence)  # an index of a palette is no gray


def _two(classes: list[str] | None, file: Named | None) -> list[str]:
    if classes is not None and len(classes) != 2:
        raise LabelError(
            f"{len(classes)} classes given, but the masks hold two values; name two, such as background,{classes[0] if classes else 'thing'}"
        )
    names = classes or (file.names if file and len(file.names) == 2 else None)
    return list(names or ["background", "foreground"])


def _numbered(
    root: Path, ids: list[int], classes: list[str] | None, file: Named | None, ignored: list[int], said: list[Remark]
) -> tuple[list[str], dict[int | str, str]]:
    """Names for ids, from the caller or from a file: by the file's own ids, by position, or by position among the ids seen."""
    names = list(classes if classes is not None else file.names)  # type: ignore[union-attr]
    source = "the classes given" if classes is not None else file.path.name  # type: ignore[union-attr]
    if file is not None and classes is None and file.ids and set(ids) <= set(file.ids):
        values: dict[int | str, str] = dict(zip(file.ids, names, strict=True))
    elif not ids or max(ids) < len(names):
        if classes is not None and ids == [0, 1]:
            names = _two(classes, None)
        values = dict(enumerate(names))
        if lacking := [f"{name} ({n})" for n, name in enumerate(names) if n not in ids] if classes is not None else []:
            shown = ", ".join(lacking[:8]) + (f" and {len(lacking) - 8} more" if len(lacking) > 8 else "")
            said.append(Remark("meaning", f"no mask holds {shown}"))
    elif min(ids) >= 1 and max(ids) == len(names):
        values = {n + 1: name for n, name in enumerate(names)}
        said.append(Remark("meaning", "ids start at 1"))
    elif len(ids) == len(names):
        values = dict(zip(ids, names, strict=True))
        said.append(Remark("meaning", "the names stand for the ids in their order"))
    elif classes is None:
        said.append(
            Remark(
                "names",
                f"{source} lists {len(names)} classes, but the masks hold {len(ids)} ids up to {max(ids)}: not used",
            )
        )
        made = [f"class_{v}" for v in ids]
        return made, dict(zip(ids, made, strict=True))
    else:
        raise LabelError(
            f"{root}: {len(names)} classes given, but the masks hold {len(ids)} ids ({', '.join(map(str, ids[:8]))}{', ...' if len(ids) > 8 else ''}); name each of them"
        )
    said.append(Remark("meaning", f"names from {source}"))
    return names, values


def _colors(scan: Scan, classes: list[str] | None, file: Named | None, said: list[Remark]) -> LabelSpace:
    """The label space of color masks: every color that occurs becomes a value."""
    if len(scan.pixels) > MANY:
        raise LabelError(
            f"the masks hold {len(scan.pixels)} different colors, so they were smoothed or saved as JPEG; export them again as PNG without smoothing"
        )
    spelled = {v: TRANSPARENT if v >= 1 << 24 else f"#{v:06x}" for v in scan.pixels}
    known = dict(zip(file.colors, file.names, strict=True)) if file and file.colors else {}
    if file and known and known.keys().isdisjoint(spelled.values()):
        told = f"{file.path.name} gives the colors {', '.join(list(known)[:3])}, ..., none of which the masks hold: its names ({', '.join(file.names)}) are not used; rename the classes yourself"
        said.append(Remark("names", told))
        file, known = None, {}
    values = _values(scan, spelled, known, file, said)
    if classes is not None:
        values.update(_given(values, classes))
        said.append(Remark("meaning", "the names given stand for the colors in the order of their codes"))
    elif file and known:
        values = _from_file(values, spelled, known, file, said)
    else:
        told = "no names were given, so classes are named after their colors; write better ones into labels"
        said.append(Remark("meaning", told))
    names = tuple(dict.fromkeys(n for n in values.values() if n != IGNORE))
    if not names:
        raise LabelError("the masks hold no color that could be a class")
    first = {name: color for color, name in reversed(values.items())}
    shades = distinct_colors(len(names))
    painted = tuple(first[n] if str(first.get(n, "")).startswith("#") else shades[k] for k, n in enumerate(names))
    return LabelSpace(names, painted, values)  # type: ignore[arg-type]


def _values(
    scan: Scan, spelled: Mapping[int, str], known: Mapping[str, str], file: Named | None, said: list[Remark]
) -> dict[int | str, str]:
    """A class for each color: by the name that a file gives it, or by itself; transparent and rare ones are ignored."""
    total = sum(scan.pixels.values())
    values: dict[int | str, str] = {}
    for value, count in scan.pixels.items():
        color = spelled[value]
        if color in known:
            values[color] = IGNORE if NOTHING.fullmatch(known[color]) else known[color]
            if values[color] == IGNORE:
                told = f"{color} is {known[color]!r} in {file.path.name if file else ''}, and ignored"
                said.append(Remark("meaning", told))
        elif color == TRANSPARENT or (count < _RARE * total and len(scan.pixels) > 2):
            values[color] = IGNORE
            why = "no label was painted there" if color == TRANSPARENT else "too rare for a class"
            said.append(Remark("meaning", f"{color} ({count} px) is ignored: {why}"))
        else:
            values[color] = f"color_{color[1:]}"
    return values


def _given(values: Mapping[int | str, str], classes: list[str]) -> dict[int | str, str]:
    """The names that somebody gave, for the colors in their order.

    Raises: LabelError when there are not as many.
    """
    left = [c for c, name in values.items() if name != IGNORE]
    if len(left) != len(classes):
        raise LabelError(
            f"{len(classes)} classes given, but the masks hold {len(left)} colors ({', '.join(map(str, left[:8]))}); name each, in this order"
        )
    return dict(zip(left, classes, strict=True))


def _from_file(
    values: dict[int | str, str], spelled: Mapping[int, str], known: Mapping[str, str], file: Named, said: list[Remark]
) -> dict[int | str, str]:
    """The values with the classes of a file that do not occur, where the file names every color that does."""
    said.append(Remark("meaning", f"names from {file.path.name}, by color"))
    if all(color in known for color in spelled.values()):
        believed: dict[int | str, str] = {c: IGNORE if NOTHING.fullmatch(n) else n for c, n in known.items()}
        return {**believed, **values}
    if missing := [f"{n} ({c})" for c, n in known.items() if c not in values]:
        other = ", ".join(color for color in spelled.values() if values[color] == f"color_{color[1:]}")
        more = f", and those of {other} are named after their colors" if other else ""
        told = f"{file.path.name} gives colors that no mask holds, of {', '.join(missing[:6])}: these classes are left out{more}"
        said.append(Remark("names", told))
    return values
