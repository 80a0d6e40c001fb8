"""Mapillary Vistas: 25,000 street photos from all over the world, by phone, dash camera and rig.

Neuhold, Ollmann, Rota Bulò, Kontschieder. "The Mapillary Vistas Dataset for Semantic Understanding of Street Scenes."
ICCV 2017. doi:10.1109/ICCV.2017.534

    SPLIT/VERSION/labels/NAME.png      palette, 8 bit: the label's place in config_VERSION.json
    SPLIT/VERSION/instances/NAME.png   16 bit: 256 label + number of the object
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ..annotations.beside import read_json
from ..data.files.id_maps import read_ids
from ..data.folders.layout import Layout, nothing, pair
from ..data.pairs import Pair, Pairs, Raw
from ..data.things import with_things
from ..errors import DataError
from ..labels import Color, LabelSpace, parse_color
from .release import choice, one_of, top

TREE = """    config_v1.2.json config_v2.0.json
    {training,validation,testing}/images/NAME.jpg
    {training,validation}/{v1.2,v2.0}/labels/NAME.png
    {training,validation}/{v1.2,v2.0}/instances/NAME.png"""

# In the order of the labels, as config_VERSION.json has them; "*" marks those whose objects are told apart, "?" those that
# are not evaluated.
_V12 = """
animal: bird* a52a2a, ground-animal* 00c000
construction--barrier: curb c4c4c4, fence be9999, guard-rail b4a5b4, other-barrier 5a7896, wall 66669c
construction--flat: bike-lane 8040ff, crosswalk-plain* 8c8cc8, curb-cut aaaaaa, parking faaaa0,
  pedestrian-area 606060, rail-track e6968c, road 804080, service-lane 6e6e6e, sidewalk f423e8
construction--structure: bridge 966464, building 464646, tunnel 96785a
human: person* dc143c
human--rider: bicyclist* ff0000, motorcyclist* ff0064, other-rider* ff00c8
marking: crosswalk-zebra* c88080, general ffffff
nature: mountain 40aa40, sand e6a032, sky 4682b4, snow beffff, terrain 98fb98, vegetation 6b8e23, water 00aa1e
object: banner* ffff80, bench* fa001e, bike-rack* 648cb4, billboard* dcdcdc, catch-basin* dc8080, cctv-camera* de2828,
  fire-hydrant* 64aa1e, junction-box* 282828, mailbox* 212121, manhole* 6480a0, phone-booth* 8e0000, pothole 466496,
  street-light* d2aa64
object--support: pole* 999999, traffic-sign-frame* 808080, utility-pole* 000050
object: traffic-light* faaa1e
object--traffic-sign: back* c0c0c0, front* dcdc00
object: trash-can* 8c8c14
object--vehicle: bicycle* 770b20, boat* 9600ff, bus* 003c64, car* 00008e, caravan* 00005a, motorcycle* 0000e6,
  on-rails 005064, other-vehicle* 804040, trailer* 00006e, truck* 000046, wheeled-slow* 0000c0
void: car-mount 202020, ego-vehicle 780a0a, unlabeled? 000000
"""
_V20 = """
animal: bird* a52a2a, ground-animal* 00c000
construction--barrier: ambiguous? faaa1f, concrete-block faaa20, curb c4c4c4, fence be9999, guard-rail b4a5b4,
  other-barrier 5a7896, road-median faaa21, road-side faaa22, separator 808080, temporary* faaa23, wall 66669c
construction--flat: bike-lane 8040ff, crosswalk-plain* 8c8cc8, curb-cut aaaaaa, driveway* faaa24, parking faaaa0,
  parking-aisle faaa25, pedestrian-area 606060, rail-track e6968c, road 804080, road-shoulder 6e6e6e,
  service-lane 6e6e6e, sidewalk f423e8, traffic-island 80c480
construction--structure: bridge 966464, building 464646, garage 969696, tunnel 96785a
human--person: individual* dc143c, person-group? dc143c
human--rider: bicyclist* ff0000, motorcyclist* ff0064, other-rider* ff00c8
marking--continuous: dashed ffffff, solid ffffff, zigzag faaa1d
marking--discrete: ambiguous? faaa1c
marking--discrete--arrow: left* faaa1a, other* faaa19, right* faaa18, split-left-or-straight* faaa16,
  split-right-or-straight* faaa15, straight* faaa14
marking--discrete: crosswalk-zebra* ffffff, give-way-row* faaa13, give-way-single* faaa12
marking--discrete--hatched: chevron faaa0c, diagonal faaa0b
marking--discrete: other-marking* ffffff, stop-line* ffffff
marking--discrete--symbol: bicycle* faaa10, other* faaa0f
marking--discrete: text* faaa0f
marking-only--continuous: dashed ffffff
marking-only--discrete: crosswalk-zebra ffffff, other-marking ffffff, text ffffff
nature: mountain 40aa40, sand e6a032, sky 4682b4, snow beffff, terrain 98fb98, vegetation 6b8e23, water 00aa1e
object: banner* ffff80, bench* fa001e, bike-rack* 648cb4, catch-basin* dc8080, cctv-camera* de2828,
  fire-hydrant* 64aa1e, junction-box* 282828, mailbox* 212121, manhole* 6480a0, parking-meter* 1414ff,
  phone-booth* 8e0000, pothole 466496
object--sign: advertisement* faab1e, ambiguous*? faac1e, back* faad1e, information* faae1e, other* faaf1e,
  store* fab01e
object: street-light* d2aa64
object--support: pole* 999999, pole-group? 999999, traffic-sign-frame* 808080, utility-pole* 000050
object: traffic-cone* d23c3c
object--traffic-light: general-single* faaa1e, pedestrians* faaa1e, general-upright* faaa1e,
  general-horizontal* faaa1e, cyclists* faaa1e, other* faaa1e
object--traffic-sign: ambiguous*? c0c0c0, back* c0c0c0, direction-back* c0c0c0, direction-front* dcdc00,
  front* dcdc00, information-parking* 0000c4, temporary-back* c0c0c0, temporary-front* dcdc00
object: trash-can* 8c8c14
object--vehicle: bicycle* 770b20, boat* 9600ff, bus* 003c64, car* 00008e, caravan* 00005a, motorcycle* 0000e6,
  on-rails* 005064, other-vehicle* 804040, trailer* 00006e, truck* 000046, vehicle-group? 00008e, wheeled-slow* 0000c0
object: water-valve* aaaaaa
void: car-mount 202020, dynamic 6f4a00, ego-vehicle 780a0a, ground 510051, static 6f6f00, unlabeled? 000000
"""
_FOLDERS = {"train": ("training", "train"), "val": ("validation", "val")}


class Label(NamedTuple):
    """One label of a version."""

    name: str
    color: Color
    evaluated: bool
    thing: bool


def mapillary(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    version: Literal["v1.2", "v2.0"] = "v1.2",
    evaluated: bool = True,
    objects: bool = False,
) -> Pairs:
    """Mapillary Vistas.

    Args:
        split: "train" (18,000) or "val" (2,000).
        labels: another meaning of the label numbers.
        version: "v1.2" with 66 labels or "v2.0" with 124.
        evaluated: take only the classes that are evaluated, 65 or 116, and ignore the others.
        objects: number single objects as well.
    """
    choice("version", version, ("v1.2", "v2.0"))
    root = top(root, (), TREE)
    one_of(split, splits(root, version=version), root, TREE)
    folder = next(f for f in _FOLDERS[split] if (root / f / version / "labels").is_dir())
    items, left = pair(root, Layout(f"{folder}/images", f"{folder}/{version}/labels"), split)
    if not items:
        raise DataError(f"{root}: {nothing({f'{folder}/images': left[0], f'{folder}/{version}/labels': left[1]})}")
    entries = known(root, version)
    space = labels or label_space(entries, evaluated)
    things = None
    if objects:
        items = [item.also(_instances(item)) for item in items]
        space = with_things(space, [entry.name for entry in entries if entry.thing])
        things = Things(tuple(n for n, entry in enumerate(entries) if entry.thing))
    return Pairs(items, space, name="mapillary", split=split, unmatched=left, decode=things)


def splits(root: str | Path, *, version: str = "v1.2") -> tuple[str, ...]:
    """ "train" and "val", as far as that version has masks of them."""
    return tuple(
        s for s, folders in _FOLDERS.items() if any((Path(root) / f / version / "labels").is_dir() for f in folders)
    )


def known(root: Path, version: str) -> list[Label]:
    """The labels that the release's own config lists, or, without that file, those of the official one."""
    file = root / f"config_{version}.json"
    if file.is_file():
        entries = read_json(file)["labels"]
        return [Label(e["name"], parse_color(e["color"]), bool(e["evaluate"]), bool(e["instances"])) for e in entries]
    return table(_V12 if version == "v1.2" else _V20)


def table(text: str) -> list[Label]:
    """A table of this file, read."""
    found = []
    for line in re.sub(r"\n ", " ", text).strip().splitlines():
        group, entries = line.split(": ")
        for entry in entries.split(","):
            name, color = entry.split()
            plain = name.rstrip("*?")
            found.append(Label(f"{group}--{plain}", parse_color("#" + color), not name.endswith("?"), "*" in name))
    return found


def label_space(entries: list[Label], evaluated: bool) -> LabelSpace:
    """The classes of a version; what is not evaluated is ignored, or a class like any other."""
    kept = [e for e in entries if e.evaluated or not evaluated]
    values: dict[int | str, str] = {n: e.name if e in kept else "ignore" for n, e in enumerate(entries)}
    return LabelSpace(tuple(e.name for e in kept), tuple(e.color for e in kept), values)


@dataclass(frozen=True)
class Things:
    """Decodes a mask and its instances: every number within the label of a thing is an object, 0 among them."""

    numbers: tuple[int, ...]

    def __call__(self, item: Pair) -> Raw:
        assert item.mask is not None
        codes = read_ids(_instances(item)).astype(np.int32)
        return Raw(read_ids(item.mask), np.where(np.isin(codes >> 8, self.numbers), codes + 1, 0))


def _instances(item: Pair) -> Path:
    assert item.mask is not None
    return item.mask.parents[1] / "instances" / item.mask.name
