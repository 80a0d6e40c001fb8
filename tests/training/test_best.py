"""Which step's weights best.safetensors holds, under protocols whose mean can be no number as well."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import intarsia
from intarsia.evaluation import LabelScore
from intarsia.labels import LabelSpace
from intarsia.metrics import ConfusionMatrix
from intarsia.training.log import _pace

SPACE = LabelSpace(("dark", "bright", "nowhere"))


class Squares:
    """A bright square on the dark; of three classes the last occurs nowhere."""

    labels = SPACE

    def __init__(self, count: int, ignored: bool = False) -> None:
        self.count, self.ignored = count, ignored

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
        labels = torch.zeros(32, 32, dtype=torch.uint8)
        labels[index : index + 12, 5:20] = 1
        image = (labels * 200).repeat(3, 1, 1) + 20
        return image, torch.full_like(labels, 255) if self.ignored else labels, f"{self.count}-{index}"


class NeverTheLast(nn.Module):
    """Scores each pixel by its color; the last class is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.classify = nn.Conv2d(3, 2, 1)
        with torch.no_grad():  # at first all is dark, or the wrong way round
            self.classify.weight.copy_(torch.tensor([1.0, -1.0])[:, None, None, None].expand(2, 3, 1, 1) * 0.2)
            self.classify.bias.zero_()

    def forward(self, image: Tensor) -> Tensor:
        logits = self.classify(image)
        return torch.cat([logits, torch.full_like(logits[:, :1], -1e4)], dim=1)


def wish(protocol: str) -> dict[str, Any]:
    return {
        "optimizer": {"name": "adamw", "lr": 0.06},
        "train": {"steps": 6, "batch_size": 2, "workers": 0, "log_every": 1, "precision": "float32", "audit": False},
        "evaluate": {"every": 1, "protocol": protocol},
        "seed": 3,
    }


def validations(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == "val"]


@pytest.mark.parametrize("protocol", ["torchvision", "dataset", "csail"])
def test_the_best_step_is_kept_though_a_class_occurs_nowhere(
    tmp_path: Path, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    intarsia.train(wish(protocol), model=NeverTheLast(), data=(Squares(8), Squares(4)), out=tmp_path)
    lines = validations(tmp_path)
    key = "standing" if protocol == "torchvision" else "miou"
    reached = [line[key] for line in lines]
    best = intarsia.checkpoint.load(tmp_path / "best.safetensors")
    assert len(lines) == 6 and reached[0] < max(reached)
    assert best.notes["step"] == lines[int(np.argmax(reached))]["step"]
    told = capsys.readouterr().err
    words = "val mIoU is no number under protocol 'torchvision' (nowhere: nowhere); the best is chosen by the mean over"
    assert (words in told) == (protocol == "torchvision")
    assert all((line["miou"] is None) == (protocol == "torchvision") for line in lines)


def test_what_is_chosen_by_orders_steps_alike_under_both_protocols() -> None:
    """Where a mean of torchvision's is a number it is the standing; a step without one is ranked on the same scale."""
    random = np.random.default_rng(0)
    for _ in range(20):
        truth, called = random.integers(0, 3, (2, 500))
        for last in (2, 1):
            confusion = ConfusionMatrix(3)
            confusion.update(called.clip(max=last), truth.clip(max=last))
            score = LabelScore(confusion.compute("torchvision", SPACE.names), SPACE, [], 0.0)
            assert np.isnan(score.miou) == (last == 1)
            assert score.standing == pytest.approx(confusion.compute("dataset").miou)


def test_a_validation_set_without_labels_chooses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (Squares(8), Squares(4, ignored=True))
    last = intarsia.train(wish("dataset"), model=NeverTheLast(), data=data, out=tmp_path)
    best = intarsia.checkpoint.load(tmp_path / "best.safetensors")
    assert best.notes["step"] == 6
    weights = intarsia.checkpoint.load(last).weights
    assert all(torch.equal(weights[name], best.weights[name]) for name in weights)
    assert "no pixel of the validation set has a label; best.safetensors is the last" in capsys.readouterr().err
    assert {line["standing"] for line in validations(tmp_path)} == {None}


def test_a_run_stops_at_the_validation_that_reaches_its_goal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first validation at or above `train.until` is the last one; what it scored is what ships, and resuming adds nothing."""
    data = (Squares(8), Squares(4))
    intarsia.train(wish("dataset"), model=NeverTheLast(), data=data, out=tmp_path / "whole", quiet=True)
    whole = [line["miou"] for line in validations(tmp_path / "whole")]
    climb = [n for n in range(1, 5) if whole[n] > max(whole[:n])]
    goal, step = whole[climb[0]], climb[0] + 1  # reached for the first time, before the budget of 6 is spent
    changes = (f"train.until={goal}",)
    last = intarsia.train(wish("dataset"), *changes, model=NeverTheLast(), data=data, out=tmp_path / "early")
    assert [line["miou"] for line in validations(tmp_path / "early")] == whole[:step]
    shipped, best = intarsia.checkpoint.load(last), intarsia.checkpoint.load(last.parent / "best.safetensors")
    assert shipped.notes["step"] == best.notes["step"] == step < 6
    assert all(torch.equal(shipped.weights[name], best.weights[name]) for name in best.weights)
    assert f"train.until={goal:g} is reached" in capsys.readouterr().err
    for more, steps in (
        (changes, step),
        (("train.until=null",), 6),
    ):  # the goal stands, or the rest of the budget is asked for
        last = intarsia.train(
            wish("dataset"), *more, model=NeverTheLast(), data=data, out=tmp_path / "early", resume=True, quiet=True
        )
        assert intarsia.checkpoint.load(last).notes["step"] == steps
    assert [line["miou"] for line in validations(tmp_path / "early")] == whole


def test_a_goal_that_is_not_reached_spends_the_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("train.until=1.0", "optimizer.lr=1e-9")
    data = (Squares(8), Squares(4))
    last = intarsia.train(wish("dataset"), *changes, model=NeverTheLast(), data=data, out=tmp_path)
    assert intarsia.checkpoint.load(last).notes["step"] == 6
    assert "is reached" not in capsys.readouterr().err


def test_a_goal_without_a_validation_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        intarsia.errors.TrainingError, match=r"train.until=0.9 is looked for on a validation set, and there is none"
    ):
        intarsia.train(wish("dataset"), "train.until=0.9", model=NeverTheLast(), data=Squares(8), out=tmp_path)


def test_the_first_steps_tell_how_long_the_rest_takes() -> None:
    """Ten steps of a hundred took 4 s after a start of 20 s: the whole takes 40 s, the start not counted."""
    assert _pace((0.1, 20.0), (0.2, 24.0)) == pytest.approx(40.0)
    assert _pace((0.1, 20.0), (0.1, 20.0)) == 0.0
