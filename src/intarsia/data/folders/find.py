"""Finding the layout of a folder that nobody described: which folders and endings give the most pairs."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...errors import DataError, NoPairs, not_a_folder
from ..files.codecs import read_image
from ..files.formats import LOSSY, SUFFIXES, told_unread, unread
from ..pairs import Pair
from ..roles import TEST, role
from .endings import MASKS as MASKS
from .endings import endings
from .layout import CHANNEL, FIRST, Layout, composed, ending, image_of, nothing, pair
from .photos import alike, photographs
from .planes import binary, recognize

IMAGES = re.compile(r"ima?ge?s?|photo|picture|input|raw|jpeg|rgb", re.IGNORECASE)
SHOWN = re.compile(r"visuali[sz]|overlay|preview|blend", re.IGNORECASE)  # pictures of masks, for people
_SPLIT = re.compile(
    r"(train|training|val|valid|validation|dev|test|testing)(?=$|[_-]|annot|label|mask|image|img|[AB]$)(.*)",
    re.IGNORECASE,
)


_MEDICAL = re.compile(r"(images|labels)(Tr|Val|Ts)")  # nnU-Net's folders


def find(root: Path, images: str | None = None, masks: str | None = None) -> Layout:
    """The layout with the most pairs of image and mask below a folder.

    Args:
        images, masks: the only folders to consider for either.

    Raises: DataError when the folder is missing; NoPairs when it holds none, with five names of each side.
    """
    if not root.is_dir():
        raise DataError(not_a_folder(root))
    folders = _walk(root)
    if not folders:
        other = told_unread(unread([root, *(path for path in sorted(root.rglob("*")) if path.is_dir())]))
        raise NoPairs(
            f"{root}: no images below this folder; allowed are {', '.join(s[1:] for s in SUFFIXES)}{'; ' if other else ''}{other}"
        )
    groups: dict[str, dict[str, list[str]]] = {}
    for folder, names in folders.items():
        pattern, split = _template(folder)
        groups.setdefault(pattern, {})[split] = names
    starred = _starred(groups)
    found = _couples(groups) + _couples(starred)
    for place, wish in (("images", images), ("masks", masks)):
        if wish is not None:
            found = [f for f in found if wish.strip("/") in _spellings(f, getattr(f, place))]
    stacks = _stacks(root, folders, images, masks)
    if stacks is not None and stacks.pairs > max((f.pairs for f in found), default=0):
        return stacks
    if not found:
        wished = [w for w in (images, masks) if w is not None]
        if wished:
            raise DataError(f"{root}: no image has a mask with {' and '.join(wished)}")
        raise NoPairs(f"{root}: {nothing(folders)}")
    found = _of_classes(_pictured(found))
    lossy = {place for place, by_split in (groups | starred).items() if _jpeg(sum(by_split.values(), []))}
    pictures: list[str] = []
    views: list[Layout] = []  # whose masks are one in all pictures; taken where there are no others
    others: list[Layout] = []  # with other masks of the same images than a view's
    for best in sorted(found, key=lambda f: (f.pairs, _liking(f, f.masks in lossy)), reverse=True):
        rivals = [
            f
            for f in found
            if f.pairs == best.pairs and f.images == best.images and f.masks not in (best.masks, best.images)
        ]
        if views and best not in others:
            continue
        best = _settled(root, best)._replace(rivals=tuple(dict.fromkeys(_spellings(f, f.masks)[-1] for f in rivals)))
        some = _some(root, best)
        if photographs(some):
            pictures.append(best.masks or ".")
        elif rivals and alike(some):
            views.append(best)
            others = rivals
        else:
            return _by_class(root, best)
    if views:
        return _by_class(root, views[0])
    raise NoPairs(
        f"{root}: no image has a mask: the files of one name in {', '.join(dict.fromkeys(pictures[:5]))} are photos, not masks"
    )


def _settled(root: Path, best: Layout) -> Layout:
    """A layout with images and masks the right way round, and without a choice of splits where there is one alone."""
    if best.images != best.masks and _exchanged(root, best):
        best = best._replace(
            images=best.masks, masks=best.images, image_suffix=best.mask_suffix, mask_suffix=best.image_suffix
        )
    if len(best.splits) == 1 and best.splits[0]:  # one split only: no choice, so its name is part of the folder's
        fixed = [p.replace("{split}", best.splits[0]) for p in (best.images, best.masks)]
        best = best._replace(images=fixed[0], masks=fixed[1], splits=())
    return best._replace(splits=tuple(s for s in best.splits if s))


def _some(root: Path, layout: Layout, count: int = 5) -> list[Pair]:
    """Some pairs of a layout, spread over the first split."""
    items = pair(root, layout, layout.splits[0] if layout.splits else "", [])[0]
    return items[:: max(len(items) // count, 1)][:count]


def unlabeled_tests(root: Path, layout: Layout) -> list[tuple[str, int]]:
    """The folders of images for the test that have no masks, and how many images each holds."""
    found = []
    for folder, names in _walk(root).items():
        pattern, split = _template(folder)
        if role(split) == TEST and split not in layout.splits and maskness(pattern) < 1:
            whole = [n for n in names if CHANNEL not in layout.image_suffix or Path(n).stem.endswith(FIRST)]
            found.append((folder, len(whole)))
    return found


def _pictured(found: list[Layout]) -> list[Layout]:
    """Those whose images do not lie in a folder of masks, where they hold half of the pairs: masks of two classes are no pair."""
    sound = [f for f in found if f.images == f.masks or maskness(f.images) < 1]
    most = max(f.pairs for f in found)
    return sound if 2 * max((f.pairs for f in sound), default=0) >= most else found


def _of_classes(found: list[Layout]) -> list[Layout]:
    """Those without the folders objects and depth beside one called masks, as clean copies have them: neither holds classes."""
    named = {(f.images, f.masks) for f in found if f.masks.split("/")[0] == "masks"}
    beside = {(images, masks.replace("masks", other, 1)) for images, masks in named for other in ("objects", "depth")}
    return [f for f in found if (f.images, f.masks) not in beside]


def _stacks(root: Path, folders: Mapping[str, list[str]], images: str | None, masks: str | None) -> Layout | None:
    """The layout in which most images have a folder of planes of their name."""
    children: dict[str, set[str]] = {}
    for folder in folders:
        parent, _, child = folder.rpartition("/")
        children.setdefault(parent, set()).add(child)
    tally: dict[tuple[str, str], dict[str, set[str]]] = {}
    for folder, names in folders.items():
        (pattern, split) = _template(folder)
        for parent, inside in children.items():
            home, other = _template(parent)
            hits = {Path(n).stem for n in names} & inside
            if hits and split == other and images in (None, pattern, folder) and masks in (None, home, parent):
                tally.setdefault((pattern, home), {})[split] = hits
    if not tally:
        return None
    (pattern, home), by_split = max(tally.items(), key=lambda t: sum(map(len, t[1].values())))
    split, hits = next(iter(by_split.items()))
    form = recognize(root, home.replace("{split}", split), hits)
    if not form:
        return None
    form = home + form[len(home.replace("{split}", split)) :] if home else form
    count = sum(map(len, by_split.values()))
    if len(by_split) == 1:
        return Layout(pattern.replace("{split}", split), form.replace("{split}", split), pairs=count)
    return Layout(pattern, form, splits=tuple(s for s in by_split if s), pairs=count)


def _by_class(root: Path, layout: Layout) -> Layout:
    """The same layout, where the folder of masks is one of several that hold one class each."""
    split = layout.splits[0] if layout.splits else ""
    home = root / layout.masks.replace("{split}", split)
    if "*" in layout.masks or "{split}" in Path(layout.masks).name or home.parent == root.parent or home == root:
        return layout
    images = root / layout.images.replace("{split}", split)
    siblings = [p for p in sorted(home.parent.iterdir()) if p.is_dir() and p not in (images, images.parent)]
    if len(siblings) < 2 or home not in siblings:
        return layout
    names = {f.name for f in home.iterdir()}
    alike = [p for p in siblings if p == home or 2 * len(names & {f.name for f in p.iterdir()}) >= len(names)]
    named = any(MASKS.search(p.name) or IMAGES.fullmatch(p.name) for p in alike)
    some = (sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES)[:4] for folder in alike)
    if len(alike) < len(siblings) or named or not binary(path for paths in some for path in paths):
        return layout
    parent = Path(layout.masks).parent.as_posix()
    return layout._replace(masks="{class}" if parent == "." else f"{parent}/{{class}}", rivals=())


def _spellings(layout: Layout, pattern: str) -> list[str]:
    """A folder pattern, and with its one split's name where it has only one."""
    return [
        pattern or ".",
        *([pattern.replace("{split}", layout.splits[0])] if len(layout.splits) == 1 and "{split}" in pattern else []),
    ]


def _exchanged(root: Path, layout: Layout) -> bool:
    """Whether the files taken for images are the masks: they hold fewer values; few indeed where the names say otherwise."""
    named = maskness(layout.images) != maskness(layout.masks)
    votes = []
    for item in _some(root, layout):
        assert item.mask is not None
        try:
            image, mask = len(np.unique(image_of(item))), len(np.unique(read_image(item.mask)))
        except DataError:  # a damaged file says nothing; the audit names it
            continue
        votes.append(image <= 64 and mask > 100 and mask > 4 * image if named else image < mask)
    return 2 * sum(votes) > len(votes)


def _walk(root: Path, depth: int = 4) -> dict[str, list[str]]:
    """Folder below root -> names of the files in it that could be images or masks."""
    folders = {}
    pending = [(root, 0)]
    while pending:
        folder, level = pending.pop()
        names = []
        for path in folder.iterdir():
            if path.name.startswith((".", "_")):
                continue
            if path.is_dir():
                if level < depth:
                    pending.append((path, level + 1))
            elif path.suffix.lower() in SUFFIXES:
                names.append(path.name)
        if names:
            where = str(folder.relative_to(root))
            folders["" if where == "." else Path(where).as_posix()] = sorted(names)
    return dict(sorted(folders.items()))


def _template(folder: str) -> tuple[str, str]:
    """A folder with the name of a split replaced: "images/train" -> ("images/{split}", "train")."""
    parts = folder.split("/")
    for n, part in enumerate(parts):
        if match := _SPLIT.fullmatch(part):
            parts[n] = "{split}" + match[2]
            return "/".join(parts), match[1]
        if match := _MEDICAL.fullmatch(part):
            parts[n] = match[1] + "{split}"
            return "/".join(parts), match[2]
    return folder, ""


def _starred(groups: Mapping[str, Mapping[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
    """The same groups where one folder that varies became a star: "Tile 1/images", "Tile 2/images" -> "*/images"."""
    merged: dict[str, list[str]] = {}
    for pattern in groups:
        parts = pattern.split("/")
        for n, part in enumerate(parts):
            rest = [*parts[:n], *parts[n + 1 :]]
            if part != "{split}" and len(parts) > 1 and any(MASKS.search(p) or IMAGES.search(p) for p in rest):
                merged.setdefault("/".join([*parts[:n], "*", *parts[n + 1 :]]), []).append(pattern)
    result: dict[str, dict[str, list[str]]] = {}
    for star, patterns in merged.items():
        if len(patterns) > 1:
            place = star.split("/").index("*")
            for pattern in patterns:
                for split, names in groups[pattern].items():
                    result.setdefault(star, {}).setdefault(split, []).extend(
                        f"{pattern.split('/')[place]}_{n}" for n in names
                    )
    return result


def _couples(groups: Mapping[str, Mapping[str, list[str]]]) -> list[Layout]:
    """Every way to take one group of files for the images and one for their masks."""
    found = []
    for images, by_split in groups.items():
        for masks, others in groups.items():
            splits = tuple(s for s in by_split if s in others)
            if not splits or (images != masks and maskness(images) > maskness(masks)):
                continue
            best = Layout(images, masks)
            ours, theirs = [by_split[s] for s in splits], [others[s] for s in splits]
            for image_suffix, mask_suffix in endings(ours, theirs, images == masks):
                count, seen = 0, []
                for split, a, b in zip(splits, ours, theirs, strict=True):
                    hits = len(
                        _stems(a, image_suffix, mask_suffix if images == masks else "")
                        & _stems(b, mask_suffix, image_suffix if images == masks else "")
                    )
                    count += hits
                    seen += [split] if hits else []
                if count > best.pairs:
                    best = Layout(images, masks, image_suffix, mask_suffix, tuple(seen), count)
            if best.pairs:
                found.append(best)
    return found


def _stems(names: list[str], suffix: str, other: str) -> set[str]:
    suffix = suffix.replace(CHANNEL, FIRST)
    kept = (n for n in names if not (other and len(other) > len(suffix) and ending(n, other) is not None))
    return {composed(n[: len(n) - len(end)]) for n in kept if (end := ending(n, suffix)) is not None}


def maskness(pattern: str) -> int:
    """How much a folder's name speaks of masks: 1, of images: -1, of neither: 0."""
    names = [p for p in pattern.split("/") if p != "*"]
    for name in reversed(names):
        if MASKS.search(name):
            return 1
        if IMAGES.search(name):
            return -1
    return 0


def _jpeg(names: list[str]) -> bool:
    return all(name.lower().endswith(LOSSY) for name in names)


def _liking(layout: Layout, lossy: bool) -> tuple[int, ...]:
    """Preference among layouts with equally many pairs; `lossy` where all masks are JPEG, as photos are."""
    shown = any(SHOWN.search(place) for place in (layout.images, layout.masks))
    objects = bool(re.search(r"object|instance|part", layout.masks, re.IGNORECASE))
    apart = layout.images != layout.masks
    named = maskness(layout.masks) - maskness(layout.images) if apart else 0
    return (-int(shown), named, -int(lossy), -int(objects), -len(layout.masks))
