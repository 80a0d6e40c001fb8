"""Several data sets as one: torch's Subset and ConcatDataset, a list in a recipe, weights, and loggers of events."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import ConcatDataset, IterableDataset, Subset

import intarsia
from intarsia.data.dataset import labels_of, names_of, place_of
from intarsia.data.joined import Joined
from intarsia.data.loader import Loader
from intarsia.data.stream import Streamed
from intarsia.errors import DataError, RecipeError, TrainingError
from intarsia.evaluation.entry import dataset_of
from intarsia.training import recipe as recipes
from intarsia.training.loggers import csv_log, together


class Squares:
    """A bright square on the dark."""

    def __init__(self, count: int, *names: str, prefix: str = "s") -> None:
        self.labels = intarsia.LabelSpace(names or ("dark", "bright"))
        self.items = [f"{prefix}{n}" for n in range(count)]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
        labels = torch.zeros(16, 16, dtype=torch.uint8)
        labels[index : index + 8, 3:9] = 1
        return (labels * 200).repeat(3, 1, 1) + 20, labels, self.items[index]


def test_parts_and_chains_keep_their_labels_and_names() -> None:
    part, chain = Subset(Squares(4), [2, 0]), ConcatDataset([Squares(2), Subset(Squares(3, prefix="t"), [1])])
    assert labels_of(part) == labels_of(chain) == Squares(1).labels
    assert names_of(part) == ["s2", "s0"] and place_of(part, 0) == "s2"
    assert [place_of(chain, n) for n in range(3)] == ["s0", "s1", "t1"]
    with pytest.raises(DataError, match="do not have the same classes: only one of them has bright, sky"):
        labels_of(ConcatDataset([Squares(1), Squares(1, "dark", "sky")]))
    with pytest.raises(DataError, match="their order or labels.planes differs"):
        labels_of(ConcatDataset([Squares(1), Squares(1, "bright", "dark")]))


def test_a_run_takes_a_part_and_a_chain(tmp_path: Path) -> None:
    wish = {"train": {"steps": 1, "batch_size": 2, "workers": 0, "audit": False}}
    data = ConcatDataset([Subset(Squares(4), [0, 1]), Squares(2)]), Subset(Squares(4), [3])
    last = intarsia.train(wish, model=nn.Conv2d(3, 2, 1), data=data, out=tmp_path, quiet=True)
    assert intarsia.checkpoint.load(last).labels.names == ("dark", "bright")


def test_joined_sets_are_read_one_after_another_and_drawn_by_weight() -> None:
    sets = [Squares(6), Squares(2, prefix="t")]
    plain, weighted = Joined(sets), Joined(sets, [1.0, 3.0])
    assert [plain[n][2] for n in range(8)] == plain.items == ["s0", "s1", "s2", "s3", "s4", "s5", "t0", "t1"]
    assert plain.shares is None and weighted.shares == [(6, 1.0), (2, 3.0)]
    loader = Loader(weighted, batch_size=2, shares=weighted.shares, seed=4)
    for epoch in range(3):
        drawn = Counter(loader.order(epoch).tolist())
        assert sum(drawn[n] for n in range(6)) == 2 and drawn[6] == drawn[7] == 3
        assert (loader.order(epoch) == loader.order(epoch)).all()
    assert sorted(Loader(plain, batch_size=2, seed=4).order(0)) == list(range(8))


def shapes(**more: Any) -> dict[str, Any]:
    return {"name": "shapes", "size": 32, "count": 4, **more}


def test_a_list_of_data_sets_in_a_recipe(tmp_path: Path) -> None:
    tree = {
        "data": [shapes(), shapes(count=2, weight=3, val=None), shapes(count=3)],
        "train": {"steps": 1, "batch_size": 2, "workers": 0, "audit": False},
    }
    recipe = recipes.load(tree)
    assert recipe.data is not None and recipe.data.weights == [1.0, 3.0, 1.0]
    assert [one.options["count"] for one in recipe.data.sets] == [4, 2, 3]
    assert recipes.load(recipe.to_dict()) == recipe
    assert "others" not in recipes.load({**tree, "data": shapes()}).to_dict()["data"]
    seen: list[Any] = []
    space = labels_of(intarsia.datasets.open("shapes", None, "train", size=32, count=1))
    assert space is not None
    net = nn.Conv2d(3, space.num_classes, 1)
    last = intarsia.train(tree, model=net, out=tmp_path, quiet=True, on_event=seen.append)
    assert seen[0].samples == 9
    one, other = (len(intarsia.datasets.open("shapes", None, "val", size=32, count=n)) for n in (4, 3))
    scored, said, opener = dataset_of(intarsia.Predictor.load(last, model=net), None, None, None)
    assert len(scored) == one + other and said["data"].count("shapes") and len(opener("train")) == 9
    for broken, told in (
        ([], "the list is empty"),
        ([shapes(), {"name": "shaps"}], r"data\[2\]\.name: there is no 'shaps'"),
        ([shapes(), shapes(others=[shapes()])], "data set 2 has others of its own"),
        ([shapes(), shapes(weight=0)], "weight"),
        (shapes(others=3), "expected a list of data sets"),
    ):
        with pytest.raises(RecipeError, match=told):
            recipes.load({**tree, "data": broken})


def test_loggers_are_functions_of_events(tmp_path: Path) -> None:
    wish = {"train": {"steps": 4, "batch_size": 2, "workers": 0, "audit": False}, "evaluate": {"every": 2}}
    seen: list[str] = []
    listener = together(csv_log(tmp_path / "a" / "steps.csv", every=2), lambda event: seen.append(type(event).__name__))
    data = Squares(4), Squares(2)
    intarsia.train(wish, model=nn.Conv2d(3, 2, 1), data=data, out=tmp_path / "run", quiet=True, on_event=listener)
    with (tmp_path / "a" / "steps.csv").open() as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    logged = next(line for line in lines if line["kind"] == "val")
    assert {row["step"] for row in rows if row["name"] == "train/loss"} == {"2", "4"}
    assert {"2": logged["miou"]}.items() <= {
        r["step"]: float(r["value"]) for r in rows if r["name"] == "val/miou"
    }.items()
    assert seen[0] == "Started" and seen[-1] == "Finished"


def test_tensorboard_as_a_function(tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="it reads the files")
    from intarsia.training.events import Stepped
    from intarsia.training.loggers import tensorboard

    log = tensorboard(tmp_path, every=1)
    log(Stepped(1, 0.5, 2.0, 0.1, torch.tensor(0.75), {"main": torch.tensor(0.75)}, 0.1))
    events = reader.EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.value for event in events.Scalars("train/loss")] == [0.75]


class Endless(IterableDataset[Any]):
    """Three squares, over and over."""

    labels = Squares(1).labels

    def __init__(self) -> None:
        self.begun = 0

    def __iter__(self) -> Any:
        self.begun += 1
        return (Squares(3)[n] for n in range(3))


def test_an_iterable_is_read_on_and_begins_again() -> None:
    source = Endless()
    stream = Streamed(source, 8)
    assert stream[0][2] == "s0" and [stream[n][2] for n in range(8)] == ["s0", "s1", "s2"] * 2 + ["s0", "s1"]
    assert source.begun == 3 and stream[1][2] == "s1" and source.begun == 4


def test_an_iterable_data_set_trains_by_steps_and_resumes(tmp_path: Path) -> None:
    wish = {
        "train": {"steps": 5, "batch_size": 2, "workers": 2, "checkpoint_every": 2, "precision": "float32"},
        "seed": 1,
    }

    def net() -> nn.Module:
        torch.manual_seed(0)
        return nn.Conv2d(3, 2, 1)

    def stop(event: Any) -> None:
        if getattr(event, "step", 0) == 3 and hasattr(event, "loss"):
            raise KeyboardInterrupt

    whole = intarsia.train(wish, model=net(), data=Endless(), out=tmp_path / "whole", quiet=True)
    with pytest.raises(KeyboardInterrupt):
        intarsia.train(wish, model=net(), data=Endless(), out=tmp_path / "part", quiet=True, on_event=stop)
    part = intarsia.train(wish, model=net(), data=Endless(), out=tmp_path / "part", quiet=True, resume=True)
    one, other = (intarsia.checkpoint.load(path).weights for path in (whole, part))
    assert all(torch.equal(one[name], other[name]) for name in one)
    for change, told in (
        ("train.epochs=1", "whose samples have no numbers and no end; train it by steps"),
        ("train.balance=0.5", "train.balance takes samples out of it"),
        ("augment.mosaic=0.5", "augment.mosaic takes samples out of it"),
    ):
        with pytest.raises(TrainingError, match=told):
            intarsia.train(wish, change, model=net(), data=Endless(), out=tmp_path / "no")
