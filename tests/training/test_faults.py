"""What goes wrong in the middle of a run: too little memory, a file that breaks, a loss that is no number, a compiler that fails."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import intarsia
from intarsia.errors import DataError, TrainingError
from intarsia.training import compiled, layout
from intarsia.training.machine import Machine

WISH = {"batch_size": 4, "workers": 0, "audit": False, "log_every": 1, "precision": "float32"}


class Squares:
    labels = intarsia.LabelSpace(("dark", "bright"))

    def __init__(self, broken: tuple[int, ...] = (), count: int = 12) -> None:
        self.broken, self.count, self.reads = broken, count, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
        self.reads += 1
        if index in self.broken and self.reads > 3 * self.count:  # sound in the first passes
            raise OSError("the file ends too early")
        labels = torch.zeros(8, 8, dtype=torch.uint8)
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
