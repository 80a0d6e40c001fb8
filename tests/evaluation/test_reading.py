"""The values of masks, read in one way by every verb: any way to store two classes against any other, and real masks."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from intarsia import datasets
from intarsia.errors import DataError, LabelError
from intarsia.evaluation import MaskFolder, Predictions, compare, evaluate, score_masks
from intarsia.inference import Predictor
from intarsia.labels import LabelSpace
from intarsia.structures import SemanticLogits
from intarsia.training.usual import init

Run = Callable[..., tuple[int, str, str]]


def palette(mask: np.ndarray, colors: list[int]) -> Image.Image:
    image = Image.frombytes("P", (mask.shape[1], mask.shape[0]), mask.tobytes())
    image.putpalette(colors)
    return image


STORED: dict[str, Callable[[np.ndarray, Path], object]] = {
    "0 1": lambda m, p: Image.fromarray(m).save(p.with_suffix(".png")),
    "0 255": lambda m, p: Image.fromarray(m * 255).save(p.with_suffix(".png")),
    "one bit": lambda m, p: Image.fromarray(m.astype(bool)).save(p.with_suffix(".png")),
    "16 bit": lambda m, p: Image.fromarray(m.astype(np.uint16) * 65535).save(p.with_suffix(".png")),
    "bool npy": lambda m, p: np.save(p.with_suffix(".npy"), m.astype(bool)),
    "float npy": lambda m, p: np.save(p.with_suffix(".npy"), m.astype(np.float32)),
    "RGB": lambda m, p: Image.fromarray(np.dstack([m * 255] * 3)).save(p.with_suffix(".png")),
    "RGBA": lambda m, p: Image.fromarray(np.dstack([m * 255] * 3 + [m * 0 + 255])).save(p.with_suffix(".png")),
    "palette 0 1": lambda m, p: palette(m, [0, 0, 0, 128, 0, 0]).save(p.with_suffix(".png")),
    "palette 0 255": lambda m, p: palette(m * 255, [v for v in range(256) for _ in "RGB"]).save(p.with_suffix(".png")),
    "palette 0 15": lambda m, p: palette(m * 15, [0, 0, 0] * 15 + [255, 255, 255]).save(p.with_suffix(".png")),
    "a palette each": lambda m, p: Image.fromarray(np.dstack([m * 255] * 3)).quantize(2).save(p.with_suffix(".png")),
    "GIF": lambda m, p: Image.fromarray(m * 255).save(p.with_suffix(".gif")),
    "JPEG": lambda m, p: Image.fromarray(m * 255).save(p.with_suffix(".jpg"), quality=95, subsampling=0),
    "0 1 and 0 255": lambda m, p: Image.fromarray(m * (255 if int(p.name) % 2 else 1)).save(p.with_suffix(".png")),
}


def write(masks: Sequence[np.ndarray], folder: Path, how: str = "") -> Path:
    """Label maps 0, 1, ... of a folder, stored in one of the ways, or as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, mask in enumerate(masks):
        (STORED[how] if how else STORED["0 1"])(mask.astype(np.uint8), folder / str(n))
    return folder


def disks() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(truth, predictions): disks of 0 and 1, moved a little; the last two are black, and white, all over."""
    y, x = np.mgrid[:24, :32]
    truth = [((y - 12) ** 2 + (x - 10 - 4 * n) ** 2 < 50).astype(np.uint8) for n in range(3)]
    ends = [np.zeros((24, 32), np.uint8), np.ones((24, 32), np.uint8)]
    return [*truth, *ends], [*(np.roll(m, 2, 1) for m in truth), *ends]


def overlaps(
    truth: Sequence[np.ndarray], seen: Sequence[np.ndarray], classes: int = 2, ignore: int = -1
) -> list[float]:
    """The IoU of each class, pixel by pixel."""
    t, p = (np.concatenate([m.ravel() for m in masks]) for masks in (truth, seen))
    t, p = t[t != ignore], p[t != ignore]
    return [float(((t == k) & (p == k)).sum() / ((t == k) | (p == k)).sum()) for k in range(classes)]


TRUTH, SEEN = disks()
WANTED = overlaps(TRUTH, SEEN)


def scored(run_cli: Run, *arguments: object) -> dict:
    code, out, err = run_cli("score", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.mark.parametrize("how", STORED)
def test_two_classes_are_read_however_they_are_stored(tmp_path: Path, how: str) -> None:
    truth = write(TRUTH, tmp_path / "truth", how)
    for other in ("0 1", "0 255", "GIF", how):
        seen = write(SEEN, tmp_path / other, other)
        for dataset, raw in ((MaskFolder(truth, others=[seen]), True), (MaskFolder(truth, ("bg", "fg")), True)):
            found = score_masks(Predictions(seen, dataset.labels, raw), dataset)
            assert list(found.iou.values()) == pytest.approx(WANTED, abs=1e-12), (how, other, found.source)
    back = MaskFolder(tmp_path / "0 255")
    found = score_masks(Predictions(write(TRUTH, tmp_path / "back", how), back.labels, True), back)
    assert list(found.iou.values()) == pytest.approx(overlaps(SEEN, TRUTH), abs=1e-12)


def photos(folder: Path, masks: Sequence[np.ndarray], how: str) -> Path:
    """images/ and masks/ of a folder."""
    random = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    for n, mask in enumerate(masks):
        image = random.integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{n}.png")
    write(masks, folder / "masks", how)
    return folder


def test_a_recipe_of_names_alone_reads_both_ways_to_store_two_classes(run_cli: Run, tmp_path: Path) -> None:
    """0 and 1 in some masks, 0 and 255 in the others: evaluate scores what audit passes, and no pixel is left out."""
    photos(tmp_path / "photos", TRUTH, "0 1 and 0 255")
    recipe = tmp_path / "names.yaml"
    recipe.write_text(
        f"data: {{name: folder, root: {tmp_path / 'photos'}, images: images, masks: masks, train: all, val: null}}\n"
        "labels: {classes: [background, cell]}\ntrain: {steps: 1}\n"
    )
    code, out, _ = run_cli("data", "audit", recipe)
    assert code == 0 and "1 and 255 are both 'cell', and none is ignored" in " ".join(out.split())
    tree = scored(run_cli, write(SEEN, tmp_path / "seen", "0 1"), recipe)
    assert list(tree["iou"].values()) == pytest.approx(WANTED, abs=1e-12)


@pytest.mark.parametrize("how", ["0 1", "0 255", "one bit", "JPEG", "a palette each", "0 1 and 0 255"])
def test_a_folder_of_images_and_masks_is_scored_as_a_whole(run_cli: Run, tmp_path: Path, how: str) -> None:
    folder = photos(tmp_path / "photos", TRUTH, how)
    for other, given in (
        ("0 1", ()),
        ("0 255", ()),
        ("0 1", ("--raw",)),
        ("0 255", ("--raw",)),
        ("RGB", ("--classes", "a,b")),
    ):
        tree = scored(run_cli, write(SEEN, tmp_path / other, other), folder, *given)
        assert list(tree["iou"].values()) == pytest.approx(WANTED, abs=1e-12), (how, other, given, tree["values"])
        assert tree["images"] == 5 and tree["pairs"] == "all 5 pairs"
    space = init(folder)[0]["labels"]
    assert space["classes"] == ["background", "foreground"]


def test_what_was_assumed_is_one_line(run_cli: Run, tmp_path: Path) -> None:
    folder, seen = photos(tmp_path / "photos", TRUTH, "0 255"), write(SEEN, tmp_path / "seen")
    told = "truth: 0 is background, 255 is foreground; predictions: 0 is background, 1 is foreground"
    code, out, err = run_cli("score", seen, folder)
    assert code == 0 and f"\nvalues: {told}\n" in out and "\nscored: all 5 pairs\n" in out, err
    assert scored(run_cli, seen, folder / "masks")["values"] == told
    code, out, _ = run_cli("compare", seen, write(SEEN, tmp_path / "other", "0 255"), "--labels", folder)
    assert code == 0 and "score exactly the same on 5 images" in out and "scored: all 5 pairs" in out
    assert "seen: 0 is background, 1 is foreground; other: 0 is background, 255 is foreground" in out


def test_a_split_is_scored_where_it_is_asked_for(run_cli: Run, tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", TRUTH, "0 255")
    held = datasets.open("folder", folder, "val", LabelSpace(("a", "b")), holdout=0.2)
    seen = tmp_path / "seen"
    write(SEEN, tmp_path / "every")
    seen.mkdir()
    for item in held.items:
        (seen / f"{item.name}.png").write_bytes((tmp_path / "every" / f"{item.name}.png").read_bytes())
    tree = scored(run_cli, seen, folder, "--split", "val")
    assert tree["images"] == len(held) == 1 and tree["pairs"] == "val, 1 pair: 20 % are held out, chosen by their names"
    code, _, err = run_cli("score", seen, folder)
    assert code == 2 and "4 of 5 images have no prediction" in err
    for split in ("train", "test"):
        photos(tmp_path / "parts" / split, TRUTH, "0 255")
    code, _, err = run_cli("score", tmp_path / "every", tmp_path / "parts")
    assert code == 2 and "has the splits" in err and "--split" in err and err.count("\n") == 1
    assert scored(run_cli, tmp_path / "every", tmp_path / "parts", "--split", "test")["images"] == 5


def drawn(values: Sequence[int], count: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.choice(np.array(values, np.uint8), (12, 14)) for _ in range(count)]


def test_255_beside_other_ids_is_ignored_and_among_even_grays_it_is_a_class(tmp_path: Path) -> None:
    def found(truth: list[np.ndarray], seen: list[np.ndarray]) -> dict[str, float]:
        place = tmp_path / str(len(list(tmp_path.iterdir())))
        one, other = write(truth, place / "t"), write(seen, place / "s")
        dataset = MaskFolder(one, others=[other])
        return score_masks(Predictions(other, dataset.labels, True), dataset).iou

    truth, seen = drawn([0, 1, 255]), drawn([0, 1, 1])
    wanted = overlaps(truth, seen, ignore=255)
    assert list(found(truth, seen).values()) == pytest.approx(wanted)
    assert list(found(truth, [m * 255 for m in seen]).values()) == pytest.approx(wanted)
    truth, seen = drawn([0, 1, 2, 3, 255]), drawn([0, 1, 2, 3])
    assert list(found(truth, seen).values()) == pytest.approx(overlaps(truth, seen, 4, ignore=255))
    truth = drawn([0, 128, 255])
    assert found(truth, truth) == {"0": 1.0, "128": 1.0, "255": 1.0}
    assert found(truth, [np.digitize(m, [100, 200]) for m in truth]) == {"0": 1.0, "128": 1.0, "255": 1.0}
    assert found([np.zeros((4, 4))], [np.full((4, 4), 255)]) == {"background": 0.0, "foreground": 0.0}


@pytest.mark.parametrize(
    ("truth", "seen", "given", "words"),
    [
        ([0, 255], [0, 1, 2], (), "truth holds 0 and 255 alone, which are two classes, but"),
        ([0, 255], list(range(256)), (), "probabilities? cut them into classes first"),
        ([0, 255], [0, 255], ("--classes", "cell"), "only the class 'cell' is named"),
        ([0, 255], [0, 255], ("--classes", "a,b,c"), "hold 0 and 255 alone, but 3 classes are named"),
        ([1, 255], [1], (), "nothing says whether 255 is a class"),
    ],
)
def test_what_cannot_be_decided_is_asked_for(
    run_cli: Run, tmp_path: Path, truth: list[int], seen: list[int], given: tuple, words: str
) -> None:
    one, other = write(drawn(truth), tmp_path / "truth"), write(drawn(seen), tmp_path / "seen")
    code, out, err = run_cli("score", other, one, *given)
    assert code == 2 and words in err and err.count("\n") == 1 and not out, err
    if "ignore 255" in err or "--ignore" in err:
        assert scored(run_cli, other, one, "--ignore", 255)["ignored_pixels"] > 0 or truth == seen


def test_grays_of_two_classes_are_not_held_against_more(run_cli: Run, tmp_path: Path) -> None:
    truth, seen = write(TRUTH, tmp_path / "truth", "JPEG"), write(drawn([0, 1, 2], 5), tmp_path / "seen")
    code, _, err = run_cli("score", seen, truth)
    assert code == 2 and "which are two classes, but" in err and "holds 0..2" in err and err.count("\n") == 1


def test_colors_are_classes_and_are_not_taken_for_numbers(tmp_path: Path) -> None:
    for n, mask in enumerate(TRUTH):
        (tmp_path / "t").mkdir(exist_ok=True)
        Image.fromarray(np.dstack([mask * 128, mask * 0, 255 - mask * 255])).save(tmp_path / "t" / f"{n}.png")
    dataset = MaskFolder(tmp_path / "t")
    assert score_masks(Predictions(tmp_path / "t", dataset.labels, True), dataset).miou == 1.0
    with pytest.raises(LabelError, match="nothing says which color is which number"):
        MaskFolder(tmp_path / "t", others=[write(drawn([0, 1, 2], 5), tmp_path / "s")])


# models


class Half(nn.Module):
    """The left half is the first class, the right half the second."""

    def forward(self, image: Tensor) -> SemanticLogits:
        right = (torch.arange(image.shape[3]) >= image.shape[3] // 2).float().expand(len(image), 1, *image.shape[2:])
        return SemanticLogits(torch.cat([1 - right, right], dim=1))


@pytest.mark.parametrize("how", ["0 1", "0 255", "one bit", "16 bit", "JPEG"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {0: "bg", 255: "fg"},
        {0: "bg", 1: "fg"},
        {0: "bg", 1: "fg", 255: "ignore"},
        {"0..127": "bg", "128..255": "fg"},
    ],
    ids=["none", "0 255", "0 1", "0 1 255", "grays"],
)
def test_a_model_is_evaluated_on_masks_that_are_stored_otherwise(tmp_path: Path, values: dict, how: str) -> None:
    model = Predictor.of_network(Half(), LabelSpace(("bg", "fg"), values=values), (0.0,) * 3, (1.0,) * 3)
    folder = photos(tmp_path / "photos", TRUTH, how)
    half = [np.tile(np.arange(32) >= 16, (24, 1)).astype(np.uint8) for _ in TRUTH]
    found = evaluate(model, folder)
    assert list(found.iou.values()) == pytest.approx(overlaps(TRUTH, half), abs=1e-12)
    assert found.source["pairs"] == "all 5 pairs" and found.images == 5


def test_compare_takes_what_score_takes(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", TRUTH, "0 255")
    one, other = write(SEEN, tmp_path / "one"), write(TRUTH, tmp_path / "other", "0 255")
    for labels in (folder, folder / "masks"):
        verdict = compare(one, other, labels, resamples=20)
        assert verdict.miou == pytest.approx((sum(WANTED) / 2, 1.0))
    with pytest.raises(DataError, match="no folder, data set or recipe"):
        compare(one, other, tmp_path / "gone")


# real masks


@pytest.mark.parametrize(
    ("place", "pattern", "step"),
    [
        ("kvasir5/masks", "*.jpg", 2),
        ("drive/training/1st_manual", "*.gif", 6),
        ("davis2016_3seq/Annotations", "*/*/*.png", 13),
        ("dsb2018_110/stage1_train", "*/masks/*.png", 400),
    ],
    ids=["kvasir", "drive", "davis", "dsb"],
)
def test_real_masks_against_themselves_and_eroded(
    run_cli: Run, shared_data: Path, tmp_path: Path, place: str, pattern: str, step: int
) -> None:
    from scipy import ndimage

    truth, seen, pixels = tmp_path / "truth", tmp_path / "seen", ([], [])
    truth.mkdir(), seen.mkdir()
    for n, path in enumerate(sorted((shared_data / place).glob(pattern))[::step]):
        (truth / f"{n}{path.suffix}").write_bytes(path.read_bytes())
        with Image.open(path) as image:
            mask = np.asarray(image.convert("L")) >= 128
        small = ndimage.binary_erosion(mask, iterations=2)
        Image.fromarray(small).save(seen / f"{n}.png")
        pixels[0].append(mask.astype(int)), pixels[1].append(small.astype(int))
    assert list(scored(run_cli, truth, truth)["iou"].values()) == [1.0, 1.0]
    assert list(scored(run_cli, seen, truth)["iou"].values()) == pytest.approx(overlaps(*pixels), abs=1e-12)
