"""A folder of images and masks in any of the usual layouts.

images/NAME.jpg  masks/NAME.png                    images: images         masks: masks          holdout: 0.2
train/images/NAME.jpg  train/masks/NAME.png        images: "{split}/images"   masks: "{split}/masks"
NAME.jpg  NAME_mask.png in one folder              images: .   masks: .   mask_suffix: _mask    holdout: 0.2
train.txt with two paths, or one name, a line      list: "{split}.txt"
masks/CLASS/NAME.png, masks/NAME/CLASS.png         masks: masks/{class}, masks/{name}/{class}; see `planes`
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from ..data.files.ahead import ahead
from ..data.files.codecs import stored_mask
from ..data.files.formats import told_unread, unread
from ..data.folders.beside import Beside, beside
from ..data.folders.find import find
from ..data.folders.layout import Layout, ending, image_of, listed, nothing, pair
from ..data.folders.nodata import settle
from ..data.folders.planes import are_objects, files_of, home, known, numbers, read, read_stack, stacked
from ..data.pairs import Pair, Pairs, Raw
from ..data.regions.stored import raw_parts
from ..data.roles import TEST, TRAIN, VAL, of
from ..data.things import with_things
from ..errors import DataError, LabelError, nearest, not_a_folder
from ..labels import IGNORE, LabelSpace, infer, raw_values
from .release import held_out


def folder(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    images: str | None = None,
    masks: str | None = None,
    image_suffix: str = "",
    mask_suffix: str = "",
    list: str | None = None,
    holdout: float | None = None,
    channels: Literal[1, 3, 4] | None = None,
    alpha: bool = False,
    objects: str | None = None,
    depth: str | None = None,
) -> Pairs:
    """Your own images and masks.

    Args:
        split: a name that {split} stands for in the folders or the list; with `holdout`, "train" or "val"; "all" for every pair of
            a folder without splits.
        images: folder of the images below root; {split} stands for the split's name, * for any one folder. Found when absent.
        masks: folder of the masks, in the same words; ending in {class}, {name}/{class} or {name}/{object} where a mask
            is several files, of which later classes cover earlier ones, unless `labels` has `planes`.
        image_suffix: how an image's file name ends after the part it shares with its mask: "_sat", or with its type: ".jpg";
            "_{channel}" where each channel is a file, _0000, _0001, ...
        mask_suffix: how a mask's file name ends: "_mask".
        list: file with a pair of paths, or one name, a line; {split} stands for the split's name.
        holdout: share of the pairs, 0..1, that is "val"; which ones follows from their names alone.
        channels: read every image as gray (1), RGB (3) or RGBA (4) where that loses nothing.
        alpha: read the ids of masks from their alpha channel.
        objects: folder of maps below root, named as the masks are, that number the objects of each image from 1 on, 0 where
            there is none, or of .npz files of objects that overlap, as a clean copy has them; the folder of the masks itself where their values are object numbers. {split} as above. Where
            `labels` names no things, they are all classes but "background".
        depth: folder of maps below root, named as the masks are, of meters (fractions, such as .npy or TIFF) or of
            millimeters (whole numbers, such as 16-bit PNG); 0 where unknown. {split} as above.

    Raises: DataError when something is missing; LabelError when the masks do not fit the class names.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(not_a_folder(root))
    if labels is None:
        raise DataError(
            f"{root}: a folder of your own has no class names yet; list them under labels.classes, or let `intarsia init {root}` write them"
        )
    if holdout is not None and not 0 < holdout < 1:
        raise DataError(f"data.holdout is {holdout}; give the share of pairs to validate on, between 0 and 1")
    layout = _layout(root, images, masks, image_suffix, mask_suffix, list)
    if holdout is not None and list is not None and of(VAL, _own_splits(root, layout, list)):
        raise DataError(f"{root}: has a list to validate on; leave out data.holdout, or name one list in data.list")
    left: tuple[Sequence[str], Sequence[str]] = ((), ())
    own = _own_splits(root, layout, list)
    source = next(iter(of(TRAIN, own)), split) if holdout is not None and split in (TRAIN, VAL) else split
    held = None if own and split not in (TRAIN, VAL) else holdout  # a split of its own is not of the holdout
    if list is not None:
        items = listed(root, _list_file(root, list, source), layout)
    else:
        assert layout is not None
        _check_split(root, source, layout, held)
        items, left = pair(root, layout, source)
        if not items:
            raise DataError(f"{root}: {nothing({layout.images: left[0], layout.masks: left[1]})}")
    if held is not None and split != "all":
        items = held_out(items, held, split)
    kinds = told_unread(unread([p.parent for i in items for p in (i.image, i.mask) if p and p.is_file()]))
    inferred, decode = "", _alpha if alpha else None
    several = any(item.files for item in items) and not stacked(layout.masks if layout else "")
    image: Callable[[Pair], np.ndarray] | None = image_of if several else None
    if stacked(layout.masks if layout else ""):
        assert layout is not None
        labels, inferred, decode = _planes(root, layout, source if "{split}" in layout.masks else "", labels)
    elif not labels.explicit and not labels.by_color and not labels.planes:
        labels, inferred = _inferred(root, labels, layout, list)
    if objects is not None or depth is not None:
        items, decode = _with_maps(root, items, source, labels, objects, depth, decode)
        image = partial(_without_maps, (objects, depth).count(None) - 2) if several else None
    if objects is not None or (isinstance(decode, partial) and decode.func is read and decode.args[-1]):
        labels = with_things(labels, [name for name in labels.names if name != "background"])
    return Pairs(
        items,
        labels,
        name=root.name,
        split=split,
        inferred=inferred,
        unmatched=left,
        channels=channels,
        image=image,
        decode=decode,
        remarks=[kinds] if kinds else [],
    )


def _with_maps(
    root: Path, items: Sequence[Pair], split: str, labels: LabelSpace, objects: str | None, depth: str | None,
    decode: Callable[[Pair], Raw] | None,
) -> tuple[list[Pair], Beside]:  # fmt: skip
    """The pairs with the maps that lie beside their masks, and what decodes them."""
    if labels.planes and decode is None:
        raise DataError("data.objects and data.depth lie beside masks of one map; leave labels.planes out")
    maps = [
        None if folder is None else beside(root, folder.replace("{split}", split), items, what)
        for folder, what in ((objects, "objects"), (depth, "depth"))
    ]
    pairs: list[Pair] = []
    for item in items:
        files = item.files if item.files is not None else tuple(filter(None, (item.image, item.mask)))
        pairs.append(
            item._replace(files=(*files, *(found[item.name] for found in maps if found and item.name in found)))
        )
    return pairs, Beside(labels.by_color, maps[0], maps[1], _spelled(decode), decode, raw_values(labels))


def _spelled(decode: Callable[[Pair], Raw] | None) -> str:
    """What decodes masks, in the same words in every process."""
    if isinstance(decode, partial):
        return f"{decode.func.__qualname__} {decode.args!r}"
    return "" if decode is None else decode.__qualname__


def _without_maps(start: int, item: Pair) -> np.ndarray:
    """The image of a pair of several files, of which the last ones from `start` on are maps beside its mask."""
    assert item.files is not None
    return image_of(item._replace(files=item.files[:start]))


def _alpha(item: Pair) -> Raw:
    """The ids that a mask carries in its alpha channel.

    Raises: DataError for a mask without one.
    """
    assert item.mask is not None
    stored = stored_mask(item.mask).array
    if stored.ndim != 3 or stored.shape[2] not in (2, 4):
        raise DataError(f"{item.mask}: has no alpha channel, from which data.alpha reads; leave the key out")
    return Raw(stored[..., -1])


def _planes(root: Path, layout: Layout, split: str, labels: LabelSpace) -> tuple[LabelSpace, str, partial[Raw]]:
    """The label space of masks in several planes, a sentence about them, and what reads them."""
    files = files_of(root, layout.masks, split, layout.mask_suffix)
    if labels.planes:
        known(labels, {named for held in files.values() for named, _ in held}, str(root / home(layout.masks)))
        return labels, "", partial(read_stack, files, labels, are_objects(files))
    values, uncovered = numbers(
        labels, {named for held in files.values() for named, _ in held}, str(root / home(layout.masks))
    )
    told = {value: name for name, value in values.items()}
    order = ", ".join(told[value] for value in sorted(told))
    return (
        labels,
        f"masks are laid over each other in the order {order}, later ones on top; what none covers is {labels.values.get(uncovered, IGNORE)}",
        partial(read, files, values, uncovered, are_objects(files)),
    )


def splits(
    root: str | Path,
    *,
    images: str | None = None,
    masks: str | None = None,
    list: str | None = None,
    holdout: float | None = None,
) -> tuple[str, ...]:
    """The splits that a folder has: those of its subfolders or lists, "train" and "val" of a holdout beside those of tests, or "all"."""
    root = Path(root)
    layout = Layout(images, masks) if images is not None and masks is not None else None
    own = _own_splits(root, find(root) if layout is None and list is None else layout, list)
    if holdout is not None:
        return (TRAIN, VAL, *of(TEST, own))
    return own or ("all",)


def _own_splits(root: Path, layout: Layout | None, list: str | None) -> tuple[str, ...]:
    """The splits that {split} stands for in the list or the folders; none where it stands in neither."""
    if list is not None:
        return _taken(root, list, files=True) if "{split}" in list else ()
    assert layout is not None
    return layout.splits or (_both(root, layout.images, layout.masks) if "{split}" in layout.images else ())


def _layout(
    root: Path, images: str | None, masks: str | None, image_suffix: str, mask_suffix: str, list: str | None
) -> Layout | None:
    if images is not None and masks is not None:
        if images == masks and image_suffix == mask_suffix:
            raise DataError(
                f"{root}: images and masks are one folder; say how the masks' names end, such as mask_suffix: _mask"
            )
        if ("{split}" in images) != ("{split}" in masks):
            raise DataError(f"images is {images!r} and masks is {masks!r}; write {{split}} in both or in neither")
        return Layout(images, masks, image_suffix, mask_suffix)
    if (images, masks, image_suffix, mask_suffix) != (None, None, "", ""):
        raise DataError(
            f"{root}: give `images` and `masks` both, with their suffixes, or none of these: then the layout is found"
        )
    return find(root) if list is None else None


def _check_split(root: Path, split: str, layout: Layout, holdout: float | None) -> None:
    if "{split}" in layout.images:
        known = _both(root, layout.images, layout.masks)
        if holdout is not None and (of(VAL, known) or not of(TRAIN, known)):
            raise DataError(
                f"{root}: has splits of its own ({', '.join(known)}); leave out `holdout`, or name one folder in `images` and `masks`"
            )
        if split not in known:
            raise DataError(f"{root}: there is no split {split!r} in {layout.images}{nearest(split, known)}")
    elif holdout is None and split != "all":
        raise DataError(
            f"{root}: has no splits, so {split!r} is unknown; set data.holdout: 0.2 for a random fifth as 'val', or ask for 'all'"
        )


def _list_file(root: Path, list: str, split: str) -> Path:
    file = root / list.replace("{split}", split)
    if "{split}" in list and not file.is_file():
        raise DataError(f"{file}: there is no such list{nearest(split, _taken(root, list, files=True))}")
    return file


def _both(root: Path, images: str, masks: str) -> tuple[str, ...]:
    """The splits for which there are images and masks."""
    return tuple(s for s in _taken(root, images) if s in _taken(root, home(masks)))


def _taken(root: Path, pattern: str, files: bool = False) -> tuple[str, ...]:
    """The names that stand for {split} in what is there."""
    before, _, after = pattern.partition("{split}")
    depth = len(Path(before + "x").parts) - 1
    start, rest = before.rpartition("/")[2], after.partition("/")[0]
    names = []
    for path in sorted(root.glob("/".join([*Path(before + "*" + after).parts]))):
        part = path.relative_to(root).parts[depth]
        if path.is_file() == files and len(part) > len(start) + len(rest):
            names.append(part[len(start) : len(part) - len(rest)])
    return tuple(dict.fromkeys(names))


def _every_mask(root: Path, layout: Layout | None, list: str | None) -> list[Path]:
    """The masks of all splits, as far as they are listed: what is inferred from them must hold for each split alike."""
    if list is not None:
        files = (
            [root / list.replace("{split}", s) for s in _taken(root, list, files=True)]
            if "{split}" in list
            else [root / list]
        )
        return [item.mask for file in files for item in listed(root, file, layout) if item.mask]
    assert layout is not None
    together = layout.images == layout.masks
    found = []
    for place in root.glob(layout.masks.replace("{split}", "*")) if layout.masks not in ("", ".") else [root]:
        if place.is_dir():
            names = (p for p in sorted(place.iterdir()) if ending(p.name, layout.mask_suffix) is not None)
            found += [
                p
                for p in names
                if not (
                    together
                    and len(layout.image_suffix) > len(layout.mask_suffix)
                    and ending(p.name, layout.image_suffix)
                )
            ]
    return found


def _inferred(root: Path, labels: LabelSpace, layout: Layout | None, list: str | None) -> tuple[LabelSpace, str]:
    """The meaning of the ids in all masks, when the user listed class names and nothing else."""

    def ids(path: Path) -> tuple[dict[int, int], int | None]:
        try:
            parts = [(np.unique(raw).tolist(), nodata) for raw, nodata in raw_parts(path)]
            return dict.fromkeys(sorted({value for values, _ in parts for value in values}), 1), parts[0][1]
        except DataError:
            return {}, None  # reading it as a sample, or the audit, says what is wrong with it, and names it

    looks = [*ahead(ids, _every_mask(root, layout, list))]
    views = [view for view, _ in looks]
    nodata = settle(views, [declared for _, declared in looks])
    if nodata.clash:
        raise LabelError(f"{root}: {nodata.clash}")
    seen: set[int] = set().union(*views)
    if labels.num_classes > 1 and 0 in seen and not seen <= {0, 255} and labels.stray(dict.fromkeys(seen, 1)):
        return labels, ""  # some stray values beside sound ones: the audit names their files
    space, sentence = infer(labels.names, seen, labels.activation, views)
    values: dict[int | str, str] = {**space.values}
    values.update(dict.fromkeys(nodata.ignored, IGNORE))
    return LabelSpace(space.names, labels.colors, values, space.activation, things=labels.things), "; ".join(
        [sentence, *nodata.said]
    )
