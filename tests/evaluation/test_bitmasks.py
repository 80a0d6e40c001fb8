"""Bit masks of BDD100K: its evaluator's rules once more in plain loops, and what is wrong with files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.errors import DataError
from intarsia.evaluation import score_bitmasks
from intarsia.evaluation.from_files.bitmasks import NAMES

SIZE = (30, 40)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(prediction, truth) [H, W, 4]: boxes of roads (7), people (31) and cars (35), some ignored or a crowd."""
    random, both = np.random.default_rng(seed), np.zeros((2, *SIZE, 4), np.uint8)
    for m in range(9):
        kind, attributes = int(random.choice([7, 31, 35])), int(random.choice([0, 0, 0, 4, 1, 2]))
        top, left = random.integers(0, 24), random.integers(0, 30)
        height, width = random.integers(4, 12, 2)
        for n, shift in ((0, int(random.integers(0, 3))), (1, 0)):
            if n == 0 and random.random() < 0.2:
                continue
            called = int(random.choice([7, 31, 35])) if n == 0 and random.random() < 0.2 else kind
            flags = attributes if n else 4 * (attributes > 0) + (random.random() < 0.05)
            both[n, top + shift : top + shift + height, left : left + width] = (
                called,
                flags,
                (m + 1) // 4,
                m + 250 * (m < 4) - 3 * (m >= 4),
            )
    return both[0], both[1]


def by_rules(pairs: list[tuple[np.ndarray, np.ndarray]], kind: int) -> tuple[float, int, int, int]:
    """(IoU of matches, matched, invented, missed) of one category."""
    overlap, counts = 0.0, [0, 0, 0]
    for pair in pairs:
        cut = []
        for mask in pair:
            numbers = mask[..., 2].astype(int) * 256 + mask[..., 3]
            cut.append(
                [
                    (numbers == s, int(mask[numbers == s][0, 0]), not mask[numbers == s][0, 1] & 3)
                    for s in np.unique(numbers)
                    if s
                ]
            )
        found, true = cut
        used = set()
        for t, k, counted in true:
            if k != kind or not counted:
                continue
            ious = [(t & p).sum() / (t | p).sum() if c == k else 0 for p, c, _ in found] or [0]
            best = int(np.argmax(ious))
            if ious[best] > 0.5 and found[best][2]:
                overlap, used = overlap + ious[best], used | {best}
                counts[0] += 1
            else:
                counts[2] += 1
        valid = np.any([t for t, _, counted in true if counted] or [np.zeros(SIZE, bool)], axis=0)
        for n, (p, c, counted) in enumerate(found):
            if c == kind and counted and n not in used and (p & ~valid).sum() / p.sum() <= 0.5:
                counts[1] += 1
    return overlap, *counts


def save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_equals_the_rules(tmp_path: Path) -> None:
    pairs = [drawn(seed) for seed in range(12)]
    for n, (called, true) in enumerate(pairs):
        save(called, tmp_path / f"seen/{n}.png"), save(true, tmp_path / f"truth/{n}.png")
    found = score_bitmasks(tmp_path / "seen", tmp_path / "truth")
    qualities = []
    for kind in (7, 31, 35):
        overlap, matched, invented, missed = by_rules(pairs, kind)
        s = found.scores
        assert (s.matched[kind - 1], s.invented[kind - 1], s.missed[kind - 1]) == (matched, invented, missed)
        qualities.append(overlap / (matched + (invented + missed) / 2))
        assert s.pq[kind - 1] == pytest.approx(qualities[-1], abs=1e-12)
    assert found.scores.all.pq == pytest.approx(np.mean(qualities)) and 0 < found.scores.all.pq < 1
    assert found.scores.things.pq == pytest.approx(np.mean(qualities[1:])) and found.images == 12
    assert len(NAMES) == 40 and NAMES[6] == "road" and NAMES[34] == "car"


def test_what_is_refused(tmp_path: Path) -> None:
    called, true = drawn(0)
    save(true, tmp_path / "truth/0.png")

    def refused(array: np.ndarray, words: str) -> None:
        save(array.astype(np.uint8), tmp_path / "seen/0.png")
        with pytest.raises(DataError, match=words):
            score_bitmasks(tmp_path / "seen", tmp_path / "truth")

    refused(called[..., 0], "is no bit mask of BDD100K, which has four channels")
    refused(called[:9], "the prediction is 40x9 pixels, but the truth is 40x30")
    refused(np.where(called[..., :1] == 35, [41, 0, 0, 9], called), "category 41 is outside")
    mixed = called.copy()
    mixed[:2] = 7, 0, 0, 200
    mixed[0] = 31, 0, 0, 200
    refused(mixed, "segment 200 has several categories")
    save(called, tmp_path / "seen/1.png")
    save(called, tmp_path / "seen/0.png")
    with pytest.raises(DataError, match="1 of 2 masks have no truth, such as '1'"):
        score_bitmasks(tmp_path / "seen", tmp_path / "truth")
