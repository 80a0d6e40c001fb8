"""`score` of volumes, of Cityscapes' categories and instances, of drawn boundaries and of weighted videos."""

import importlib.util
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial.distance import cdist

from intarsia.metrics import BoundaryF, Frame, TrackingQuality

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


# volumes


def ball(center: tuple[int, int, int], radius: float) -> np.ndarray:
    return sum((g - c) ** 2 for g, c in zip(np.indices((8, 14, 12)), center, strict=True)) < radius**2


@pytest.fixture
def organs(tmp_path: Path) -> tuple[Path, Path, list]:
    """(predictions, truth, pairs of volumes): an organ (1) that is found nearly, and another (2) that is missed once."""
    pairs = []
    for n in range(2):
        true, called = np.zeros((2, 8, 14, 12), np.uint8)
        true[ball((4, 5, 5), 3.5)], called[ball((4, 6, 5 + n), 3)] = 1, 1
        true[ball((3, 11, 9), 2)] = 2
        called[ball((3, 11, 9), 2) & bool(n)] = 2
        save(true, tmp_path / f"truth/case_{n}.npy"), save(called, tmp_path / f"seen/case_{n}.npy")
        pairs.append((called, true))
    return tmp_path / "seen", tmp_path / "truth", pairs


def by_pairs(called: np.ndarray, true: np.ndarray, spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    cross = generate_binary_structure(3, 1)
    a, b = (np.argwhere(m & ~binary_erosion(m, cross)) * spacing for m in (called, true))
    distances = cdist(a, b)
    return distances.min(axis=1), distances.min(axis=0)


@pytest.mark.parametrize("rule", ["monai", "medpy"])
def test_volumes_by_all_pairs_of_surface_voxels(run_cli: Run, organs: tuple, rule: str) -> None:
    seen, truth, pairs = organs
    given = seen, truth, "--as", "volumes", "--spacing", "3,0.7,0.7", "--tolerance", "1.5", "--rule", rule
    tree = scored(run_cli, *given, "--classes", "background,liver,spleen")
    far = [by_pairs(c == 1, t == 1, (3, 0.7, 0.7)) for c, t in pairs]
    both = [np.concatenate(pair) for pair in far]
    hausdorff = [np.percentile(b, 95) if rule == "medpy" else max(np.percentile(d, 95) for d in p) for p, b in zip(far, both, strict=True)]  # fmt: skip
    found = tree["surfaces"]
    assert found["hausdorff"][1] == pytest.approx(np.mean(hausdorff), abs=1e-9)
    assert found["to_truth"][1] == pytest.approx(np.mean([p[0].mean() for p in far]), abs=1e-9)
    assert found["surface_dice"][1] == pytest.approx(np.mean([(b <= 1.5).mean() for b in both]), abs=1e-12)
    assert found["surface_dice"][2] == 0.5 and found["missed"] == [0, 0, 1] and found["ravd"][2] == -0.5
    hit = sum(((c == 1) & (t == 1)).sum() for c, t in pairs)
    assert tree["dice"]["liver"] == pytest.approx(2 * hit / sum((m == 1).sum() for pair in pairs for m in pair))
    assert tree["volumes"] == 2 and tree["rule"] == rule
    code, out, _ = run_cli("score", *given)
    assert code == 0 and all(word in out for word in ("HD95", "NSD", "ASSD", f"by the rule of {rule}"))


def test_volumes_are_measured_by_each_rule(run_cli: Run, organs: tuple) -> None:
    seen, truth, _ = organs
    given = seen, truth, "--as", "volumes", "--spacing", "3,0.7,0.7", "--rule"
    far = {r: scored(run_cli, *given, r)["surfaces"]["average"][1] for r in ("monai", "medpy", "deepmind")}
    assert far["monai"] == far["medpy"] != far["deepmind"] > 0


def test_nifti_says_its_own_spacing(run_cli: Run, organs: tuple, tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed")
    seen, truth, pairs = organs
    affine = np.diag([3, 0.7, 0.7, 1])
    for n, pair in enumerate(pairs):
        for volume, folder in zip(pair, ("a", "b"), strict=True):
            (tmp_path / folder).mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(volume, affine), tmp_path / folder / f"case_{n}.nii.gz")
    tree = scored(run_cli, tmp_path / "a", tmp_path / "b", "--as", "volumes")
    same = scored(run_cli, seen, truth, "--as", "volumes", "--spacing", "3,0.7,0.7")
    assert tree["surfaces"]["hausdorff"] == pytest.approx(same["surfaces"]["hausdorff"], rel=1e-6)
    moved = affine.copy()
    moved[0, 3] = 5
    nibabel.save(nibabel.Nifti1Image(pairs[0][0], moved), tmp_path / "a/case_0.nii.gz")
    refused(run_cli, tmp_path / "a", tmp_path / "b", "--as", "volumes", words="its voxels lie elsewhere in space")
    (tmp_path / "a/case_0.nii.gz").write_bytes(b"no file")
    refused(run_cli, tmp_path / "a", tmp_path / "b", "--as", "volumes", words="case_0.nii.gz: no NIfTI file")


@pytest.mark.skipif(importlib.util.find_spec("nibabel") is not None, reason="nibabel is installed")
def test_nifti_without_the_extra_says_what_to_type(run_cli: Run, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.nii.gz").write_bytes(b"")
    refused(run_cli, tmp_path / "a", tmp_path / "b", "--as", "volumes", words='pip install "intarsia[medical]"')


def test_mistakes_in_volumes_are_one_sentence(run_cli: Run, organs: tuple) -> None:
    seen, truth, _ = organs
    named = seen, truth, "--as", "volumes"
    refused(run_cli, *named, words="does not say how large a voxel is; give --spacing")
    refused(run_cli, *named, "--spacing", "1,1", words="give three sizes of a voxel in mm")
    refused(run_cli, *named, "--spacing", "1,1,0", words="spacing is (1.0, 1.0, 0.0)")
    refused(run_cli, *named, "--spacing", "1,1,1", "--classes", "a,b", words="2 (")
    refused(run_cli, *named, "--ignore", "a", words="of volumes give one value")
    refused(run_cli, seen, truth, "--as", "depth", "--tolerance", 0, words="--tolerance says nothing about depth")
    save(np.zeros((8, 14), np.uint8), seen / "case_1.npy")
    refused(run_cli, *named, "--spacing", "1,1,1", words="2 axes (8, 14); a volume of labels has three")
    save(np.full((8, 14, 12), 0.5), seen / "case_1.npy")
    refused(run_cli, *named, "--spacing", "1,1,1", words="holds numbers that are not whole")
    save(np.zeros((8, 14, 1), np.uint8), seen / "case_1.npy")
    refused(
        run_cli, *named, "--spacing", "1,1,1", words="the prediction has (8, 14, 1) voxels, but the truth (8, 14, 12)"
    )
    (seen / "case_1.npy").unlink()
    refused(run_cli, *named, words="1 of 2 volumes have no prediction, such as 'case_1'")


def test_surfaces_of_label_maps_have_a_spacing_and_a_rule(run_cli: Run, tmp_path: Path) -> None:
    true, called = np.zeros((2, 24, 24), np.uint8)
    true[8:18, 8:18] = called[8:18, 8:18] = called[12:14, 18:24] = 1
    save(true, tmp_path / "truth/0.png"), save(called, tmp_path / "seen/0.png")
    given = tmp_path / "seen", tmp_path / "truth", "--classes", "a,b", "--metrics", "surface"
    for rule, wanted in (("monai", 10.0), ("medpy", 8.0), ("deepmind", 10.0)):
        tree = scored(run_cli, *given, "--spacing", "2,2", "--rule", rule)
        assert tree["measures"]["surface"]["hausdorff"][1] == pytest.approx(wanted)
    near = scored(run_cli, *given, "--tolerance", 6)["measures"]["surface"]
    assert near["surface_dice"][1] == 1 and near["hausdorff"][1] == 5
    refused(run_cli, *given, "--spacing", "1,1,1", words="of label maps give two sizes of a pixel")
    refused(run_cli, *given[:4], "--spacing", "1,1", words="spacing is of surface distances, which are not measured")


# streets


def test_categories_and_instances_of_cityscapes(run_cli: Run, tmp_path: Path) -> None:
    """Half of a small car is missed and called truck: the IoU of cars drops little, their iIoU more, vehicles not at all."""
    name, root = "aachen_000000_000019", tmp_path / "city"
    ids, codes = np.full((2, 40, 60), 7, np.uint16)  # road
    ids[5:25, 5:45], codes[5:25, 5:45] = 26, 26000
    ids[30:34, 10:20], codes[30:34, 10:20] = 26, 26001
    save(np.zeros((40, 60, 3), np.uint8), root / f"leftImg8bit/val/aachen/{name}_leftImg8bit.png")
    save(ids.astype(np.uint8), root / f"gtFine/val/aachen/{name}_gtFine_labelIds.png")
    save(codes, root / f"gtFine/val/aachen/{name}_gtFine_instanceIds.png")
    called = np.zeros((40, 60), np.uint8)
    called[ids == 26] = 13
    called[30:34, 15:20] = 14
    save(called, tmp_path / f"seen/{name}.png")
    given = tmp_path / "seen", "cityscapes", "--root", root, "--metrics", "categories,iiou"
    tree = scored(run_cli, *given)
    found = tree["measures"]
    assert (
        found["categories"]["iou"]["vehicle"] == found["categories"]["mean"] == 1
        and found["categories"]["iou"]["sky"] is None
    )
    assert tree["iou"]["car"] == pytest.approx(820 / 840)
    assert found["iiou"]["iiou"][13] == pytest.approx(1.5 / 2) and found["iiou"]["iiou"][0] is None
    assert found["iiou"]["categories"] == {"human": None, "vehicle": 1.0}
    code, out, err = run_cli("score", *given)
    assert code == 0 and "vehicle 100.0" in out and "by Cityscapes' rules" in out, err
    maps = tmp_path / "seen", tmp_path / "seen", "--classes", "a,b"
    refused(
        run_cli, *maps, "--metrics", "categories", words="categories and iiou are for the classes of Cityscapes; 'a'"
    )
    (root / f"gtFine/val/aachen/{name}_gtFine_instanceIds.png").unlink()
    refused(run_cli, *given, words="there is no instanceIds.png beside it")


# boundaries and videos


def test_boundaries_that_masks_hold_themselves(run_cli: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    metric = BoundaryF(2, None, given=True, tolerance=0.008)
    wanted = []
    for n in range(3):
        true, called = (random.random((2, 30, 40)) < 0.03).astype(np.uint8)
        a, b = np.argwhere(called), np.argwhere(true)
        reach = math.ceil(0.008 * math.hypot(30, 40))
        near = cdist(a, b) <= reach
        precision, recall = near.any(axis=1).mean(), near.any(axis=0).mean()
        wanted.append(2 * precision * recall / (precision + recall))
        metric.update(called, true)
        save(true, tmp_path / f"truth/{n}.png"), save(called, tmp_path / f"seen/{n}.png")
    tree = scored(run_cli, tmp_path / "seen", tmp_path / "truth", "--metrics", "given_boundary_f")
    found = tree["measures"]["given_boundary_f"]
    assert found["mean"] == found["f"][1] == pytest.approx(np.mean(wanted)) == metric.compute().mean
    assert found["f"][0] is None


def test_weights_of_pixels_in_videos(run_cli: Run, tmp_path: Path) -> None:
    random, metric = np.random.default_rng(1), TrackingQuality(19, [11, 13])
    for n in range(3):
        kinds, called = random.choice([0, 11], (2, 10, 12))
        tracks, numbers = np.where(kinds == 11, 1, 0), np.where(called == 11, 1 + (n > 1), 0)
        cameras = random.integers(1, 4, (10, 12)).astype(np.uint8)
        for k, t, folder in ((called, numbers, "seen"), (kinds, tracks, "truth")):
            save(np.stack([k, t * 0, t], axis=-1).astype(np.uint8), tmp_path / folder / f"drive/{n}.png")
        save(cameras, tmp_path / f"cameras/drive/{n}.png")
        save(1 / cameras, tmp_path / f"weights/drive/{n}.npy")
        metric.update(Frame(called, numbers), Frame(kinds, tracks), "drive", 1 / cameras)
    given = tmp_path / "seen", tmp_path / "truth", "--as", "video"
    for folder in ("cameras", "weights"):
        tree = scored(run_cli, *given, "--weights", tmp_path / folder)
        assert tree["stq"] == pytest.approx(metric.compute().stq, abs=1e-12) and tree["weighted"]
    assert scored(run_cli, *given)["stq"] != tree["stq"]
    code, out, _ = run_cli("score", *given, "--weights", tmp_path / "weights")
    assert code == 0 and "wSTQ" in out
    save(np.zeros((10, 12), np.uint8), tmp_path / "cameras/drive/1.png")
    refused(run_cli, *given, "--weights", tmp_path / "cameras", words="120 pixels are seen by 0 cameras")
    (tmp_path / "cameras/drive/1.png").unlink()
    refused(run_cli, *given, "--weights", tmp_path / "cameras", words="holds 0 files of weights drive/1.npy or .png")
