"""COCO: 80 kinds of things outlined in 123,000 everyday scenes; with panoptic masks, 53 kinds of stuff as well.

Lin, Maire, Belongie, Bourdev, Girshick, Hays, Perona, Ramanan, Zitnick, Dollár. "Microsoft COCO: Common Objects in
Context." ECCV 2014. arXiv:1405.0312

    annotations/instances_SPLIT.json                            outlines and run lengths of things
    annotations/panoptic_SPLIT.json, panoptic_SPLIT/NAME.png    a segment number in each color
"""

from pathlib import Path
from typing import Literal

from ..annotations.coco import read as read_instances
from ..annotations.coco_panoptic import label_space as panoptic_labels
from ..annotations.coco_panoptic import read as read_panoptic
from ..data.pairs import Pairs
from ..data.things import with_things
from ..errors import DataError
from ..labels import LabelSpace
from .export import drawn
from .release import choice, one_of, top

TREE = """    {train2017,val2017}/NAME.jpg                    or images/{train2017,val2017}/NAME.jpg
    annotations/instances_{train2017,val2017}.json
    annotations/panoptic_{train2017,val2017}.json   masks: panoptic
    annotations/panoptic_{train2017,val2017}/NAME.png"""


def coco(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    masks: Literal["instances", "panoptic"] = "instances",
    uncovered: str = "background",
    overlaps: bool = False,
) -> Pairs:
    """COCO as semantic masks with object numbers.

    Args:
        split: "train" or "val" of 2017, or the end of the JSON's name in full, such as "val2014".
        labels: another meaning; of instances, 0 is what nothing covers and n the n-th category; of panoptic masks, the
            category's id, and 0 for no segment.
        masks: "instances": 80 things, drawn in the order of the file, later ones over earlier ones; "panoptic": 133
            classes, where pixels of no segment are ignored and crowds have no object number.
        uncovered: with instances, the class of pixels that nothing covers, or "ignore".
        overlaps: with instances, whether each object keeps all of its pixels, see `export`.
    """
    choice("masks", masks, ("instances", "panoptic"))
    root = top(root, ("annotations",), TREE)
    full = f"{split}2017" if (root / "annotations" / f"{masks}_{split}2017.json").is_file() else split
    one_of(full.removesuffix("2017"), splits(root, masks=masks), root, TREE)
    file = root / "annotations" / f"{masks}_{full}.json"
    if masks == "instances":
        project = read_instances(file)
        return drawn(project, project.pictures, file, split, labels, uncovered, overlaps=overlaps)
    if overlaps:
        raise DataError("segments of COCO's panoptic masks do not overlap; leave out `overlaps`")
    if uncovered != "background":
        raise DataError("panoptic masks of COCO cover all that counts; leave out `uncovered`")
    folder = next((f for f in (root / full, root / "images" / full, root / "images") if f.is_dir()), root / full)

    def find(name: str) -> Path | None:
        path = folder / name
        return path if path.is_file() else None

    items, segments, categories = read_panoptic(file, file.with_suffix(""), find)
    space = with_things(labels or panoptic_labels(categories), [c.name for c in categories if c.thing])
    return Pairs(items, space, name="coco", split=split, decode=segments)


def splits(root: str | Path, *, masks: str = "instances") -> tuple[str, ...]:
    """The splits that have a JSON file, without the year 2017."""
    found = (Path(root) / "annotations").glob(f"{masks}_*.json")
    return tuple(sorted(p.stem.removeprefix(f"{masks}_").removesuffix("2017") for p in found))
