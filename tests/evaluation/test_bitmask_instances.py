"""Objects with scores in BDD100K's bit masks: its evaluator's rules once more in plain loops, and what is wrong with files.

The official evaluator, run beside on 150 pictures as these, gave the same twelve numbers to 1e-15.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.errors import DataError
from intarsia.evaluation import score_bitmask_instances

SIZE = (90, 120)
SIZES = {"ap": (0, 1e10), "ap_small": (0, 32**2), "ap_medium": (32**2, 96**2)}


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, list[dict]]:
    """(prediction, truth) [H, W, 4] and the scores: boxes of people (1) and cars (3), some ignored or a crowd."""
    random, both, labels = np.random.default_rng(seed), np.zeros((2, *SIZE, 4), np.uint8), []
    if seed % 4 == 0:
        both[1] = 0, 3, 0, 1  # what BDD100K's tools write where nothing is labeled
    for m in range(9):
        kind, flags = int(random.choice([1, 3])), int(random.choice([0, 0, 0, 8, 1, 2, 3]))
        top, left = random.integers(0, 60), random.integers(0, 90)
        height, width = (int(6 * 2 ** random.uniform(0, 3)) for _ in range(2))
        both[1, top : top + height, left : left + width] = kind, flags, m % 2, m + 2
        for copy in range(int(random.integers(0, 3))):
            y, x = top + int(random.integers(0, 3)), left + int(random.integers(0, 3))
            called = int(random.choice([1, 3])) if random.random() < 0.2 else kind
            both[0, y : y + height, x : x + width] = called, 0, copy, 10 + m
            labels.append({"index": 256 * copy + 10 + m, "score": round(float(random.random()), 1)})
    return both[0], both[1], labels


def written(folder: Path, count: int) -> list[tuple[np.ndarray, np.ndarray, list[dict]]]:
    """Pictures below seen/ and truth/, and the scores beside them."""
    made = [drawn(seed) for seed in range(count)]
    for n, (called, true, _) in enumerate(made):
        save(called, folder / f"seen/{n:02}.png"), save(true, folder / f"truth/{n:02}.png")
    listed = [{"name": f"{n:02}.jpg", "labels": labels or None} for n, (_, _, labels) in enumerate(made)]
    (folder / "seen.json").write_text(json.dumps(listed))
    return made


def save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def cut(mask: np.ndarray) -> list[tuple[int, np.ndarray, int, int]]:
    """(number, pixels, category, attributes) of each object."""
    numbers = mask[..., 2].astype(int) * 256 + mask[..., 3]
    return [(s, numbers == s, *map(int, mask[numbers == s][0, :2])) for s in np.unique(numbers) if s]


def by_rules(made: list, kind: int, threshold: float, size: tuple[float, float]) -> float:
    """AP of a category at one threshold for one range of sizes."""
    found, wanted = [], 0
    for called, true, labels in made:
        scores = {label["index"]: label["score"] for label in labels}
        real = [(t, (flags & 1) or not size[0] <= t.sum() <= size[1], flags & 2) for _, t, k, flags in cut(true) if k == kind]  # fmt: skip
        wanted += sum(not out for _, out, _ in real)
        mine = {n: p for n, p, k, _ in cut(called) if k == kind}
        taken = set()
        for n in sorted((n for n in scores if n in mine), key=lambda n: -scores[n]):
            p = mine[n]
            ious = [0 if g in taken else (p & t).sum() / (p | t).sum() for g, (t, _, _) in enumerate(real)] or [0]
            best = int(np.argmax(ious))
            if ious[best] >= threshold:
                _, out, crowd = real[best]
                taken |= set() if crowd else {best}
                if not out:
                    found.append((scores[n], True))
            elif size[0] <= p.sum() <= size[1]:
                found.append((scores[n], False))
    right = np.array([hit for _, hit in sorted(found, key=lambda f: -f[0])], float)
    precision, recall = right.cumsum() / np.arange(1, len(right) + 1), right.cumsum() / wanted
    return float(np.mean([max(precision[recall >= r], default=0) for r in np.linspace(0, 1, 101)]))


def test_equals_the_rules(tmp_path: Path) -> None:
    made = written(tmp_path, 12)
    found = score_bitmask_instances(tmp_path / "seen", tmp_path / "truth")
    thresholds = np.linspace(0.5, 0.95, 10)
    for name, size in SIZES.items():
        each = [[by_rules(made, kind, t, size) for t in thresholds] for kind in (1, 3)]
        assert getattr(found.masks, name) == pytest.approx(np.mean(each), abs=1e-9)
        if name == "ap":
            assert found.masks.ap75 == pytest.approx(np.mean(each, axis=0)[5], abs=1e-9) and 0.1 < found.masks.ap < 0.9
            assert found.masks.classes[2] == pytest.approx(np.mean(each[1]), abs=1e-9)
    assert found.boxes is None and found.images == 12 and found.names[2] == "car"
    assert found.objects == sum(k in (1, 3) for _, true, _ in made for _, _, k, _ in cut(true))


def test_from_the_command_line(run_cli, tmp_path: Path) -> None:
    written(tmp_path, 3)
    given = "score", tmp_path / "seen", tmp_path / "truth", "--as", "bdd100k_instances"
    code, out, _ = run_cli(*given)
    assert code == 0 and "AP by class" in out and "car" in out
    code, out, _ = run_cli(*given, "--json")
    assert json.loads(out)["masks"]["ap"] == score_bitmask_instances(tmp_path / "seen", tmp_path / "truth").masks.ap
    code, _, err = run_cli(*given, "--metrics", "boundary")
    assert code == 2 and "--metrics says nothing about bdd100k_instances predictions" in err


def test_what_is_refused(tmp_path: Path) -> None:
    called, true, labels = drawn(1)
    save(called, tmp_path / "seen/0.png"), save(true, tmp_path / "truth/0.png")
    first = labels[-1]["index"]

    def refused(listed: object, words: str) -> None:
        (tmp_path / "seen.json").write_text(json.dumps(listed))
        with pytest.raises(DataError, match=words):
            score_bitmask_instances(tmp_path / "seen", tmp_path / "truth")

    refused({"labels": []}, "is no list of images with labels of index and score")
    refused([{"name": "0.jpg", "labels": labels[:-1]}], f"gives object {first} of .*0.png no score \\(1 such\\)")
    refused([{"name": "0.jpg"}, {"name": "0.png"}], "lists image '0' more than once")
    refused([{"name": "0.jpg", "labels": [*labels, labels[0]]}], "two scores")
    refused([{"name": "0.jpg", "labels": [{"index": 1, "score": None}]}], "score None; give numbers")
    refused([{"name": "0.jpg", "labels": [{"index": 1}]}], "misses 'score', which BDD100K writes")
    refused([{"name": "0.jpg", "labels": labels}, {"name": "1.jpg"}], "1 of 2 images have no mask in")
    save(np.where(called[..., 3:] > 0, [9, 0, 0, 10], 0).astype(np.uint8), tmp_path / "seen/0.png")
    refused([{"name": "0.jpg", "labels": labels}], "category 9 is outside of BDD100K's 1 to 8 of objects")
    (tmp_path / "seen.json").unlink()
    with pytest.raises(DataError, match="there is no JSON file in it or beside it"):
        score_bitmask_instances(tmp_path / "seen", tmp_path / "truth")
