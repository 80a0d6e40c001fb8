"""Keys of training that change what a step does or when a run ends: each against what it computes, and across a resume."""

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import intarsia
from intarsia.cli import main
from intarsia.errors import RecipeError, TrainingError
from intarsia.training.ema import MovingAverage
from intarsia.training.events import Event, Saved, Stepped, Validated
from intarsia.training.find_rate import find_rate, proposal
from intarsia.training.optimizers import adamw, cosine, cosine_restarts, parameter_groups, sgd

F = torch.nn.functional


class Squares:
    """A bright square on the dark."""

    labels = intarsia.LabelSpace(("dark", "bright"))

    def __init__(self, count: int = 4, noise: float = 0.0) -> None:
        self.count, self.noise = count, noise

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
        labels = torch.zeros(16, 16, dtype=torch.uint8)
        labels[index : index + 8, 3:9] = 1
        image = (labels * 200).repeat(3, 1, 1) + 20
        return image, labels, f"{self.count}-{index}"


class Net(nn.Module):
    """An encoder with a norm, and a head."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Conv2d(4, 2, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.classify(self.encoder(image))


def wish(evaluate: dict[str, Any] | None = None, **train: Any) -> dict[str, Any]:
    usual = {"steps": 6, "batch_size": 2, "workers": 0, "log_every": 1, "precision": "float32", "audit": False}
    return {
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9},
        "schedule": {"name": "constant"},
        "train": {**usual, **train},
        "evaluate": evaluate or {},
        "seed": 3,
    }


def trained(out: Path, recipe: dict[str, Any], net: nn.Module, **more: Any) -> intarsia.checkpoint.Checkpoint:
    data = (Squares(4), Squares(3)) if recipe["evaluate"] else Squares(4)
    last = intarsia.train(recipe, model=net, data=data, out=out, quiet=True, **more)
    return intarsia.checkpoint.load(last, state=True)


def test_restarts_are_cosines_one_after_another() -> None:
    course, fall = cosine_restarts(cycles=2, growth=3.0, floor=0.1), cosine(floor=0.1)  # a quarter, then the rest
    assert [course(p) for p in (0, 0.125, 0.25, 0.4375, 0.625, 1)] == pytest.approx(
        [1, fall(0.5), 1, fall(0.25), fall(0.5), 0.1]
    )
    theirs_model = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(theirs_model, T_0=10, T_mult=2)
    course = cosine_restarts(cycles=3, growth=2.0)  # 10, 20 and 40 steps
    for step in range(70):
        assert course(step / 70) == pytest.approx(theirs_model.param_groups[0]["lr"], abs=1e-9)
        theirs_model.step()
        theirs.step()
    for options, told in (({"cycles": 0}, "cycles is 0"), ({"growth": 0.0}, "growth is 0.0")):
        with pytest.raises(RecipeError, match=told):
            cosine_restarts(**options)


def test_groups_have_rates_by_the_longest_name_and_decay_where_asked() -> None:
    net = Net()
    groups = parameter_groups(net, 1.0, 0.5, groups={"encoder": 0.1, "encoder.1": 0.01, "classify": 10})
    found = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    assert len(found) == len(list(net.parameters())) == sum(len(g["params"]) for g in groups)
    assert found[id(net.encoder[0].weight)] == (0.1, 0.5)
    assert found[id(net.encoder[1].weight)] == (0.01, 0.0)
    assert found[id(net.classify[1].weight)] == (10, 0.5) and found[id(net.classify[1].bias)] == (10, 0.0)
    for make in (adamw, sgd):
        assert {g["weight_decay"] for g in make(net, weight_decay=0.3, decay_all=True).param_groups} == {0.3}
    for groups, error, told in (
        ({"encoder": -1}, RecipeError, "encoder is -1; it is a factor"),
        ({"enc": 0.1}, TrainingError, r"optimizer.groups names 'enc'.*did you mean 'encoder'"),
        ({"encoder": 0.1}, RecipeError, "both name the encoder's rate"),
    ):
        with pytest.raises(error, match=told):
            parameter_groups(net, 1.0, 0.5, 0.5 if "encoder" in groups and groups["encoder"] > 0 else 1.0, groups)


def test_a_group_of_rate_0_stays_and_others_move(tmp_path: Path) -> None:
    net = Net()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    recipe = wish(steps=2)
    recipe["optimizer"]["groups"] = {"encoder": 0.0}
    stored = trained(tmp_path, recipe, net)
    moved = {name for name in before if not torch.equal(before[name], stored.weights[name])}
    assert moved == {name for name in before if name.startswith("classify")}


def test_sam_takes_the_gradient_uphill(tmp_path: Path) -> None:
    """One step over two batches, clipped, against the paper's equations written out."""
    net = nn.Conv2d(3, 2, 1)
    nn.init.normal_(net.weight, generator=torch.Generator().manual_seed(1))
    w = [p.detach().clone().double() for p in (net.weight, net.bias)]
    recipe = wish(steps=1, sam=0.3, accumulate=2, clip=0.05)
    recipe["optimizer"] = {"name": "sgd", "lr": 0.5, "momentum": 0.0, "weight_decay": 0.0}
    stored = trained(tmp_path, recipe, net)
    images, labels = zip(*(Squares(4)[n][:2] for n in range(4)), strict=True)
    x, y = (torch.stack(images).double() / 255 - 0.5) / 0.25, torch.stack(labels).long()

    def gradient(weights: list[Tensor]) -> list[Tensor]:
        leaves = [weight.clone().requires_grad_() for weight in weights]
        return list(torch.autograd.grad(F.cross_entropy(F.conv2d(x, *leaves), y), leaves))

    def length(parts: list[Tensor]) -> Tensor:
        return torch.stack([part.norm() for part in parts]).norm()

    g = gradient(w)
    up = gradient([weight + 0.3 * part / length(g) for weight, part in zip(w, g, strict=True)])
    want = [weight - 0.5 * 0.05 / length(up) * part for weight, part in zip(w, up, strict=True)]
    assert length(up) > 0.05
    torch.testing.assert_close(stored.weights["weight"].double(), want[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(stored.weights["bias"].double(), want[1], rtol=0, atol=1e-6)


def test_sam_counts_the_statistics_of_a_batch_once(tmp_path: Path) -> None:
    one, other = (
        trained(tmp_path / name, wish(steps=1, **more), Net()) for name, more in (("a", {}), ("b", {"sam": 0.1}))
    )
    for key in ("encoder.1.running_mean", "encoder.1.running_var", "encoder.1.num_batches_tracked"):
        assert torch.equal(one.weights[key], other.weights[key])
    assert not torch.equal(one.weights["classify.1.weight"], other.weights["classify.1.weight"])


def test_swa_ships_the_mean_of_the_last_steps(tmp_path: Path) -> None:
    net, seen = Net(), []

    def listen(event: Event) -> None:
        if isinstance(event, Stepped):
            seen.append({name: t.detach().clone() for name, t in net.state_dict().items()})

    stored = trained(tmp_path, wish(steps=8, swa=0.5), net, on_event=listen)
    for name, tensor in stored.weights.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, torch.stack([step[name] for step in seen[4:]]).mean(0))
    average = MovingAverage(net, 0.9, 0.5)
    average.update(0.4)
    assert average.averaged == 0 and average.steps == 1


class Stopping:
    """A function of events that stops the run like Ctrl-C once the last of some events has come."""

    def __init__(self, kind: type, count: int) -> None:
        self.kind, self.left = kind, count

    def __call__(self, event: Event) -> None:
        self.left -= isinstance(event, self.kind)
        if self.left == 0 and isinstance(event, self.kind):
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "more",
    [
        {"sam": 0.05, "clip": 1.0},
        {"swa": 0.4},
        {"swa": 0.4, "ema": 0.8, "sam": 0.05, "accumulate": 2},
    ],
    ids=str,
)
def test_a_run_killed_after_a_save_goes_on_to_the_same_bits(tmp_path: Path, more: dict[str, Any]) -> None:
    recipe = wish(checkpoint_every=3, **more)
    recipe["optimizer"]["groups"] = {"encoder": 0.5}
    recipe["schedule"] = {"name": "cosine_restarts", "cycles": 2}
    whole = trained(tmp_path / "whole", recipe, Net(0.3))
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", recipe, Net(0.3), on_event=Stopping(Stepped, 5))
    assert intarsia.checkpoint.load(tmp_path / "killed", state=True).progress["step"] == 3
    resumed = trained(tmp_path / "killed", recipe, Net(0.3), resume=True)
    assert all(torch.equal(whole.weights[n], resumed.weights[n]) for n in whole.weights)
    assert whole.state.keys() == resumed.state.keys()
    assert all(torch.equal(whole.state[n], resumed.state[n]) for n in whole.state)


def test_a_run_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """Its recipe has no keys that came later; they are at their defaults."""
    stored = trained(tmp_path, wish(steps=1), Net())
    train = {key: value for key, value in stored.recipe["train"].items() if key not in ("keep", "teacher_weight")}
    old = dataclasses.replace(stored, recipe={**stored.recipe, "train": train})
    intarsia.checkpoint.save(tmp_path / "last.safetensors", old)
    assert trained(tmp_path, wish(steps=2), Net(), resume=True).progress["step"] == 2
    with pytest.raises(TrainingError, match=r"another train\.keep"):
        trained(tmp_path, wish(steps=3, keep=2), Net(), resume=True)


def scripted(values: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let validations come to these scores, one after another."""
    from intarsia.evaluation import score as real
    from intarsia.training import run

    script = iter(values)

    class Told:
        def __init__(self, score: Any, standing: float) -> None:
            self.score, self.standing = score, standing

        def __getattr__(self, name: str) -> Any:
            return getattr(self.score, name)

    monkeypatch.setattr(run, "score", lambda *a, **k: Told(real(*a, **k), next(script)))


def steps_of(out: Path) -> list[int]:
    return [
        line["step"] for line in map(json.loads, (out / "log.jsonl").read_text().splitlines()) if line["kind"] == "val"
    ]


def test_patience_ends_a_run_and_is_kept_across_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = wish({"every": 1}, steps=20, patience=2, checkpoint_every=1)
    scores = [0.3, 0.2, 0.4, 0.4, 0.39, 0.9, 0.9]  # the third is the best; two follow that are no better
    scripted(scores, monkeypatch)
    whole = trained(tmp_path / "whole", recipe, Net())
    assert steps_of(tmp_path / "whole") == [1, 2, 3, 4, 5] and whole.progress["since_best"] == 2
    assert intarsia.checkpoint.load(tmp_path / "whole" / "best.safetensors").notes["step"] == 3
    scripted(scores[:4], monkeypatch)
    with pytest.raises(KeyboardInterrupt):  # the fourth is made, and not saved
        trained(tmp_path / "killed", recipe, Net(), on_event=Stopping(Validated, 4))
    scripted(scores[3:], monkeypatch)
    resumed = trained(tmp_path / "killed", recipe, Net(), resume=True)
    assert steps_of(tmp_path / "killed") == [1, 2, 3, 4, 5]
    assert resumed.progress == {**whole.progress, "seconds": resumed.progress["seconds"]}
    assert all(torch.equal(whole.weights[n], resumed.weights[n]) for n in whole.weights)
    again = trained(tmp_path / "killed", recipe, Net(), resume=True)  # it is over
    assert again.progress["step"] == 5


def test_the_best_three_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted([0.3, 0.5, 0.2, 0.5, 0.4, 0.1], monkeypatch)
    files: list[Path] = []
    trained(
        tmp_path, wish({"every": 1}, keep=3), Net(), on_event=lambda e: isinstance(e, Saved) and files.append(e.path)
    )
    assert {p.name for p in tmp_path.glob("best*")} == {f"best{s}.safetensors" for s in ("", "-2", "-4", "-5")}
    for name, step in (("best", 2), ("best-2", 2), ("best-4", 4), ("best-5", 5)):
        assert intarsia.checkpoint.load(tmp_path / f"{name}.safetensors").notes["step"] == step
    assert tmp_path / "best-1.safetensors" in files


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("train.patience=2", "train.patience: validations on the way are counted, and there are none"),
        ("train.patience=0", "train.patience"),
        ("train.keep=0", "train.keep"),
        ("train.swa=1.5", "train.swa"),
        ("train.sam=-1", "train.sam"),
        ("optimizer.groups=3", "optimizer.groups"),
    ],
)
def test_keys_that_cannot_be_are_refused(tmp_path: Path, change: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        intarsia.train(wish(), change, model=Net(), data=Squares(), out=tmp_path)
    with pytest.raises(TrainingError, match="there is no validation set"):
        intarsia.train(wish({"every": 1}, patience=1), model=Net(), data=Squares(), out=tmp_path)


def test_deterministic_runs_are_equal_and_leave_torch_as_it_was(tmp_path: Path) -> None:
    class Resizing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.score = nn.Conv2d(3, 2, 3, stride=2, padding=1)

        def forward(self, image: Tensor) -> Tensor:
            assert not self.training or torch.are_deterministic_algorithms_enabled()
            return F.interpolate(self.score(image), image.shape[2:], mode="bilinear", align_corners=False)

    recipe = wish(steps=4, deterministic=True)
    one, other = (trained(tmp_path / name, recipe, Resizing()) for name in "ab")
    assert all(torch.equal(one.weights[n], other.weights[n]) for n in one.weights)
    assert not torch.are_deterministic_algorithms_enabled()

    class Random(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score = nn.Conv2d(3, 2, 1)

        def forward(self, image: Tensor) -> Tensor:
            if self.training:
                raise RuntimeError("shuffle_cuda does not have a deterministic implementation, but you set ...")
            return self.score(image)

    with pytest.raises(TrainingError, match="shuffle_cuda has no deterministic form on this device"):
        trained(tmp_path / "c", recipe, Random())
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_proposal_is_where_the_loss_falls_fastest() -> None:
    rates = list(np.geomspace(1e-5, 1.0, 51))
    losses = [2 - 1 / (1 + (1e-3 / rate) ** 2) + 10 * rate for rate in rates]  # the middle of the fall is at 1e-3
    assert proposal(rates, losses) == pytest.approx(1e-3, rel=0.3)
    with pytest.raises(TrainingError, match="the loss falls at no learning rate"):
        proposal(rates, list(range(51)))


def test_a_rate_is_found_and_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = find_rate(wish(), steps=40, model=Net(), data=Squares())
    assert len(found.rates) == len(found.losses) <= 40
    assert all(b > a for a, b in itertools.pairwise(found.rates)) and found.rates[0] < found.proposal < 10
    monkeypatch.setattr("intarsia.training.find_rate.find_rate", lambda recipe, *overrides: found)
    assert main(["train", "shapes", "--find-rate"]) == 0
    told = capsys.readouterr().out
    assert "the loss falls fastest" in told and f"proposal: optimizer.lr={found.proposal:.2g}, for batches of 2" in told
    assert list(tmp_path.iterdir()) == []
