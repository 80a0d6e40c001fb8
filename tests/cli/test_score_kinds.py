"""`score` of Cityscapes' objects, boundary AP, depth maps and panoptic videos, through the verb."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.metrics import Segments, VideoPanopticQuality

Run = Callable[..., tuple[int, str, str]]


def scored(run_cli: Run, *arguments: object) -> dict:
    """The JSON document of a run that must go well."""
    code, out, err = run_cli("score", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def refused(run_cli: Run, *arguments: object, words: str) -> None:
    code, out, err = run_cli("score", *arguments)
    assert code == 2 and err.startswith("error: ") and err.count("\n") == 1, err
    assert words in err and not out, err


def save(array: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array) if path.suffix == ".npy" else Image.fromarray(array).save(path)
    return path


# objects


def test_cityscapes_objects_are_known_by_their_files(run_cli: Run, tmp_path: Path) -> None:
    ids = np.full((40, 60), 7, np.uint16)
    ids[5:20, 5:25], ids[25:35, 5:25] = 26000, 24001
    save(ids, tmp_path / "gt/aachen/aachen_000000_000019_gtFine_instanceIds.png")
    save((ids == 26000).astype(np.uint8), tmp_path / "seen/0.png")
    (tmp_path / "seen/aachen_000000_000019.txt").write_text("0.png 26 0.9\n")
    tree = scored(run_cli, tmp_path / "seen", tmp_path / "gt")
    assert tree["kind"] == "cityscapes" and tree["ap"] == 0.5 and tree["detections"] == 1
    assert tree["classes"]["car"] == {"ap": 1.0, "ap50": 1.0} and tree["classes"]["bus"]["ap"] is None
    code, out, _ = run_cli("score", tmp_path / "seen", tmp_path / "gt")
    assert code == 0 and "AP50" in out and "Cityscapes' rules; 1 detections in 1 images" in out
    refused(run_cli, tmp_path / "seen", tmp_path / "gt", "--ignore", 0, words="--ignore says nothing about cityscapes")


def test_boundary_ap_beside_mask_ap(run_cli: Run, tmp_path: Path) -> None:
    square = lambda x, y, side: [[x, y, x + side, y, x + side, y + side, x, y + side]]  # noqa: E731
    truth = {
        "images": [{"id": 1, "height": 200, "width": 200}],
        "categories": [{"id": 3, "name": "box"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "segmentation": square(20, 20, 100), "bbox": [20, 20, 100, 100],
             "area": 10000, "iscrowd": 0},
        ],
    }  # fmt: skip
    found = [{"image_id": 1, "category_id": 3, "score": 0.5, "segmentation": square(22, 22, 100)}]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps(found))
    given = tmp_path / "found.json", tmp_path / "truth.json"
    tree = scored(run_cli, *given, "--metrics", "boundary")
    width = round(0.02 * math.hypot(200, 200))

    def ring(lo: int, hi: int) -> set:
        square = {(x, y) for x in range(lo, hi) for y in range(lo, hi)}
        return {(x, y) for x, y in square if min(x - lo, y - lo, hi - 1 - x, hi - 1 - y) < width}

    one, other = ring(20, 120), ring(22, 122)
    iou = len(one & other) / len(one | other)
    assert tree["boundaries"]["ap"] == pytest.approx(np.mean(iou >= np.arange(0.5, 1, 0.05)))
    assert tree["boundaries"]["ap"] < tree["masks"]["ap"] and "boundaries" not in scored(run_cli, *given)
    code, out, _ = run_cli("score", *given, "--metrics", "boundary")
    assert code == 0 and all(word in out for word in ("masks", "boxes", "boundaries"))
    refused(run_cli, *given, "--metrics", "trimap", words="of instances there is 'boundary'")


# depth


@pytest.fixture
def depths(tmp_path: Path) -> tuple[Path, Path, list]:
    """(predictions, truth, maps in meters): two images as 16-bit PNGs of 256 a meter, some pixels without depth."""
    random, kept = np.random.default_rng(0), []
    for n in range(2):
        true = random.uniform(1, 100, (48, 64))
        true[random.random(true.shape) < 0.3] = 0
        called = np.maximum(true, 2) * random.uniform(0.7, 1.3, true.shape)
        pair = [np.round(m * 256).astype(np.uint16) for m in (called, true)]
        kept.append([m / 256 for m in pair])
        for m, folder in zip(pair, ("seen", "truth"), strict=True):
            save(m, tmp_path / folder / f"drive/{n}.png")
    return tmp_path / "seen", tmp_path / "truth", kept


@pytest.mark.parametrize("way", ["all", "kitti", "nyu", "limits", "median"])
def test_depth_as_the_formulas_say(run_cli: Run, depths: tuple, way: str) -> None:
    seen, truth, kept = depths
    more = {"limits": ("--limits", "5,50"), "median": ("--median",), "all": ()}.get(way, ("--protocol", way))
    tree = scored(run_cli, seen, truth, "--as", "depth", "--depth-scale", 256, *more)
    low, high = {"kitti": (0.001, 80), "nyu": (0.001, 10), "limits": (5, 50)}.get(way, (0, math.inf))
    wanted = []
    for called, true in kept:
        box = {"kitti": np.s_[19:47, 2:61], "nyu": np.s_[4:47, 4:60]}.get(way, np.s_[:, :])
        counts = (true[box] > 0) & (true[box] >= low) & (true[box] <= high)
        p, t = called[box][counts], true[box][counts]
        p = p * np.median(t) / np.median(p) if way == "median" else p
        p = np.clip(p, low, high)
        wanted.append(
            [np.mean(abs(p - t) / t), np.sqrt(np.mean((p - t) ** 2)), np.mean(np.maximum(p / t, t / p) < 1.25)]
        )
    assert [tree[k] for k in ("abs_rel", "rmse", "delta1")] == pytest.approx(np.mean(wanted, axis=0).tolist())
    assert tree["images"] == 2 and tree["protocol"] == (way if way in ("kitti", "nyu") else "all")


def test_depth_for_people_and_as_arrays(run_cli: Run, depths: tuple, tmp_path: Path) -> None:
    seen, truth, kept = depths
    code, out, err = run_cli("score", seen, truth, "--as", "depth", "--depth-scale", 256, "--protocol", "kitti")
    assert code == 0 and all(
        w in out
        for w in (
            "AbsRel",
            "delta < 1.25^2",
            "protocol 'kitti': KITTI, Eigen's split, within the crop of Garg et al., 0.001 to 80 m",
        )
    ), err
    for n, pair in enumerate(kept):
        for m, folder in zip(pair, ("a", "b"), strict=True):
            save(m.astype(np.float32), tmp_path / folder / f"drive/{n}.npy")
    tree = scored(run_cli, tmp_path / "a", tmp_path / "b", "--as", "depth")
    assert tree["abs_rel"] == pytest.approx(
        scored(run_cli, seen, truth, "--as", "depth", "--depth-scale", 256)["abs_rel"], rel=1e-6
    )


def test_mistakes_in_depth_are_one_sentence(run_cli: Run, depths: tuple, tmp_path: Path) -> None:
    seen, truth, _ = depths
    named = seen, truth, "--as", "depth"
    refused(run_cli, *named, words="say with --depth-scale how many are a meter (256 in KITTI, 1000 in NYU Depth v2)")
    refused(run_cli, *named, "--depth-scale", -1, words="the scale of depth is -1.0")
    refused(run_cli, *named, "--limits", "5", words="give the least and the largest depth in meters")
    refused(run_cli, *named, "--limits", "a,5", words="--limits holds 'a'; give numbers")
    refused(run_cli, *named, "--protocol", "kiti", words="no protocol 'kiti' of depth; did you mean 'kitti'?")
    refused(run_cli, *named, "--classes", "a,b", words="--classes says nothing about depth predictions")
    save(np.zeros((48, 64), np.uint8), tmp_path / "bits/drive/0.png")
    save(np.zeros((48, 64), np.uint8), tmp_path / "bits/drive/1.png")
    refused(
        run_cli, tmp_path / "bits", truth, "--as", "depth", "--depth-scale", 256, words="8 bit, too coarse for depth"
    )
    save(np.zeros((48, 64), np.uint16), seen / "drive/1.png")
    refused(run_cli, *named, "--depth-scale", 256, words="drive/1.png: the predicted depth of")
    save(np.zeros((4, 4), np.uint16), seen / "drive/1.png")
    refused(run_cli, *named, "--depth-scale", 256, words="the prediction is 4x4 pixels, but the truth is 64x48")
    (seen / "drive/1.png").unlink()
    refused(run_cli, *named, "--depth-scale", 256, words="1 of 2 depth maps have no prediction, such as 'drive/1'")


# panoptic videos


@pytest.fixture
def videos(tmp_path: Path) -> tuple[Path, Path, list]:
    """(predictions, truth, [(video, predicted, true)]): road (0), person 1 and 2 (11); person 2 gets another number once."""
    kept = []
    for video, count in (("a", 4), ("b", 3)):
        for n in range(count):
            kinds, tracks = np.zeros((2, 20, 30), np.int64)
            kinds[4:12, 2 + n : 10 + n], tracks[4:12, 2 + n : 10 + n] = 11, 1
            kinds[4:12, 16 + n : 24 + n], tracks[4:12, 16 + n : 24 + n] = 11, 2
            called, numbers = kinds.copy(), np.where(kinds == 11, tracks + 5, 0)
            called[4:6, 2 + n : 10 + n], numbers[4:6, 2 + n : 10 + n] = 0, 0
            if (video, n) == ("a", 2):
                numbers[numbers == 7] = 9
            kinds[:2] = 255
            for k, t, folder in ((called, numbers, "seen"), (kinds, tracks, "truth")):
                save(
                    np.stack([k, t // 256, t % 256], axis=-1).astype(np.uint8),
                    tmp_path / folder / video / f"{n:03}.png",
                )
            kept.append((video, (called, numbers), (kinds, tracks)))
    return tmp_path / "seen", tmp_path / "truth", kept


def segments(kinds: np.ndarray, tracks: np.ndarray) -> Segments:
    ids = np.where(kinds == 255, 0, kinds * 100 + tracks + 1)
    return Segments(ids, {int(s): (int(s) - 1) // 100 for s in np.unique(ids) if s})


def test_panoptic_videos_score_as_the_metric_says(run_cli: Run, videos: tuple, tmp_path: Path) -> None:
    seen, truth, kept = videos
    metric = VideoPanopticQuality(19, [11, 13], windows=(1, 2, 3))
    for video, ours, theirs in kept:
        metric.update(segments(*ours), segments(*theirs), video)
    wanted = metric.compute()
    tree = scored(run_cli, seen, truth, "--as", "vps", "--windows", "1,2,3")
    assert (tree["vpq"], tree["vpq_things"], tree["vpq_stuff"]) == pytest.approx(wanted[:3])
    assert [w["all"] for w in tree["windows"]] == pytest.approx([s.all.pq for s in wanted.each.values()])
    assert tree["windows"][0]["things"] == pytest.approx(0.875)  # 6 of 8 rows of one person, all of the other
    assert tree["windows"][2]["things"] < 0.875  # a number changes
    assert tree["frames"] == 7 and tree["videos"] == 2
    code, out, _ = run_cli("score", seen, truth, "--as", "vps")
    assert code == 0 and "VPQ" in out and "7 frames of 2 videos" in out

    def as_json(folder: Path, which: int, nested: bool) -> Path:
        listed: list[dict] = []
        for video, count in (("a", 4), ("b", 3)):
            frames = []
            for n in range(count):
                cut = segments(*[entry[which] for entry in kept if entry[0] == video][n])
                name = f"{n:03}.png" if nested else f"{video}/{n:03}.png"
                colors = np.stack([cut.ids % 256, cut.ids // 256, cut.ids * 0], axis=-1).astype(np.uint8)
                save(colors, folder / video / f"{n:03}.png")
                frames.append(
                    {"file_name": name, "segments_info": [{"id": s, "category_id": k} for s, k in cut.classes.items()]}
                )
            listed += [{"video_id": video, "annotations": frames}] if nested else frames
        categories = [{"id": k, "name": f"kind {k}", "isthing": int(k in (11, 13))} for k in range(19)]
        folder.with_suffix(".json").write_text(json.dumps({"annotations": listed, "categories": categories}))
        return folder.with_suffix(".json")

    for nested in (False, True):
        files = [as_json(tmp_path / f"{name}{nested}", n, nested) for n, name in ((1, "ours"), (2, "theirs"))]
        assert scored(run_cli, *files, "--as", "vps", "--windows", "1,2,3")["vpq"] == pytest.approx(tree["vpq"])
    refused(run_cli, *files, "--as", "vps", "--things", "a", words="lists its classes and things itself")
    broken = json.loads(files[0].read_text())
    broken["annotations"][0]["annotations"][0]["segments_info"][0].pop("id")
    files[0].write_text(json.dumps(broken))
    refused(run_cli, *files, "--as", "vps", words="misses 'id', which a panoptic tool writes")


def test_depth_of_panoptic_videos(run_cli: Run, videos: tuple, tmp_path: Path) -> None:
    seen, truth, kept = videos
    for n, (video, *_) in enumerate(kept):
        frame = f"{video}/{n if video == 'a' else n - 4:03}.png"
        save(np.full((20, 30), 2560, np.uint16), tmp_path / "true" / frame)
        called = np.full((20, 30), 2560, np.uint16)
        called[:, 15:] = 3072  # 20 % too far
        save(called, tmp_path / "called" / frame)
    named = "--depth", f"{tmp_path / 'called'},{tmp_path / 'true'}"
    tree = scored(run_cli, seen, truth, "--as", "vps", "--windows", "1,2", *named, "--depth-scale", 256)
    plain = scored(run_cli, seen, truth, "--as", "vps", "--windows", "1,2")
    by = {(w["frames"], w["tolerance"]): w["all"] for w in tree["windows"]}
    assert by[1, 0.25] == by[1, 0.5] == plain["windows"][0]["all"] > by[1, 0.1]
    assert tree["dvpq"] == pytest.approx(np.mean(list(by.values()))) and "vpq" not in tree
    code, out, _ = run_cli("score", seen, truth, "--as", "vps", *named, "--depth-scale", 256)
    assert code == 0 and "DVPQ" in out and "depth within" in out and "25 %" in out
    refused(run_cli, seen, truth, "--as", "vps", *named, words="say with --depth-scale")
    refused(
        run_cli, seen, truth, "--as", "vps", "--depth", "a", words="--depth names 1 folders; give two, PREDICTED,TRUE"
    )
    (tmp_path / "called/b/001.png").unlink()
    refused(
        run_cli,
        seen,
        truth,
        "--as",
        "vps",
        *named,
        "--depth-scale",
        256,
        words="there is no depth map b/001.png or .npy",
    )


def test_mistakes_in_panoptic_videos_are_one_sentence(run_cli: Run, videos: tuple) -> None:
    seen, truth, _ = videos
    refused(
        run_cli, seen, truth, "--as", "vps", "--windows", "9", words="the longest video has 4 frames, and a window 9"
    )
    refused(
        run_cli, seen, truth, "--as", "vps", "--windows", "1.5", words="--windows holds 1.5; give numbers of frames"
    )
    refused(run_cli, seen, truth, "--as", "vps", "--classes", "12", "--things", "11,40", words="there is no class '40'")
    refused(run_cli, seen, truth, "--as", "vps", "--classes", "5", "--things", "1", words="outside the 5 classes")
    (seen / "a/002.png").unlink()
    refused(run_cli, seen, truth, "--as", "vps", words="1 of 7 frames have no prediction, such as 'a/002'")


# objects followed through videos


def test_davis_sequences(run_cli: Run, tmp_path: Path) -> None:
    """Two sequences below a root, one of them in the list; the first and last predicted frame may lack."""
    for name in ("swan", "goat"):
        for n in range(6):
            true, called = np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8)
            true[2:10, 2 + n : 12 + n], true[12:18, 4:14], true[0] = 1, 2, 255
            called[2:10, 2 + n : 7 + n], called[12:18, 4:14] = 1, 2
            palette = Image.fromarray(true)
            palette.putpalette(list(range(256)) * 3)
            place = tmp_path / f"root/Annotations/480p/{name}/{n:05}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            palette.save(place)
            if 0 < n < 5 and name == "swan":
                save(called, tmp_path / f"seen/swan/{n:05}.png")
    (tmp_path / "root/ImageSets/2017").mkdir(parents=True)
    (tmp_path / "root/ImageSets/2017/val.txt").write_text("swan\n")
    given = tmp_path / "seen", tmp_path / "root", "--as", "davis"
    tree = scored(run_cli, *given, "--split", "val")
    assert tree["objects"]["swan_1"]["j_mean"] == 0.5 and tree["objects"]["swan_2"]["jf"] == 1
    assert tree["j_mean"] == 0.75 and tree["j_recall"] == 0.5 and tree["frames"] == 4 and tree["sequences"] == 1
    code, out, _ = run_cli("score", *given, "--split", "val")
    assert code == 0 and "swan 2" in out and "J&F" in out and "semi-supervised" in out
    refused(run_cli, *given, words="1 of 2 sequences have no prediction, such as 'goat'; name a part")
    refused(run_cli, *given, "--split", "vall", words="holds 0 lists ImageSets/YEAR/vall.txt")
    refused(run_cli, *given, "--split", "val", "--unsupervised", words="2 of 6 frames of 'swan' have no prediction")
    save(np.full((20, 30), 3, np.uint8), tmp_path / "seen/swan/00002.png")
    refused(
        run_cli, *given, "--split", "val", words="00002.png: the prediction for frame 2 of sequence 'swan' has object 3"
    )
    save(np.zeros((2, 3), np.uint8), tmp_path / "seen/swan/00002.png")
    refused(run_cli, *given, "--split", "val", words="the prediction is 3x2 pixels, but the truth is 30x20")
    (tmp_path / "seen/swan/00002.png").unlink()
    refused(run_cli, *given, "--split", "val", words="1 of 4 frames of 'swan' have no prediction, such as '00002'")


def test_davis_2016_has_one_object_in_white(run_cli: Run, shared_data: Path) -> None:
    folder = shared_data / "davis2016_3seq" / "Annotations" / "480p"
    tree = scored(run_cli, folder, shared_data / "davis2016_3seq", "--as", "davis")
    names = [p.name for p in folder.iterdir() if p.is_dir()]
    assert list(tree["objects"]) == [f"{name}_1" for name in sorted(names)]
    assert tree["jf"] == tree["f_recall"] == 1 and tree["j_decay"] == 0
