"""Crops of several sizes, one a batch, and crops that grow: by the number of the batch alone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import intarsia
from intarsia.data.augment.pipeline import Augmentation
from intarsia.data.augment.sizes import BatchSizes
from intarsia.errors import RecipeError
from intarsia.training import recipe as recipes


def test_sizes_are_drawn_and_grow_in_steps() -> None:
    full = Augmentation(255, crop=(96, 128))
    drawn = BatchSizes(full, sizes=[(64, 64), (96, 128)], seed=1)
    sizes = [drawn.size(n) for n in range(40)]
    assert set(sizes) == {(64, 64), (96, 128)} and sizes == [drawn.size(n) for n in range(40)]
    assert drawn(3).crop == sizes[3] and drawn(3).ignore_index == 255
    growing = BatchSizes(full, first=(32, 64), grown=4)
    sides = [growing.size(n) for n in range(6)]
    assert sides == sorted(sides) and sides[0] == (32, 64) and sides[4] == sides[5] == (96, 128)
    assert all(h % 32 == w % 32 == 0 for h, w in sides)


class Squares:
    """A bright square on the dark."""

    labels = intarsia.LabelSpace(("dark", "bright"))

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
        labels = torch.zeros(64, 64, dtype=torch.uint8)
        labels[index : index + 8, 3:9] = 1
        return (labels * 200).repeat(3, 1, 1) + 20, labels, str(index)


class Watching(nn.Module):
    """A network that notes the sizes of the batches it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.score, self.seen = nn.Conv2d(3, 2, 1), list[tuple[int, int]]()

    def forward(self, image: Tensor) -> Tensor:
        if self.training:
            self.seen.append(tuple(image.shape[2:]))
        return self.score(image)


def wish(**augment: Any) -> dict[str, Any]:
    train = {"steps": 6, "batch_size": 2, "workers": 0, "audit": False, "precision": "float32", "checkpoint_every": 2}
    return {"augment": {"crop": [64, 64], **augment}, "train": train, "seed": 2}


@pytest.mark.parametrize("more", [{"sizes": [[32, 32], [64, 48]]}, {"grow_from": [32, 32]}], ids=str)
def test_a_resumed_run_sees_the_same_sizes(tmp_path: Path, more: dict[str, Any]) -> None:
    whole, part = Watching(), Watching()
    intarsia.train(wish(**more), model=whole, data=Squares(), out=tmp_path / "whole", quiet=True)

    def stop(event: Any) -> None:
        if getattr(event, "step", 0) == 3 and hasattr(event, "loss"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        intarsia.train(wish(**more), model=part, data=Squares(), out=tmp_path / "part", quiet=True, on_event=stop)
    part.seen.clear()
    intarsia.train(wish(**more), model=part, data=Squares(), out=tmp_path / "part", quiet=True, resume=True)
    assert len(set(whole.seen)) == 2 and len(whole.seen) == 6 and part.seen == whole.seen[2:]
    one, other = (intarsia.checkpoint.load(tmp_path / name).weights for name in ("whole", "part"))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"crop": None, "sizes": [[32, 32]]}, "augment.sizes changes the size of crops; add augment.crop"),
        ({"grow_from": [96, 32]}, r"\[96, 32\] is larger than augment.crop"),
        ({"sizes": [[0, 32]]}, "augment.sizes"),
        ({"sizes": 3}, "augment.sizes"),
    ],
)
def test_sizes_that_cannot_be_are_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        recipes.load(wish(**change))
    with pytest.raises(RecipeError, match="give train.steps or train.epochs"):
        recipes.load({**wish(grow_from=[32, 32]), "train": {"minutes": 1}})
