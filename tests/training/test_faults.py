"""What goes wrong in the middle of a run: too little memory, a file that breaks, a loss that is no number, a compiler that fails."""

import itertools
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import intarsia
from intarsia.errors import DataError, TrainingError
from intarsia.training import compiled, layout
from intarsia.training.interrupt import Asked
from intarsia.training.machine import Machine
from intarsia.training.reading import read

WISH = {"batch_size": 4, "workers": 0, "audit": False, "log_every": 1, "precision": "float32"}


class Squares:
    labels = intarsia.LabelSpace(("dark", "bright"))

    def __init__(self, broken: tuple[int, ...] = (), count: int = 12, side: int = 8) -> None:
        self.broken, self.count, self.side, self.reads = broken, count, side, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
        self.reads += 1
        if index in self.broken and self.reads > 3 * self.count:  # sound in the first passes
            raise OSError("the file ends too early")
        labels = torch.zeros(self.side, self.side, dtype=torch.uint8)
        labels[index % 4 : index % 4 + 4, 2:6] = 1
        return (labels * 200).repeat(3, 1, 1), labels, f"square{index}"


class Greedy(nn.Module):
    """A network that has memory for so many images and no more."""

    def __init__(self, most: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.score, self.most = nn.Conv2d(3, 2, 1), most

    def forward(self, image: Tensor) -> Tensor:
        if self.training and len(image) > self.most:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")
        return self.score(image)


def run(out: Path, model: nn.Module, data: Any, *changes: str, **more: Any) -> list[dict[str, Any]]:
    wish = {"train": {**WISH, "steps": 6}, "optimizer": {"name": "sgd", "lr": 0.1}}
    intarsia.train(wish, *changes, model=model, data=data, out=out, quiet=True, **more)
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_a_batch_that_does_not_fit_goes_through_in_pieces_and_trains_the_same(tmp_path: Path) -> None:
    whole, pieces = Greedy(9), Greedy(1)
    losses = [line["loss"] for line in run(tmp_path / "a", whole, Squares())]
    lines = run(tmp_path / "b", pieces, Squares())
    assert [line["loss"] for line in lines if line["kind"] == "train"] == pytest.approx(losses, abs=1e-6)
    assert torch.allclose(whole.score.weight, pieces.score.weight, atol=1e-6)
    told = [line["told"] for line in lines if line["kind"] == "adapted"]
    assert len(told) == 2 and "in 4 pieces from now on" in told[1]  # halves, then quarters
    assert intarsia.checkpoint.load(tmp_path / "b" / "last.safetensors", state=True).progress["pieces"] == 4
    more = run(tmp_path / "b", pieces, Squares(), "train.steps=7", resume=True)
    assert len([line for line in more if line["kind"] == "adapted"]) == 2  # remembered


def test_validation_pictures_that_do_not_fit_are_predicted_in_windows(tmp_path: Path) -> None:
    class Large(Squares):
        def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
            labels = torch.zeros(200, 300, dtype=torch.uint8)
            labels[50:120, 20:260] = 1
            return (labels * 200).repeat(3, 1, 1), labels, f"large{index}"

    class Narrow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score = nn.Conv2d(3, 2, 1)

        def forward(self, image: Tensor) -> Tensor:
            if not self.training and image.shape[2] * image.shape[3] > 200 * 200:
                raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")
            return self.score(image)

    lines = run(tmp_path, Narrow(), (Squares(), Large(count=1)), "train.steps=1")
    assert len(lines[-1]["iou"]) == 2 and lines[-1]["kind"] == "val"
    told = [line["told"] for line in lines if line["kind"] == "adapted"]
    assert len(told) == 1 and told[0].startswith("validation pictures are predicted in windows of")


def test_one_image_that_does_not_fit_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"one image of the size of augment\.crop does not fit"):
        run(tmp_path, Greedy(0), Squares())


def test_a_file_that_breaks_in_a_later_epoch_is_named_or_skipped(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sample 5: OSError: the file ends too early"):
        run(tmp_path / "a", nn.Conv2d(3, 2, 1), Squares((5,)), "train.steps=16")
    lines = run(tmp_path / "b", nn.Conv2d(3, 2, 1), Squares((5,)), "train.steps=16", "train.on_fault=skip")
    told = [line for line in lines if line["kind"] == "skipped"]
    assert len(told) == 1 and "skipped: sample 5: OSError" in told[0]["told"] and told[0]["count"] == 1
    assert lines[-1]["step"] == 16
    with pytest.raises(DataError, match="2 of 12 samples could not be read, more than train.on_fault=skip passes over"):
        run(tmp_path / "c", nn.Conv2d(3, 2, 1), Squares((3, 5, 7, 9)), "train.steps=40", "train.on_fault=skip")


def test_a_loss_that_is_no_number_leaves_its_batch_and_a_cause(tmp_path: Path) -> None:
    def loss(output: Any, batch: Any) -> Tensor:
        bad = "square7" in batch.names
        return output.logits.square().mean() * (float("nan") if bad else 1.0)

    with pytest.raises(
        TrainingError, match=r"the loss became nan at step \d, on the batch .*square7.*; pictures are sound"
    ) as told:
        run(tmp_path, nn.Conv2d(3, 2, 1), Squares(), loss=loss)
    assert "fault.safetensors" in str(told.value)
    assert load_file(tmp_path / "fault.safetensors")["image"].shape == (4, 3, 8, 8)


def test_a_profile_says_where_the_time_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, nn.Conv2d(3, 2, 1), Squares(), profile=True)
    parts = json.loads((tmp_path / "profile.json").read_text())["parts"]
    assert set(parts) == {"waiting", "forward", "backward", "optimizer", "reading", "augmenting", "other"}
    assert all(part["ms"] > 0 for name, part in parts.items())
    shares = sum(parts[name]["share"] for name in ("waiting", "forward", "backward", "optimizer", "other"))
    assert shares == pytest.approx(1, abs=0.05)


def test_a_compiler_that_fails_costs_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: nn.Module) -> Any:
        def forward(image: Tensor) -> Tensor:
            raise RuntimeError("no C++ compiler\nand much more")

        return forward

    monkeypatch.setattr(compiled.torch, "compile", broken)
    lines = run(tmp_path, nn.Conv2d(3, 2, 1), Squares(), "train.compile=true")
    told = [line["told"] for line in lines if line["kind"] == "adapted"]
    assert told == [
        "torch.compile failed (no C++ compiler), so the network runs as it is; train.compile=false does not try"
    ]
    assert set(intarsia.checkpoint.load(tmp_path / "last.safetensors").weights) == {"weight", "bias"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_compiled_network_trains_to_the_same_losses(tmp_path: Path) -> None:
    """By the real compiler, where there is one; where there is none it is one line, and the losses are the same."""
    told = {}
    for name in ("false", "true"):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
        told[name] = run(tmp_path / name, net, (Squares(), Squares()), f"train.compile={name}")
    torch._dynamo.reset()
    losses = [[line["loss"] for line in lines if line["kind"] == "train"] for lines in told.values()]
    assert losses[1] == pytest.approx(losses[0], abs=1e-5) and len(losses[0]) == 6
    if shutil.which("g++"):
        assert not [line for line in told["true"] if line["kind"] == "adapted"]
    assert set(intarsia.checkpoint.load(tmp_path / "true").weights) == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_activations_are_computed_again_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions of the encoder's middle stages run twice a step, and the losses are the same."""
    calls = {"false": 0, "true": 0}
    losses = []
    conv = nn.Conv2d.forward
    for name in calls:

        def counted(module: nn.Conv2d, image: Tensor, name: str = name) -> Tensor:
            calls[name] += module.training
            return conv(module, image)

        monkeypatch.setattr(nn.Conv2d, "forward", counted)
        wish = {"model": {"name": "fpn", "encoder": "resnet10t", "channels": 16},
                "train": {**WISH, "steps": 2, "recompute": name == "true", "page": False}}  # fmt: skip
        intarsia.train(wish, data=Squares(side=32), out=tmp_path / name, quiet=True)
        lines = [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        losses.append([line["loss"] for line in lines if line["kind"] == "train"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert calls["true"] - calls["false"] >= 2 * 6  # two steps, three blocks of two or three


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")
def test_a_worker_that_dies_is_a_sentence_and_the_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    class Deadly(Squares):
        def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
            if self.reads == 4 * 10 and torch.utils.data.get_worker_info() is not None:  # it reads three batches ahead
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__getitem__(index)

    wish = ("train.workers=1", "train.checkpoint_every=5", "train.steps=14")
    with pytest.raises(TrainingError, match=r"a process that reads images has died .*lower train\.workers .*--resume"):
        run(tmp_path, nn.Conv2d(3, 2, 1), Deadly(), *wish)
    done = intarsia.checkpoint.load(tmp_path, state=True).progress["step"]
    assert done in (5, 10)
    lines = run(tmp_path, nn.Conv2d(3, 2, 1), Squares(), *wish, "train.workers=0", resume=True)
    assert [line["step"] for line in lines if line["kind"] == "train"] == [*range(1, 15)]


@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "Connection reset by peer"), EOFError(), FileNotFoundError(2, "No such file")]
)
def test_a_batch_whose_process_died_before_it_was_fetched_is_the_same_sentence(error: Exception) -> None:
    def batches() -> Iterator[Any]:
        raise error
        yield

    with pytest.raises(TrainingError, match=r"a process that reads images has died \((\[Errno|EOFError).*--resume"):
        read(batches(), 1, Asked())


def test_a_budget_in_minutes_does_not_follow_the_time_of_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = itertools.cycle((0.0, 4e9, -4e9, 1e5))
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    began = time.perf_counter()
    lines = run(tmp_path, nn.Conv2d(3, 2, 1), Squares(), "train.steps=null", "train.minutes=0.01")
    took = [line["seconds"] for line in lines if line["kind"] == "train"]
    assert took == sorted(took) and 0.6 <= took[-1] <= time.perf_counter() - began


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="a folder in which nobody may write, not even root")
def test_a_folder_that_may_not_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"/sys.*(cannot be|may not be) written.*choose another --out"):
        run(Path("/sys/intarsia-run"), nn.Conv2d(3, 2, 1), Squares())
    (tmp_path / "mine").mkdir(mode=0o500)
    if not os.access(tmp_path / "mine", os.W_OK):  # root may
        with pytest.raises(TrainingError, match=r"mine may not be written by you; choose another --out"):
            run(tmp_path / "mine" / "run", nn.Conv2d(3, 2, 1), Squares())


def test_activations_that_nothing_can_compute_again_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="train.recompute is true, and no part of this network"):
        run(tmp_path, nn.Conv2d(3, 2, 1), Squares(), "train.recompute=true")


def test_the_faster_layout_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gains = [1.3]
    monkeypatch.setattr(layout, "measured", lambda: gains.pop())
    assert layout.channels_last_faster(tmp_path) and layout.channels_last_faster(tmp_path)
    monkeypatch.setattr(layout, "circumstances", lambda: "another")
    gains.append(1.01)
    assert not layout.channels_last_faster(tmp_path)
    assert len(json.loads((tmp_path / "layout.json").read_text())) == 2


def test_a_class_that_is_never_predicted_and_a_score_that_an_empty_mask_beats_are_told(tmp_path: Path) -> None:
    net = nn.Conv2d(3, 2, 1)
    nn.init.zeros_(net.weight)
    with torch.no_grad():
        net.bias.copy_(torch.tensor([-9.0, 9.0]))
    wish = ("train.steps=1", "optimizer.lr=1e-9")
    lines = run(tmp_path, net, (Squares(), Squares()), *wish)
    told = lines[-1]["advice"]
    assert told[0] == "dark was never predicted; try loss.class_weights=median"
    assert told[1].startswith("mIoU 12.5 is below the 37.5 of calling everything dark")


def test_a_young_run_is_not_advised(tmp_path: Path) -> None:
    """In its first half a class may still be found."""
    net = nn.Conv2d(3, 2, 1)
    nn.init.zeros_(net.weight)
    with torch.no_grad():
        net.bias.copy_(torch.tensor([-9.0, 9.0]))
    lines = run(tmp_path, net, (Squares(), Squares()), "train.steps=4", "optimizer.lr=1e-9", "evaluate.every=1")
    assert [bool(line.get("advice")) for line in lines if line["kind"] == "val"] == [False, True, True, True]


def test_a_machine_in_one_line() -> None:
    assert str(Machine("cpu", "cpu", 2, memory=16_000_000_000, pace=4e5)) == (
        "cpu: 2 cores, no bfloat16 units, 16 GB free, 0.4 megapixels of training a second"
    )
