"""A file with the names and shapes that imgclsmob's package pytorchcv 0.0.74 writes gives the answer that its networks gave.

The networks were built apart, from that package, with `fixed_size=False`; `keys/imgclsmob.txt` holds the names and shapes of
their tensors, and the sums below are those of their answers to a picture in closed form.
"""

import re
from pathlib import Path

import pytest
import torch

import intarsia
from intarsia.errors import CheckpointError

from .pinned import picture, shapes, written

# name: (sum of the answer, sum of its absolute values, our network), ResNetD-50b, 19 classes, 70 x 97 pixels
PINNED = {
    "fcn8sd": (85308.9, 254335, "imgclsmob_fcn"),
    "pspnet": (78687.8, 324964, "mmseg_pspnet"),
    "deeplabv3": (-7002.88, 200541, "imgclsmob_deeplabv3"),
    "danet": (-44050.7, 495777, "mmseg_danet"),
}


@pytest.mark.parametrize(
    "name", [name if name == "deeplabv3" else pytest.param(name, marks=pytest.mark.slow) for name in PINNED]
)
@torch.no_grad()
def test_the_answer_is_the_one_that_was_pinned(name: str, tmp_path: Path) -> None:
    total, size, model = PINNED[name]
    torch.save(written(shapes("imgclsmob", "resnetd50b", name)), tmp_path / "a.pth")
    found = intarsia.load_foreign(tmp_path / "a.pth")
    assert (found.model, found.num_classes, found.options["encoder"]) == (model, 19, "resnet50s")
    assert (found.report.missing, found.report.left, found.report.assumed) == ((), {}, {})
    logits = found.network(picture(70, 97)).logits.double()
    assert logits.abs().sum().item() == pytest.approx(size, rel=1e-4)
    assert logits.sum().item() == pytest.approx(total, abs=1e-4 * size)


@pytest.mark.parametrize("name", PINNED)
def test_each_is_recognized_with_every_tensor(name: str, tmp_path: Path) -> None:
    """On the shapes alone, without the second head that training has, and by the names that older files have."""
    state = {
        re.sub(
            r"^backbone\.([1-4])", r"backbone.stage\1", key.replace("backbone.0.", "backbone.init_block.")
        ): torch.zeros(()).expand(shape)
        for key, shape in shapes("imgclsmob", "resnetd50b", name).items()
        if not key.startswith("aux_block.")
    }
    torch.save(state, tmp_path / "a.pth")
    found = intarsia.load_foreign(tmp_path / "a.pth")
    assert (found.model, found.report.missing, found.report.left) == (PINNED[name][2], (), {})
    torch.save({key: tensor for key, tensor in state.items() if ".stage3." not in key}, tmp_path / "b.pth")
    with pytest.raises(
        CheckpointError, match="imgclsmob's .* on a backbone that is not known here; known are ResNetD-50b"
    ):
        intarsia.load_foreign(tmp_path / "b.pth")
