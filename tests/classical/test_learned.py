"""Classifiers of pixels: their arrays answer as scikit-learn does, go through a checkpoint, and learn more than a threshold."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import intarsia
from intarsia.checkpoint import Checkpoint, load, save
from intarsia.classical import FEATURES, LEARNED, Classifier, fitted
from intarsia.classical.features import of_pixels, of_superpixels
from intarsia.classical.samples import majority
from intarsia.cli import main
from intarsia.errors import CheckpointError, MissingExtra, ModelError, RecipeError, TrainingError
from intarsia.labels import LabelSpace
from intarsia.structures import Sample

SPACE = LabelSpace(("ground", "disk", "bar"))
Y, X = np.mgrid[:40, :48]


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A striped disk and a plain bar of one mean brightness, both that of the ground: color and texture tell them apart."""
    noise = np.random.default_rng(seed)
    middle = noise.integers(12, 28)
    disk = (Y - middle) ** 2 + (X - 14) ** 2 < 81
    bar = (X > 32) & (X < 42)
    labels = np.where(disk, 1, np.where(bar, 2, 0)).astype(np.uint8)
    image = np.full((40, 48, 3), 120.0)
    image[disk] += (((Y + X) // 2 % 2) * 120 - 60)[disk][:, None]
    image[bar] += (50, -15, -10)
    return np.clip(image + noise.normal(0, 6, image.shape), 0, 255).astype(np.uint8), labels


def samples(count: int = 3) -> list[Sample]:
    """Pictures with labels, of which some are ignored."""
    made = []
    for n in range(count):
        image, labels = drawn(n)
        labels[:2] = 255
        made.append(Sample(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(labels), str(n)))
    return made


SMALL = {"random_forest": {"trees": 5, "samples": 1500}, "linear_svm": {"samples": 1500}}


@pytest.mark.parametrize("per", ["pixel", "superpixel"])
@pytest.mark.parametrize("name", LEARNED)
def test_arrays_answer_as_scikit_learn_does_before_and_after_a_file(name: str, per: str, tmp_path: Path) -> None:
    settings = {**SMALL[name], "per": per, "segments": 60}
    method = LEARNED[name](**settings)
    stored, learner = fitted(method, samples(), 3, SPACE, 0)
    image, labels = drawn(7)
    rows, regions = method.sampling.rows(image)
    wanted = learner.predict(rows)
    wanted = wanted.reshape(labels.shape) if regions is None else wanted[regions]

    file = save(tmp_path / "a.safetensors", Checkpoint(name, settings, SPACE, 3, (0,) * 3, (1,) * 3, stored))
    for weights in (stored, load(file).weights):
        scores = Classifier(name, settings, weights, SPACE)(torch.from_numpy(image).permute(2, 0, 1)[None]).logits
        assert scores.shape == (1, 3, 40, 48)
        np.testing.assert_array_equal(scores[0].argmax(0).numpy(), wanted)
    np.testing.assert_array_equal(intarsia.Predictor.load(file)(image).labels, wanted)
    if name == "random_forest":
        arrays = {key: part.numpy() for key, part in stored.items()}
        np.testing.assert_allclose(method.probabilities(arrays, rows), learner.predict_proba(rows), atol=1e-12)
    assert (wanted == labels).mean() > 0.8


@pytest.mark.parametrize("name", LEARNED)
def test_one_sigmoid_map_and_a_class_that_no_picture_has(name: str) -> None:
    method = LEARNED[name](**SMALL[name])
    two = [one._replace(labels=torch.where(one.labels == 2, 0, one.labels)) for one in samples(2)]
    image = two[0].image[None]
    sigmoid = LabelSpace(("ground", "disk"), activation="sigmoid")
    stored, _ = fitted(method, two, 2, sigmoid, 0)
    one = Classifier(name, SMALL[name], stored, sigmoid)(image).logits
    both = Classifier(name, SMALL[name], stored, LabelSpace(("ground", "disk")))(image).logits
    assert one.shape[1] == 1 and torch.equal(one[:, 0] > 0, both.argmax(1) == 1)
    stored, learner = fitted(method, two, 2, SPACE, 0)
    three = Classifier(name, SMALL[name], stored, SPACE)(image).logits
    wanted = learner.predict(method.sampling.rows(image[0].permute(1, 2, 0).numpy())[0])
    np.testing.assert_array_equal(three.argmax(1).ravel().numpy(), wanted)


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("size", [(40, 48), (5, 3), (1, 1), (1, 7)])
def test_features_have_a_row_for_each_pixel_of_any_size(name: str, size: tuple[int, int]) -> None:
    image = drawn(0)[0][: size[0], : size[1]]
    found = of_pixels(image, name)
    assert found.shape[:2] == size and found.dtype == np.float32 and np.isfinite(found).all()
    assert of_pixels(image[..., :1], name).shape[:2] == size
    two = of_pixels(image, f"{name}+color" if name != "color" else "color+lbp")
    assert two.shape[2] > found.shape[2]


def test_features_are_those_of_the_libraries() -> None:
    import cv2
    from skimage import feature
    from skimage.color import rgb2gray

    image = drawn(0)[0]
    light = rgb2gray(image)
    np.testing.assert_array_equal(
        of_pixels(image, "filters"), feature.multiscale_basic_features(light, sigma_min=1).astype(np.float32)
    )
    cells = feature.hog(light, 9, (8, 8), (1, 1), feature_vector=False)[:, :, 0, 0]
    hog = of_pixels(image, "hog")
    np.testing.assert_allclose(hog[:8, :8].mean((0, 1)), cells[0, 0], atol=0.2)  # it is interpolated between cells
    np.testing.assert_allclose(hog[11:13, 19:21].mean((0, 1)), cells[1, 2], atol=0.03)  # a cell's middle
    points = [cv2.KeyPoint(20.0, 12.0, 8.0, 0.0)]
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    sift = cv2.SIFT_create().compute(gray, points)[1][0] / 255
    np.testing.assert_allclose(of_pixels(image, "sift")[11:13, 19:21].mean((0, 1)), sift, atol=0.08)


def test_superpixels_have_means_and_deviations_and_the_class_of_most_pixels() -> None:
    image, labels = drawn(0)
    values, regions = of_superpixels(image, "color", 40)
    pixels = of_pixels(image, "color")
    one = regions == 3
    np.testing.assert_allclose(values[3, :6], pixels[one].mean(0), atol=1e-5)
    np.testing.assert_allclose(values[3, 6:], pixels[one].std(0), atol=1e-4)
    table = np.array([[0, 0, 1], [1, 2, 2]])
    assert majority(table, np.array([[5, 5, 1], [2, 255, 255]]), 255).tolist() == [5, 1, 255]
    assert len(majority(regions, labels, 255)) == len(values)


def folder(root: Path) -> Path:
    """Six pictures of a striped disk, and masks of 0 and 255."""
    for n in range(6):
        image, labels = drawn(n)
        for kind, pixels in (("images", image), ("masks", np.where(labels == 1, 255, 0).astype(np.uint8))):
            (root / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / kind / f"{n}.png")
    return root


def test_a_forest_is_trained_used_and_scored_as_a_network_is_and_beats_otsu(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, run = folder(tmp_path / "data"), tmp_path / "run"
    given = ["train", str(data), "--method", "random_forest", "model.trees=5", "model.samples=2000"]
    assert main([*given, "--out", str(run), "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)["val"]
    assert {path.name for path in run.iterdir()} == {
        "audit.json", "best.safetensors", "last.safetensors", "log.jsonl", "recipe.yaml",
    }  # fmt: skip
    assert main(["evaluate", str(run), "--json", "--out", str(tmp_path / "report")]) == 0
    forest = json.loads(capsys.readouterr().out)["miou"]
    assert forest == pytest.approx(trained["miou"]) and "random_forest" in (tmp_path / "report/report.html").read_text()
    assert main(["evaluate", "classical:otsu", str(data), "--json"]) == 0
    assert forest > json.loads(capsys.readouterr().out)["miou"] + 0.2
    assert main(["compare", str(run), "classical:otsu", "--labels", str(data), "--json"]) == 0
    capsys.readouterr()
    assert main(["runs", "list", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "finished"
    assert main([*given, "--out", str(run)]) == 2 and "holds a run already" in capsys.readouterr().err
    assert main([*given, "--out", str(tmp_path / "b"), "--budget", "15m"]) == 2
    assert "takes no --budget" in capsys.readouterr().err


def test_a_recipe_names_a_forest_without_a_budget_and_its_options_are_explained(tmp_path: Path) -> None:
    from intarsia import config
    from intarsia.training.recipe import catalogues
    from intarsia.training.recipe import load as recipe

    tree = {"model": {"name": "random_forest", "trees": 3}, "data": {"name": "shapes"}}
    assert recipe(tree).train.epochs == 1
    assert "how many" in config.explain("model.random_forest.trees", catalogues())["meaning"]
    with pytest.raises(RecipeError, match="did you mean 'trees'"):
        recipe({**tree, "model": {"name": "random_forest", "tree": 3}})
    with pytest.raises(RecipeError, match="did you mean 'random_forest'"):
        recipe({**tree, "model": "random_forst"})
    for wrong in ({**tree, "train": 5}, {**tree, "model": {"name": ["unet"]}}, {**tree, "model": ["unet"]}):
        with pytest.raises(RecipeError):
            recipe(wrong)
    with pytest.raises(TrainingError, match="takes no loss="):
        intarsia.train(tree, out=tmp_path / "a", loss=lambda output, batch: output.logits.mean())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"features": "color+hogs"}, "no 'hogs'; did you mean 'hog'"),
        ({"features": "lbp+lbp"}, "names one twice"),
        ({"per": "superpixels"}, "did you mean 'superpixel'"),
        ({"segments": 1}, "segments is 1; it takes a number from 2"),
        ({"samples": 0}, "samples is 0"),
    ],
)
@pytest.mark.parametrize("name", LEARNED)
def test_settings_that_are_none_are_said_in_one_sentence(name: str, options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=".") as caught:
        LEARNED[name](**options)
    assert words in str(caught.value)


def test_a_rule_beside_a_classifier_sees_whole_pictures_too(tmp_path: Path) -> None:
    space = LabelSpace(("background", "foreground"))
    two = [samples(1)[0]._replace(labels=(samples(1)[0].labels == 1).long())]
    stored, _ = fitted(LEARNED["random_forest"](trees=1, samples=50), two, 1, space, 0)
    made = Checkpoint("random_forest", {}, space, 3, (0,) * 3, (1,) * 3, stored)
    both = [save(tmp_path / "a.safetensors", made), "classical:otsu"]
    assert "indow" not in type(intarsia.Predictor.load(both).engine).__name__
    with pytest.raises(ModelError, match="classical:otsu goes by the whole picture"):
        intarsia.Predictor.load(both, settings={"window": 64})


def test_a_missing_library_is_said_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    tree = {"model": "linear_svm", "data": {"name": "shapes", "count": 4}}
    with pytest.raises(MissingExtra, match=r'pip install "intarsia\[classic\]"'):
        intarsia.train(tree, out=tmp_path / "run")
    assert not (tmp_path / "run" / "recipe.yaml").exists()


def test_what_is_trained_is_named_once_and_looked_up_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "run")]
    assert main(["train", str(tmp_path), "--method", "random_forrest", *out]) == 2
    assert "did you mean 'random_forest'?" in capsys.readouterr().err
    assert main(["train", str(tmp_path), "--method", "random_forest", "model.name=unet", *out]) == 2
    assert "both say what to train" in capsys.readouterr().err


def test_arrays_that_are_no_forest_are_refused_before_they_are_followed() -> None:
    method = LEARNED["random_forest"](trees=2, samples=300)
    stored, _ = fitted(method, samples(1), 1, SPACE, 0)
    circle = {**stored, "left": torch.where(stored["left"] >= 0, 0, stored["left"])}
    far = {**stored, "right": torch.where(stored["right"] >= 0, 10**6, stored["right"])}
    for broken in (
        {},
        circle,
        far,
        {**stored, "roots": stored["roots"] - 1},
        {**stored, "leaves": stored["leaves"][:-1]},
    ):
        with pytest.raises(CheckpointError, match="random forest"):
            Classifier("random_forest", {}, broken, SPACE)
    other = Classifier("random_forest", {"features": "color"}, stored, SPACE)
    with pytest.raises(CheckpointError, match="other features"):
        other(samples(1)[0].image[None])
    with pytest.raises(CheckpointError, match="train it again"):
        Classifier("random_forest", {"trees": "many", "leafs": 3}, stored, SPACE)
