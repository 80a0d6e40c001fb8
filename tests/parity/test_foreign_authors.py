"""A file with the names and shapes that authors' released code writes gives the answer that its networks gave.

The networks were built apart, from HRNet/HRNet-Semantic-Segmentation (branch HRNet-OCR), ydhongHIT/DDRNet and CoinCheung/BiSeNet;
`keys/authors.txt` holds the names and shapes of their tensors, and the sums below are those of their answers, enlarged to the
picture's size as their evaluation does. HRNet's body has the names that mmsegmentation's has behind `backbone.`.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import intarsia
from intarsia.checkpoint import build
from intarsia.checkpoint.foreign.public import PUBLIC
from intarsia.checkpoint.foreign.public.labels import CLASSES
from intarsia.errors import CheckpointError

from .pinned import Shapes, picture, shapes, written

# name: (sum of the answer, sum of its absolute values, our network, sides of the picture), 19 classes
PINNED = {
    "hrnet": (1.97769e10, 9.81018e10, "interpolated_hrnet", (64, 96)),
    "ocr": (-2.31705e09, 2.13147e11, "interpolated_ocr", (64, 96)),
    "ddrnet23slim": (-33220.1, 308374, "ddrnet23slim", (128, 192)),
    "ddrnet39": (489654, 2.06171e06, "ddrnet39", (128, 192)),
    "bisenetv1": (25397.8, 184386, "coincheung_bisenet", (64, 96)),
    "bisenetv2": (21345.4, 265867, "coincheung_bisenetv2", (64, 96)),
}
ODD = {  # the same at 70 x 97 pixels, which 32 does not divide
    "hrnet": (2.05406e10, 1.41657e11),
    "ocr": (-1.23587e09, 1.76139e11),
}


def of(name: str) -> Shapes:
    """Each tensor's name and shape in a file of that network."""
    if name not in ("hrnet", "ocr"):
        return shapes("authors", name)
    body = {key.removeprefix("backbone."): shape for key, shape in shapes("mmsegmentation", "hrnet_w18s").items()}
    return body | shapes("authors", name)


def saved(path: Path, state: dict[str, Tensor]) -> Path:
    """A file as the training code writes it: the network under `model.`, beside the criterion's weights."""
    inside = {f"model.{key}": tensor for key, tensor in state.items()}
    torch.save({"epoch": 3, "state_dict": {**inside, "loss.criterion.weight": torch.ones(19)}}, path)
    return path


@pytest.mark.parametrize("name", PINNED)
@torch.no_grad()
def test_the_answer_is_the_one_that_was_pinned(name: str, tmp_path: Path) -> None:
    total, size, model, sides = PINNED[name]
    found = intarsia.load_foreign(saved(tmp_path / "a.pth", written(of(name))))
    assert (found.model, found.num_classes, found.report.missing) == (model, 19, ())
    assert list(found.report.left) == ["loss.criterion.weight"]
    assert found.report.assumed == ({"align_corners": True} if name in ("hrnet", "ocr") else {})
    check(found.network(picture(*sides)).logits, total, size)
    if name in ODD:
        check(found.network(picture(70, 97)).logits, *ODD[name])


def check(logits: Tensor, total: float, size: float) -> None:
    assert logits.double().abs().sum().item() == pytest.approx(size, rel=1e-4)
    assert logits.double().sum().item() == pytest.approx(total, abs=1e-4 * size)


@pytest.mark.parametrize("name", ["ddrnet23slim", "bisenetv1", "bisenetv2"])
def test_a_file_without_heads_for_training_loads_and_trains(name: str, tmp_path: Path) -> None:
    heads = ("seghead_extra.", "conv_out16.", "conv_out32.", "aux")
    state = {key: tensor for key, tensor in written(of(name)).items() if not key.startswith(heads)}
    torch.save(state, tmp_path / "a.pth")
    found = intarsia.load_foreign(tmp_path / "a.pth")
    assert found.model == "bare_ddrnet" or found.options["auxiliary"] is False
    assert (found.report.left, found.report.missing) == ({}, ())
    output = found.network.train()(picture(128, 128).repeat(2, 1, 1, 1))
    assert output.auxiliary == () and output.logits.shape == (2, 19, 128, 128)


def test_what_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    other = {key: (20, *shape[1:]) if key.startswith("stage4.0.branches.0.0.conv1") else shape for key, shape in of("hrnet").items()}  # fmt: skip
    with pytest.raises(
        CheckpointError, match="HRNet, by its authors, of 20 channels in its finest branch, is not known"
    ):
        intarsia.load_foreign(saved(tmp_path / "a.pth", written(other)))
    older = {key.replace("ffm.conv.", "ffm.conv1."): shape for key, shape in of("bisenetv1").items()}
    with pytest.raises(CheckpointError, match="BiSeNet, by CoinCheung, in an older form"):
        intarsia.load_foreign(saved(tmp_path / "b.pth", written(older)))
    torch.save(written(of("ddrnet23slim") | {"spp.scale5.1.weight": (512,)}), tmp_path / "c.pth")
    with pytest.raises(CheckpointError, match=r"DDRNet, by its authors, but spp\.scale5\.1\.weight have no place"):
        intarsia.load_foreign(tmp_path / "c.pth")


@torch.no_grad()
def test_nvidias_segformer(smp: Any, at_random: Any, tmp_path: Path) -> None:
    """Its encoder is the one of segmentation-models-pytorch, and so is its decoder, under other names."""
    theirs = at_random(smp.Segformer("mit_b0", encoder_weights=None, classes=4))
    renamed = (
        (r"^encoder\.", "backbone."), (r"^decoder\.mlp_stage\.3\.linear", "decode_head.linear_c1.proj"),
        (r"^decoder\.mlp_stage\.2\.linear", "decode_head.linear_c2.proj"), (r"^decoder\.mlp_stage\.1\.linear", "decode_head.linear_c3.proj"),
        (r"^decoder\.mlp_stage\.0\.linear", "decode_head.linear_c4.proj"), (r"^decoder\.fuse_stage\.0", "decode_head.linear_fuse.conv"),
        (r"^decoder\.fuse_stage\.1", "decode_head.linear_fuse.bn"), (r"^segmentation_head\.0", "decode_head.linear_pred"),
    )  # fmt: skip
    state = {"decode_head.conv_seg.weight": torch.ones(4, 256, 1, 1)}  # which its head carries along
    for key, tensor in theirs.state_dict().items():
        for pattern, name in renamed:
            key = re.sub(pattern, name, key)
        state[key] = tensor
    torch.save({"meta": {"CLASSES": ("a",)}, "state_dict": state}, tmp_path / "a.pth")
    found = intarsia.load_foreign(tmp_path / "a.pth")
    assert (found.model, found.options) == ("segformer", {"encoder": "mit_b0", "channels": 256})
    assert (found.report.missing, list(found.report.left)) == ((), ["decode_head.conv_seg.weight"])
    image = picture(64, 96)
    want = theirs.segmentation_head[0](theirs.decoder(theirs.encoder(image)))
    want = torch.nn.functional.interpolate(want, (64, 96), mode="bilinear")
    torch.testing.assert_close(found.network(image).logits, want, atol=1e-4, rtol=1e-4)


BUILT = {  # network of a row: ours, and how many biases before norms theirs has more
    "HRNet, HRNet-W48": ("interpolated_hrnet", 720),
    "OCR, HRNet-W48": ("interpolated_ocr", 720 + 512),
    "BiSeNet, ResNet-18": ("coincheung_bisenet", 0),
    "BiSeNet v2": ("coincheung_bisenetv2", 0),
}


@pytest.mark.parametrize("name", [
    name if name.endswith("_v2_city.pth") else pytest.param(name, marks=pytest.mark.slow)
    for name in PUBLIC if name.startswith("file:")
])  # fmt: skip
def test_a_public_row_has_as_many_parameters_as_is_said(name: str) -> None:
    row = PUBLIC[name]
    model, biases = BUILT[row.network]
    options = {"auxiliary": False} if model.startswith("coincheung") else {}
    with torch.device("meta"):
        network = build(model, CLASSES[row.labels], **options)
    assert sum(p.numel() for p in network.parameters()) + biases == row.parameters
