"""Training from the outside: what it writes, what it refuses, and that a killed run goes on as if nothing had happened."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn

import intarsia
from intarsia.errors import DataError, IntarsiaError, ModelError, RecipeError, TrainingError
from intarsia.structures import Sample

TINY: dict[str, Any] = {
    "model": {"name": "fpn", "encoder": "mobilenetv3_small_050", "channels": 16, "dropout": 0.2},
    "data": {"name": "shapes", "size": 64, "count": 14, "val": None},
    "augment": {"crop": [48, 48], "scale": [0.8, 1.25], "flip": True, "brightness": 0.2},
    "optimizer": {"name": "adamw", "lr": 2e-3},
    "schedule": {"name": "cosine", "warmup": 0.1},
    "train": {"steps": 4, "batch_size": 4, "workers": 0, "log_every": 1, "ema": 0.9, "clip": 1.0},
    "seed": 5,
}


def recipe(**changes: Any) -> dict[str, Any]:
    """TINY with some keys of some sections replaced; None takes a section out."""
    tree = {key: dict(value) if isinstance(value, dict) else value for key, value in TINY.items()}
    for key, value in changes.items():
        if isinstance(value, dict):
            tree[key] = {**tree.get(key, {}), **value}
        elif value is None:
            tree.pop(key)
        else:
            tree[key] = value
    return tree


def losses(out: Path) -> dict[int, float]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if line["kind"] == "train"}


def test_a_run_writes_what_predicting_and_resuming_need(tmp_path: Path) -> None:
    last = intarsia.train(recipe(data={"val": "val"}), out=tmp_path / "run", quiet=True)
    assert last == tmp_path / "run" / "last.safetensors"
    assert {p.name for p in last.parent.iterdir()} == {
        "last.safetensors",
        "best.safetensors",
        "recipe.yaml",
        "audit.json",
        "log.jsonl",
        "run.html",
        "strip.json",
    }
    assert list(losses(last.parent)) == [1, 2, 3, 4]
    stored = intarsia.checkpoint.load(last)
    assert stored.labels.names and stored.protocol == "dataset" and len(stored.data_hash) > 8
    assert yaml.safe_load((last.parent / "recipe.yaml").read_text()) == stored.recipe
    assert intarsia.Predictor.load(last)(np.zeros((33, 47, 3), np.uint8)).labels.shape == (33, 47)


def test_what_is_shipped_is_the_average_and_what_is_resumed_is_not(tmp_path: Path) -> None:
    last = intarsia.train(recipe(), out=tmp_path, quiet=True)
    stored = intarsia.checkpoint.load(last, state=True)
    raw = {name.removeprefix("raw/"): t for name, t in stored.state.items() if name.startswith("raw/")}
    assert raw.keys() == stored.weights.keys()
    assert any(not torch.equal(raw[name], stored.weights[name]) for name in raw)


# `intarsia train` of a recipe, killed at a line of its log and resumed. One process imports everything once; each command
# is a fork of it, whose messages go to files.
KILLER = r"""
import os, signal, sys, time
from pathlib import Path

import torch

import intarsia
import lightning.fabric
import timm
from intarsia.cli import main
from intarsia.training import loop, recipe

recipe.catalogues()  # here once, or each fork imports all of it again
torch.set_num_threads(1)
file, top = sys.argv[1], Path(sys.argv[2])


def forked(out, name, *more):
    process = os.fork()
    if process == 0:
        code = 1
        try:
            with (top / name).open("w", buffering=1) as sys.stderr:
                code = main(["train", file, "--out", str(out), *more])
        finally:
            os._exit(code)
    return process


def signaled(process, log, lines, number):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (log.exists() and log.read_text().count("\n") >= lines):
        time.sleep(0.01)
    os.kill(process, number)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


precision = sys.argv[3]
whole, killed, more = top / precision / "whole", top / precision / "killed", f"train.precision={precision}"
assert os.waitpid(forked(whole, "whole.txt", more), 0)[1] == 0, (top / "whole.txt").read_text()
code = signaled(forked(killed, "killed.txt", more), killed / "log.jsonl", 5, signal.SIGKILL)
assert code == -signal.SIGKILL, "the run was over before it could be killed"
resumed = forked(killed, "resumed.txt", more, "--resume")
assert os.waitpid(resumed, 0)[1] == 0, (top / "resumed.txt").read_text()
assert "resumed at step" in (top / "resumed.txt").read_text()
stopped = forked(top / "stopped", "stopped.txt", "train.steps=100000", "train.workers=1")
signaled(stopped, top / "stopped" / "log.jsonl", 2, signal.SIGINT)
"""


@pytest.mark.timeout(1200)
@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked and killed")
@pytest.mark.parametrize(
    "precision", ["bfloat16", pytest.param("float32", marks=pytest.mark.slow)]
)  # test_phases has it
def test_a_killed_run_goes_on_to_the_same_bits_and_ctrl_c_leaves_a_good_checkpoint(
    tmp_path: Path, precision: str
) -> None:
    """SIGKILL in the middle of an epoch, two workers, dropout, accumulation, average, fused AdamW: equal to the last bit."""
    file = tmp_path / "recipe.yaml"
    wish = {"steps": 9, "workers": 2, "accumulate": 2, "batch_size": 2, "checkpoint_every": 3, "channels_last": True}
    file.write_text(yaml.safe_dump(recipe(train=wish)))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(file), str(tmp_path), precision],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    runs = [tmp_path / precision / name for name in ("whole", "killed")]
    assert losses(runs[0]) == losses(runs[1])
    one, other = (intarsia.checkpoint.load(run, state=True) for run in runs)
    assert one.recipe["train"]["precision"] == precision
    assert all(torch.equal(one.weights[n], other.weights[n]) for n in one.weights)
    assert all(torch.equal(one.state[n], other.state[n]) for n in one.state)

    told, stored = (tmp_path / "stopped.txt").read_text(), intarsia.checkpoint.load(tmp_path / "stopped", state=True)
    assert "stopped at step" in told and "--resume" in told and "Traceback" not in told
    assert stored.progress["step"] >= 2
    assert max(losses(tmp_path / "stopped")) == stored.progress["step"]


def test_a_folder_with_a_run_is_not_written_over(tmp_path: Path) -> None:
    intarsia.train(recipe(train={"steps": 2}), out=tmp_path, quiet=True)
    with pytest.raises(TrainingError, match="holds a run already; --resume"):
        intarsia.train(recipe(), out=tmp_path, quiet=True)
    with pytest.raises(TrainingError, match=r"another optimizer\.lr"):
        intarsia.train(recipe(optimizer={"lr": 1.0}), out=tmp_path, resume=True, quiet=True)
    intarsia.train(recipe(train={"steps": 3}), out=tmp_path, resume=True, quiet=True)
    assert list(losses(tmp_path)) == [1, 2, 3]


def test_a_budget_in_epochs_and_in_minutes(tmp_path: Path) -> None:
    intarsia.train(recipe(train={"steps": None, "epochs": 2}), out=tmp_path / "epochs", quiet=True)
    assert max(losses(tmp_path / "epochs")) == 2 * 4, "14 samples in batches of 4: the last has 2"
    started = time.monotonic()
    intarsia.train(recipe(train={"steps": None, "minutes": 0.05}), out=tmp_path / "minutes", quiet=True)
    lines = [json.loads(line) for line in (tmp_path / "minutes" / "log.jsonl").read_text().splitlines()]
    assert 3 <= lines[-1]["seconds"] < time.monotonic() - started
    assert lines[-1]["lr"] < 0.5 * max(line["lr"] for line in lines), "the schedule follows the clock"


def test_a_resumed_budget_in_minutes_goes_on_with_the_time_left(tmp_path: Path) -> None:
    intarsia.train(recipe(train={"steps": 3}), out=tmp_path, quiet=True)
    before = intarsia.checkpoint.load(tmp_path, state=True).progress
    minutes = (before["seconds"] + 2) / 60
    intarsia.train(recipe(train={"steps": None, "minutes": minutes}), out=tmp_path, resume=True, quiet=True)
    after = intarsia.checkpoint.load(tmp_path, state=True).progress
    assert before["seconds"] + 2 <= after["seconds"] < before["seconds"] + 6
    assert list(losses(tmp_path))[:4] == [1, 2, 3, 4]
    assert after["step"] == max(losses(tmp_path)) >= 4


class Own:
    """A user's own data: a bright square on the dark, as plain tuples."""

    def __init__(self, count: int = 8, names: str = "own", left: int = 5) -> None:
        self.count, self.names, self.left = count, names, left

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, str]:
        labels = torch.zeros(32, 32, dtype=torch.uint8)
        labels[index : index + 12, self.left : self.left + 15] = 1
        return (labels * 200).repeat(3, 1, 1) + 20, labels, f"{self.names}{index}"


class MyNet(nn.Module):
    def __init__(self, maps: int = 2) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(3, maps, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.convolve(image)


def own_recipe(**changes: Any) -> dict[str, Any]:
    return recipe(model=None, data=None, augment=None, labels={"classes": ["dark", "bright"]}, **changes)


def test_a_users_own_network_and_data(tmp_path: Path) -> None:
    """No fork, no registry: an nn.Module and anything with __len__ and __getitem__."""
    wish = own_recipe(train={"steps": 60, "ema": None}, optimizer={"lr": 0.1})
    last = intarsia.train(wish, model=MyNet(), data=(Own(), Own(3, "val", left=8)), out=tmp_path, quiet=True)
    score = intarsia.evaluate(intarsia.Predictor.load(last, model=MyNet()), Own(3, left=9))
    assert score.miou > 0.9
    with pytest.raises(IntarsiaError, match="model="):
        intarsia.Predictor.load(last)


def test_a_network_with_the_wrong_head_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"returned scores of shape \[1, 5, 32, 32\] where \[1, 2, 32, 32\] is needed"):
        intarsia.train(own_recipe(), model=MyNet(5), data=Own(), out=tmp_path, quiet=True)
    assert not (tmp_path / "last.safetensors").exists()


def test_nan_stops_the_run_and_names_the_batch(tmp_path: Path) -> None:
    class Breaks(MyNet):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            broken = super().forward(image)
            return broken * float("nan") if self.training and self.steps == 3 else self.count(broken)

        steps = 0

        def count(self, x: torch.Tensor) -> torch.Tensor:
            self.steps += self.training
            return x

    wish = own_recipe(train={"steps": 9, "checkpoint_every": 2, "log_every": 5, "batch_size": 2})
    with pytest.raises(TrainingError, match=r"became nan at step 4, on the batch own\d, own\d;.*optimizer\.lr"):
        intarsia.train(wish, model=Breaks(), data=Own(), out=tmp_path, quiet=True)
    stored = intarsia.checkpoint.load(tmp_path / "last.safetensors", state=True)
    assert stored.progress["step"] == 2
    assert all(t.isfinite().all() for t in stored.weights.values())


def test_fine_tuning_takes_what_fits_and_classes_by_name(tmp_path: Path) -> None:
    first = intarsia.train(recipe(), out=tmp_path / "first", quiet=True)
    old = intarsia.checkpoint.load(first)

    class Half:
        """The same pictures, with only two classes, in another order."""

        labels = intarsia.LabelSpace((old.labels.names[2], "anything else"))

        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Sample:
            image = torch.randint(0, 255, (3, 48, 48), dtype=torch.uint8)
            return Sample(image, torch.randint(0, 2, (48, 48), dtype=torch.uint8), str(index))

    wish = recipe(data=None, train={"steps": 1, "ema": None, "audit": False}, optimizer={"lr": 1e-12})
    second = intarsia.train(wish, data=Half(), start=first, out=tmp_path / "second", quiet=True)
    new = intarsia.checkpoint.load(second)
    head = "classify.score.weight"
    assert new.weights[head].shape[0] == 2
    assert torch.allclose(new.weights[head][0], old.weights[head][2], atol=1e-6), (
        "the class of the same name keeps its row"
    )
    assert not torch.allclose(new.weights[head][1], old.weights[head][1], atol=1e-4)
    name = "encoder.body.conv_stem.weight"
    assert torch.allclose(new.weights[name], old.weights[name], atol=1e-6)


def test_one_sigmoid_map_for_two_classes(tmp_path: Path) -> None:
    wish = own_recipe(train={"steps": 60, "ema": None}, optimizer={"lr": 0.1}, loss={"name": "dice_bce"})
    wish["labels"]["activation"] = "sigmoid"
    last = intarsia.train(wish, model=MyNet(1), data=Own(), out=tmp_path, quiet=True)
    assert intarsia.evaluate(intarsia.Predictor.load(last, model=MyNet(1)), Own(3, left=9)).miou > 0.9
    with pytest.raises(ModelError, match=r"where \[1, 1, 32, 32\] is needed"):
        intarsia.train(wish, model=MyNet(2), data=Own(), out=tmp_path / "two", quiet=True)


@pytest.mark.parametrize("changes, kind, told", [
    ({"train": {"batch_size": 1}, "model": {"name": "pspnet", "encoder": "resnet10t", "output_stride": 32, "channels": 8}},
     IntarsiaError, "batch norm"),
    ({"loss": {"name": "cross_entropy", "class_weights": [1, 2]}}, TrainingError, r"lists 2 numbers for \d classes"),
    ({"train": {"precision": "float16", "accelerator": "cpu"}}, TrainingError, "float16 needs a GPU"),
    ({"data": None}, TrainingError, "names no data set"),
    ({"model": None}, TrainingError, "names no model"),
    ({"model": {"encoder": "resnet81"}}, ModelError, "resnet"),
    ({"optimizer": {"name": "adam"}}, RecipeError, "did you mean 'adamw'"),
    ({"data": {"name": "folder", "root": "/nowhere/at/all"}, "labels": {"classes": ["a", "b"]}}, (DataError, RecipeError), "nowhere|size|count"),
])  # fmt: skip
def test_refused_at_the_door(tmp_path: Path, changes: dict[str, Any], kind: Any, told: str) -> None:
    tree = recipe(**changes)
    if "model" in changes and changes["model"] and "name" in changes["model"]:
        tree["model"] = changes["model"]
    with pytest.raises(kind, match=told):
        intarsia.train(tree, out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_class_weights_follow_their_formulas() -> None:
    from types import SimpleNamespace

    from intarsia.config.learning import Loss
    from intarsia.training.class_weights import class_weights

    labels = intarsia.LabelSpace(("a", "b", "c"))
    found = SimpleNamespace(counts=np.array([90, 10, 0]))

    def weights(kind: Any, power: float = 1.0, beta: float | None = None) -> list[float] | None:
        wish = Loss(name="cross_entropy", class_weights=kind, weight_power=power, effective_beta=beta)
        return class_weights(wish, labels, found)  # type: ignore[arg-type]

    log = 1 / np.log(1.02 + np.array([0.9, 0.1, 0.0]))
    assert weights("log") == pytest.approx(list(log / log[:2].mean()))
    assert weights("inverse") == pytest.approx([0.2, 1.8, 0.0])
    assert weights("median") == pytest.approx([0.2, 1.8, 0.0])
    soft = np.sqrt([1 / 0.9, 1 / 0.1])
    assert weights("inverse", 0.5) == pytest.approx([*(soft / soft.mean()), 0.0])
    assert weights([4, 9, 0], 0.5) == pytest.approx([2, 3, 0])
    effective = np.array([(1 - 0.9) / (1 - 0.9**90), (1 - 0.9) / (1 - 0.9**10), 0])  # Cui et al. 2019, equation 6
    assert weights("effective", beta=0.9) == pytest.approx(list(effective / effective[:2].mean()))
    assert weights("effective", beta=0.0) == pytest.approx([1, 1, 0])
    assert weights("effective", beta=1 - 1e-12) == pytest.approx(weights("inverse"), rel=1e-3)
    effective = np.array([(1 - 0.98) / (1 - 0.98**90), (1 - 0.98) / (1 - 0.98**10), 0])  # the median of 90 and 10 is 50
    assert weights("effective") == pytest.approx(list(effective / effective[:2].mean()))
    assert weights("none") is None
    with pytest.raises(TrainingError, match="all zero"):
        weights([0, 0, 0])


def test_tensorboard_files_hold_the_same_numbers(tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard reads them"
    )
    intarsia.train(recipe(train={"steps": 3, "tensorboard": True}), out=tmp_path, quiet=True)
    events = reader.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    seen = {event.step: event.value for event in events.Scalars("train/loss")}
    assert seen == pytest.approx(losses(tmp_path), rel=1e-6)


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path: Path) -> None:
    """Started by torchrun: both halves of each batch count, one process writes, and the weights are one network's."""
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe(data={"val": "val"}, train={"steps": 3, "batch_size": 2})))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "intarsia"]
    done = subprocess.run(
        [*launcher, "train", str(file), "--out", str(tmp_path / "run")],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "on 2 x cpu" in done.stderr
    assert list(losses(tmp_path / "run")) == [1, 2, 3]
    assert intarsia.evaluate(tmp_path / "run").images == 14
