"""The loop's bookkeeping: what is logged and saved when, which losses are read when, and what all processes know."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import intarsia
from intarsia.errors import TrainingError
from intarsia.training import budget
from intarsia.training.interrupt import Asked
from intarsia.training.late import LateLosses
from intarsia.training.run import Run


class Squares:
    labels = intarsia.LabelSpace(("dark", "bright"))

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, str]:
        labels = torch.zeros(8, 8, dtype=torch.uint8)
        labels[index : index + 4, 2:6] = 1
        return (labels * 200).repeat(3, 1, 1), labels, str(index)


@pytest.mark.parametrize(
    ("log_every", "checkpoint_every", "logged", "saved"),
    [(2, 2, [2, 4, 5], [2, 4]), (2, 3, [2, 4, 5], [3]), (3, 2, [3, 5], [2, 4]), (9, 9, [5], [])],
)
def test_lines_and_checkpoints_keep_their_own_steps(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log_every: int,
    checkpoint_every: int,
    logged: list[int],
    saved: list[int],
) -> None:
    """Also where both come after the same number of steps; the end logs once more, and saves by itself."""
    seen: list[int] = []
    save = Run.save
    monkeypatch.setattr(Run, "save", lambda run, name, with_state: (seen.append(run.step), save(run, name, with_state)))
    train = {"steps": 5, "batch_size": 2, "workers": 0, "audit": False, "log_every": log_every,
             "checkpoint_every": checkpoint_every, "precision": "float32"}  # fmt: skip
    wish = {"train": train, "optimizer": {"name": "sgd", "lr": 0.01}}
    intarsia.train(wish, model=nn.Conv2d(3, 2, 1), data=Squares(), out=tmp_path, quiet=True)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "train"] == logged
    assert seen[: len(saved)] == saved
    assert set(seen[len(saved) :]) == {5}


def test_losses_are_read_one_batch_late_and_in_their_order() -> None:
    losses = LateLosses()
    losses.add(torch.tensor(1.0), ["a"], 1)
    assert losses.values == []
    losses.add(torch.tensor(2.0), ["b"], 2)
    assert losses.values == [1.0]
    losses.read()
    losses.read()
    assert losses.take() == [1.0, 2.0] and losses.values == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_loss_that_is_no_number_names_its_own_batch(value: str) -> None:
    losses = LateLosses()
    losses.add(torch.tensor(float(value)), ["a", "b"], 3)
    with pytest.raises(TrainingError, match=rf"became {value} at step 3, on the batch a, b;"):
        losses.add(torch.tensor(1.0), ["c"], 4)


def process(rank: int, heard: list[Any], **state: Any) -> Run:
    """A run as the process of that number holds it, with an engine that notes what it exchanges."""

    def broadcast(value: Any) -> Any:
        heard.append(value)
        return heard[0] if rank else value

    run = object.__new__(Run)
    run.fabric = SimpleNamespace(world_size=2, is_global_zero=rank == 0, broadcast=broadcast, barrier=lambda: None)  # type: ignore[assignment]
    wish = SimpleNamespace(minutes=2.0, until=None, accumulate=1, model_dump=lambda: {"minutes": 2.0})
    run.recipe = SimpleNamespace(train=wish, evaluate=SimpleNamespace(every=5))  # type: ignore[assignment]
    run.loader, run.step, run.seconds, run.best, run.validated = [0] * 3, 5, 30.0, -1.0, 0  # type: ignore[assignment]
    run.frozen = SimpleNamespace(train=lambda: None)  # type: ignore[assignment]
    run.material = SimpleNamespace(val=[1])  # type: ignore[assignment]
    for name, value in state.items():
        setattr(run, name, value)
    return run


def test_processes_exchange_the_clock_when_asked_and_never_by_reading() -> None:
    heard: list[Any] = [60.0]  # of the first process
    run = process(1, heard, seconds=59.0)
    run.measure()
    assert heard == [60.0, 59.0] and run.progress == 0.5
    run.seconds = 61.0
    assert (run.validation_due, run.reached, round(run.epoch, 2)) == (True, False, 1.67)
    assert heard == [60.0, 59.0], "looking at a run exchanges nothing"
    assert run.progress == 0.5


def test_every_process_learns_that_a_validation_was_made() -> None:
    """The others believed that none was, and ended a finished run as an interrupted one."""
    run = process(1, [(0.5, 5, 0)])
    assert run.validate(Asked()) is None
    assert (run.best, run.validated) == (0.5, 5)


def test_a_budget_is_spent_by_steps_epochs_or_minutes() -> None:
    assert budget.spent({"steps": 8}, 3, 2, 100.0) == 0.25
    assert budget.spent({"epochs": 4, "accumulate": 2}, 3, 3, 100.0) == 0.5
    assert budget.spent({"minutes": 2}, 3, 2, 30.0) == 0.25
    assert [budget.spoken(t) for t in ({"steps": 8}, {"epochs": 1.5}, {"minutes": 2}, {})] == [
        "8 steps", "1.5 epochs", "2 minutes", "no budget",
    ]  # fmt: skip
