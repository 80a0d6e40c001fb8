"""Files made of PaddleSeg's give the answer that its networks gave, and its pickles are refused with the way to turn them.

The networks were built apart, from PaddleSeg's release branch on PaddlePaddle 3.3.1; `keys/paddleseg.txt` holds the names and
shapes of their tensors, and the sums below are those of their answers to a picture in closed form.
"""

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import intarsia
from intarsia.checkpoint import resolve
from intarsia.errors import CheckpointError

from .pinned import picture, shapes, written

# name: (sum of the answer, sum of its absolute values, our network, classes, sides of the picture)
PINNED = {}


@pytest.mark.parametrize("name", PINNED)
@torch.no_grad()
def test_the_answer_is_the_one_that_was_pinned(name: str, tmp_path: Path) -> None:
    total, size, model, classes, sides = PINNED[name]
    save_file(
        {key: t.contiguous() for key, t in written(shapes("paddleseg", name)).items()}, tmp_path / "a.safetensors"
    )
    found = intarsia.load_foreign(tmp_path / "a.safetensors")
    assert (found.model, found.num_classes) == (model, classes)
    assert (found.report.missing, found.report.left, found.report.assumed) == ((), {}, {})
    logits = found.network(picture(*sides)).logits.double()
    assert logits.abs().sum().item() == pytest.approx(size, rel=1e-4)
    assert logits.sum().item() == pytest.approx(total, abs=1e-4 * size)


class Payload:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_its_pickle_is_not_opened_and_how_to_turn_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pdparams"
    path.write_bytes(pickle.dumps({"x": Payload()}, protocol=2))
    for read in (intarsia.load_foreign, resolve):
        with pytest.raises(
            CheckpointError, match=r"a pickle of PaddlePaddle's.*turn it into model\.safetensors: safetensors\.numpy"
        ):
            read(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(("name", "left_out", "words"), [
    ("segformer", "backbone.block4.1.", "SegFormer of .* blocks from 32 channels on, which is not known here"),
    ("segnet", "deco3.", "SegNet, whose stage 3 has 3 convolutions down and 0 up, is not known here"),
])  # fmt: skip
def test_other_forms_are_refused_by_name(name: str, left_out: str, words: str, tmp_path: Path) -> None:
    state = {
        key: torch.zeros(()).expand(shape)
        for key, shape in shapes("paddleseg", name).items()
        if not key.startswith(left_out)
    }
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=f"PaddleSeg's {words}"):
        intarsia.load_foreign(tmp_path / "a.pth")
