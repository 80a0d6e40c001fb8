"""Methods that learn nothing: each equals the library's own call, and goes wherever a model does."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2gray

import intarsia
from intarsia.classical import METHODS, OPTIONS, PREFIX, Unlearned, counts, defaults, parsed
from intarsia.classical.picture import gray, oriented
from intarsia.cli import main
from intarsia.errors import CheckpointError, IntarsiaError, MissingExtra, ModelError, TrainingError

Y, X = np.mgrid[:64, :80]
DISKS = ((Y - 20) ** 2 + (X - 22) ** 2 < 144) | ((Y - 40) ** 2 + (X - 56) ** 2 < 196)


def drawn(seed: int = 0) -> np.ndarray:
    """Two reddish disks on a darker, uneven ground, with noise; [H, W, 3] uint8."""
    noise = np.random.default_rng(seed).normal(0, 8, (64, 80, 3))
    ground = np.stack([60 + X / 8, 70 + X / 8, 90 + X / 8], -1)
    inside = np.stack([200 - X / 8, 150 - X / 8, 120 + 0 * X], -1)
    return np.clip(np.where(DISKS[..., None], inside, ground) + noise, 0, 255).astype(np.uint8)


def by_the_library(  # noqa: C901  one case a method
    name: str, image: np.ndarray
) -> np.ndarray:
    """The foreground as scikit-image or OpenCV finds it, called as their manuals call them; bright is foreground."""
    import cv2
    from scipy import ndimage
    from skimage import draw, feature, filters, morphology, segmentation

    light = rgb2gray(image)

    def close(mask: np.ndarray) -> np.ndarray:
        closed = ndimage.binary_closing(np.pad(mask, 3), morphology.disk(3))[3:-3, 3:-3]
        return ndimage.binary_fill_holes(closed)

    def brighter(regions: np.ndarray) -> np.ndarray:
        means = ndimage.mean(light, regions, np.arange(regions.max() + 1))[regions]
        return means > filters.threshold_otsu(means)

    match name:
        case "threshold":
            return light > 0.5
        case "otsu":
            return light > filters.threshold_otsu(light)
        case "multi_otsu":
            return np.digitize(light, filters.threshold_multiotsu(light, 3), right=True) == 2
        case "li":
            return light > filters.threshold_li(light)
        case "adaptive":
            return light > filters.threshold_local(light, 51)
        case "sobel":
            edges = filters.sobel(filters.gaussian(light, 1))
            return close(edges > filters.threshold_otsu(edges))
        case "canny":
            return close(feature.canny(light, sigma=2))
        case "watershed":
            low, high = filters.threshold_multiotsu(light, 3)
            markers = np.where(light > high, 2, np.where(light <= low, 1, 0))
            return segmentation.watershed(filters.sobel(filters.gaussian(light, 1)), markers) == 2
        case "region_growing":
            inside = (light > filters.threshold_otsu(light)).astype(int)
            seeds = feature.peak_local_max(filters.gaussian(light, 2), min_distance=10, labels=inside, num_peaks=200, exclude_border=False)  # fmt: skip
            smooth, grown = filters.gaussian(light, 1), np.zeros(light.shape, bool)
            for seed in map(tuple, seeds):
                grown |= segmentation.flood(smooth, seed, tolerance=0.1) & (not grown[seed])
            return grown
        case "slic":
            return brighter(segmentation.slic(image, 200, 10, sigma=1, start_label=0))
        case "felzenszwalb":
            return brighter(segmentation.felzenszwalb(image, scale=100, sigma=0.8, min_size=50))
        case "mean_shift":
            flat = rgb2gray(cv2.pyrMeanShiftFiltering(image, 10, 20))
            return flat > filters.threshold_otsu(flat)
        case "grabcut":
            cv2.setRNGSeed(0)
            mask = np.zeros(light.shape, np.uint8)
            cv2.grabCut(image, mask, (4, 3, 72, 58), np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_RECT)
            return (mask == 1) | (mask == 3)
        case "snake":
            turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
            start = np.stack([31.5 + 0.45 * 64 * np.sin(turn), 39.5 + 0.45 * 80 * np.cos(turn)], 1)
            curve = segmentation.active_contour(filters.gaussian(light, 3), start, alpha=0.015, beta=10, gamma=0.001)
            return draw.polygon2mask(light.shape, curve)
        case "chan_vese":
            found = segmentation.morphological_chan_vese(light, 50, init_level_set="checkerboard").astype(bool)
            return found if light[found].mean() > light[~found].mean() else ~found
    raise AssertionError(f"{name} has no call of a library to compare with")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_equals_the_librarys_own_call(name: str) -> None:
    image = drawn()
    bright = ":polarity=bright" if counts(METHODS[name].run, "polarity") else ""
    found = intarsia.Predictor.load(f"classical:{name}{bright}")(image).labels
    np.testing.assert_array_equal(found, by_the_library(name, image))
    inside = found.astype(bool)
    assert inside.any() and not inside.all()
    if name not in ("threshold", "adaptive", "snake"):  # whose light is fixed, whose disks are too large, one object
        assert (inside & DISKS).sum() / (inside | DISKS).sum() > 0.5, "it finds the disks"


def test_the_nuclei_of_a_real_picture(shared_data: Path) -> None:
    from skimage import filters

    file = next((shared_data / "dsb2018_110" / "stage1_train").glob("*/images/*.png"))
    light = rgb2gray(np.asarray(Image.open(file).convert("RGB")))
    found = intarsia.Predictor.load("classical:otsu:polarity=bright")(file)
    np.testing.assert_array_equal(found.labels, light > filters.threshold_otsu(light))


def test_every_parameter_has_a_row_and_a_default_that_it_takes() -> None:
    used = {key for method in METHODS.values() for key in defaults(method.run)}
    assert used == set(OPTIONS)
    for name, method in METHODS.items():
        given = {key: str(value) for key, value in defaults(method.run).items()}
        assert parsed(":".join([PREFIX + name, *(f"{key}={text}" for key, text in given.items())])).options == defaults(
            method.run
        )


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 3)])
def test_flat_and_tiny_pictures_are_background_or_foreground_but_no_error(name: str, size: tuple[int, int]) -> None:
    flat = torch.full((1, 3, *size), 77, dtype=torch.uint8)
    logits = Unlearned(name, {})(flat).logits
    assert logits.shape == (1, 2, *size) and logits.isfinite().all()


def test_pictures_of_sixteen_bits_and_of_one_channel() -> None:
    light = drawn()[..., 0]
    deep = torch.from_numpy(light.astype(np.int32) * 257)[None, None]
    shallow = torch.from_numpy(light)[None, None]
    one = Unlearned("otsu", {})(deep).logits
    assert torch.equal(one, Unlearned("otsu", {})(shallow).logits)
    for name in ("slic", "grabcut", "mean_shift", "watershed"):
        assert Unlearned(name, {})(deep).logits.shape == (1, 2, 64, 80), name


def test_values_that_lie_close_together_are_one_gray_level() -> None:
    near = np.where(X < 10, 0, np.where(X < 40, 1, 65535)).astype(np.int32)  # three values in two of 256 bins
    for name in ("multi_otsu:polarity=bright", "watershed:polarity=bright"):
        method = parsed(f"classical:{name}")
        found = Unlearned(method.method, method.options)(torch.from_numpy(near)[None, None]).logits[0].argmax(0)
        np.testing.assert_array_equal(found.numpy(), X >= 40)


def test_superpixels_see_more_than_the_upper_byte_of_sixteen_bits() -> None:
    deep = torch.from_numpy(np.where(DISKS, 230, 40).astype(np.int32))[None, None]  # all of it below 256
    for name in ("slic", "felzenszwalb"):
        options = {"scale": 0.01, "smallest": 20} if name == "felzenszwalb" else {}
        found = Unlearned(name, options)(deep).logits[0].argmax(0).numpy().astype(bool)
        assert (found & DISKS).sum() / (found | DISKS).sum() > 0.8, name


def test_the_foreground_is_the_side_with_less_of_the_border() -> None:
    light = gray(drawn())
    dark = 1 - light
    assert (oriented(light > 0.5, light, "auto") == (light > 0.5)).all()
    assert (oriented(dark > 0.5, dark, "auto") == (dark <= 0.5)).all(), "dark objects on a bright ground"
    assert (oriented(light > 0.5, light, "dark") == (light <= 0.5)).all()
    half = np.zeros((4, 4), bool)
    half[:, 2:] = True
    assert (oriented(half, half * 1.0, "auto") == half).all(), "as much border on both sides: the brighter one"
    assert (oriented(~half, half * 1.0, "auto") == half).all()


def test_seeds_that_a_person_sets() -> None:
    image = drawn()
    place = f"{20 / 64:.4f}/{22 / 80:.4f}"
    one = intarsia.Predictor.load(f"classical:region_growing:seeds={place}:tolerance=0.15")(image).labels
    assert one[20, 22] == 1 and one[40, 56] == 0 and one[0, 0] == 0, "the disk with the seed, and no other"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("classical:otsuu", "did you mean 'otsu'?"),
        ("classical:slic:segment=3", "has no parameter 'segment'; did you mean 'segments'?"),
        ("classical:slic:segments=1", "segments is 1; it takes a whole number from 2 to 100000"),
        ("classical:slic:segments=2.5", "whole number"),
        ("classical:slic:segments=nan", "whole number"),
        ("classical:threshold:level=bright", "level is 'bright'; it takes a number from 0 to 1 (brightness"),
        ("classical:otsu:polarity=darc", "did you mean 'dark'?"),
        ("classical:otsu:polarity", "write KEY=VALUE"),
        ("classical:otsu:polarity=dark:polarity=dark", "polarity is given twice"),
        ("classical:region_growing:seeds=3/4", "or such as 0.5/0.25+0.8/0.1"),
        ("classical:otsu:foreground=background", "another name"),
        ("classical:canny:polarity=dark", "has no parameter 'polarity'"),
        ("classical:grabcut:polarity=dark", "polarity is dark, which counts only with start=otsu"),
        ("classical:grabcut:start=otsu:margin=0.2", "margin is 0.2, which counts only with start=rectangle"),
        ("classical:region_growing:seeds=0.5/0.5:distance=3", "distance is 3, which counts only with seeds=auto"),
    ],
)
def test_what_is_no_method_or_parameter_is_said_in_one_sentence(name: str, words: str) -> None:
    with pytest.raises(ModelError, match=".") as caught:
        intarsia.Predictor.load(name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_goes_by_whole_pictures_refuses_windows() -> None:
    with pytest.raises(ModelError, match="whole picture"):
        intarsia.Predictor.load("classical:otsu", settings={"window": 64})


def test_a_parameter_counts_where_the_others_let_it() -> None:
    asked = [name for name in METHODS if counts(METHODS[name].run, "polarity")]
    assert "otsu" in asked and "region_growing" in asked and "grabcut" not in asked and "canny" not in asked


def test_a_missing_extra_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.color", None)
    with pytest.raises(MissingExtra, match=r'pip install "intarsia\[classic\]"'):
        Unlearned("otsu", {})(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))


def folder(root: Path, swapped: bool = False) -> Path:
    """Three pictures of the disks, and their masks."""
    for n in range(3):
        for kind, pixels in (("images", drawn(n)), ("masks", np.where(DISKS, 255, 0).astype(np.uint8))):
            (root / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / kind / f"{n}.png")
    return root


def test_a_method_goes_wherever_a_model_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = folder(tmp_path / "data")
    assert main(["predict", "classical:otsu", str(data / "images" / "0.png"), "--out", str(tmp_path / "masks")]) == 0
    found = np.asarray(Image.open(tmp_path / "masks" / "0.png"))
    assert (found == DISKS).mean() > 0.9
    capsys.readouterr()
    out = tmp_path / "scored"
    assert main(["evaluate", "classical:slic:segments=80", str(data), "--out", str(out)]) == 0
    assert "the foreground is the class 'foreground'" in capsys.readouterr().out
    assert json.loads((out / "scores.json").read_text(encoding="utf-8"))["miou"] > 0.8
    assert "classical:slic" in (out / "report.html").read_text(encoding="utf-8")
    assert main(["compare", "classical:otsu", "classical:snake", "--labels", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["score"][0] > 0.8


def test_which_class_is_the_foreground_is_said_and_never_looked_up() -> None:
    from intarsia.labels import LabelSpace

    class Made:
        labels = LabelSpace(("disk", "ground"))

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, str]:
            if index > 1:
                raise IndexError
            image = torch.from_numpy(drawn(index)).permute(2, 0, 1)
            return image, torch.from_numpy(np.where(DISKS, 0, 1).astype(np.uint8)), str(index)

    right = intarsia.evaluate("classical:otsu:foreground=disk", Made())
    wrong = intarsia.evaluate("classical:otsu", Made())
    assert right.scores.miou > 0.8 and right.space.names == ("disk", "ground")
    assert wrong.scores.miou < 0.2, "the second class is the foreground unless the user names another"
    assert "class 'ground'" in wrong.source["values"]
    with pytest.raises(ModelError, match="the classes of the data set are 'disk' and 'ground'"):
        intarsia.evaluate("classical:otsu:foreground=disc", Made())
    Made.labels = LabelSpace(("a", "b", "c"))
    with pytest.raises(ModelError, match="has 3 classes"):
        intarsia.evaluate("classical:otsu", Made())


def test_verbs_for_networks_say_that_it_is_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no network"):
        intarsia.checkpoint.resolve("classical:otsu").build()
    tree = {"model": "unet", "data": {"name": "shapes", "count": 4}, "train": {"steps": 1}}
    with pytest.raises(TrainingError, match="no weights that a network could start from"):
        intarsia.train(tree, out=tmp_path / "run", start="classical:otsu")
    stored = intarsia.checkpoint.save(
        tmp_path / "a.safetensors", intarsia.checkpoint.resolve("classical:slic:segments=60")
    )
    kept = intarsia.Predictor.load(stored)(drawn()).labels
    np.testing.assert_array_equal(kept, intarsia.Predictor.load("classical:slic:segments=60")(drawn()).labels)
    with pytest.raises(ModelError, match="needs a network in PyTorch"):
        intarsia.Predictor.load("classical:otsu").pytorch
    with pytest.raises(IntarsiaError, match="does not say what it was trained on"):
        intarsia.evaluate("classical:otsu")


def test_the_list_of_methods(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--classical", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == [f"classical:{name}" for name in METHODS]
    assert [entry["year"] for entry in listed] == sorted(entry["year"] for entry in listed), "oldest first"
    assert main(["models", "--classical", "slicc"]) == 2
    assert "did you mean 'classical:slic'?" in capsys.readouterr().err
    assert main(["models", "classical:slic", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "classical:slic"
    assert main(["models", "random_forest"]) == 2
    assert "recipe explain model.random_forest" in capsys.readouterr().err
