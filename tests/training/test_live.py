"""The page of a run that a browser follows, and the list of runs."""

import json
import re
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

import intarsia
from intarsia.report.live import Column, thinned
from intarsia.training.runs import differing, one, runs, unneeded


class Squares:
    labels = intarsia.LabelSpace(("dark", "bright"))

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, str]:
        labels = torch.zeros(24, 32, dtype=torch.uint8)
        labels[index : index + 9, 4:20] = 1
        return (labels * 200).repeat(3, 1, 1), labels, f"square{index}"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    out = tmp_path / "runs" / "squares"
    train = {"steps": 4, "batch_size": 3, "workers": 0, "audit": False, "precision": "float32", "log_every": 1}
    wish = {"train": train, "evaluate": {"every": 2}, "optimizer": {"name": "sgd", "lr": 0.1}}
    intarsia.train(wish, model=nn.Conv2d(3, 2, 1), data=(Squares(), Squares()), out=out, quiet=True)
    return out


def test_a_page_shows_curves_and_the_same_images_over_time(run: Path) -> None:
    page = (run / "run.html").read_text()
    assert "http-equiv" not in page and "ended" in page  # nobody needs to read it again
    assert re.findall(r'<th scope="col">(image|truth|step \d)</th>', page) == ["image", "truth", "step 2", "step 4"]
    assert page.count("data:image/png;base64,") == 3 * 4  # three images in each column
    assert page.count("<svg") == 3  # loss, score and learning rate
    assert "https://" not in page and "<script" not in page
    strip = json.loads((run / "strip.json").read_text())
    assert [column["step"] for column in strip["columns"]] == [0, 0, 2, 4]
    assert not list(run.glob(".intarsia-*"))  # written whole


def test_a_page_of_a_run_that_goes_on_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = []

    def listen(event: object) -> None:
        if type(event).__name__ == "Started":
            pages.append((tmp_path / "run.html").exists())
        if type(event).__name__ == "Stepped":
            pages.append((tmp_path / "run.html").read_text())

    wish = {"train": {"steps": 1, "batch_size": 2, "workers": 0, "audit": False, "precision": "float32"}}
    intarsia.train(wish, model=nn.Conv2d(3, 2, 1), data=Squares(), out=tmp_path, on_event=listen, quiet=True)
    assert pages[0] is False and '<meta http-equiv="refresh" content="15">' in pages[1]


def test_a_strip_keeps_its_ends() -> None:
    columns = [Column(title, []) for title in ("image", "truth", *(f"step {n}" for n in range(30)))]
    kept = [column.title for column in thinned(columns, 8)]
    assert kept == ["image", "truth", "step 0", "step 6", "step 12", "step 17", "step 23", "step 29"]


def test_runs_are_listed_compared_and_cleaned(run: Path, run_cli) -> None:
    top = run.parent
    other = top / "failed"
    other.mkdir()
    tree = yaml.safe_load((run / "recipe.yaml").read_text())
    tree["train"]["steps"] = 9
    (other / "recipe.yaml").write_text(yaml.safe_dump(tree))
    (other / "log.jsonl").write_text("")
    (other / "mine.txt").write_text("a person's own")
    found = {r.path.name: r for r in runs(top)}
    assert (found["squares"].state, found["squares"].step, found["failed"].state) == ("finished", 4, "nothing")
    assert found["squares"].best == pytest.approx(one(run).best) and set(one(run).iou) == {"dark", "bright"}
    assert differing(run, other) == [("train.steps", 4, 9)]
    assert unneeded([found["squares"]], resume_files=True) == [run / "last.safetensors"]
    code, text, _ = run_cli("runs", "list", top)
    assert code == 0 and "squares" in text and "finished" in text
    code, text, _ = run_cli("runs", "compare", run, other)
    assert code == 0 and "train.steps" in text
    code, text, _ = run_cli("runs", "clean", top)
    assert code == 0 and "2 files" in text and (other / "recipe.yaml").exists()
    code, _, _ = run_cli("runs", "clean", top, "--yes")
    assert code == 0 and [p.name for p in other.iterdir()] == ["mine.txt"] and (run / "last.safetensors").exists()
    code, _, err = run_cli("runs", "compare", run, top / "squarez")
    assert code == 2 and "did you mean 'squares'" in err


def test_a_validation_shared_by_processes_is_the_same_score() -> None:
    from intarsia.evaluation import score
    from intarsia.training.spread import merged, share, shareable

    torch.manual_seed(0)
    predictor = intarsia.Predictor.of_network(nn.Conv2d(3, 2, 1), Squares.labels, (0.5,) * 3, (0.25,) * 3, device="cpu")
    for protocol in ("dataset", "monai"):
        whole = score(predictor, Squares(), protocol=protocol)
        parts = [
            score(predictor, share(Squares(), rank, 4), protocol=protocol) for rank in range(4)
        ]  # 2, 2, 1, 1 images
        both = merged(parts)
        assert both.to_dict()["miou"] == whole.to_dict()["miou"] and both.per_image == whole.per_image
        assert (both.scores.matrix == whole.scores.matrix).all() and both.counts.names == whole.counts.names
    planes = intarsia.LabelSpace(("dark", "bright"), planes=True)
    assert shareable("semantic", Squares.labels)
    assert not shareable("panoptic", Squares.labels) and not shareable("semantic", planes)
