"""PASCAL-Context: all of PASCAL VOC 2010's 10,103 images labeled to the last pixel, 459 classes, of which 59 or 33 count.

Mottaghi, Chen, Liu, Cho, Lee, Fidler, Urtasun, Yuille. "The Role of Context for Object Detection and Semantic
Segmentation in the Wild." CVPR 2014. doi:10.1109/CVPR.2014.119

    trainval/NAME.mat                   LabelMap: 1..459
    59_context_labels/NAME.png          1..59 in the order of 59_labels.txt, 0 all else; so also 33_context_labels
    SegmentationClassContext/NAME.png   the 59 in the order of the alphabet, 0 all else, as the Detail API's users have it
"""

from pathlib import Path
from typing import Literal

import numpy as np

from ..data.files.id_maps import read_mat
from ..data.files.npy import whole
from ..data.folders.layout import words_of
from ..data.pairs import Pair, Pairs, Raw
from ..errors import DataError
from ..labels import LabelSpace
from .release import choice, one_of, top
from .voc import NAMES as VOC

TREE = """    VOC2010/JPEGImages/NAME.jpg
    VOC2010/ImageSets/Main/{train,val}.txt   or ImageSets/SegmentationContext/{train,val}.txt
    trainval/NAME.mat                        or 59_context_labels/NAME.png, 33_context_labels/NAME.png,
                                             VOC2010/SegmentationClassContext/NAME.png"""

_ALL = """
accordion, aeroplane, air conditioner, antenna, artillery, ashtray, atrium, baby carriage, bag, ball, balloon, bamboo
weaving, barrel, baseball bat, basket, basketball backboard, bathtub, bed, bedclothes, beer, bell, bench, bicycle,
binoculars, bird, bird cage, bird feeder, bird nest, blackboard, board, boat, bone, book, bottle, bottle opener, bowl,
box, bracelet, brick, bridge, broom, brush, bucket, building, bus, cabinet, cabinet door, cage, cake, calculator,
calendar, camel, camera, camera lens, can, candle, candle holder, cap, car, card, cart, case, casette recorder, cash
register, cat, cd, cd player, ceiling, cell phone, cello, chain, chair, chessboard, chicken, chopstick, clip,
clippers, clock, closet, cloth, clothes tree, coffee, coffee machine, comb, computer, concrete, cone, container,
control booth, controller, cooker, copying machine, coral, cork, corkscrew, counter, court, cow, crabstick, crane,
crate, cross, crutch, cup, curtain, cushion, cutting board, dais, disc, disc case, dishwasher, dock, dog, dolphin,
door, drainer, dray, drink dispenser, drinking machine, drop, drug, drum, drum kit, duck, dumbbell, earphone,
earrings, egg, electric fan, electric iron, electric pot, electric saw, electronic keyboard, engine, envelope,
equipment, escalator, exhibition booth, extinguisher, eyeglass, fan, faucet, fax machine, fence, ferris wheel, fire
extinguisher, fire hydrant, fire place, fish, fish tank, fishbowl, fishing net, fishing pole, flag, flagstaff, flame,
flashlight, floor, flower, fly, foam, food, footbridge, forceps, fork, forklift, fountain, fox, frame, fridge, frog,
fruit, funnel, furnace, game controller, game machine, gas cylinder, gas hood, gas stove, gift box, glass, glass
marble, globe, glove, goal, grandstand, grass, gravestone, ground, guardrail, guitar, gun, hammer, hand cart, handle,
handrail, hanger, hard disk drive, hat, hay, headphone, heater, helicopter, helmet, holder, hook, horse, horse-drawn
carriage, hot-air balloon, hydrovalve, ice, inflator pump, ipod, iron, ironing board, jar, kart, kettle, key,
keyboard, kitchen range, kite, knife, knife block, ladder, ladder truck, ladle, laptop, leaves, lid, life buoy, light,
light bulb, lighter, line, lion, lobster, lock, machine, mailbox, mannequin, map, mask, mat, match book, mattress,
menu, metal, meter box, microphone, microwave, mirror, missile, model, money, monkey, mop, motorbike, mountain, mouse,
mouse pad, musical instrument, napkin, net, newspaper, oar, ornament, outlet, oven, oxygen bottle, pack, pan, paper,
paper box, paper cutter, parachute, parasol, parterre, patio, pelage, pen, pen container, pencil, person, photo,
piano, picture, pig, pillar, pillow, pipe, pitcher, plant, plastic, plate, platform, player, playground, pliers,
plume, poker, poker chip, pole, pool table, postcard, poster, pot, pottedplant, printer, projector, pumpkin, rabbit,
racket, radiator, radio, rail, rake, ramp, range hood, receiver, recorder, recreational machines, remote control,
road, robot, rock, rocket, rocking horse, rope, rug, ruler, runway, saddle, sand, saw, scale, scanner, scissors,
scoop, screen, screwdriver, sculpture, scythe, sewer, sewing machine, shed, sheep, shell, shelves, shoe, shopping
cart, shovel, sidecar, sidewalk, sign, signal light, sink, skateboard, ski, sky, sled, slippers, smoke, snail, snake,
snow, snowmobiles, sofa, spanner, spatula, speaker, speed bump, spice container, spoon, sprayer, squirrel, stage,
stair, stapler, stick, sticky note, stone, stool, stove, straw, stretcher, sun, sunglass, sunshade, surveillance
camera, swan, sweeper, swim ring, swimming pool, swing, switch, table, tableware, tank, tap, tape, tarp, telephone,
telephone booth, tent, tire, toaster, toilet, tong, tool, toothbrush, towel, toy, toy car, track, train, trampoline,
trash bin, tray, tree, tricycle, tripod, trophy, truck, tube, turtle, tvmonitor, tweezers, typewriter, umbrella,
unknown, vacuum cleaner, vending machine, video camera, video game console, video player, video tape, violin,
wakeboard, wall, wallet, wardrobe, washing machine, watch, water, water dispenser, water pipe, water skate board,
watermelon, whale, wharf, wheel, wheelchair, window, window blinds, wineglass, wire, wood, wool
"""  # labels.txt
ALL = tuple(" ".join(name.split()) for name in _ALL.split(","))
THINGS = tuple(VOC[1:])
CLASSES59 = (
    *THINGS,
    *"""bag bed bench book building cabinet ceiling clothes computer cup door fence floor flower food
grass ground keyboard light mountain mouse curtain platform sign plate road rock shelves sidewalk sky snow bedcloth track
tree truck wall water window wood""".split(),
)  # 59_labels.txt
CLASSES33 = (*THINGS, *"sky grass ground road building tree water mountain wall floor track keyboard ceiling".split())
_MAIN = {"diningtable": "table", "clothes": "cloth", "bedcloth": "bedclothes"}  # what labels.txt calls them
_CHOICES = {59: CLASSES59, 33: CLASSES33, 459: ALL}


def pascal_context(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    classes: Literal[59, 33, 459] = 59,
    background: bool = True,
) -> Pairs:
    """PASCAL-Context, from the release's .mat files or from masks of 59 or 33 classes.

    Args:
        split: "train" (4,998) or "val" (5,105), or another list of ImageSets.
        labels: another meaning of the numbers in the masks.
        classes: how many, of the 459.
        background: whether all else is a class, named first, or ignored; of 459, nothing is left over.
    """
    choice("classes", classes, tuple(_CHOICES))
    root = top(root, (), TREE)
    home = _home(root)
    if home is None:
        raise DataError(f"{root}: holds no JPEGImages, nor does VOC2010 below it; expected", TREE)
    one_of(split, splits(root), root, TREE)
    masks, ending, numbers = _masks(root, home, classes)
    items = []
    for name in words_of(_list(home, split)):
        image, mask = home / "JPEGImages" / f"{name}.jpg", masks / f"{name}{ending}"
        for path in (image, mask):
            if not path.is_file():
                raise DataError(f"{_list(home, split)}: lists {name}, but there is no {path}")
        items.append(Pair(name, image, mask))
    space = labels or label_space(classes, numbers, background)
    return Pairs(items, space, name="pascal_context", split=split, decode=_decode if ending == ".mat" else None)


def splits(root: str | Path) -> tuple[str, ...]:
    """The splits that have a list and are no list of one class."""
    home = _home(Path(root))
    return () if home is None else tuple(s for s in ("train", "val", "trainval") if _list(home, s).is_file())


def label_space(classes: int, numbers: dict[str, int], background: bool) -> LabelSpace:
    """The space of a choice of classes.

    Args:
        numbers: of the names as labels.txt has them, in the masks; all others and 0 are what is left over.
    """
    names = _CHOICES[classes]
    rest = "background" if background and classes != 459 else "ignore"
    values: dict[int | str, str] = {0: rest, **dict.fromkeys(numbers.values(), rest)}
    values |= {numbers[_MAIN.get(name, name)]: name for name in names}
    return LabelSpace((rest, *names) if rest == "background" else names, values=values)


def _masks(root: Path, home: Path, classes: int) -> tuple[Path, str, dict[str, int]]:
    """The folder of masks that know as many classes, their ending, and their numbers."""
    main = tuple(_MAIN.get(name, name) for name in _CHOICES[classes])
    sets: list[tuple[str, str, tuple[str, ...]]] = [("trainval", ".mat", ALL)]
    if classes != 459:
        sets.append((f"{classes}_context_labels", ".png", main))
    if classes == 59:
        sets.append(("SegmentationClassContext", ".png", tuple(name for name in ALL if name in main)))
    for folder, ending, order in sets:
        for place in (root / folder, home / folder):
            if next(place.glob(f"*{ending}"), None) is not None:
                return place, ending, {name: n for n, name in enumerate(order, 1)}
    raise DataError(f"{root}: holds no masks of {classes} classes; expected", TREE)


def _home(root: Path) -> Path | None:
    places = (root, root / "VOC2010", root / "VOCdevkit" / "VOC2010")
    return next((p for p in places if (p / "JPEGImages").is_dir()), None)


def _list(home: Path, split: str) -> Path:
    file = home / "ImageSets" / "SegmentationContext" / f"{split}.txt"
    return file if file.is_file() else home / "ImageSets" / "Main" / f"{split}.txt"


def _decode(item: Pair) -> Raw:
    assert item.mask is not None
    return Raw(whole(np.asarray(read_mat(item.mask, "LabelMap")), item.mask).astype(np.int32))
