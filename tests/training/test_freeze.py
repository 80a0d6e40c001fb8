"""What is frozen does not change, norms included; what is resumed fits by name; another budget is told of."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import intarsia
from intarsia.errors import RecipeError, TrainingError
from intarsia.training import resume as states
from intarsia.training.ema import MovingAverage
from intarsia.training.freeze import Frozen
from intarsia.training.optimizers import adamw, parameter_groups, sgd


class Squares:
    """A bright square on the dark."""

    labels = intarsia.LabelSpace(("dark", "bright"))

    def __init__(self, count: int = 6, left: int = 3) -> None:
        self.count, self.left = count, left

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, str]:
        labels = torch.zeros(16, 16, dtype=torch.uint8)
        labels[index : index + 8, self.left : self.left + 6] = 1
        return (labels * 200).repeat(3, 1, 1) + 20, labels, f"{self.left}-{index}"


class Net(nn.Module):
    """An encoder with a norm, and a head."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.classify = nn.Conv2d(width, 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.classify(self.encoder(image))


def wish(**train: Any) -> dict[str, Any]:
    usual = {"steps": 6, "batch_size": 2, "workers": 0, "log_every": 1, "precision": "float32", "audit": False}
    return {
        "optimizer": {"name": "adamw", "lr": 0.05},
        "schedule": {"name": "cosine"},
        "train": {**usual, **train},
        "seed": 3,
    }


def trained(out: Path, recipe: dict[str, Any], net: nn.Module, **more: Any) -> intarsia.checkpoint.Checkpoint:
    last = intarsia.train(recipe, model=net, data=Squares(), out=out, **more)
    return intarsia.checkpoint.load(last, state=True)


def frozen_encoder() -> Net:
    net = Net()
    net.encoder.requires_grad_(False)
    return net


def rates(out: Path) -> list[float]:
    return [line["lr"] for line in map(json.loads, (out / "log.jsonl").read_text().splitlines()) if "lr" in line]


@pytest.mark.parametrize("by", ["recipe", "requires_grad"])
def test_frozen_is_frozen_statistics_of_norms_included(tmp_path: Path, by: str) -> None:
    net = frozen_encoder() if by == "requires_grad" else Net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    recipe = wish(freeze="encoder", ema=0.9) if by == "recipe" else wish(ema=0.9)
    stored = trained(tmp_path, recipe, net, quiet=True)
    for name, tensor in stored.weights.items():
        assert torch.equal(tensor, before[name]) == name.startswith("encoder."), name
    assert not any(name.startswith("optimizer/encoder") for name in stored.state)


def test_which_norms_are_frozen() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, affine=False))
            self.neck = nn.Sequential(
                nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.InstanceNorm2d(4, track_running_stats=True)
            )
            self.head = nn.Conv2d(4, 2, 1)

    net = Mixed()
    frozen = Frozen(net, ["encoder"])
    frozen.train()
    assert [m.training for m in (net.encoder[1], net.neck[1], net.neck[2], net.head)] == [False, True, True, True]
    assert net.encoder[0].training, "only norms know the difference"
    net.neck[1].requires_grad_(False)  # the norm alone
    frozen.train()
    assert [m.training for m in (net.encoder[1], net.neck[1], net.neck[2])] == [False, False, True]


def test_unfrozen_after_a_share_of_the_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = trained(tmp_path, wish(steps=8, freeze=["encoder"], unfreeze_at=0.5), Net())
    assert stored.state["optimizer/encoder.0.weight/step"] == 4 and stored.state["optimizer/classify.weight/step"] == 8
    told = capsys.readouterr().err
    assert "encoder: 240 of 258 parameters of the network are frozen for the first 50 % of the budget" in told
    assert "step 4: encoder is trained as well" in told


def test_parts_given_back_their_gradients_where_processes_share_a_network() -> None:
    """What processes exchange is settled at the start: parts trained later have gradients from the start, thrown away."""
    net = Net()
    frozen = Frozen(net, ["encoder"], 0.5, shared=True)
    frozen.train()
    net(torch.rand(2, 3, 4, 4)).sum().backward()
    frozen.drop_gradients()
    assert net.encoder[0].weight.grad is None and net.classify.weight.grad is not None and not net.encoder[1].training
    assert frozen.move_on(0.5) and not frozen.move_on(0.7)
    frozen.train()
    net(torch.rand(2, 3, 4, 4)).sum().backward()
    frozen.drop_gradients()
    assert net.encoder[0].weight.grad is not None and net.encoder[1].training


def test_train_the_head_then_unfreeze_and_resume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once a write past the end of the optimizer's state, and with it a segmentation fault."""
    trained(tmp_path, wish(ema=0.9), frozen_encoder(), quiet=True)
    stored = trained(tmp_path, wish(ema=0.9, steps=10), Net(), resume=True)
    assert stored.state["optimizer/classify.weight/step"] == 10
    assert stored.state["optimizer/encoder.0.weight/step"] == 4, "it starts fresh when it is first trained"
    assert stored.state["optimizer/encoder.0.weight/exp_avg"].shape == (8, 3, 3, 3)
    told = capsys.readouterr().err
    assert "the budget was 6 steps and is now 10 steps, of which 60 % is spent" in told
    assert "the learning rate goes on at 0.0173 (it was 0)" in told


def test_freezing_again_keeps_the_state_for_when_it_is_needed(tmp_path: Path) -> None:
    first = trained(tmp_path, wish(), Net(), quiet=True)
    second = trained(tmp_path, wish(steps=8), frozen_encoder(), quiet=True, resume=True)
    moment = "optimizer/encoder.0.weight/exp_avg"
    assert torch.equal(second.state[moment], first.state[moment])
    assert torch.equal(second.weights["encoder.1.running_mean"], first.weights["encoder.1.running_mean"])
    assert (
        trained(tmp_path, wish(steps=9), Net(), quiet=True, resume=True).state["optimizer/encoder.0.weight/step"] == 7
    )


def test_two_phases_by_recipe_say_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(tmp_path, wish(freeze=["encoder"]), Net(), quiet=True)
    stored = trained(tmp_path, wish(steps=8), Net(), resume=True)
    assert stored.state["optimizer/encoder.0.weight/step"] == 2
    assert "train.freeze was ['encoder'] and is now not set" in capsys.readouterr().err


@pytest.mark.parametrize("build", [adamw, sgd])
def test_each_group_keeps_its_own_rate_and_state(build: Any) -> None:
    """Groups of several rates; a parameter that gets no gradient in some steps, and one that never does."""

    def stepped(net: Net, optimizer: torch.optim.Optimizer, steps: range) -> None:
        for step in steps:
            net.unused = getattr(net, "unused", None)
            torch.manual_seed(step)
            out = net.classify(net.encoder(torch.rand(2, 3, 4, 4)) if step % 2 else torch.rand(2, 8, 4, 4))
            out.square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    class Wider(Net):
        def __init__(self) -> None:
            super().__init__()
            self.never = nn.Parameter(torch.ones(3))
            self.empty = nn.Parameter(torch.zeros(0))

    def fresh() -> tuple[Wider, torch.optim.Optimizer]:
        net = Wider().to(memory_format=torch.channels_last)
        return net, build(net, lr=0.01, encoder_lr=0.1)

    one, whole = fresh()
    stepped(one, whole, range(6))
    net, optimizer = fresh()
    stepped(net, optimizer, range(3))
    packed = {name: tensor.clone() for name, tensor in states.pack(net, optimizer, None).items()}
    assert not any("never" in name or "empty" in name for name in packed)
    weights = {name: tensor.clone().contiguous() for name, tensor in net.state_dict().items()}
    other, resumed = fresh()
    states.unpack(weights, packed, 3, other, resumed, None)
    stepped(other, resumed, range(3, 6))
    assert {g["lr"] for g in resumed.param_groups} == {0.01, 0.001}
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in one.state_dict().items())


def test_a_state_of_another_shape_is_refused_and_nothing_changes() -> None:
    net = Net()
    optimizer = adamw(net)
    net(torch.rand(2, 3, 4, 4)).sum().backward()
    optimizer.step()
    packed = states.pack(net, optimizer, None)
    other = Net()
    before = other.classify.weight.clone()
    fitting = adamw(other)
    for name, value, words in [
        (
            "optimizer/classify.weight/exp_avg",
            torch.zeros(3),
            r"exp_avg of 'classify.weight' is \[3\], and the parameter is",
        ),
        ("optimizer/gone.weight/exp_avg", torch.zeros(3), r"'gone.weight' is \[3\], and there is no such parameter"),
    ]:
        with pytest.raises(TrainingError, match=words + ".*--from"):
            states.unpack(net.state_dict(), {**packed, name: value}, 1, other, fitting, None)
    with pytest.raises(
        TrainingError, match=r"another network: its encoder.0.weight is \[8, 3, 3, 3\], and here it is \[4,"
    ):
        states.unpack(net.state_dict(), packed, 1, Net(width=4), fitting, None)
    with pytest.raises(TrainingError, match=r"the run to resume does not have 0\.weight"):
        states.unpack(net.state_dict(), packed, 1, nn.Sequential(nn.Conv2d(3, 2, 1)), fitting, None)
    with pytest.raises(TrainingError, match="kept no moving average"):
        states.unpack(net.state_dict(), packed, 1, other, fitting, MovingAverage(other, 0.9))
    assert torch.equal(other.classify.weight, before) and not fitting.state


def test_a_state_by_number_from_an_earlier_version() -> None:
    net = frozen_encoder()
    optimizer = adamw(net)
    net(torch.rand(2, 3, 4, 4)).sum().backward()
    optimizer.step()
    named = states.pack(net, optimizer, None)
    numbers = {"classify.weight": "0", "classify.bias": "1"}
    old = {k: v for k, v in named.items() if not k.startswith("optimizer/")}
    for name, number in numbers.items():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            old[f"optimizer/{number}/{key}"] = named[f"optimizer/{name}/{key}"]
    same = frozen_encoder()
    resumed = adamw(same)
    states.unpack(net.state_dict(), old, 1, same, resumed, None)
    assert torch.equal(resumed.state[same.classify.weight]["exp_avg"], named["optimizer/classify.weight/exp_avg"])
    other = Net()
    with pytest.raises(TrainingError, match="2 parameters, and 6 are trained now; train the same ones"):
        states.unpack(net.state_dict(), old, 1, other, adamw(other), None)


def test_frozen_parameters_stay_in_their_group() -> None:
    groups = parameter_groups(frozen_encoder(), lr=1.0, weight_decay=0.5, encoder_lr=0.1)
    assert sum(len(group["params"]) for group in groups) == 6


@pytest.mark.parametrize("train, kind, told", [
    ({"freeze": ["encodr"]}, TrainingError, "'encodr', which the network does not have.*did you mean 'encoder'"),
    ({"freeze": ["encoder", "classify"]}, TrainingError, "none of the network's 6 parameters would be trained"),
    ({"unfreeze_at": 0.5}, RecipeError, "train.unfreeze_at: nothing is frozen"),
])  # fmt: skip
def test_what_cannot_be_frozen(tmp_path: Path, train: dict[str, Any], kind: Any, told: str) -> None:
    with pytest.raises(kind, match=told):
        trained(tmp_path / "run", wish(**train), Net(), quiet=True)
    assert not (tmp_path / "run").exists()


class Brightest(nn.Module):
    """Two of the image's own channels, without any parameter."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image[:, :2]


@pytest.mark.parametrize("net, told", [(Net().requires_grad_(False), "requires_grad is False for every one"), (Brightest(), "no parameters")])  # fmt: skip
def test_networks_with_nothing_to_train(tmp_path: Path, net: nn.Module, told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        trained(tmp_path, wish(), net, quiet=True)


def test_a_budget_that_is_spent_says_so_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = trained(tmp_path, wish(), Net(), quiet=True)
    log = (tmp_path / "log.jsonl").read_text()
    again = trained(tmp_path, wish(), Net(), resume=True)
    assert "the budget of 6 steps is spent; a larger one trains on" in capsys.readouterr().err
    assert (tmp_path / "log.jsonl").read_text() == log
    assert all(torch.equal(first.state[name], again.state[name]) for name in first.state)


def test_a_larger_budget_lays_the_schedule_over_the_whole_of_it(tmp_path: Path) -> None:
    trained(tmp_path / "two", wish(steps=3), Net(), quiet=True)
    trained(tmp_path / "two", wish(steps=6), Net(), quiet=True, resume=True)
    trained(tmp_path / "one", wish(steps=6), Net(), quiet=True)
    assert rates(tmp_path / "two")[3:] == pytest.approx(rates(tmp_path / "one")[3:])
