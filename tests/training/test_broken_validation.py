"""A validation that cannot be made costs no step: the run is saved, and goes on with it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import intarsia
from intarsia.checkpoint import load
from intarsia.errors import DataError
from intarsia.labels import LabelSpace

RECIPE: dict[str, Any] = {
    "train": {"steps": 5, "batch_size": 2, "workers": 0, "precision": "float32", "audit": False},
    "evaluate": {"every": 3},
}


class Stripes:
    """Two classes; `broken` is what reading the last one raises."""

    labels = LabelSpace(("dark", "bright"))

    def __init__(self, broken: Exception | None = None) -> None:
        self.broken = broken

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
        if self.broken is not None and index == 3:
            raise self.broken
        labels = torch.zeros(16, 16, dtype=torch.uint8)
        labels[:, index : index + 8] = 1
        return (labels * 200).repeat(3, 1, 1), labels, str(index)


@pytest.mark.parametrize("broken", [DataError("3.png: the file ends too early"), RuntimeError("out of memory")])
def test_the_steps_before_a_broken_validation_are_kept(tmp_path: Path, broken: Exception) -> None:
    model = nn.Conv2d(3, 2, 1)
    with pytest.raises(type(broken)) as caught:
        intarsia.train(RECIPE, out=tmp_path, model=model, data=(Stripes(), Stripes(broken)), quiet=True)
    told = str(caught.value) + "".join(getattr(caught.value, "__notes__", ()))
    assert "the 3 steps so far are saved, and --resume goes on with this validation" in told
    saved = load(tmp_path / "last.safetensors", state=True)
    assert saved.progress["step"] == 3
    assert torch.equal(saved.weights["weight"], model.weight)
    intarsia.train(RECIPE, out=tmp_path, model=nn.Conv2d(3, 2, 1), data=(Stripes(), Stripes()), resume=True, quiet=True)
    lines = [line for line in (tmp_path / "log.jsonl").read_text().splitlines() if '"val"' in line]
    assert len(lines) == 2, "after step 3, once it could be made, and after step 5"
