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
from intarsia.errors import DataError, ModelError
from intarsia.inference import Predictor, predict
from intarsia.inference.job import targets


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
    with pytest.raises(DataError, match=r"alpha is 2; give the strength of the overlay, 0 to 1"):
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
