"""ADE20K: scenes of all kinds, 150 classes that are evaluated, 3,688 in all.

Zhou, Zhao, Puig, Fidler, Barriuso, Torralba. "Scene Parsing through ADE20K Dataset." CVPR 2017; "Semantic Understanding
of Scenes through the ADE20K Dataset." IJCV 2019. arXiv:1608.05442

The benchmark's masks hold 1..150, and 0 for all else, which is not evaluated; annotations_instance has the number of each
object of 100 of the classes in its green channel. The full release spreads class and object
over colors: class = R // 10 * 256 + G, object = B; the names stand in the JSON file beside each image.
"""

import json
from pathlib import Path
from typing import Literal

import numpy as np

from ..data.files.id_maps import read_ids, read_rgb
from ..data.folders.layout import Layout, nothing, pair
from ..data.pairs import Pair, Pairs, Raw
from ..data.things import with_things
from ..documents import json_of, read_json
from ..errors import DataError
from ..labels import LabelSpace, parse_color
from .release import choice, one_of, top

TREE = """    ADEChallengeData2016/images/{training,validation}/ADE_*.jpg          classes: 150
    ADEChallengeData2016/annotations/{training,validation}/ADE_*.png
    ADEChallengeData2016/annotations_instance/{training,validation}/ADE_*.png   objects
    ADE20K_2021_17_01/images/ADE/{training,validation}/*/*/ADE_*.jpg      classes: full
    ADE20K_2021_17_01/images/ADE/{training,validation}/*/*/ADE_*_seg.png ADE_*.json"""

_NAMES = """
wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person, earth, door,
table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug, field, armchair,
seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column, signboard, chest of drawers,
counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path, stairs, runway, case, pool table, pillow,
screen door, stairway, river, bridge, bookcase, blind, coffee table, toilet, flower, book, hill, bench, countertop,
stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade machine, hovel, bus, towel, light, truck,
tower, chandelier, awning, streetlight, booth, television, airplane, dirt track, apparel, pole, land, bannister,
escalator, ottoman, bottle, buffet, poster, stage, van, ship, fountain, conveyer belt, canopy, washer, plaything,
swimming pool, stool, barrel, basket, waterfall, tent, bag, minibike, cradle, oven, ball, food, step, tank, trade
name, microwave, pot, animal, bicycle, lake, dishwasher, screen, blanket, sculpture, hood, sconce, vase, traffic
light, tray, ashcan, fan, pier, crt screen, plate, monitor, bulletin board, shower, radiator, glass, clock, flag
"""  # objectInfo150.txt, the first word of each
_COLORS = """
787878 b47878 06e6e6 503232 04c803 787850 8c8c8c cc05ff e6e6e6 04fa07 e005ff ebff07 96053d 787846 08ff33 ff0652 8fff8c
ccff04 ff3307 cc4603 0066c8 3de6fa ff0633 0b66ff ff0747 ff09e0 0907e6 dcdcdc ff095c 7009ff 08ffd6 07ffe0 ffb806 0aff47
ff290a 07ffff e0ff08 6608ff ff3d06 ffc207 ff7a08 00ff14 ff0829 ff0599 0633ff eb0cff a09614 00a3ff 8c8c8c fa0a0f 14ff00
1fff00 ff1f00 ffe000 99ff00 0000ff ff4700 00ebff 00adff 1f00ff 0bc8c8 ff5200 00fff5 003dff 00ff70 00ff85 ff0000 ffa300
ff6600 c2ff00 008fff 33ff00 0052ff 00ff29 00ffad 0a00ff adff00 00ff99 ff5c00 ff00ff ff00f5 ff0066 ffad00 ff0014 ffb8b8
001fff 00ff3d 0047ff ff00cc 00ffc2 00ff52 000aff 0070ff 3300ff 00c2ff 007aff 00ffa3 ff9900 00ff0a ff7000 8fff00 5200ff
a3ff00 ffeb00 08b8aa 8500ff 00ff5c b800ff ff001f 00b8ff 00d6ff ff0070 5cff00 00e0ff 70e0ff 46b8a0 a300ff 9900ff 47ff00
ff00a3 ffcc00 ff008f 00ffeb 85ff00 ff00eb f500ff ff007a fff500 0abed4 d6ff00 00ccff 1400ff ffff00 0099ff 0029ff 00ffcc
2900ff 29ff00 ad00ff 00f5ff 4700ff 7a00ff 00ffb8 005cff b8ff00 0085ff ffd600 19c2c2 66ff00 5c00ff
"""  # color150.mat
NAMES = tuple(" ".join(name.split()) for name in _NAMES.split(","))
LABELS = LabelSpace(
    NAMES, tuple(parse_color("#" + c) for c in _COLORS.split()), {0: "ignore", **dict(enumerate(NAMES, 1))}
)
_STUFF = """
wall, building, sky, floor, tree, ceiling, road, grass, sidewalk, earth, mountain, plant, water, house, sea, rug,
field, rock, base, sand, skyscraper, grandstand, path, runway, stairway, river, bridge, blind, hill, bar, hovel,
tower, dirt track, land, escalator, buffet, poster, stage, conveyer belt, canopy, swimming pool, waterfall, tent,
cradle, tank, lake, blanket, pier, crt screen, shower
"""  # what the benchmark of objects leaves out
THINGS = tuple(name for name in NAMES if name not in [" ".join(stuff.split()) for stuff in _STUFF.split(",")])
_FOLDERS = {"train": "training", "val": "validation"}
_BELOW = {"150": ("ADEChallengeData2016",), "full": ("ADE20K_2021_17_01/images/ADE", "images/ADE")}
_SIGNS = {"150": ("images", "annotations"), "full": ("training",)}


def ade20k(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    classes: Literal[150, "150", "full"] = "150",
    objects: bool = False,
    names: str | None = None,
) -> Pairs:
    """ADE20K: the scene parsing benchmark of 150 classes, or the full release with objects.

    Args:
        split: "train" or "val".
        labels: another meaning of the same ids; of the full release, else its names are read from all its JSON files.
        classes: "150" or "full".
        objects: number the single objects of the 150; those of the full release always are.
        names: a file that keeps those names, so that they are read once.
    """
    kind = str(classes)  # a recipe may write the number
    choice("classes", kind, ("150", "full"))
    root = top(root, _SIGNS[kind], TREE, below=_BELOW[kind])
    one_of(split, splits(root, classes=kind), root, TREE)
    if kind == "150":
        items, left = pair(root, Layout("images/{split}", "annotations/{split}"), _FOLDERS[split])
        if not items:
            raise DataError(f"{root}: {nothing({'images': left[0], 'annotations': left[1]})}")
        decode, space = None, labels or LABELS
        if objects:
            space = with_things(space, THINGS)
            items, decode = [item.also(_instances(item)) for item in items], _with_objects
        return Pairs(items, space, name="ade20k", split=split, unmatched=left, decode=decode)
    masks = sorted((root / _FOLDERS[split]).rglob("*_seg.png"))
    items = [
        Pair(m.name.removesuffix("_seg.png"), m.with_name(m.name.removesuffix("_seg.png") + ".jpg"), m) for m in masks
    ]
    return Pairs(items, labels or full_labels(root, names), name="ade20k", split=split, decode=decode_full)


def splits(root: str | Path, *, classes: int | str = "150") -> tuple[str, ...]:
    """ "train" and "val", as far as they are there."""
    homes = [Path(root) / below for below in ("", *_BELOW.get(str(classes), ()))]
    inner = "annotations" if str(classes) == "150" else ""
    return tuple(name for name, folder in _FOLDERS.items() if any((home / inner / folder).is_dir() for home in homes))


def _instances(item: Pair) -> Path:
    assert item.mask is not None
    return item.mask.parents[2] / "annotations_instance" / item.mask.parent.name / item.mask.name


def _with_objects(item: Pair) -> Raw:
    assert item.mask is not None
    return Raw(read_ids(item.mask), read_rgb(_instances(item))[..., 1])


def decode_full(item: Pair) -> Raw:
    """A *_seg.png of the full release: class numbers, and an object for each class and number."""
    assert item.mask is not None
    red, green, blue = np.moveaxis(read_rgb(item.mask), 2, 0)
    classes = red // 10 * 256 + green
    return Raw(classes, np.where(classes > 0, classes << 8 | blue, 0))


def full_labels(root: Path, keep: str | None = None) -> LabelSpace:
    """The classes of all objects of the full release, in the order of their numbers; parts of objects are no classes.

    Raises: DataError where there are no JSON files.
    """
    if keep is not None and Path(keep).is_file():
        known = {int(n): name for n, name in read_json(Path(keep)).items()}
    else:
        known = {}
        for path in sorted(root.rglob("ADE_*.json")) or sorted(root.rglob("*.json")):
            for thing in json_of(path.read_bytes().decode("latin-1"), path).get("annotation", {}).get("object", []):
                if thing["parts"]["part_level"] == 0:
                    known[int(thing["name_ndx"])] = str(thing["name"])
        if keep is not None and known:
            Path(keep).write_text(json.dumps(known), encoding="utf-8")
    if not known:
        raise DataError(
            f"{root}: no JSON file tells the names of the classes; get ADE20K_2021_17_01, or list labels.values"
        )
    taken = list(known.values())
    values: dict[int | str, str] = {0: "ignore"}
    for n, name in sorted(known.items()):
        values[n] = name if taken.count(name) == 1 else f"{name} ({n})"
    return LabelSpace(tuple(values.values())[1:], values=values)
