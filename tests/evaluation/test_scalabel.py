"""Scalabel's files score as the same objects in COCO's form do, and what is wrong is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from intarsia.annotations.regions import packed, runs_of, unpacked
from intarsia.errors import DataError
from intarsia.evaluation import score_instances

SIZE = (40, 60)


def code(top: int, left: int, side: int) -> dict:
    mask = np.zeros(SIZE, bool)
    mask[top : top + side, left : left + side] = True
    return {"size": list(SIZE), "counts": packed(runs_of(mask))}


def write(tree: object, path: Path) -> Path:
    path.write_text(json.dumps(tree))
    return path


@pytest.fixture
def frames() -> tuple[dict, list]:
    """(truth, predictions): two frames of cars and a person, one of them ignored; detections are shifted."""
    random, real, found = np.random.default_rng(0), [], []
    for n in range(2):
        labels, called = [], []
        for m in range(4):
            top, left, side = (int(x) for x in random.integers((0, 0, 6), (20, 40, 18)))
            category = ["car", "person"][m % 2]
            ignored = {"attributes": {"ignored": True}} if m == 3 else {}
            labels.append({"id": str(m), "category": category, "rle": code(top, left, side), **ignored})
            called.append(
                {"id": str(m), "category": category, "score": float(random.random()), "rle": code(top + 1, left, side)}
            )
        real.append({"name": f"{n}.jpg", "labels": labels})
        found.append({"name": f"{n}.jpg", "labels": called})
    categories = [{"name": "human", "subcategories": [{"name": "person"}]}, {"name": "car"}]
    return {"config": {"imageSize": {"height": 40, "width": 60}, "categories": categories}, "frames": real}, found


def test_masks_score_as_in_cocos_form(frames: tuple, tmp_path: Path) -> None:
    truth, found = frames
    tree = {
        "images": [{"id": f"{n}.jpg", "height": 40, "width": 60} for n in range(2)],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "car"}],
        "annotations": [],
    }
    results = []
    for frames_, listed in ((truth["frames"], tree["annotations"]), (found, results)):
        for frame in frames_:
            for label in frame["labels"]:
                listed.append(
                    {"image_id": frame["name"], "category_id": 1 if label["category"] == "person" else 2,
                     "segmentation": label["rle"], "iscrowd": int("attributes" in label),
                     **({"score": label["score"]} if "score" in label else {})}
                )  # fmt: skip
    wanted = score_instances(write(results, tmp_path / "r.json"), write(tree, tmp_path / "t.json"))
    for predictions in (found, {"frames": found}):
        mine = score_instances(write(predictions, tmp_path / "seen.json"), write(truth, tmp_path / "truth.json"))
        assert repr(mine.masks) == repr(wanted.masks) and repr(mine.boxes) == repr(wanted.boxes)
        assert mine.names == ("person", "car")
    assert 0 < wanted.masks.ap < 1


def test_boxes_hold_their_last_pixels(tmp_path: Path) -> None:
    box = {"x1": 2, "y1": 3, "x2": 11, "y2": 12}
    truth = {
        "config": {"imageSize": {"height": 40, "width": 60}, "categories": [{"name": "car"}]},
        "frames": [{"name": "a", "labels": [{"category": "car", "box2d": box}]}],
    }
    found = [{"name": "a", "labels": [{"category": "car", "score": 0.5, "box2d": {**box, "x2": 6}}]}]
    mine = score_instances(write(found, tmp_path / "seen.json"), write(truth, tmp_path / "truth.json"))
    assert mine.masks is None and mine.boxes.ap == pytest.approx(0.1)  # IoU 50 / 100: at the threshold 0.50 alone


def test_what_is_refused(frames: tuple, tmp_path: Path) -> None:
    truth, found = frames
    file = write(truth, tmp_path / "truth.json")

    def refused(label: dict, words: str) -> None:
        seen = write([{"name": "0.jpg", "labels": [*found[0]["labels"], label]}], tmp_path / "seen.json")
        with pytest.raises(DataError, match=words):
            score_instances(seen, file)

    refused({"category": "cat", "rle": code(1, 1, 5), "score": 1}, "has category 'cat'; did you mean 'car'")
    refused({"category": "car", "score": 1}, "has no rle or poly2d, as others have")
    curve = [{"vertices": [[0, 0], [5, 0], [5, 5]], "types": "LCC", "closed": True}]
    refused({"category": "car", "score": 1, "poly2d": curve}, "has curves")
    refused({"category": "car", "rle": code(1, 1, 5)}, "has no score, a number")
    refused({"category": "car", "score": 1, "rle": {"size": [40, 60]}}, "misses 'counts', which Scalabel writes")
    refused({"category": "car", "score": 1, "poly2d": [5]}, "is not as Scalabel writes it")
    bare = write({"frames": truth["frames"]}, tmp_path / "bare.json")
    with pytest.raises(DataError, match="lists no config.categories"):
        score_instances(file, bare)
    truth["config"].pop("imageSize")
    sizeless = write(truth, tmp_path / "sizeless.json")
    with pytest.raises(DataError, match=r"frame '0\.jpg' has no size"):
        score_instances(file, sizeless)


def test_compressed_run_lengths_are_taken_apart_as_they_were_packed() -> None:
    random = np.random.default_rng(0)
    for size in (1, 2, 3, 4, 50):
        runs = random.integers(0, 10**6, size).tolist()
        assert unpacked(packed(runs)) == runs
    assert unpacked("") == []
    cut = packed([5, 1000])[:-1]
    with pytest.raises(DataError, match="end within a number"):
        unpacked(cut)
    with pytest.raises(DataError, match="hold the character ' '"):
        unpacked("0 0")
