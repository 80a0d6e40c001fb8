"""Objects of real sets as the label doctor sees them, as they are and with one fault: part `objects` of benchmarks/doctor.py."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from intarsia.data.pairs import Pair, Pairs, Raw
from intarsia.doctor import visit
from intarsia.doctor.exam.instances import Instances, instances

SETS = (
    ("nuclei", "dsb2018_110"),
    ("davis", "davis2016_3seq"),
    ("", "tiny_coco"),
    ("", "kudzu_via/train"),
    ("", "sly_lemons/project"),
    ("", "panopticapi_sample/sample_data"),
    ("", "labelme_examples/examples/primitives"),
)
KINDS = ("empty", "twice", "cut", "joined")


def counts(seen: Instances) -> Counter[str]:
    """How often each fault is seen in one picture."""
    return Counter(empty=len(seen.empty), twice=len(seen.twice), cut=seen.cut, joined=seen.joined)


def cut(numbers: np.ndarray) -> np.ndarray | None:
    """The largest object cut down its middle; None where it is too small."""
    number = int(np.bincount(numbers[numbers > 0]).argmax())
    columns = np.flatnonzero((numbers == number).any(axis=0))
    middle = int(columns[len(columns) // 2])
    if (numbers[:, middle] == number).sum() < 24:
        return None
    made = numbers.copy()
    made[:, middle:][made[:, middle:] == number] = numbers.max() + 1
    return made


def joined(numbers: np.ndarray) -> np.ndarray | None:
    """The two objects that lie farthest apart, under one number; None where no two are small and far enough."""
    places = [(n, np.argwhere(numbers == n)) for n in np.unique(numbers[numbers > 0]).tolist()]
    places = [(n, at) for n, at in places if len(at) >= 40]
    best: tuple[float, int, int] = (0, 0, 0)
    for one, a in places:
        for two, b in places:
            sizes = [np.hypot(*(at.max(axis=0) - at.min(axis=0))) for at in (a, b)]
            gap = np.maximum(np.maximum(a.min(0) - b.max(0), b.min(0) - a.max(0)), 0)
            if one < two and 0.5 < len(a) / len(b) < 2:
                best = max(best, (float(np.hypot(*gap)) / max(sizes), one, two))
    return np.where(numbers == best[2], best[1], numbers) if best[0] > 2.2 else None


def planted(dataset: Pairs, item: Pair, raw: Raw) -> Iterator[tuple[str, Raw]]:
    """A pair with one fault each."""
    assert raw.objects is not None
    numbers = raw.objects.astype(np.int32)
    if not numbers.any():
        return
    for kind, change in (("cut", cut), ("joined", joined)):
        if (made := change(numbers)) is not None:
            yield kind, raw._replace(objects=made, masks=None, kinds=None)
    held = np.unique(numbers[numbers > 0])[:40]
    masks = numbers == held[:, None, None]
    kinds = np.array([np.bincount(raw.classes[mask].ravel()).argmax() for mask in masks])
    again = masks[:1].copy()
    rows, columns = np.nonzero(again[0])
    again[0, rows[: len(rows) // 50], columns[: len(rows) // 50]] = False  # drawn again, a little smaller
    for kind, more in (("empty", np.zeros_like(again)), ("twice", again)):
        yield kind, raw._replace(objects=None, masks=np.concatenate([masks, more]), kinds=np.append(kinds, kinds[0]))


def lines(data: Path, most: int = 24) -> Iterator[dict[str, Any]]:
    """A line on each set: its objects, what is seen in them, and how many of the planted faults are found."""
    for name, folder in SETS:
        found = visit(name, root=str(data / folder)) if name else visit(data / folder)
        cases = [case for split in found.splits for case in split.cases if case.exam.instances is not None]
        sound: Counter[str] = Counter()
        for case in cases:
            assert case.exam.instances is not None
            sound.update(counts(case.exam.instances))
        objects = sum(sum(case.exam.instances.classes.values()) for case in cases if case.exam.instances)
        put, hit = Counter[str](), Counter[str]()
        for case in cases[:: max(1, len(cases) // most)]:
            assert case.dataset is not None
            raw = case.dataset.decode(case.item)
            before = counts(case.exam.instances) if case.exam.instances else Counter()
            for kind, made in planted(case.dataset, case.item, raw) if raw is not None else ():
                seen = instances(case.dataset, case.item, made)
                put[kind] += 1
                hit[kind] += seen is not None and counts(seen)[kind] > before[kind]
        yield {
            "part": "objects", "set": folder, "pairs": len(cases), "objects": objects,
            "sound": {kind: sound[kind] for kind in KINDS},
            "planted": {kind: f"{hit[kind]} of {put[kind]}" for kind in KINDS},
        }  # fmt: skip
