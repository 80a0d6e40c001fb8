"""Predicting into a folder from Python: the same files and lines as the command line's, and printing is the caller's."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import intarsia
from intarsia.errors import DataError, IntarsiaError, ModelError
from intarsia.evaluation.from_files.panoptic import score_panoptic
from intarsia.inference import Predictor, predict
from intarsia.inference.job import targets
from intarsia.inference.results import tell
from intarsia.labels import LabelSpace
from intarsia.structures import (
    Answer,
    ClassLogits,
    DepthMap,
    Objects,
    Output,
    PanopticLogits,
    Segments,
    SemanticLogits,
)


class Bright(nn.Module):
    """Class 1 where the image is brighter than its middle."""

    def forward(self, image: Tensor) -> Tensor:
        score = image.mean(dim=1, keepdim=True)
        return torch.cat((-score, score), dim=1)


@pytest.fixture
def predictor() -> Predictor:
    return Predictor.of_network(Bright(), intarsia.LabelSpace(("dark", "bright")), (0.5,) * 3, (0.25,) * 3)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures: half bright, torn, and gray, whose channels are made up; and a file of another kind."""
    folder = tmp_path / "in"
    folder.mkdir()
    half = np.zeros((4, 8, 3), np.uint8)
    half[:, 4:] = 250
    Image.fromarray(half).save(folder / "a.png")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:50])
    Image.fromarray(half[..., 0]).save(folder / "c.png")
    (folder / "d.psd").write_bytes(b"8BPS")
    return folder


def test_files_and_lines(predictor: Predictor, pictures: Path, tmp_path: Path) -> None:
    said: list[str] = []
    seen: list[dict[str, Any]] = []
    found = predict(predictor, pictures, tmp_path / "out", say=said.append, done=lambda line: seen.append(dict(line)))
    assert found.folder == tmp_path / "out" and found.lines == seen
    assert [json.loads(line) for line in (found.folder / "predictions.jsonl").read_text().splitlines()] == seen
    a, b, c = seen
    assert a == {
        "image": str(pictures / "a.png"), "labels": str(found.folder / "a.png"), "height": 4, "width": 8,
        "overlay": str(found.folder / "overlays" / "a.png"), "shares": {"dark": 0.5, "bright": 0.5},
    }  # fmt: skip
    assert found.failed == [b] and "b.png" in b["error"] and set(b) == {"image", "error"}
    assert "gray" in c["note"] and c["shares"] == a["shares"]
    assert (np.asarray(Image.open(a["labels"])) == np.repeat([[0] * 4 + [1] * 4], 4, axis=0)).all()
    assert said == [found.left_out] and "d.psd" in said[0]


def test_nothing_is_printed(predictor: Predictor, pictures: Path, tmp_path: Path, capfd) -> None:
    predict(predictor, pictures, tmp_path / "out")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["entropy", "tta"])
def test_maps_of_uncertainty(predictor: Predictor, pictures: Path, tmp_path: Path, kind: str) -> None:
    found = predict(predictor, [pictures / "a.png"], tmp_path / "out", uncertainty=kind, workers=0)
    numbers = np.load(found.lines[0]["uncertainty"])
    assert numbers.shape == (4, 8) and numbers.dtype == np.float32 and 0 <= numbers.min() <= numbers.max() <= 1
    files = {p.relative_to(found.folder).as_posix() for p in found.folder.rglob("*.*") if p.suffix in (".png", ".npy")}
    assert files == set(targets("a", kind)) == {"a.png", "overlays/a.png", "uncertainty/a.npy", "uncertainty/a.png"}


def test_the_command_line_says_the_same(run_cli, pictures: Path, tmp_path: Path) -> None:
    network = intarsia.build("unet", 2, channels=(4, 8))
    stored = intarsia.Checkpoint(
        model="unet", options={"channels": (4, 8)}, labels=intarsia.LabelSpace(("dark", "bright")), in_channels=3,
        mean=(0.5,) * 3, std=(0.25,) * 3, weights=network.state_dict(),
    )  # fmt: skip
    path = intarsia.checkpoint.save(tmp_path / "last.safetensors", stored)
    code, out, err = run_cli("predict", path, pictures, "--out", tmp_path / "cli", "--json")
    assert code == 2 and "b.png" in err and "d.psd" in err
    mine = intarsia.predict(path, pictures, tmp_path / "python")
    theirs = json.loads(out.replace(str(tmp_path / "cli"), str(tmp_path / "python")))["predictions"]
    assert theirs == mine.lines
    for line in mine.lines:
        if "labels" in line:
            name = Path(line["labels"]).relative_to(mine.folder)
            assert (tmp_path / "cli" / name).read_bytes() == (mine.folder / name).read_bytes()


def test_refused_before_the_first_picture(predictor: Predictor, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no uncertainty 'entropi'; did you mean 'entropy'"):
        predict(predictor, pictures, tmp_path / "out", uncertainty="entropi")
    with pytest.raises(DataError, match=r"alpha is 2; give a number between 0, the picture alone, and 1"):
        predict(predictor, pictures, tmp_path / "out", alpha=2)
    with pytest.raises(DataError, match="workers is -1"):
        predict(predictor, pictures, tmp_path / "out", workers=-1)
    with pytest.raises(DataError, match="no pictures given"):
        predict(predictor, [], tmp_path / "out")
    with pytest.raises(DataError, match="would be written over it"):
        predict(predictor, pictures / "a.png", pictures)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_text("somebody's")
    with pytest.raises(DataError, match="this program did not write it"):
        predict(predictor, pictures, tmp_path / "out")
    assert (tmp_path / "out" / "a.png").read_text() == "somebody's"
    assert len(predict(predictor, pictures, tmp_path / "out", overwrite=True).lines) == 3


class Given(nn.Module):
    """A network that returns the output it is given, one picture at a time."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self.output = output

    def forward(self, _: Tensor) -> Output:
        return self.output


def of(output: Output, space: LabelSpace, **more: Any) -> Predictor:
    return Predictor.of_network(Given(output), space, (0.5,) * 3, (0.25,) * 3, **more)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two pictures whose names are numbers."""
    for name in ("000007", "000012"):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 8, 3), 90, np.uint8)).save(tmp_path / "in" / f"{name}.png")
    return tmp_path / "in"


def files_in(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")}


OVERLAYS = {"overlays/000007.png", "overlays/000012.png", "predictions.jsonl"}


def test_planes_are_written_a_folder_a_class_with_a_threshold_each(two: Path, tmp_path: Path) -> None:
    space = LabelSpace(("lung", "heart"), planes=True)
    logits = torch.zeros(1, 2, 4, 8)
    logits[0, :, :, 4:] = 3.0
    found = of(SemanticLogits(logits), space, decide={"threshold": [0.4, 0.6]}).write(two, tmp_path / "out")
    line = found.lines[0]
    assert files_in(found.folder) == OVERLAYS | {
        f"planes/{c}/{n}.png" for c in space.names for n in ("000007", "000012")
    }
    assert np.asarray(Image.open(line["planes"]["lung"])).tolist() == [[255] * 8] * 4
    assert np.asarray(Image.open(line["planes"]["heart"])).tolist() == [[0] * 4 + [255] * 4] * 4
    assert line["shares"] == {"lung": 1.0, "heart": 0.5} and found.told == "planes, a folder a class,"


def test_objects_of_all_pictures_are_one_file_of_results(two: Path, tmp_path: Path, monkeypatch) -> None:
    answer = Objects(np.ones((1, 4, 8), bool), [1], [0.75])
    monkeypatch.setattr(Predictor, "answers", lambda *_: [answer])
    space = LabelSpace(("sky", "car"), values={3: "sky", 9: "car"}, things=("car",))
    found = of(SemanticLogits(torch.zeros(1, 2, 4, 8)), space).write(two, tmp_path / "out")
    assert files_in(found.folder) == OVERLAYS | {"results.json", "categories.json"}
    results = json.loads((found.folder / "results.json").read_text())
    assert [(r["image_id"], r["category_id"], r["score"]) for r in results] == [(7, 9, 0.75), (12, 9, 0.75)]
    assert [c["id"] for c in json.loads((found.folder / "categories.json").read_text())] == [3, 9]
    assert found.lines[0]["objects"] == [{"class": "car", "score": 0.75, "box": [0.0, 0.0, 8.0, 4.0]}]
    assert found.told == "objects (results.json)" and tell(found.lines[0]) == "1 car"
    less = of(SemanticLogits(torch.zeros(1, 2, 4, 8)), space).write(two, tmp_path / "less", min_score=0.8)
    assert tell(less.lines[0]) == "no objects; 1 below 0.8"
    assert json.loads((less.folder / "results.json").read_text()) == results, "files hold all that was found"
    with pytest.raises(DataError, match="min_score is 2; give the score"):
        of(SemanticLogits(torch.zeros(1, 2, 4, 8)), space).write(two, tmp_path / "none", min_score=2)
    monkeypatch.setattr(Predictor, "answers", lambda *_: [Objects([], [], [])])
    none = of(SemanticLogits(torch.zeros(1, 2, 4, 8)), space).write(two, tmp_path / "none")
    assert json.loads((none.folder / "results.json").read_text()) == []


def test_panoptic_maps_of_all_pictures_have_one_file_that_scores(two: Path, tmp_path: Path) -> None:
    space = LabelSpace(("sky", "car"), things=("car",))
    semantic, centers = torch.zeros(1, 2, 4, 8), torch.zeros(1, 1, 4, 8)
    semantic[0, 1, :, :4], semantic[0, 0, :, 4:], centers[0, 0, 2, 2] = 5.0, 5.0, 1.0
    y, x = torch.meshgrid(torch.arange(4.0), torch.arange(8.0), indexing="ij")
    output = PanopticLogits(semantic, centers, torch.stack([2 - y, 2 - x])[None])
    predictor = of(output, space, task="panoptic", decide={"stuff_area": 1})
    found = predictor.write(two, tmp_path / "out")
    assert files_in(found.folder) >= OVERLAYS | {"panoptic/000007.png", "panoptic/000012.png", "panoptic.json"}
    same = score_panoptic(found.folder / "panoptic", found.folder / "panoptic.json")
    assert same.images == 2 and same.scores.all.pq == 1.0
    assert {s["class"] for s in found.lines[0]["segments"]} >= {"car"}


@pytest.mark.parametrize("kind", ["panoptic", "results"])
def test_the_file_of_all_pictures_is_whole_when_the_work_breaks_off(
    two: Path, tmp_path: Path, monkeypatch, kind: str
) -> None:
    answer = {
        "panoptic": Segments(np.ones((4, 8), np.int32), {1: 1}),
        "results": Objects(np.ones((1, 4, 8), bool), [1], [0.5]),
    }
    answers = iter([[answer[kind]]])

    def broken(*_: object) -> list[Answer]:
        found = next(answers, None)
        if found is None:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(Predictor, "answers", broken)
    predictor = of(SemanticLogits(torch.zeros(1, 2, 4, 8)), LabelSpace(("sky", "car"), things=("car",)))
    with pytest.raises(KeyboardInterrupt):
        predictor.write(two, tmp_path / "out")
    tree = json.loads((tmp_path / "out" / f"{kind}.json").read_text())
    entries = tree["annotations"] if kind == "panoptic" else tree
    assert [entry["image_id"] for entry in entries] == [7]
    assert kind == "results" or [image["id"] for image in tree["images"]] == [7]


def test_depth_goes_to_16_bits_or_to_floats_where_it_is_too_far(two: Path, tmp_path: Path) -> None:
    space = LabelSpace(("any",))
    found = of(DepthMap(torch.full((1, 1, 4, 8), 2.5)), space, task="depth").write(two, tmp_path / "out")
    assert files_in(found.folder) == OVERLAYS | {"depth/000007.png", "depth/000012.png"}
    assert (np.asarray(Image.open(found.lines[0]["depth"])) == 640).all()
    assert {k: found.lines[0][k] for k in ("near", "far", "per_meter")} == {"near": 2.5, "far": 2.5, "per_meter": 256}
    far = of(DepthMap(torch.full((1, 1, 4, 8), 300.0)), space, task="depth").write(two, tmp_path / "far")
    assert (np.load(far.lines[0]["depth"]) == 300).all() and "per_meter" not in far.lines[0]


def test_tags_are_in_the_line(two: Path, tmp_path: Path) -> None:
    space = LabelSpace(("cat", "dog"))
    found = of(ClassLogits(torch.tensor([[0.0, 0.0]]).log_softmax(1)), space, task="classification").write(
        two, tmp_path / "out"
    )
    assert files_in(found.folder) == OVERLAYS
    assert found.lines[0]["tags"] == ["cat"] and found.lines[0]["scores"] == {"cat": 0.5, "dog": 0.5}


@pytest.mark.parametrize("form", ["npy", "tif"])
def test_probabilities_are_written_as_they_are(predictor: Predictor, pictures: Path, tmp_path: Path, form: str) -> None:
    found = predict(predictor, pictures / "a.png", tmp_path / "out", probabilities=form)
    expected = predictor(pictures / "a.png").probabilities
    if form == "npy":
        held = np.load(found.lines[0]["probabilities"])
    else:
        tifffile = pytest.importorskip("tifffile")
        with tifffile.TiffFile(found.lines[0]["probabilities"]) as file:
            held = np.stack([page.asarray() for page in file.pages])
            assert json.loads(file.pages[0].tags[270].value) == ["dark", "bright"]
    assert held.dtype == np.float32
    np.testing.assert_array_equal(held, expected)


def test_a_data_set_of_0_and_255_gets_0_and_255_back(pictures: Path, tmp_path: Path) -> None:
    space = LabelSpace(("dark", "bright"), values={0: "dark", 255: "bright"})
    predictor = Predictor.of_network(Bright(), space, (0.5,) * 3, (0.25,) * 3)
    found = predict(predictor, pictures / "a.png", tmp_path / "out", values=True)
    assert np.asarray(Image.open(found.lines[0]["labels"])).tolist() == [[0] * 4 + [255] * 4] * 4


def test_what_a_model_cannot_give_is_refused_before_the_first_picture(two: Path, tmp_path: Path) -> None:
    semantic = of(SemanticLogits(torch.zeros(1, 3, 4, 8)), LabelSpace(("a", "b", "c")))
    for more, words in (
        ({"probabilities": "np"}, "probabilities are no 'np'; did you mean 'npy'"),
        ({"clear": "d"}, "there is no class 'd' to leave clear; choose from 'a', 'b', 'c'"),
        ({"decide": {"threshold": 1.5}}, "threshold is 1.5; give a number of 0 to 1"),
        ({"task": "semantic", "decide": {"threshold": 0.3}}, "of 3 classes the most probable one is chosen"),
        ({"task": "semantik"}, "there is no task 'semantik'; did you mean 'semantic'"),
    ):
        with pytest.raises(IntarsiaError, match=words):
            predict(semantic, two, tmp_path / "out", **more)
    depth = of(DepthMap(torch.ones(1, 1, 4, 8)), LabelSpace(("a",)), task="depth")
    depth.returns = DepthMap
    for more, words in (
        ({"probabilities": "npy"}, "probabilities are of the classes of each pixel, and this model returns DepthMap"),
        ({"uncertainty": "entropy"}, "uncertainty are of|uncertainty"),
        ({"values": True}, "raw values are those of label maps"),
        ({"task": "panoptic"}, "'panoptic' cannot be answered by a network that returns DepthMap; it answers depth"),
    ):
        with pytest.raises(IntarsiaError, match=words):
            predict(depth, two, tmp_path / "out", **more)
    assert not (tmp_path / "out").exists()


def test_a_threshold_decides_between_two_classes(pictures: Path, tmp_path: Path, predictor: Predictor) -> None:
    sure = predictor(pictures / "a.png").probabilities[1]
    limit = float(sure[0, 0]) / 2
    found = predict(predictor, pictures / "a.png", tmp_path / "out", decide={"threshold": limit})
    assert (np.asarray(Image.open(found.lines[0]["labels"])) == (sure > limit)).all()
    assert predictor.decide == {}, "the predictor itself stays as it was"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--threshold", "1.5"), "--threshold is '1.5'; give a number of 0 to 1"),
        (("--threshold", "much"), "--threshold is 'much'; give a number of 0 to 1"),
        (("--threshold", "brigt=0.3"), "--threshold names 'brigt', which is no class; did you mean 'bright'?"),
        (("--task", "panoptic"), "cannot be answered by a network that returns SemanticLogits; it answers semantic"),
        (("--probabilities", "png"), "probabilities are no 'png'; choose from 'npy', 'tif'"),
        (("--clear", "drak"), "no class 'drak' to leave clear; did you mean 'dark'"),
    ],
)
def test_the_command_line_refuses_in_one_sentence(run_cli, pictures: Path, tmp_path: Path, options, words: str) -> None:
    path = checkpoint_of(tmp_path, LabelSpace(("dark", "bright"), values={0: "dark", 255: "bright"}))
    code, _, err = run_cli("predict", path, pictures / "a.png", "--out", tmp_path / "cli", *options)
    assert code == 2 and words in " ".join(err.split()) and not (tmp_path / "cli").exists()


def test_the_command_line_writes_values_probabilities_and_thresholds(run_cli, pictures: Path, tmp_path: Path) -> None:
    path = checkpoint_of(tmp_path, LabelSpace(("dark", "bright"), values={0: "dark", 255: "bright"}))
    more = ("--threshold", "0.3", "--values", "--probabilities", "npy", "--task", "semantic", "--clear", "")
    code, out, _ = run_cli("predict", path, pictures / "a.png", "--out", tmp_path / "cli", *more)
    sure = np.load(tmp_path / "cli" / "probabilities" / "a.npy")
    assert code == 0 and "1 picture: label maps in" in out
    assert (np.asarray(Image.open(tmp_path / "cli" / "a.png")) == 255 * (sure[1] > 0.3)).all()


def checkpoint_of(folder: Path, space: LabelSpace) -> Path:
    network = intarsia.build("unet", 2, channels=(4, 8))
    stored = intarsia.Checkpoint("unet", {"channels": (4, 8)}, space, 3, (0.5,) * 3, (0.25,) * 3, network.state_dict())
    return intarsia.checkpoint.save(folder / "last.safetensors", stored)


def test_channels_in_files_are_one_picture(predictor: Predictor, tmp_path: Path) -> None:
    """A folder as nnU-Net has it: NAME_0000.png, NAME_0001.png, ... beside a dataset.json; without that they are pictures."""
    folder = tmp_path / "Dataset001" / "imagesTs"
    folder.mkdir(parents=True)
    for name, levels in (("one", (0, 250, 250)), ("two", (0, 0, 250))):
        for channel, level in enumerate(levels):
            Image.fromarray(np.full((4, 8), level, np.uint8)).save(folder / f"{name}_{channel:04d}.png")
    assert len(predict(predictor, folder, tmp_path / "apart").lines) == 6
    (folder.parent / "dataset.json").write_text('{"channel_names": {"0": "a", "1": "b", "2": "c"}}')
    done = predict(predictor, folder, tmp_path / "out")
    assert [Path(line["image"]).name for line in done.lines] == ["one_0000.png", "two_0000.png"]
    held = [np.unique(np.asarray(Image.open(tmp_path / "out" / f"{name}.png"))).tolist() for name in ("one", "two")]
    assert held == [[1], [0]]  # the mean of three channels is above its middle, and below
    (folder / "two_0002.png").unlink()
    lines = predict(predictor, folder, tmp_path / "less").lines
    assert "two_0000.png: has 2 files, one a channel, and the network was trained on 3 channels" in lines[1]["error"]
