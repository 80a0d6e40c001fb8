"""Two models on the same images: worked verdicts, symmetry, honest p-values, and predictions of any tool."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.errors import DataError, LabelError
from intarsia.evaluation import MaskFolder, compare, judge
from intarsia.evaluation.comparison import _called, telling
from intarsia.evaluation.verdict import holm, sentence, told_apart
from intarsia.metrics import ImageCounts
from intarsia.metrics.significance import Interval

CLASSES = ("ground", "disk", "bar")


def counts(
    random: np.random.Generator, quality: float, images: int = 40, truth: np.ndarray | None = None
) -> ImageCounts:
    """Images of three classes; of each class a share of about `quality` is right, the rest is called the next class."""
    if truth is None:
        truth = random.integers(200, 2000, (images, 3))
    share = (quality + random.normal(0, 0.05, truth.shape)).clip(0, 1)
    hit = (truth * share).astype(int)
    predicted = hit + np.roll(truth - hit, 1, axis=1)
    return ImageCounts.of(hit, truth, predicted, classes=CLASSES)


def two(quality_a: float, quality_b: float, images: int = 40, seed: int = 0) -> tuple[ImageCounts, ImageCounts]:
    random = np.random.default_rng(seed)
    a = counts(random, quality_a, images)
    return a, counts(random, quality_b, images, a.truth)


def test_a_clear_difference_is_told_with_its_interval() -> None:
    verdict = judge(*two(0.7, 0.8), resamples=500, names=("old", "new"))
    assert verdict.better == "new"
    assert verdict.sentence.startswith("new is better by ")
    low, high = verdict.mean.value.low, verdict.mean.value.high
    assert f"[{100 * low:.1f}, {100 * high:.1f}]" in verdict.sentence
    assert low < verdict.miou[1] - verdict.miou[0] < high
    assert all(change.real for change in verdict.classes.values())


def test_swapping_the_two_flips_the_sign_and_nothing_else() -> None:
    a, b = two(0.7, 0.72)
    there, back = judge(a, b, resamples=500), judge(b, a, resamples=500)
    assert there.mean.value.value == pytest.approx(-back.mean.value.value)
    assert there.mean.value.low == pytest.approx(-back.mean.value.high)
    assert there.mean.p == back.mean.p and there.mean.real == back.mean.real
    assert {k: c.real for k, c in there.classes.items()} == {k: c.real for k, c in back.classes.items()}


def test_identical_runs_are_never_better() -> None:
    a, _ = two(0.7, 0.8)
    verdict = judge(a, a, resamples=200)
    assert verdict.better is None and verdict.mean.p == 1
    assert verdict.sentence == "A and B score exactly the same on 40 images"
    assert not any(change.real for change in verdict.classes.values())


def test_the_order_of_the_images_does_not_matter() -> None:
    a, b = two(0.7, 0.75)
    shuffled = b.take(np.random.default_rng(1).permutation(len(b)))
    one, other = judge(a, b, resamples=200), judge(a, shuffled, resamples=200)
    assert one.mean == other.mean and one.images == other.images


def test_p_values_are_uniform_where_there_is_no_difference() -> None:
    values = [judge(*two(0.7, 0.7, images=20, seed=seed), resamples=199).mean.p for seed in range(200)]
    share = np.sort(values)
    distance = np.abs(share - (np.arange(200) + 0.5) / 200).max()  # Kolmogorov and Smirnov
    assert distance < 1.63 / math.sqrt(200)  # the 1 % point
    assert np.mean(np.asarray(values) < 0.05) < 0.1


def test_so_many_images_as_are_said_to_be_needed_do_tell() -> None:
    verdict = judge(*two(0.700, 0.703, images=25, seed=3), resamples=500)
    assert not verdict.mean.real and verdict.mean.needed is not None and verdict.mean.needed > 25
    assert f"about {verdict.mean.needed:,} would be needed".replace(",", "\u202f") in verdict.sentence
    assert told_apart(Interval(0.1, 0.01, 0.2), 0.3, 20, 0.95, 25).needed > 25  # the permutation test alone misses it


def test_sentences() -> None:
    change = told_apart(Interval(-0.018, -0.031, -0.006), 0.004, 50, 0.95, 101)
    assert sentence("A", "B", change, 101) == "A is better by 1.8 points [0.6, 3.1]"
    change = told_apart(Interval(0.01, -0.01, 0.03), 0.3, 400, 0.95, 101)
    assert (
        sentence("A", "B", change, 101) == "no difference can be told apart with 101 images; about 400 would be needed"
    )


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, math.nan]) == pytest.approx([0.03, 0.06, 0.06, math.nan], nan_ok=True)
    assert holm([0.5, 0.9]) == [1.0, 1.0]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Label maps of eight images: the truth, a tool that is mostly right, and one that is right less often."""
    random = np.random.default_rng(0)
    for n in range(8):
        truth = np.kron(random.integers(0, 3, (4, 5)), np.ones((6, 6))).astype(np.uint8)
        for name, share in (("truth", 0.0), ("good", 0.1), ("poor", 0.4)):
            (tmp_path / name).mkdir(exist_ok=True)
            seen = np.where(random.random(truth.shape) < share, random.integers(0, 3, truth.shape), truth)
            if name == "truth":
                seen[0] = 255
            Image.fromarray(seen.astype(np.uint8)).save(tmp_path / name / f"scene_{n}.png")
    return tmp_path / "truth", tmp_path / "good", tmp_path / "poor"


def test_folders_of_predictions_and_their_page(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    truth, good, poor = folders
    verdict = compare(good, poor, truth, classes=CLASSES, resamples=200, out=tmp_path / "out")
    assert verdict.better == "good" and tuple(verdict.classes) == CLASSES
    stored = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert stored["better"] == "good" and stored["images"] == 8
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "good is better by" in page and page.count("<img") == 36  # six images, six views
    assert "http" not in page and "<script" not in page
    numbered = compare(good, poor, truth, resamples=200)
    assert tuple(numbered.classes) == ("0", "1", "2") and numbered.mean == verdict.mean


def test_counting_masks_equals_counting_pixels(folders: tuple[Path, Path, Path]) -> None:
    truth, good, poor = folders
    verdict = compare(good, poor, truth, resamples=10)
    hit, union = np.zeros(3), np.zeros(3)
    for path in sorted(truth.iterdir()):
        t, p = np.asarray(Image.open(path)), np.asarray(Image.open(good / path.name))
        for k in range(3):
            hit[k] += ((t == k) & (p == k)).sum()
            union[k] += (((t == k) | (p == k)) & (t != 255)).sum()
    assert verdict.miou[0] == pytest.approx((hit / union).mean())


def test_raw_values_are_read_as_the_label_space_says(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    from intarsia.labels import LabelSpace

    truth, good, poor = folders
    dataset = MaskFolder(truth, CLASSES)
    dataset.labels = LabelSpace(CLASSES, values={7: "ground", 8: "disk", 9: "bar", 255: "ignore"})
    raised = {}
    for folder in folders:
        raised[folder.name] = tmp_path / f"raised-{folder.name}"
        raised[folder.name].mkdir()
        for path in folder.iterdir():
            values = np.asarray(Image.open(path)).astype(int)
            Image.fromarray(np.where(values < 255, values + 7, 255).astype(np.uint8)).save(
                raised[folder.name] / path.name
            )
    dataset.files = {path.stem: path for path in sorted(raised["truth"].iterdir())}
    plain = compare(good, poor, truth, resamples=50)
    raw = compare(raised["good"], raised["poor"], dataset, raw=True, resamples=50)
    assert raw.mean == plain.mean
    numbered = compare(good, poor, dataset, resamples=50)
    assert numbered.mean == plain.mean


def test_what_does_not_fit_is_said_in_a_sentence(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    truth, good, poor = folders
    with pytest.raises(DataError, match="say with --labels what is true"):
        compare(good, poor)
    with pytest.raises(DataError, match="there is no run, checkpoint or folder"):
        compare(good, tmp_path / "nothing", truth)
    first = good / "scene_0.png"
    image = Image.open(first)
    image.resize((10, 10)).save(first)
    with pytest.raises(DataError, match=r"scene_0.png: the prediction is 10x10 pixels, but the labels .* are 30x24"):
        compare(good, poor, truth)
    Image.fromarray(np.full((24, 30), 9, np.uint8)).save(first)
    with pytest.raises(LabelError, match=r"scene_0.png: the mask holds 9 \(720 px\).*predictions hold class numbers"):
        compare(good, poor, truth)
    Image.fromarray(np.full((24, 30), 255, np.uint8)).save(first)
    with pytest.raises(LabelError, match="690 pixels are predicted as 255"):
        compare(good, poor, truth)
    first.unlink()
    with pytest.raises(DataError, match="1 of 8 images have no prediction, such as 'scene_0'"):
        compare(good, poor, truth)


def test_runs_are_compared_on_what_they_were_trained_on(
    run_cli, folders: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    import intarsia

    changes = (
        "train.steps=1 train.batch_size=2 train.workers=0 train.cache=false data.count=4 data.size=32 model.channels=8"
    )
    runs = [tmp_path / f"run{n}" for n in range(2)]
    for seed, run in enumerate(runs):
        intarsia.train("shapes", *changes.split(), f"seed={seed}", out=run, quiet=True)
    code, out, err = run_cli("compare", *runs, "--out", tmp_path / "page")
    assert code == 0, err
    assert "run0" in out and (tmp_path / "page" / "compare.html").is_file()
    intarsia.evaluate(runs[0], out=tmp_path / "counted")
    one, other = compare(runs[0], runs[1], resamples=100), compare(tmp_path / "counted", runs[1], resamples=100)
    assert one.mean == other.mean
    code, out, err = run_cli("compare", *runs, "--labels", folders[0])
    assert code == 2 and "needs images to predict" in err


def test_on_the_command_line(run_cli, folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    truth, good, poor = folders
    code, out, err = run_cli("compare", good, poor, "--labels", truth, "--out", tmp_path / "page")
    assert code == 0, err
    assert "good is better by" in out and "changed most: scene_" in out
    code, out, err = run_cli("compare", good, good, "--labels", truth, "--json")
    assert code == 0 and json.loads(out)["better"] is None


def test_names_are_short_and_whole() -> None:
    assert _called(Path("runs/lr_0.1"), Path("runs/lr_0.2")) == ("lr_0.1", "lr_0.2")
    assert _called(Path("a/best.safetensors"), Path("a/last.safetensors")) == ("best", "last")
    assert _called(Path("a/last.safetensors"), Path("b/last.safetensors")) == ("a/last", "b/last")
    assert _called(Path("a"), Path("a")) == ("A", "B")


def test_each_of_the_two_is_shown_where_it_gains() -> None:
    """Frames of a video change alike; the largest changes would all be in favor of one."""
    images = [(f"{n}", 0.5, 0.5 - 0.01 * (20 - n)) for n in range(9)] + [("x", 0.5, 0.55), ("y", 0.5, 0.51)]
    assert telling(images) == [0, 1, 2, 3, 9, 10]
    assert telling(images[:9]) == [0, 1, 2, 3, 4, 5] and telling(images[9:]) == [0, 1]
    assert telling([("same", 0.5, 0.5), ("none", math.nan, math.nan)]) == []


def test_the_iou_of_each_class_stands_beside_its_difference() -> None:
    a, b = two(0.7, 0.8)
    verdict = judge(a, b, resamples=100)
    assert verdict.to_dict()["iou"].keys() == set(CLASSES)
    for name, (one, other) in verdict.iou.items():
        assert other - one == pytest.approx(verdict.classes[name].value.value)
    assert np.mean([one for one, _ in verdict.iou.values()]) == pytest.approx(verdict.miou[0])
