"""A loss, an optimizer, a listener and networks of any output type of the user's own, handed over in Python."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import intarsia
from intarsia import LabelSpace, Sample
from intarsia.cli import main
from intarsia.errors import ModelError, TrainingError
from intarsia.structures import (
    Batch,
    ClassLogits,
    DepthMap,
    Detections,
    PanopticLogits,
    SemanticLogits,
)
from intarsia.training import events


class Squares:
    """Bright squares on a dark ground, each an object with a number and a distance; every third picture has none."""

    labels = LabelSpace(("ground", "square"), things=("square",))

    def __init__(self, count: int = 6, objects: bool = True, depth: bool = True, empty: bool = False) -> None:
        self.count, self.objects, self.depth, self.empty = count, objects, depth, empty

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        numbers = torch.zeros(24, 24, dtype=torch.int32)
        if index % 3 != 2 and not self.empty:
            numbers[2:10, 3 + index : 11 + index], numbers[14:20, 4:12] = 1, 2
        image = (numbers > 0).to(torch.uint8)[None].repeat(3, 1, 1) * 150 + 40 + index
        depth = torch.where(numbers > 0, 2.0, 8.0)
        return Sample(
            image,
            (numbers > 0).to(torch.uint8),
            f"s{index}",
            objects=numbers if self.objects else None,
            depth=depth if self.depth else None,
            tags=torch.tensor([index % 3 == 2, index % 3 != 2]),
        )


def recipe(**changes: Any) -> dict[str, Any]:
    wish = {"steps": 4, "batch_size": 2, "workers": 0, "accelerator": "cpu", "precision": "float32", "audit": False}
    return {"train": {**wish, **changes.pop("train", {})}, "optimizer": {"lr": 0.01}, **changes}


class Dots(nn.Module):
    """One convolution, which draws `maps` maps."""

    def __init__(self, maps: int = 2) -> None:
        super().__init__()
        self.draw = nn.Conv2d(3, maps, 3, padding=1)

    def forward(self, image: Tensor) -> Any:
        return self.draw(image)


class Tagger(Dots):
    def forward(self, image: Tensor) -> ClassLogits:
        return ClassLogits(self.draw(image).mean((2, 3)))


class Ranger(Dots):
    def forward(self, image: Tensor) -> DepthMap:
        return DepthMap(nn.functional.softplus(self.draw(image)[:, :1]) + 0.1)


class Centered(Dots):
    def forward(self, image: Tensor) -> PanopticLogits:
        semantic, centers, offsets = self.draw(image).split([self.draw.out_channels - 3, 1, 2], dim=1)
        return PanopticLogits(semantic, centers, offsets)


class TwoStage(nn.Module):
    """Finds one box a picture; in training it needs the truth, and hands what it was matched with to the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.box = nn.Linear(3, 4)

    def forward(self, image: Tensor, truth: Batch | None = None) -> Detections:
        assert (truth is not None) == self.training
        size = (image.shape[2], image.shape[3])
        boxes = self.box(image.mean((2, 3))).sigmoid()[:, None] * max(size)  # [B, 1, 4]
        scores, classes = boxes.new_full(boxes.shape[:2], 0.9), boxes.new_ones(boxes.shape[:2], dtype=torch.int64)
        return Detections(scores, classes, boxes, None, size, found_by=truth)


def far(output: Detections, truth: Batch) -> dict[str, Tensor]:
    assert output.found_by is not None and truth.objects is not None
    return {"box": output.boxes.square().mean() * 1e-4}


@pytest.mark.parametrize(
    ("network", "loss", "name"),
    [
        (partial(Dots, 2), None, "cross_entropy"),
        (partial(Tagger, 2), None, "class_cross_entropy"),
        (partial(Ranger, 1), None, "silog"),
        (partial(Centered, 5), None, "centers"),
        (TwoStage, far, ""),
    ],
    ids=["semantic", "class", "depth", "panoptic", "two-stage"],
)
def test_own_networks_of_any_output_train_with_the_loss_of_their_output(
    network: Any, loss: Any, name: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = network()
    before = [p.detach().clone() for p in model.parameters()]
    wish = recipe()
    last = intarsia.train(wish, model=model, data=(Squares(), Squares(3)), loss=loss, out=tmp_path, quiet=True)
    assert '"kind": "val"' in (tmp_path / "log.jsonl").read_text()
    assert any(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    assert intarsia.checkpoint.load(last).recipe["loss"]["name"] == name


def test_what_a_network_learns_from_must_be_there(tmp_path: Path) -> None:
    """Each misfit of data, network, loss and task is one sentence before the first step."""
    usual = {"data": Squares(), "model": Centered(5)}
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"data": Squares(objects=False)}, {}, "returns PanopticLogits learns objects and the samples to train on have none"),
        ({"data": (Squares(), Squares(objects=False))}, {}, "samples to validate on have none"),
        ({"data": Squares(empty=True)}, {}, "there is no object in the training set"),
        ({"data": Squares(depth=False), "model": Ranger(1)}, {}, "returns DepthMap learns depth and the samples to train on"),
        ({}, {"loss": "dice"}, "the loss dice takes SemanticLogits, and the network returns PanopticLogits; use centers"),
        ({"model": Dots()}, {"loss": "silog"}, "silog takes DepthMap, and the network returns SemanticLogits; use cross_entropy"),
        ({}, {"task": "depth"}, "the task 'depth' cannot be answered by a network that returns PanopticLogits; it answers panoptic"),
        ({"model": Dots()}, {"decide": {"treshold": 0.4}}, "takes no option 'treshold'; did you mean 'threshold'"),
        ({"loss": far}, {}, "loss= takes Detections, as its annotation says, and the network returns PanopticLogits"),
        ({"loss": nn.CrossEntropyLoss}, {}, "loss= is the class CrossEntropyLoss, not one of its objects"),
        ({"loss": far, "model": TwoStage()}, {"loss": {"class_weights": [1, 2]}}, "loss of your own, which is not built with"),
    ]  # fmt: skip
    for given, changes, words in cases:
        with pytest.raises(intarsia.IntarsiaError, match=words):
            intarsia.train(recipe(**changes), **{**usual, **given}, out=tmp_path, quiet=True)
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_thing_class_without_any_object_is_told_of_and_empty_pictures_train(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Squares()
    data.labels = LabelSpace(("ground", "square", "disk"), things=("square", "disk"))  # type: ignore[misc]
    intarsia.train(recipe(), model=Centered(6), data=data, out=tmp_path)
    assert "no object of disk (labels.things) in the training set" in capsys.readouterr().err


class Shifted(nn.Module):
    """A loss with named terms and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, output: SemanticLogits, truth: Batch) -> dict[str, Tensor]:
        assert isinstance(self.scale, Tensor)
        entropy = nn.functional.cross_entropy(output.logits, truth.labels.long())
        return {"twice": self.scale * entropy, "small": 1e-6 * output.logits.square().mean()}


def test_a_loss_of_ones_own_is_minimized_and_its_terms_are_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[events.Event] = []
    last = intarsia.train(
        recipe(train={"log_every": 1}), model=Dots(), data=(Squares(), Squares(3)), loss=Shifted(), out=tmp_path,
        on_event=seen.append,
    )  # fmt: skip
    told = capsys.readouterr().err
    assert "the loss is your own, Shifted" in told and "neither trained nor kept in checkpoints" in told
    steps = [event for event in seen if isinstance(event, events.Stepped)]
    assert [event.step for event in steps] == [1, 2, 3, 4] and set(steps[0].terms) == {"twice", "small"}
    assert float(steps[0].loss) == pytest.approx(float(sum(steps[0].terms.values())))
    assert not steps[0].loss.requires_grad
    assert [type(event) for event in seen if not isinstance(event, events.Stepped)] == [
        events.Started, events.Saved, events.Validated, events.Saved, events.Finished,
    ]  # fmt: skip
    started, finished = seen[0], seen[-1]
    assert started == events.Started(0, 6, 3, tmp_path)
    assert isinstance(finished, events.Finished) and finished.path == last and finished.best is not None


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda output, truth: output.logits, r"the loss returned a tensor \[2, 2, 24, 24\]; return one number"),
        (lambda output, truth: {"a": 1.0}, "the loss returned a float under 'a'"),
        (lambda output, truth: {}, "the loss returned an empty dict"),
        (lambda output, truth: None, "the loss returned a NoneType"),
    ],
)
def test_a_loss_that_returns_no_number_is_one_sentence(loss: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=words):
        intarsia.train(recipe(), model=Dots(), data=Squares(), loss=loss, out=tmp_path, quiet=True)


class Counting(torch.optim.SGD):
    """Keeps plain numbers beside tensors, and a count in its groups."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            group["count"] = group.get("count", 0) + 1
            for parameter in group["params"]:
                state = self.state[parameter]
                state["seen"] = state.get("seen", 0.1) * 1.5
                parameter.data.mul_(1 - 1e-3 * state["seen"] * group["count"])
        return super().step(closure)


class Listing(torch.optim.SGD):
    """Keeps what no checkpoint can hold."""

    def step(self, closure: Any = None) -> Any:
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["history"] = [1, 2]
        return super().step(closure)


@pytest.mark.parametrize(
    "optimizer",
    [partial(torch.optim.SGD, lr=0.05, momentum=0.9), partial(torch.optim.Adafactor, lr=0.05), partial(Counting, lr=0.05)],
    ids=["sgd", "adafactor", "counting"],
)  # fmt: skip
def test_an_optimizer_of_ones_own_resumes_to_the_bit(optimizer: Any, tmp_path: Path) -> None:
    def run(out: str, *changes: str, **more: Any) -> dict[str, Tensor]:
        torch.manual_seed(1)
        given: dict[str, Any] = {"model": Dots(), "data": Squares(), "optimizer": optimizer, "quiet": True}
        last = intarsia.train(recipe(schedule={"name": "constant"}), *changes, out=tmp_path / out, **given, **more)
        return dict(intarsia.checkpoint.load(last).weights)

    whole = run("whole")
    run("parts", "train.steps=2")
    parts = run("parts", resume=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_resuming_asks_for_the_same_loss_and_optimizer_and_says_where_it_cannot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, Any] = {"model": Dots(), "data": Squares(), "out": tmp_path / "run", "quiet": True}
    optimizer = partial(torch.optim.SGD, lr=0.1)
    intarsia.train(recipe(), loss=Shifted(), optimizer=optimizer, **given)
    for more, words in (
        (
            {},
            r"trained with loss=Shifted, handed over by its user, and now there is none; hand it over again \(loss=\)",
        ),
        ({"loss": Shifted()}, "trained with optimizer=SGD, handed over by its user"),
        ({"loss": pulled_maps, "optimizer": optimizer}, "and now there is pulled_maps"),
    ):
        with pytest.raises(TrainingError, match=words):
            intarsia.train(recipe(), "train.steps=6", resume=True, **given, **more)
    assert intarsia.train(recipe(), "train.steps=6", resume=True, loss=Shifted(), optimizer=optimizer, **given)
    given["out"] = tmp_path / "lost"
    intarsia.train(recipe(), optimizer=partial(Listing, lr=0.1), **{**given, "quiet": False})
    assert "this run cannot be resumed: its optimizer keeps history" in capsys.readouterr().err
    with pytest.raises(TrainingError, match="cannot be resumed: its optimizer keeps history.*--from"):
        intarsia.train(recipe(), "train.steps=6", resume=True, optimizer=partial(Listing, lr=0.1), **given)


def pulled_maps(output: SemanticLogits, truth: Batch) -> Tensor:
    return output.logits.square().mean()


def test_what_is_no_optimizer_of_the_network_is_one_sentence(tmp_path: Path) -> None:
    other = Dots()
    for optimizer, words in (
        (torch.optim.SGD(other.parameters(), lr=0.1), "optimizer= is SGD, not a function; give a function of the parameters"),
        (lambda parameters: None, "optimizer= returned a NoneType"),
        (lambda parameters: torch.optim.SGD(other.parameters(), lr=0.1), "SGD has 2 parameters that are not the network's"),
        (torch.optim.LBFGS, "LBFGS computes the loss several times a step"),
    ):  # fmt: skip
        with pytest.raises(TrainingError, match=words):
            intarsia.train(recipe(), model=Dots(), data=Squares(), optimizer=optimizer, out=tmp_path, quiet=True)  # type: ignore[arg-type]


def test_finding_out_what_a_network_returns_leaves_it_as_it_was(tmp_path: Path) -> None:
    """Running statistics, the mode, and the order of random numbers stay; a network that needs numbers is run on some."""

    class Needy(Dots):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.drop = nn.BatchNorm2d(2), nn.Dropout(0.5)

        def forward(self, image: Tensor) -> Tensor:
            if float(image.mean()) > 1e9:  # no number on the meta device
                return image
            return self.drop(self.norm(self.draw(image)))

    from intarsia.training.material import Material
    from intarsia.training.returned import returned

    network, data = Needy(), Squares()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    assert returned(network, Material(data, None, data.labels, None, 3), None) is SemanticLogits
    assert network.training and torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    with pytest.raises(ModelError, match=r"scores of shape \[1, 3, 24, 24\] where \[1, 2, 24, 24\] is needed"):
        returned(Dots(3), Material(data, None, data.labels, None, 3), None)


def test_the_command_line_cannot_go_on_with_a_users_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    intarsia.train("shapes", "train.steps=1", "train.workers=0", "model.encoder=resnet10t", "augment.crop=[32,32]",
                   "train.batch_size=2", "train.audit=false", "data.val=null", loss=pulled_maps, out=tmp_path / "run", quiet=True)  # fmt: skip
    words = ["shapes", "train.steps=2", "train.workers=0", "model.encoder=resnet10t", "augment.crop=[32,32]", "train.batch_size=2", "train.audit=false", "data.val=null"]  # fmt: skip
    assert main(["train", *words, "--out", str(tmp_path / "run"), "--resume"]) == 2
    assert "hand it over again (loss=)" in " ".join(capsys.readouterr().err.split())


def test_the_example_of_the_manual_runs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (root / "docs/training.md").read_text(encoding="utf-8")
    block = next(part.split("```")[0] for part in text.split("```python\n")[1:] if "on_event=" in part)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(block, "docs/training.md", "exec", dont_inherit=True), names)
    losses = names["losses"]
    assert len(losses) == 4 and losses[-1] < 0.8 * losses[0]
    assert (tmp_path / "runs/ranger/last.safetensors").is_file()
