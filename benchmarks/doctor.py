"""How often the label doctor is wrong: its warnings on real sets that are sound, and the faults it finds in copies of them.

    python benchmarks/doctor.py --data SHARED [--seeds 2] [--parts sound planted copies objects]
        appends to benchmarks/results/doctor.jsonl
    python benchmarks/doctor.py      prints the table of docs/doctor.md

Sound sets: those of SHARED, each audited as `intarsia data audit` does. A warning or an error is a false alarm unless it is
listed below with what makes it true. Planted faults: of each of eleven sets up to 24 pairs are drawn, and one mask or all of
them are changed; of these and of the same pairs as they are, the numbers that findings are decided by are kept, so that
each threshold can be seen between two distributions. Copies: pictures of these sets once more, saved again in eight ways
(doctor_copies.py). Objects: those of seven sets, as they are and with one fault (doctor_objects.py). `found` is what the doctor tells, `suspected` what --suspect adds.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import doctor_copies
import doctor_objects
import numpy as np
from PIL import Image
from scipy import ndimage

from intarsia.data.pairs import Pair
from intarsia.doctor import visit
from intarsia.doctor.exam.examine import Exam, inspect
from intarsia.doctor.exam.reading import codes_of, picture
from intarsia.doctor.exam.regions import between, steps
from intarsia.doctor.findings.drawn import drawing
from intarsia.doctor.findings.misnamed import doubts
from intarsia.doctor.findings.placement import coloring, exchanged, following, moving, suiting
from intarsia.labels import LabelSpace
from intarsia.report.machine import machine, now, versions

RESULTS = Path(__file__).parent / "results" / "doctor.jsonl"
MMSEG = "mmseg_fixtures/tests/data/pseudo_"
LABELME = "labelme_examples/examples/"


class Sound(NamedTuple):
    """A set whose masks are right, and what is nevertheless true of it."""

    folder: str
    name: str = ""  # where it is audited as a data set of the catalogue
    true: Mapping[str, str] = MappingProxyType({})  # kind of finding -> what makes it true
    planted: bool = False  # faults are planted in copies of it


ABSENT = "the sample holds no pixel of these classes: counted"
SOUND = (
    Sound("camvid", "camvid", planted=True),
    Sound("voc2012_sample", "voc", {"absent": ABSENT}, True),
    Sound("drive", "drive", planted=True),
    Sound("dsb2018_110", "nuclei", planted=True),
    Sound("oxford_pets", "pets", planted=True),
    Sound("davis2016_3seq", "davis", planted=True),
    Sound("covid_cxr_multilabel", "covid_cxr", {"absent": ABSENT, "covered": "organs overlap, as the README says", "overlap": "organs overlap, as the README says"}, True),
    Sound("dubai_aerial", "", {"palette_order": "palette files whose indices differ: README", "names": "classes.json lies: README", "stray": "black pixels: the README gives each class another color"}, True),
    Sound("whales", "", {"unmatched": "40 images without a mask: README"}, True),
    Sound("tiny_coco", "", {"absent": ABSENT, "constant": "two images without an annotation", "covered": "objects that lie within others of the file"}, True),
    Sound("kudzu_via/train", "", planted=True),
    Sound("kvasir5", "", {"smeared": "JPEG masks with noise 0..7 and 248..255: README"}),
    Sound("lung_cxr17", "", {"smeared": "interpolated grays 0..255: README"}),
    Sound("sly_lemons/project"),
    Sound("cvat_segmask_export"),
    Sound("panopticapi_sample/sample_data"),
    Sound("ade20k_scene3/sampleData"),
    Sound("nyuv2_1/DATA/NYUDepthv2"),
    Sound(LABELME + "instance_segmentation", "", {"absent": ABSENT}),
    Sound(LABELME + "semantic_segmentation/data_dataset_voc", "", {"absent": ABSENT}),
    Sound(LABELME + "video_annotation", "", {"near_duplicates": "two neighboring frames of a video: thumbnails differ by 4.1 of 255 gray levels on average"}),
    Sound(LABELME + "primitives", "", {"left_out": "points and lines have no area"}),
    Sound(MMSEG + "dataset", "", {"absent": ABSENT, "palette_order": "two of five palettes are in another order"}),
    Sound(MMSEG + "bdd100k_dataset", "", {"constant": "the masks are of one value, counted", "absent": ABSENT}),
    Sound(MMSEG + "cityscapes_dataset"),
    Sound(MMSEG + "lip_dataset", "", {"channels": "one image is gray", "absent": ABSENT}),
    Sound(MMSEG + "loveda_dataset", "", {"off_by_one": "LoveDA's ids go from 1 to 7"}),
    Sound(MMSEG + "potsdam_dataset"),
    Sound(MMSEG + "refuge_dataset"),
    Sound(MMSEG + "synapse_dataset", "", {"constant": "two slices without an organ", "absent": "two slices without an organ", "near_duplicates": "neighboring slices of one scan: thumbnails differ by 3.3 of 255 gray levels on average"}),
    Sound(MMSEG + "vaihingen_dataset"),
)  # fmt: skip

Mask = np.ndarray
Random = np.random.Generator


def audited(sound: Sound, data: Path) -> dict[str, Any]:
    """The warnings and errors on one sound set."""
    started = time.perf_counter()
    root = data / sound.folder
    found = visit(sound.name, root=str(root)) if sound.name else visit(root)
    told = {f.kind: f"{f.severity}: {f.message}" for f in found.audit.findings if f.severity != "note"}
    return {
        "part": "sound",
        "set": sound.folder,
        "pairs": sum(found.audit.images.values()),
        "true": {kind: sound.true[kind] for kind in told if kind in sound.true},
        "false": {kind: message.replace(str(data), "") for kind, message in told.items() if kind not in sound.true},
        "seconds": round(time.perf_counter() - started, 1),
    }


def pairs(sound: Sound, data: Path, most: int = 60) -> list[tuple[str, np.ndarray, Mask]]:
    """Images and masks of class numbers, 255 ignored, at most 700 pixels wide."""
    root = data / sound.folder
    found = visit(sound.name, root=str(root), quick=True) if sound.name else visit(root, quick=True)
    cases = [case for split in found.splits for case in split.cases if case.item.mask and not case.exam.error]
    made = []
    for case in cases[:: max(1, -(-len(cases) // most))]:
        assert found.labels is not None
        codes = codes_of(case, found.labels, found.tables.get(case.exam.place))
        labels = np.where((codes < 0) | (codes == found.labels.ignore_index), 255, codes).astype(np.uint8)
        image = picture(case)
        if labels.ndim == 2 and image.shape[:2] == labels.shape:
            step = max(1, round(max(labels.shape) / 700))
            made.append((case.item.name, image[::step, ::step].copy(), labels[::step, ::step].copy()))
    return made


def exam(name: str, image: np.ndarray, mask: Mask) -> Exam:
    """The exam of a pair whose mask holds class numbers."""
    return replace(inspect(Pair(name, Path(name), Path(name + ".png")), image, (mask.copy(), None)), form=None)


def shifted(mask: Mask, random: Random) -> Mask:
    """A mask a twelfth to a fifth of its side further."""
    axis = int(random.integers(2))
    return np.roll(mask, int(mask.shape[axis] * random.uniform(0.08, 0.2) * random.choice([-1, 1])), axis)


def smoothed(mask: Mask, random: Random) -> Mask:
    """A mask made smaller and larger again, with smoothing."""
    share = random.choice([0.5, 0.8, 1.3])
    size = int(mask.shape[1] * share), int(mask.shape[0] * share)
    picture = Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture.resize(mask.shape[::-1], Image.Resampling.BILINEAR))


def classes(mask: Mask, random: Random) -> Mask:
    """A mask with two of its four largest classes exchanged."""
    held = sorted((v for v in np.unique(mask) if v != 255), key=lambda v: -(mask == v).sum())[:4]
    if len(held) < 2:
        return mask
    one, two = random.choice(held, 2, replace=False)
    return np.where(mask == one, two, np.where(mask == two, one, mask)).astype(np.uint8)


def specks(mask: Mask, random: Random) -> Mask:
    """A mask with twenty slips of a brush."""
    mask = mask.copy()
    held = [v for v in np.unique(mask) if v != 255]
    for _ in range(20):
        mask[random.integers(mask.shape[0]), random.integers(mask.shape[1])] = random.choice(held)
    return mask


def outlined(mask: Mask) -> Mask:
    """Outlines of three pixels instead of areas: as sound as the mask is."""
    edge = np.zeros(mask.shape, bool)
    edge[1:] |= mask[1:] != mask[:-1]
    edge[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    return np.asarray(ndimage.binary_dilation(edge), np.uint8)


ONE: dict[str, Callable[[Mask, Random], Mask]] = {
    "mirrored": lambda mask, _: mask[:, ::-1],
    "upside down": lambda mask, _: mask[::-1],
    "half a turn": lambda mask, _: mask[::-1, ::-1],
    "shifted": shifted,
    "smoothed": smoothed,
    "classes exchanged": classes,
    "one id more": lambda mask, _: np.where(mask == 255, 255, mask + 1).astype(np.uint8),
    "specks": specks,
}
SPACE = LabelSpace(tuple(map(str, range(254))), values={**{n: str(n) for n in range(254)}, 255: "ignore"})


def scores(exams: list[Exam], mask: Mask | None) -> dict[str, Any]:
    """What findings are decided by, for a set of exams; of the mask that was changed, how much of it lies between ids."""
    made: dict[str, float] = {}
    known = [e for e in exams if e.edges.size and e.colors.size and e.grid.size]
    if len(known) >= 5 and (suits := suiting(known)) is not None:
        made["own mask suits"] = float(np.median(np.diag(suits)))
        made["other mask suits"] = following(suits)
        made["exchanged"] = max((gain for gain, *_ in exchanged(suits, coloring(known))), default=-1.0)
    _, odds, _ = moving(exams)
    if len(odds):
        made["moved"] = float(odds.max())
    fits = [e.fit for e in exams if e.fit]
    ways = [
        sum(len(f) > w and f.index(max(f)) == w and f[w] > 1.25 * f[0] and f[w] > 1.2 for f in fits)
        for w in range(1, 6)
    ]
    if len(fits) >= 5:
        made["all turned"] = max(ways) / len(fits)
    if (doubt := doubts(exams, {255})) is not None:
        made["class misnamed"], made["one id more"] = doubt
    if mask is not None and steps(mask):
        made["between ids"] = float(between(mask).sum() / steps(mask))
    counts = [sum(n for v, n in e.specks.items() if v != 255) for e in exams]
    made["masks with specks"] = sum(n > 0 for n in counts) / len(counts)
    told, more = ({f.kind for f in drawing(SPACE, exams, s) if f.severity != "note"} for s in (False, True))
    return {
        "scores": {k: round(v, 3) for k, v in made.items()},
        "found": sorted(told),
        "suspected": sorted(more - told),
    }


def planted(sound: Sound, data: Path, seeds: int) -> Iterator[dict[str, Any]]:
    """Draws of a set, as they are and with one fault each."""
    real = pairs(sound, data)
    sight = [exam(*pair) for pair in real]

    def line(fault: str, seed: int, exams: list[Exam], mask: Mask | None = None) -> dict[str, Any]:
        return {"part": "planted", "set": sound.folder, "fault": fault, "seed": seed, "pairs": len(exams), **scores(exams, mask)}  # fmt: skip

    yield line("none", 0, sight, real[0][2])
    yield line("none (outlines)", 0, [exam(n, image, outlined(mask)) for n, image, mask in real])
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        for size in (9, 13, 24):
            if size <= len(real):
                drawn = random.choice(len(real), size, replace=False)
                yield line("none", seed, [sight[n] for n in drawn], real[drawn[0]][2])
        places = sorted(random.choice(len(real), min(24, len(real)), replace=False).tolist())
        sound_ones = [sight[n] for n in places]
        for fault, change in ONE.items():
            hit = int(random.integers(len(places)))
            name, image, mask = real[places[hit]]
            changed = np.ascontiguousarray(change(mask, random))
            yield line(fault, seed, [*sound_ones[:hit], exam(name, image, changed), *sound_ones[hit + 1 :]], changed)
        rows = range(len(places))
        alike = [(a, b) for a in rows for b in rows if a < b and real[places[a]][2].shape == real[places[b]][2].shape]
        if alike:
            a, b = alike[int(random.integers(len(alike)))]
            both = {a: real[places[b]][2], b: real[places[a]][2]}
            yield line("masks exchanged", seed, [exam(*real[places[n]][:2], both[n]) if n in both else sound_ones[n] for n in rows])  # fmt: skip
        if seed == 0:
            chosen = [real[n] for n in places]
            yield line("all mirrored", seed, [exam(n, image, mask[:, ::-1]) for n, image, mask in chosen])
            yield line("all upside down", seed, [exam(n, image, mask[::-1]) for n, image, mask in chosen])
            rolled = zip(chosen, [*chosen[1:], chosen[0]], strict=True)
            after = [exam(one[0], one[1], two[2]) for one, two in rolled if one[2].shape == two[2].shape]
            if len(after) >= 8:
                yield line("all one file further", seed, after)


class Limit(NamedTuple):
    """A threshold, the number that it is held against, and the faults that lie beyond it."""

    score: str
    limit: float
    kinds: tuple[str, ...]
    faults: tuple[str, ...]


LIMITS = (
    Limit("moved", 2.0, ("misplaced",), ("mirrored", "upside down", "half a turn", "shifted")),
    Limit("exchanged", 0.4, ("swapped", "misplaced"), ("masks exchanged",)),
    Limit("class misnamed", 7.0, ("label_noise",), ("classes exchanged",)),
    Limit("one id more", 7.0, ("off_by_one", "label_noise"), ("one id more",)),
    Limit("all turned", 0.6, ("flipped",), ("all mirrored", "all upside down")),
    Limit("own mask suits", 0.5, ("misplaced",), ("all one file further",)),
    Limit("other mask suits", 1.0, ("misplaced",), ("all one file further",)),
    Limit("between ids", 0.3, ("smeared",), ("smoothed",)),
    Limit("masks with specks", 0.2, ("specks",), ("specks",)),
)


def summary(lines: list[dict[str, Any]]) -> Iterator[str]:
    """A table in Markdown: of each threshold both distributions, how often faults are found, and false alarms."""
    yield "| number | limit | sound: 50 %, 99 %, most | planted: 10 %, 50 %, 90 % | found | with --suspect | false in draws |"
    yield "|---|---|---|---|---|---|---|"
    draws = [line for line in lines if line["part"] == "planted" and line["fault"].startswith("none")]
    for limit in LIMITS:
        hit = [line for line in lines if line["part"] == "planted" and line["fault"] in limit.faults]
        sound, fault = (
            np.array([line["scores"][limit.score] for line in part if line["scores"].get(limit.score, -99) > -50])
            for part in (draws, hit)
        )
        ends = [" ".join(f"{np.quantile(part, q):.2f}" for q in qs) if len(part) else "" for part, qs in ((sound, (0.5, 0.99, 1)), (fault, (0.1, 0.5, 0.9)))]  # fmt: skip
        found = sum(bool({*line["found"]} & {*limit.kinds}) for line in hit)
        more = sum(bool({*line["found"], *line["suspected"]} & {*limit.kinds}) for line in hit)
        wrong = sum(bool({*line["found"]} & {*limit.kinds}) for line in draws)
        yield f"| {limit.score} | {limit.limit:g} | {ends[0]} | {ends[1]} | {found} of {len(hit)} | {more} of {len(hit)} | {wrong} of {len(draws)} |"
    rows = [line for line in lines if line["part"] == "sound"]
    alarms = sum(len(line["false"]) for line in rows)
    yield f"\n{alarms} false alarms on {sum(line['pairs'] for line in rows)} pairs of {len(rows)} sound sets; draws hold {sum(line['pairs'] for line in draws)} pairs."


def main() -> None:
    """Write a line for each sound set, and one for each planted fault and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, help="the folder of real sets; without, only the summary of what was measured"
    )
    parser.add_argument("--seeds", type=int, default=2, help="draws of each set")
    parts = ["sound", "planted", "copies", "objects"]
    parser.add_argument("--parts", nargs="+", default=parts, choices=parts)
    given = parser.parse_args()
    if given.data is None:
        print("\n".join(summary([json.loads(line) for line in RESULTS.read_text().splitlines()])))
        return
    with RESULTS.open("a") as file:

        def write(line: dict[str, Any]) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()

        write({"part": "run", "date": now(), "machine": machine(), "versions": versions(), "seeds": given.seeds})
        for sound in SOUND if "planted" in given.parts else ():
            if sound.planted:
                for line in planted(sound, given.data, given.seeds):
                    write(line)
                print(sound.folder, "planted", flush=True)
        for sound in SOUND if "copies" in given.parts else ():
            for line in doctor_copies.copied(sound.folder, pairs(sound, given.data, 24)) if sound.planted else ():
                print(line, flush=True)
                write(line)
        for line in doctor_objects.lines(given.data) if "objects" in given.parts else ():
            print(line, flush=True)
            write(line)
        for sound in SOUND if "sound" in given.parts else ():
            line = audited(sound, given.data)
            print(line, flush=True)
            write(line)


if __name__ == "__main__":
    main()
