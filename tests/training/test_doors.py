"""Networks and data of other libraries: what trains, and the sentence for what does not."""

from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, Subset

import intarsia
from intarsia.errors import IntarsiaError, ModelError, TrainingError
from intarsia.inference.graph import Graph
from intarsia.postprocess.outputs import semantic
from intarsia.structures import SemanticLogits

LABELS = intarsia.LabelSpace(("dark", "bright"))


class Squares:
    """A bright square on the dark."""

    labels = LABELS

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, str]:
        if index >= 6:
            raise IndexError(index)
        labels = torch.zeros(16, 16, dtype=torch.uint8)
        labels[index : index + 8, 3:9] = 1
        return (labels * 200).repeat(3, 1, 1) + 20, labels, str(index)


class Answers(nn.Module):
    """A network whose logits are put into something else."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.classify, self.aux = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 1), nn.Conv2d(4, 2, 1)
        self.answer = answer

    def forward(self, image: torch.Tensor) -> Any:
        x = self.body(image).relu()
        return self.answer(self.classify(x), self.aux(x))


def start(out: Path, model: Any, data: Any = None, **train: Any) -> intarsia.checkpoint.Checkpoint:
    usual = {"steps": 4, "batch_size": 2, "workers": 0, "log_every": 1, "precision": "float32", "audit": False}
    data = (Squares(), Squares()) if data is None else data
    recipe = {"optimizer": {"lr": 0.02}, "train": {**usual, **train}}
    return intarsia.checkpoint.load(intarsia.train(recipe, model=model, data=data, out=out))


ANSWERS: dict[str, Any] = {
    "tensor": lambda logits, aux: logits,
    "out": lambda logits, aux: OrderedDict(out=logits),
    "out and aux": lambda logits, aux: OrderedDict(out=logits, aux=aux),
    "logits": lambda logits, aux: {"logits": logits},
    "object": lambda logits, aux: SimpleNamespace(logits=logits),
    "tuple": lambda logits, aux: (logits, aux),
    "list with features": lambda logits, aux: [logits, aux.mean((2, 3)), None],
    "ours": lambda logits, aux: SemanticLogits(logits, (aux,)),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_usual_answer_trains_is_scored_and_exports(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = start(tmp_path, Answers(ANSWERS[name]))
    told = capsys.readouterr().err
    assert ("one tensor is taken for the logits" in told) == (name not in ("tensor", "ours"))
    helped = not torch.equal(stored.weights["aux.bias"], Answers(None).aux.bias)
    assert helped == (name in ("out and aux", "tuple", "ours")), "only the auxiliary heads learn"
    predictor = intarsia.Predictor.load(tmp_path, model=Answers(ANSWERS[name]))
    plain = intarsia.Predictor.load(tmp_path, model=Answers(ANSWERS["tensor"]))
    image = torch.randint(0, 255, (1, 3, 9, 13), dtype=torch.uint8)
    assert torch.equal(predictor.logits(image), plain.logits(image))
    assert torch.allclose(Graph(predictor)(image), plain.probabilities(image), atol=1e-6)
    assert intarsia.evaluate(predictor, Squares()).miou == intarsia.evaluate(plain, Squares()).miou


@pytest.mark.parametrize("answer, words", [
    (lambda logits, aux: {"mask": logits, "score": aux}, "a dict with the keys 'mask', 'score'"),
    (lambda logits, aux: (), "a tuple of 0"),
    (lambda logits, aux: None, "a NoneType"),
    (lambda logits, aux: [{"out": logits}], "a list of 1"),
])  # fmt: skip
def test_an_answer_without_logits_is_told_of_in_training_and_prediction(
    tmp_path: Path, answer: Any, words: str
) -> None:
    with pytest.raises(ModelError, match=rf"the network returned {words}; return SemanticLogits, a tensor"):
        start(tmp_path, Answers(answer))
    predictor = intarsia.Predictor.of_network(Answers(answer), LABELS, (0.5,) * 3, (0.5,) * 3)
    with pytest.raises(ModelError, match=rf"Answers returned {words}; return SemanticLogits"):
        predictor.logits(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    assert semantic(answer(torch.zeros(1), torch.zeros(1))) is None


def test_a_torchvision_network(tmp_path: Path) -> None:
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=2)
    start(tmp_path, network, steps=1)
    assert intarsia.Predictor.load(tmp_path, model=network)(torch.zeros(3, 20, 30, dtype=torch.uint8)).labels.shape == (
        20,
        30,
    )


@pytest.mark.parametrize("wrap", [lambda n: torch.compile(n, backend="eager"), nn.DataParallel])
def test_wrapped_networks_train_to_the_same_bits_and_resume(tmp_path: Path, wrap: Any) -> None:
    plain = start(tmp_path / "plain", Answers(ANSWERS["tensor"]), steps=4, ema=0.9)
    start(tmp_path / "wrapped", wrap(Answers(ANSWERS["tensor"])), steps=2, ema=0.9)
    recipe = {"optimizer": {"lr": 0.02}, "train": {"steps": 4, "batch_size": 2, "workers": 0, "log_every": 1, "precision": "float32", "audit": False, "ema": 0.9}}  # fmt: skip
    whole = start(tmp_path / "whole", wrap(Answers(ANSWERS["tensor"])), steps=4, ema=0.9)
    assert list(whole.weights) == list(plain.weights)
    assert all(torch.equal(whole.weights[name], plain.weights[name]) for name in plain.weights)
    last = intarsia.train(recipe, model=wrap(Answers(ANSWERS["tensor"])), data=Squares(), out=tmp_path / "wrapped",
                          resume=True, quiet=True)  # fmt: skip
    assert intarsia.checkpoint.load(last).notes["step"] == 4
    assert intarsia.Predictor.load(last, model=wrap(Answers(ANSWERS["tensor"]))).checkpoint is not None
    start(tmp_path / "tuned", Answers(ANSWERS["tensor"]), steps=1)


class Endless(IterableDataset):  # type: ignore[type-arg]
    labels = LABELS

    def __iter__(self) -> Any:
        return iter([])


@pytest.mark.parametrize("data, words", [
    (Endless(), "the data set Endless yields no samples"),
    ((Squares(), Endless()), "of type Endless"),
    ((n for n in range(3)), "of type generator"),
    (DataLoader(Squares()), r"a DataLoader; give the data set inside it"),  # type: ignore[arg-type]
    ("photos", "data.name=folder data.root=photos"),
    ((Squares(), Squares(), Squares()), "a tuple of 3"),
    ((None, Squares()), "of type NoneType"),
])  # fmt: skip
def test_data_that_cannot_be_trained_on(tmp_path: Path, data: Any, words: str) -> None:
    with pytest.raises(IntarsiaError, match=words):
        start(tmp_path / "run", nn.Conv2d(3, 2, 1), data)
    assert not (tmp_path / "run").exists()


def test_data_that_cannot_be_scored() -> None:
    predictor = intarsia.Predictor.of_network(nn.Conv2d(3, 2, 1), LABELS, (0.5,) * 3, (0.5,) * 3)
    for data in (Endless(), (sample for sample in Squares())):  # type: ignore[attr-defined]
        with pytest.raises(IntarsiaError, match=f"of type {type(data).__name__}, whose samples have no numbers"):
            intarsia.evaluate(predictor, data)


def test_a_subset_and_a_list_of_samples(tmp_path: Path) -> None:
    start(tmp_path / "subset", nn.Conv2d(3, 2, 1), Subset(Squares(), [1, 3]))  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="no label space"):
        start(tmp_path / "list", nn.Conv2d(3, 2, 1), list(Squares()))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "model, words", [(nn.Conv2d, "the class Conv2d, not one of its objects"), ("fpn", "model= is 'fpn'")]
)
def test_a_model_that_is_no_network(tmp_path: Path, model: Any, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        start(tmp_path / "run", model)


def test_a_batch_larger_than_the_data(tmp_path: Path) -> None:
    assert start(tmp_path, nn.Conv2d(3, 2, 1), batch_size=64, workers=2, steps=2).notes["epoch"] == 2


def test_weights_of_nan_are_told_of(tmp_path: Path) -> None:
    network = nn.Conv2d(3, 2, 1)
    nn.init.constant_(network.bias, float("nan"))  # type: ignore[arg-type]
    with pytest.raises(IntarsiaError, match=r"became nan at step 1, on the batch"):
        start(tmp_path, network)
    assert not (tmp_path / "last.safetensors").exists()
