"""`score` of classes of whole images: top-k."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Run = Callable[..., tuple[int, str, str]]


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
