"""`score`: predictions of any tool, on official samples and against the field's own evaluators, through the verb."""

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., tuple[int, str, str]]


def scored(run_cli: Run, *arguments: object) -> dict:
    """The JSON document of a run that must go well."""
    code, out, err = run_cli("score", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path)


def dump(tree: object, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree))
    return path


# label maps


@pytest.fixture
def maps(tmp_path: Path) -> tuple[Path, Path]:
    """(predictions, truth) of four images of values 0..3, in the truth 255 too."""
    random = np.random.default_rng(0)
    for n in range(4):
        truth = random.integers(0, 4, (12, 10 + n))
        seen = np.where(random.random(truth.shape) < 0.7, truth, random.integers(0, 4, truth.shape))
        truth[0, :3] = 255
        save(truth, tmp_path / "truth" / f"scene_{n}.png")
        save(seen, tmp_path / "seen" / f"scene_{n}.png")
    return tmp_path / "seen", tmp_path / "truth"


def test_label_maps_score_as_torchmetrics_says(run_cli: Run, maps: tuple[Path, Path], tmp_path: Path) -> None:
    theirs = pytest.importorskip("torchmetrics.functional.classification", reason="torchmetrics is not installed")
    import torch

    tree = scored(run_cli, *maps, "--classes", "a,b,c,d", "--metrics", "boundary", "--out", tmp_path / "out")
    read = lambda folder: np.concatenate([np.asarray(Image.open(p)).ravel() for p in sorted(folder.iterdir())])  # noqa: E731
    seen, truth = (torch.from_numpy(read(folder)).long() for folder in maps)
    iou = theirs.multiclass_jaccard_index(seen, truth, 4, average=None, ignore_index=255)
    assert list(tree["iou"]) == ["a", "b", "c", "d"]
    assert list(tree["iou"].values()) == pytest.approx(iou.tolist(), abs=1e-6)
    assert tree["miou"] == pytest.approx(float(iou.mean()), abs=1e-6)
    assert tree["kind"] == "semantic" and tree["ignored_pixels"] == 12 and tree["images"] == 4
    assert 0 < tree["measures"]["boundary"]["mean"] < 1
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["miou"] == tree["miou"]
    code, out, err = run_cli("compare", tmp_path / "out", tmp_path / "out")  # the counts of each image are kept
    assert code == 0 and "exactly the same on 4 images" in out, err


def test_label_maps_for_people(run_cli: Run, maps: tuple[Path, Path]) -> None:
    code, out, err = run_cli("score", *maps, "--protocol", "all")
    assert code == 0, err
    assert all(word in out for word in ("mIoU", "mmsegmentation", "torchvision", "4 images"))


def test_ade20ks_own_script_prints_the_same(run_cli: Run, shared_data: Path) -> None:
    folder = shared_data / "ade20k_scene3" / "sampleData"
    given = folder / "predictions", folder / "annotations", "--ignore", 0, "--classes", 150
    tree = scored(run_cli, *given, "--protocol", "csail")
    assert f"{tree['miou']:.4f} {100 * tree['accuracy']:.2f}" == "0.1000 100.00"
    assert scored(run_cli, *given[:2], "--ignore", 0)["miou"] == 1.0


def test_predictions_against_a_data_set(run_cli: Run, photos: Path, recipe: Path, tmp_path: Path) -> None:
    for path in sorted((photos / "masks").iterdir()):
        if path.stem in {item.name for item in _val(recipe)}:
            save(np.asarray(Image.open(path)), tmp_path / "seen" / path.name)
    tree = scored(run_cli, tmp_path / "seen", recipe)
    assert tree["miou"] == 1.0 and set(tree["iou"]) == {"ground", "disk", "bar"} and tree["images"] == 2


def _val(recipe: Path) -> list:
    from intarsia.cli.source import opened

    return list(opened(str(recipe), None, ["val"])[0])


# panoptic


def panoptic(folder: Path, ids: dict[str, np.ndarray], classes: dict[str, dict[int, int]], crowd: tuple = ()) -> Path:
    """Writes COCO panoptic files of categories 11 (thing), 12 (thing), 20 and 21 (stuff)."""
    listed = []
    for n, (name, numbers) in enumerate(ids.items()):
        save(np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], axis=-1), folder / f"{name}.png")
        info = [{"id": s, "category_id": k, "iscrowd": int(s in crowd)} for s, k in classes[name].items()]
        listed.append({"image_id": n, "file_name": f"{name}.png", "segments_info": info})
    categories = [{"id": k, "name": f"kind {k}", "isthing": int(k < 20)} for k in (11, 12, 20, 21)]
    return dump({"annotations": listed, "categories": categories}, folder.with_suffix(".json"))


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path, list]:
    """(prediction, truth, maps [H, W, 2] of category and instance): blocks, moved a little in the prediction."""
    random, kept = np.random.default_rng(4), []
    files: tuple[dict, dict, dict, dict] = ({}, {}, {}, {})
    for n in range(5):
        kinds = random.choice([11, 12, 20, 21], (4, 5)).repeat(6, 0).repeat(6, 1)
        numbers = np.where(kinds < 20, random.integers(1, 4, (4, 5)).repeat(6, 0).repeat(6, 1), 0)
        moved = [np.roll(m, random.integers(0, 3, 2), (0, 1)) for m in (kinds, numbers)]
        wrong = random.random(kinds.shape) < 0.05
        moved[0] = np.where(wrong, 20, moved[0])
        moved[1] = np.where(moved[0] < 20, moved[1], 0)
        kept.append([np.stack(pair, axis=-1) for pair in (moved, (kinds, numbers))])
        for (k, m), ids, classes in (
            ((moved[0], moved[1]), files[0], files[1]),
            ((kinds, numbers), files[2], files[3]),
        ):
            ids[f"view_{n}"] = k * 1000 + m * 70000
            classes[f"view_{n}"] = {int(s): int(k[ids[f"view_{n}"] == s][0]) for s in np.unique(ids[f"view_{n}"])}
    return panoptic(tmp_path / "seen", *files[:2]), panoptic(tmp_path / "truth", *files[2:]), kept


def test_panoptic_quality_as_torchmetrics_says(run_cli: Run, pictures: tuple) -> None:
    theirs = pytest.importorskip("torchmetrics.functional.detection", reason="torchmetrics is not installed")
    import torch

    seen, truth, kept = pictures
    tree = scored(run_cli, seen, truth)
    maps = [torch.from_numpy(np.stack([pair[n] for pair in kept])) for n in range(2)]
    rows = theirs.panoptic_quality(*maps, {11, 12}, {20, 21}, return_per_class=True, return_sq_and_rq=True)
    rows = rows.reshape(-1, 3)
    for entry, row in zip(tree["classes"], rows.tolist(), strict=True):
        assert [entry[key] for key in ("pq", "sq", "rq")] == pytest.approx(row, abs=1e-6)
    assert tree["all"]["pq"] == pytest.approx(float(rows[:, 0].mean()), abs=1e-6)
    assert tree["things"]["pq"] == pytest.approx(float(rows[:2, 0].mean()), abs=1e-6)
    assert tree["stuff"]["rq"] == pytest.approx(float(rows[2:, 2].mean()), abs=1e-6)
    assert 0 < tree["all"]["pq"] < 1 and tree["kind"] == "panoptic"
    code, out, _ = run_cli("score", seen.with_suffix(""), truth.with_suffix(""))  # the folders mean the same
    assert code == 0 and "kind 12" in out and "things" in out


def test_cocos_panoptic_sample_scores_one(run_cli: Run, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "panopticapi_sample" / "sample_data"
    truth = folder / "panoptic_examples.json"
    tree = scored(run_cli, truth, truth)
    assert [tree[part]["pq"] for part in ("all", "things", "stuff")] == [1, 1, 1]
    given = json.loads(truth.read_text())
    listed = [s for a in given["annotations"] for s in a["segments_info"]]
    assert sum(entry["matched"] for entry in tree["classes"]) == sum(not s["iscrowd"] for s in listed)
    horse = next(s for s in given["annotations"][1]["segments_info"] if not s["iscrowd"])
    before = Counter(s["category_id"] for s in listed if not s["iscrowd"])[horse["category_id"]]
    name = next(c["name"] for c in given["categories"] if c["id"] == horse["category_id"])
    horse["category_id"] = 65  # a shelf; none is there
    masks = folder / "panoptic_examples"
    (tmp_path / "wrong").symlink_to(masks)
    wrong = scored(run_cli, dump(given, tmp_path / "wrong.json"), truth)
    classes = {entry["name"]: entry for entry in wrong["classes"]}
    assert classes[name]["missed"] == 1 and classes[name]["rq"] == pytest.approx((before - 1) / (before - 0.5))
    assert classes["banner"]["missed"] == 0
    assert sum(entry["invented"] for entry in wrong["classes"]) == 1


# instances


@pytest.fixture
def objects(shared_data: Path) -> Path:
    return shared_data / "tiny_coco" / "annotations" / "instances_val2017.json"


def results(truth: dict, form: str) -> list[dict]:
    """Detections near the true objects, most of them of their class, some twice; as boxes, polygons or run lengths."""
    rle = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    random, found = np.random.default_rng(1), []
    sizes = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    kinds = [c["id"] for c in truth["categories"]]
    for a in truth["annotations"]:
        if a["iscrowd"]:
            continue
        for _ in range(int(random.integers(0, 3))):
            shift = random.normal(0, 0.06, 2) * a["bbox"][2:]
            k = a["category_id"] if random.random() < 0.8 else int(random.choice(kinds))
            one = {"image_id": a["image_id"], "category_id": k, "score": round(float(random.random()), 2)}
            polygons = [(np.array(p).reshape(-1, 2) + shift).ravel().tolist() for p in a["segmentation"]]
            if form == "boxes":
                x, y, w, h = a["bbox"]
                one["bbox"] = [x + shift[0], y + shift[1], w, h]
            elif form == "polygons":
                one["segmentation"] = polygons
            else:
                code = rle.merge(rle.frPyObjects(polygons, *sizes[a["image_id"]]))
                if not rle.area(code):
                    continue
                one["segmentation"] = {"size": code["size"], "counts": code["counts"].decode()}
            found.append(one)
    return found


@pytest.mark.parametrize("form", ["boxes", "polygons", "run lengths"])
def test_average_precision_as_pycocotools_says(run_cli: Run, objects: Path, tmp_path: Path, form: str) -> None:
    """On COCO's own annotations with crowds: AP, AP50, AP75, sizes and AR, equal to 1e-9."""
    cocoeval = pytest.importorskip("pycocotools.cocoeval", reason="pycocotools is not installed")
    from pycocotools.coco import COCO

    found = results(json.loads(objects.read_text()), form)
    tree = scored(run_cli, dump(found, tmp_path / "results.json"), objects)
    if form == "polygons":  # which pycocotools takes in a truth, not in results
        encoded = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
        sizes = {i["id"]: (i["height"], i["width"]) for i in json.loads(objects.read_text())["images"]}
        for one in found:
            one["segmentation"] = encoded.merge(encoded.frPyObjects(one["segmentation"], *sizes[one["image_id"]]))
    assert tree["kind"] == "instances" and tree["detections"] == len(found) > 200
    assert ("masks" in tree) == (form != "boxes")
    truth = COCO(str(objects))
    for kind, called in (("boxes", "bbox"), ("masks", "segm")):
        if kind not in tree:
            continue
        run = cocoeval.COCOeval(truth, truth.loadRes([dict(one) for one in found]), called)
        run.evaluate(), run.accumulate(), run.summarize()
        assert list(tree[kind].values())[:12] == pytest.approx(list(run.stats), abs=1e-9)
        assert 0.05 < tree[kind]["ap"] < 0.95


def test_the_truth_as_its_own_detections(run_cli: Run, objects: Path, tmp_path: Path) -> None:
    truth = json.loads(objects.read_text())
    found = [{**a, "score": 1.0} for a in truth["annotations"] if not a["iscrowd"]]
    tree = scored(run_cli, dump(found, tmp_path / "results.json"), objects)
    assert tree["masks"]["ap"] == tree["boxes"]["ap"] == 1.0
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "all.json").write_text(objects.read_text())
    code, out, _ = run_cli("score", tmp_path / "results.json", tmp_path / "truth")
    assert code == 0 and "AP75" in out and "person" in out and f"{len(found)} detections" in out


# video


def frames(folder: Path, maps: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    for name, (classes, tracks) in maps.items():
        save(np.stack([classes, tracks // 256, tracks % 256], axis=-1), folder / f"{name}.png")
    return folder


@pytest.fixture
def drives(tmp_path: Path) -> tuple[Path, Path, dict, dict]:
    """(predictions, truth, their maps) of two drives: road, people and cars, some frames with other numbers."""
    random, seen, truth = np.random.default_rng(2), {}, {}
    for name in ("0001/000", "0001/001", "0001/002", "0002/000", "0002/001"):
        classes = random.choice([0, 11, 13, 255], (3, 4)).repeat(5, 0).repeat(5, 1)
        tracks = np.where(np.isin(classes, (11, 13)), random.integers(0, 3, (3, 4)).repeat(5, 0).repeat(5, 1) * 300, 0)
        truth[name] = classes, tracks
        called, numbers = (np.roll(m, 1, 1) for m in (classes, tracks))
        called = np.where(called == 255, 2, called)
        numbers = np.where(np.isin(called, (11, 13)), numbers + 5 + 7 * (name == "0001/002"), 0)
        seen[name] = called, numbers
    return frames(tmp_path / "drives_seen", seen), frames(tmp_path / "drives", truth), seen, truth


def by_pixels(seen: dict, truth: dict) -> tuple[float, float]:
    """(AQ, SQ) of the paper, pixel by pixel in plain Python."""
    pairs, real, found, cells = Counter(), Counter(), Counter(), Counter()
    for name, (classes, tracks) in truth.items():
        drive = name.split("/")[0]
        for k, g, c, p in zip(*(m.ravel().tolist() for m in (classes, tracks, *seen[name])), strict=True):
            if k != 255:
                cells[k, c] += 1
            if k in (11, 13) and g == 0:
                continue  # a crowd
            if k in (11, 13):
                real[drive, k, g] += 1
            if c in (11, 13):
                found[drive, c, p] += 1
            if k in (11, 13) and c in (11, 13):
                pairs[(drive, k, g), (drive, c, p)] += 1
    aq = sum(n * n / (real[g] + found[p] - n) / real[g] for (g, p), n in pairs.items()) / len(real)
    ious = []
    for k in {k for pair in cells for k in pair}:
        rows, columns = (sum(n for pair, n in cells.items() if pair[side] == k) for side in range(2))
        ious.append(cells[k, k] / (rows + columns - cells[k, k]))
    return aq, sum(ious) / len(ious)


def test_tracks_as_the_paper_counts_them(run_cli: Run, drives: tuple) -> None:
    seen, truth, *maps = drives
    tree = scored(run_cli, seen, truth, "--as", "video")
    aq, sq = by_pixels(*maps)
    assert (tree["aq"], tree["sq"]) == pytest.approx((aq, sq))
    assert tree["stq"] == pytest.approx(math.sqrt(aq * sq))
    assert set(tree["sequences"]) == {"0001", "0002"} and tree["frames"] == 5
    assert tree["things"] == ["person", "car"] and tree["iou"]["bus"] is None
    code, out, _ = run_cli("score", truth, truth, "--as", "video")
    assert code == 0 and "tracked" in out and out.count("100.0") >= 9
    alone = scored(run_cli, truth / "0001", truth / "0001", "--as", "video", "--things", "car")
    assert alone["stq"] == 1 and alone["things"] == ["car"]


def test_frames_in_the_three_forms_of_deeplab2(run_cli: Run, drives: tuple, tmp_path: Path) -> None:
    """Tracks in G and B, in G alone, or in an array, which a PNG of three channels is too small for."""
    seen, truth, maps, _ = drives
    wanted = scored(run_cli, seen, truth, "--as", "video")["stq"]
    for name, (classes, tracks) in maps.items():
        small = np.where(tracks > 255, tracks - 200, tracks)
        save(np.stack([classes, small, np.zeros_like(small)], axis=2).astype(np.uint8), tmp_path / f"two/{name}.png")
        place = tmp_path / f"array/{name}.npy"
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, np.stack([classes, tracks * 70_000, np.zeros_like(tracks)], axis=2).astype(np.int64))
    for form in ("two", "array"):
        assert scored(run_cli, tmp_path / form, truth, "--as", "video")["stq"] == wanted
    np.save(place, -np.ones((15, 20, 3), np.int64))
    code, _, err = run_cli("score", tmp_path / "array", truth, "--as", "video")
    assert code == 2 and "give whole numbers [H, W, class and track]" in err


# mistakes


def test_mistakes_in_folders_are_one_sentence(
    run_cli: Run, maps: tuple[Path, Path], drives: tuple, tmp_path: Path
) -> None:
    seen, truth = maps

    def refused(*arguments: object, words: str) -> None:
        code, out, err = run_cli("score", *arguments)
        assert code == 2 and err.startswith("error: ") and err.count("\n") == 1, err
        assert words in err and not out

    refused(seen, tmp_path / "gone", words="there is no folder, data set or recipe")
    refused(tmp_path / "gone", truth, words="gone: there is no such folder")
    refused(seen, truth, "--as", "panoptik", words="did you mean 'panoptic'?")
    refused(seen, truth, "--classes", "a,b", words="holds 2 (")
    refused(seen, truth, "--ignore", "x", words="--ignore holds 'x'")
    refused(seen, truth, "--things", "a", words="--things says nothing about semantic")
    refused(seen, truth, "--metrics", "topk", words="topk looks at logits, and label maps have none")
    refused(seen, truth, "--protocol", "torchvison", words="did you mean 'torchvision'?")
    refused(seen, truth, "--as", "video", words="scene_0.png: one channel, but ids spread over RGB are expected")
    (seen / "scene_3.png").rename(seen / "other.png")
    refused(seen, truth, words="1 of 4 images have no prediction, such as 'scene_3'")
    save(np.zeros((12, 13)), seen / "scene_3.png")
    refused(seen, truth, words="1 of 5 predictions have no labels, such as 'other'")
    (seen / "other.png").unlink()
    save(np.zeros((5, 5)), seen / "scene_3.png")
    refused(seen, truth, words="the prediction is 5x5 pixels, but the labels of 'scene_3' are 13x12")

    seen, truth = drives[:2]
    refused(seen, truth, "--as", "video", "--classes", 12, words="no class is tracked")
    refused(seen, truth, "--as", "video", "--things", "cat", words="there is no class 'cat' to track")
    save(np.full((15, 20, 3), 40), seen / "0002" / "001.png")
    refused(seen, truth, "--as", "video", words="40 (300 px), outside the 19 classes")
    save(np.zeros((4, 4, 3)), seen / "0002" / "001.png")
    refused(seen, truth, "--as", "video", words="the prediction is 4x4 pixels, but the truth is 20x15")
    (seen / "0002" / "001.png").unlink()
    refused(seen, truth, "--as", "video", words="1 of 5 frames have no prediction, such as '0002/001'")


def test_mistakes_in_panoptic_files_are_one_sentence(run_cli: Run, pictures: tuple, tmp_path: Path) -> None:
    seen, truth, _ = pictures
    tree = json.loads(seen.read_text())
    first = tree["annotations"][0]

    def refused(change: Callable[[dict], object], words: str) -> None:
        other = json.loads(seen.read_text())
        change(other)
        path = dump(other, tmp_path / "other.json")
        if not path.with_suffix("").exists():
            path.with_suffix("").symlink_to(seen.with_suffix(""))
        code, _, err = run_cli("score", path, truth)
        assert code == 2 and err.count("\n") == 1 and words in err, err

    def one(tree: dict) -> dict:
        return tree["annotations"][0]

    refused(lambda t: one(t)["segments_info"][0].update(category_id=99), "has category 99, which is none of the 4")
    refused(lambda t: one(t)["segments_info"].pop(), "holds segments that it does not list")
    refused(
        lambda t: one(t)["segments_info"].append({"id": 5, "category_id": 11}), "lists segment 5, which has no pixels"
    )
    refused(lambda t: one(t)["segments_info"].append(first["segments_info"][0]), "twice")
    refused(lambda t: t["annotations"].pop(), "1 of 5 images have no prediction, such as 4")
    refused(lambda t: one(t).update(image_id=77), "have no prediction, such as 0")
    refused(lambda t: t["annotations"].append({**one(t), "image_id": 77}), "1 of 6 images have no truth, such as 77")
    refused(lambda t: t["annotations"].append(one(t)), "lists image 0 more than once")
    refused(lambda t: one(t).update(file_name="gone.png"), "gone.png: there is no such file")
    refused(lambda t: t["categories"][0].update(name="cat"), "category 11 is 'cat', but 'kind 11' in")
    refused(lambda t: t.pop("annotations"), "is no panoptic file")
    refused(lambda t: one(t).pop("segments_info"), "is no panoptic file")
    (tmp_path / "other").unlink()
    shrunk = {p.name: np.asarray(Image.open(p))[:8] for p in seen.with_suffix("").iterdir()}
    for name, ids in shrunk.items():
        save(ids, tmp_path / "other" / name)
    refused(lambda t: None, "the prediction is 30x8 pixels, but the truth is 30x24")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_id": 1}, "image_id 1, which is none of the truth's 50 images"),
        ({"category_id": 12}, "category_id 12, which is none of the truth's 80 categories"),
        ({"score": None}, "has no score, a number"),
        ({"bbox": [1, 2, 3]}, "bbox is [1, 2, 3]; give x, y, width and height"),
        ({"bbox": None}, "has neither bbox nor segmentation"),
        ({"segmentation": [[1, 2, 3, 4]]}, "give it to all or to none"),
    ],
    ids=["image", "category", "score", "box", "nothing", "some"],
)
def test_mistakes_in_results_are_one_sentence(
    run_cli: Run, objects: Path, tmp_path: Path, change: dict, words: str
) -> None:
    truth = json.loads(objects.read_text())
    good = {"image_id": truth["images"][0]["id"], "category_id": 1, "score": 0.5, "bbox": [1, 2, 30, 40]}
    path = dump([good, {**good, **change}], tmp_path / "results.json")
    code, _, err = run_cli("score", path, objects)
    assert code == 2 and err.count("\n") == 1 and words in err, err


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ([[1, 2, 3, 4]], "result 0: a polygon is a list of x and y, three points at least"),
        ({"size": [3, 3], "counts": [9]}, "result 0: run lengths of size [3, 3], but the image is"),
        ({"size": [427, 640], "counts": [9]}, "result 0: run lengths add up to 9 pixels"),
    ],
    ids=["polygon", "size", "sum"],
)
def test_masks_that_cannot_be_drawn(
    run_cli: Run, objects: Path, tmp_path: Path, segmentation: object, words: str
) -> None:
    image = next(i for i in json.loads(objects.read_text())["images"] if (i["height"], i["width"]) == (427, 640))
    one = {"image_id": image["id"], "category_id": 1, "score": 0.5, "segmentation": segmentation}
    code, _, err = run_cli("score", dump([one], tmp_path / "results.json"), objects)
    assert code == 2 and err.count("\n") == 1 and words in err, err


def test_files_that_are_something_else(run_cli: Run, objects: Path, tmp_path: Path) -> None:
    for given, words in (
        ((objects, dump([], tmp_path / "list.json")), "is no truth in COCO's form"),
        ((dump({}, tmp_path / "empty.json"), objects), "holds no COCO results"),
        ((objects, objects, "--as", "panoptic"), "is no panoptic file"),
        ((objects, objects, "--protocol", "csail"), "--protocol says nothing about instances predictions"),
        ((tmp_path / "gone.json", objects), "gone.json: there is no such file"),
        ((objects.parent, objects), "there are 4 JSON files in it or beside it; name the JSON itself"),
    ):
        code, _, err = run_cli("score", *given)
        assert code == 2 and err.count("\n") == 1 and words in err, err


def test_cocos_panoptic_sample_as_instances(run_cli: Run, shared_data: Path, tmp_path: Path) -> None:
    """The same sample in the official detection format: run lengths, stuff and crowds among them."""
    truth = shared_data / "panopticapi_sample" / "sample_data" / "panoptic_coco_detection_format.json"
    listed = json.loads(truth.read_text())["annotations"]
    found = [{**a, "score": 0.5} for a in listed if not a["iscrowd"]]
    tree = scored(run_cli, dump(found, tmp_path / "results.json"), truth)
    assert tree["masks"]["ap"] == tree["masks"]["ar100"] == tree["boxes"]["ap"] == 1.0
    fewer = scored(run_cli, dump(found[1:], tmp_path / "results.json"), truth)
    assert fewer["masks"]["ap"] < 1.0 and fewer["detections"] == len(found) - 1
