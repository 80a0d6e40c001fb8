"""`speed` of a network, and `score` of classes of whole images."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import intarsia
from intarsia.checkpoint import Checkpoint, save

Run = Callable[..., tuple[int, str, str]]


def test_speed_of_an_architecture(run_cli: Run) -> None:
    given = "speed", "unet", "encoder=resnet18", "--size", "32x64", "--runs", 3, "--warmup", 0, "--device", "cpu"
    code, out, err = run_cli(*given, "--json")
    assert code == 0, err
    tree = json.loads(out)
    times = tree["milliseconds"]
    assert tree["input"] == [1, 3, 32, 64] and tree["runs"] == 3
    assert 0 < times["shortest"] <= times["low"] <= times["median"] <= times["high"] <= times["longest"]
    assert tree["fps"] == pytest.approx(1000 / times["median"])
    code, out, err = run_cli(*given)
    assert code == 0 and "images a second" in out and "middle 80 %" in out and "unet encoder=resnet18" in out, err


def test_speed_of_a_checkpoint(run_cli: Run, tmp_path: Path) -> None:
    """It is built with its own options, classes and channels, which the command line cannot change."""
    options = {"channels": (4, 8), "in_channels": 4}
    network = intarsia.build("unet", 3, **options)
    stored = Checkpoint(
        model="unet",
        options=options,
        labels=intarsia.LabelSpace(("sky", "road", "car")),
        in_channels=4,
        mean=(0.5,) * 4,
        std=(0.25,) * 4,
        weights=network.state_dict(),
    )
    path = save(tmp_path / "last.safetensors", stored)
    more = "--size", "20x24", "--batch-size", 2, "--runs", 2, "--warmup", 0, "--device", "cpu"
    for given in (path, tmp_path):  # the file, and the folder of its run
        code, out, err = run_cli("speed", given, *more, "--json")
        assert code == 0, err
        tree = json.loads(out)
        assert tree["input"] == [2, 4, 20, 24] and tree["model"] == f"{given} (3 classes)"
        assert tree["fps"] == pytest.approx(2000 / tree["milliseconds"]["median"])
    code, out, err = run_cli("speed", path, *more)
    assert code == 0 and f"{path} (3 classes), 2 x 4 x 20 x 24" in out, err
    code, out, err = run_cli("speed", path, "encoder=resnet18", *more)
    assert code == 2 and "has its options already; leave them out" in err and not out
    (tmp_path / "torn.safetensors").write_bytes(path.read_bytes()[:100])
    code, out, err = run_cli("speed", tmp_path / "torn.safetensors", *more)
    assert code == 2 and "torn.safetensors" in err and err.count("\n") == 1 and not out


def test_speed_of_a_peers_variant(run_cli: Run) -> None:
    given = "speed", "smp_linknet", "encoder=resnet18", "--size", "32", "--runs", 1, "--warmup", 0, "--device", "cpu"
    code, out, err = run_cli(*given, "--json")
    assert code == 0 and json.loads(out)["model"] == "smp_linknet encoder=resnet18, 19 classes", err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("smp_linkne", "'smp_linkne' is no file, and no architecture; did you mean 'smp_linknet'?"),
        ("unett", "'unett' is no file, and no architecture; did you mean 'unet'?"),
        ("unet --device gpu", "--device is 'gpu'; choose cpu, cuda, cuda:1 or mps"),
        ("unet --device cuda:99", "there is no such device here"),
        ("unet --size 0", "--size is '0'"),
    ],
)
def test_mistakes_of_speed(run_cli: Run, line: str, words: str) -> None:
    code, out, err = run_cli("speed", *line.split())
    assert code == 2 and words in err and err.count("\n") == 1 and not out, err


# top-k


@pytest.fixture
def ranked(tmp_path: Path) -> tuple[Path, Path, np.ndarray, np.ndarray]:
    """(predictions, truth, scores [N, K], classes [N]) of 40 images of seven kinds."""
    random = np.random.default_rng(0)
    scores, classes = np.round(random.random((40, 7)), 1), random.integers(0, 7, 40)
    names = [f"kind {k}" for k in range(7)]
    rows = [f"{n}.jpg," + ",".join(map(str, row)) for n, row in enumerate(scores)]
    (tmp_path / "seen.csv").write_text("\n".join(["name," + ",".join(names), *reversed(rows)]))
    (tmp_path / "truth.csv").write_text(
        "\n".join(["name,class", *(f"{n}.jpg,{names[k]}" for n, k in enumerate(classes))])
    )
    return tmp_path / "seen.csv", tmp_path / "truth.csv", scores, classes


def test_top_k_of_images(run_cli: Run, ranked: tuple, tmp_path: Path) -> None:
    seen, truth, scores, classes = ranked
    order = np.argsort(-scores, axis=1, kind="stable")
    wanted = {f"top{k}": (order[:, :k] == classes[:, None]).any(axis=1).mean() for k in (1, 3)}
    code, out, err = run_cli("score", seen, truth, "--as", "classification", "--k", "1,3", "--json")
    assert code == 0, err
    tree = json.loads(out)
    assert {k: tree[k] for k in wanted} == pytest.approx(wanted) and tree["images"] == 40
    mine = (order[classes == 2][:, :3] == 2).any(axis=1).mean()
    assert tree["classes"]["kind 2"]["top3"] == pytest.approx(mine)
    code, out, _ = run_cli("score", seen, truth, "--as", "classification")
    assert code == 0 and "top-5" in out and "40 images" in out
    np.save(tmp_path / "seen.npy", scores)
    (tmp_path / "numbers.csv").write_text("\n".join(["name,class", *(f"{n},{k}" for n, k in enumerate(classes))]))
    given = tmp_path / "seen.npy", tmp_path / "numbers.csv", "--as", "classification", "--k", "1,3", "--json"
    assert json.loads(run_cli("score", *given)[1])["top3"] == tree["top3"]


def test_mistakes_in_rankings_are_one_sentence(run_cli: Run, ranked: tuple, tmp_path: Path) -> None:
    seen, truth, scores, _ = ranked

    def refused(predictions: Path, true: Path, *more: object, words: str) -> None:
        code, out, err = run_cli("score", predictions, true, "--as", "classification", *more)
        assert code == 2 and err.count("\n") == 1 and words in err and not out, err

    def changed(path: Path, old: str, new: str) -> Path:
        other = tmp_path / "other.csv"
        other.write_text(path.read_text().replace(old, new, 1))
        return other

    refused(seen, truth, "--k", 9, words="k is 9; give numbers from 1 to the 7 classes")
    refused(seen, truth, "--k", "1.5", words="--k holds 1.5")
    refused(seen, tmp_path / "gone.csv", words="gone.csv")
    refused(seen, seen, words="expected name,class")
    refused(changed(seen, "\n7.jpg", "\n8.jpg"), truth, words="names image '8.jpg' again")
    refused(changed(seen, "\n7.jpg", "\nx.jpg"), truth, words="1 of 40 images have no prediction, such as '7.jpg'")
    refused(changed(seen, "\n7.jpg,", "\n7.jpg,a"), truth, words="holds a score that is no number")
    refused(changed(seen, "\n7.jpg,", "\n7.jpg,1,"), truth, words="has 9 cells, and the head 8")
    refused(seen, changed(truth, "kind 4", "kind 44"), words="class 'kind 44' is none of the 7")
    np.save(tmp_path / "few.npy", scores[:5])
    refused(tmp_path / "few.npy", truth, words="holds scores of 5 images")
