"""COCO-Stuff: all of COCO's 164,000 images, each pixel one of 80 things or 91 kinds of stuff.

Caesar, Uijlings, Ferrari. "COCO-Stuff: Thing and Stuff Classes in Context." CVPR 2018. arXiv:1612.03716

    annotations/SPLIT/NAME.png   0..181: the number in labels.txt less one; 255: unlabeled
    Eleven things of labels.txt were never drawn: their numbers are holes.
"""

from pathlib import Path
from typing import Literal

from ..data.folders.layout import Layout, nothing, pair
from ..data.pairs import Pairs
from ..errors import DataError
from ..labels import LabelSpace
from .release import choice, one_of, top

TREE = """    images/{train2017,val2017}/NAME.jpg
    annotations/{train2017,val2017}/NAME.png     or stuffthingmaps/{train2017,val2017}/NAME.png"""

_TABLE = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, -, stop sign,
parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, -, backpack, umbrella, -, -,
handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
surfboard, tennis racket, bottle, -, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, -, dining table, -, -, toilet, -, tv,
laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, -, book, clock, vase,
scissors, teddy bear, hair drier, toothbrush, -, banner, blanket, branch, bridge, building-other, bush, cabinet, cage,
cardboard, carpet, ceiling-other, ceiling-tile, cloth, clothes, clouds, counter, cupboard, curtain, desk-stuff, dirt,
door-stuff, fence, floor-marble, floor-other, floor-stone, floor-tile, floor-wood, flower, fog, food-other, fruit,
furniture-other, grass, gravel, ground-other, hill, house, leaves, light, mat, metal, mirror-stuff, moss, mountain,
mud, napkin, net, paper, pavement, pillow, plant-other, plastic, platform, playingfield, railing, railroad, river,
road, rock, roof, rug, salad, sand, sea, shelf, sky-other, skyscraper, snow, solid-other, stairs, stone, straw,
structural-other, table, tent, textile-other, towel, tree, vegetable, wall-brick, wall-concrete, wall-other,
wall-panel, wall-stone, wall-tile, wall-wood, water-other, waterdrops, window-blind, window-other, wood
"""  # labels.txt from 1 on; "-" is a hole
_ROWS = [" ".join(name.split()) for name in _TABLE.split(",")]
NAMES = tuple(name for name in _ROWS if name != "-")
_VALUES: dict[int | str, str] = {n: name for n, name in enumerate(_ROWS) if name != "-"}
SPACES = {
    171: LabelSpace(NAMES, values={**_VALUES, 255: "ignore"}),
    172: LabelSpace((*NAMES, "unlabeled"), values={**_VALUES, 255: "unlabeled"}),
}
_MASKS = ("annotations", "stuffthingmaps", "stuffthingmaps_trainval2017")


def coco_stuff(
    root: str | Path, split: str, *, labels: LabelSpace | None = None, classes: Literal[171, 172] = 171
) -> Pairs:
    """COCO-Stuff's maps of things and stuff.

    Args:
        split: "train" or "val" of 2017, or a folder's name in full.
        labels: another meaning of the numbers in the maps.
        classes: 171 with unlabeled pixels ignored, or 172 with "unlabeled" as the last class.
    """
    choice("classes", classes, tuple(SPACES))
    root = top(root, (), TREE)
    masks = _masks(root)
    if masks is None:
        raise DataError(f"{root}: holds no maps of things and stuff; expected", TREE)
    folder = f"{split}2017" if (root / masks / f"{split}2017").is_dir() else split
    one_of(folder.removesuffix("2017"), [s.removesuffix("2017") for s in splits(root)], root, TREE)
    images = next((f for f in (f"images/{folder}", folder) if (root / f).is_dir()), f"images/{folder}")
    items, left = pair(root, Layout(images, f"{masks}/{folder}"), split)
    if not items:
        raise DataError(f"{root}: {nothing({images: left[0], f'{masks}/{folder}': left[1]})}")
    return Pairs(items, labels or SPACES[classes], name="coco_stuff", split=split, unmatched=left)


def splits(root: str | Path) -> tuple[str, ...]:
    """The splits that have maps, without the year 2017."""
    masks = _masks(Path(root))
    if masks is None:
        return ()
    found = (p.parent.name for p in (Path(root) / masks).glob("*/*.png"))
    return tuple(sorted({name.removesuffix("2017") for name in found}))


def _masks(root: Path) -> str | None:
    return next((m for m in _MASKS if next((root / m).glob("*/*.png"), None) is not None), None)
