"""A network drawn towards a teacher's answers: the term against its formula, and what a teacher must have."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import intarsia
from intarsia.checkpoint import Checkpoint, build, save
from intarsia.errors import IntarsiaError, RecipeError, TrainingError
from intarsia.structures import Batch, ClassLogits, SemanticLogits
from intarsia.training.teacher import Teacher

SPACE = intarsia.LabelSpace(("dark", "bright", "red"))


class Squares:
    """A bright square on the dark."""

    labels = SPACE

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
        labels = torch.zeros(32, 32, dtype=torch.uint8)
        labels[index : index + 8, 3:9] = 1
        return (labels * 200).repeat(3, 1, 1) + 20, labels, str(index)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max())
    return e / e.sum()


def test_the_term_is_its_formula() -> None:
    random = torch.Generator().manual_seed(0)
    told, own = (torch.randn(2, 3, 4, 5, generator=random, dtype=torch.float64) for _ in range(2))
    labels = torch.zeros(2, 4, 5, dtype=torch.int64)
    labels[0, 1:3] = 255
    batch = Batch(torch.zeros(2, 3, 4, 5, dtype=torch.uint8), labels, ("a", "b"))
    terms = []
    for b, y, x in zip(*np.nonzero(labels.numpy() != 255), strict=True):
        p, q = softmax(told[b, :, y, x].numpy() / 3), softmax(own[b, :, y, x].numpy() / 3)
        terms.append(float((p * np.log(p / q)).sum()))
    teacher = Teacher(lambda image: SemanticLogits(told), SPACE, 3.0, 0.5)
    assert float(teacher(SemanticLogits(own), batch)) == pytest.approx(0.5 * 9 * np.mean(terms), rel=1e-9)
    assert float(teacher(SemanticLogits(told), batch)) == pytest.approx(0, abs=1e-12)
    sigmoid = Teacher(lambda image: SemanticLogits(told[:, :1]), intarsia.LabelSpace(("a", "b")), 2.0, 1.0)
    two = Teacher(lambda image: SemanticLogits(doubled(told)), intarsia.LabelSpace(("a", "b")), 2.0, 1.0)
    torch.testing.assert_close(sigmoid(SemanticLogits(own[:, :1]), batch), two(SemanticLogits(doubled(own)), batch))
    tags = Teacher(lambda image: ClassLogits(told[:, :, 0, 0]), SPACE, 1.0, 1.0)
    p, q = (np.array([softmax(row) for row in x[:, :, 0, 0].numpy()]) for x in (told, own))
    assert float(tags(ClassLogits(own[:, :, 0, 0]), batch)) == pytest.approx((p * np.log(p / q)).sum() / 2)


def doubled(logits: Tensor) -> Tensor:
    """One map as two, under a softmax."""
    return torch.cat([torch.zeros_like(logits[:, :1]), logits[:, :1]], dim=1)


def wish(**train: Any) -> dict[str, Any]:
    usual = {"steps": 2, "batch_size": 2, "workers": 0, "log_every": 1, "precision": "float32", "audit": False}
    return {"optimizer": {"name": "sgd", "lr": 0.1}, "train": {**usual, **train}, "seed": 3}


@pytest.fixture
def taught(tmp_path: Path) -> Checkpoint:
    torch.manual_seed(0)
    model = build("enet", 3)
    return Checkpoint(
        model="enet", options={}, labels=SPACE, in_channels=3, mean=(0.4,) * 3, std=(0.2,) * 3,
        weights=model.state_dict(), recipe={}, protocol="dataset", data_hash="",
    )  # fmt: skip


def test_a_teacher_is_one_more_term_and_is_not_changed(tmp_path: Path, taught: Checkpoint) -> None:
    file, seen = tmp_path / "teacher.safetensors", []
    save(file, taught)
    before = file.read_bytes()
    recipe = wish(teacher=str(file), teacher_weight=0.5, teacher_temperature=4.0)
    intarsia.train(
        recipe, model=nn.Conv2d(3, 3, 1), data=Squares(), out=tmp_path / "run", quiet=True, on_event=seen.append
    )
    terms = next(event.terms for event in seen if hasattr(event, "terms"))
    assert set(terms) == {"main", "teacher"} and float(terms["teacher"]) > 0
    assert file.read_bytes() == before
    stored = intarsia.checkpoint.load(tmp_path / "run")
    assert set(stored.weights) == {"weight", "bias"} and stored.recipe["train"]["teacher"] == str(file)


def test_a_teacher_of_something_else_is_refused(tmp_path: Path, taught: Checkpoint) -> None:
    other = dataclasses.replace(taught, labels=intarsia.LabelSpace(("dark", "bright", "blue")))
    turned = dataclasses.replace(taught, labels=intarsia.LabelSpace(("bright", "dark", "red")))
    for number, (donor, told) in enumerate(
        ((other, "it knows blue and it lacks red; teach with a model"), (turned, "their order, labels.activation"))
    ):
        file = tmp_path / f"{number}.safetensors"
        save(file, donor)
        with pytest.raises(TrainingError, match=told):
            intarsia.train(wish(teacher=str(file)), model=nn.Conv2d(3, 3, 1), data=Squares(), out=tmp_path / "run")
    with pytest.raises(IntarsiaError, match="nowhere"):
        intarsia.train(wish(teacher="nowhere"), model=nn.Conv2d(3, 3, 1), data=Squares(), out=tmp_path / "run")
    with pytest.raises(RecipeError, match=r"train\.teacher_temperature"):
        intarsia.train(wish(teacher_temperature=0), model=nn.Conv2d(3, 3, 1), data=Squares(), out=tmp_path / "run")
