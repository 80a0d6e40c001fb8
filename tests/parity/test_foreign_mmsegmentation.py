"""A file with the names and shapes that mmsegmentation 1.2.2 writes gives the answer that its networks gave.

mmsegmentation cannot be imported beside today's mmcv. Its networks were built apart, from its configs, with a stub in mmcv's
place; `keys/mmsegmentation.txt` holds the names and shapes of their tensors, compressed, and the sums below are those of
their answers. Weights and picture are written in closed form, so that no random generator decides.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import intarsia
from intarsia.errors import CheckpointError

from .pinned import picture, shapes, written

# name: (backbone, sum of the answer, sum of its absolute values, our network), 19 classes, 64 x 96 pixels, of `LARGE` 128 x 192
PINNED = {
    "fcn": ("resnet50_v1c", 51496.3, 213427, "mmseg_fcn"),
    "pspnet": ("resnet50_v1c", 72842.2, 297913, "mmseg_pspnet"),
    "deeplabv3": ("resnet50_v1c", 54565.9, 239897, "mmseg_deeplabv3"),
    "deeplabv3plus": ("resnet50_v1c", -40251.3, 177123, "mmseg_deeplabv3plus"),
    "upernet": ("resnet50_v1c", 42201.9, 227076, "mmseg_upernet"),
    "sem_fpn": ("resnet50_v1c", 6220.7, 164926, "fpn"),
    "fcn_hr18s": ("hrnet_w18s", 1.51797e10, 1.83747e11, "interpolated_hrnet"),
    "ocrnet_hr18s": ("hrnet_w18s", 1.06691e11, 6.1754e11, "interpolated_ocr"),
    "encnet": ("resnet50_v1c", 92605.3, 369136, "mmseg_encnet"),
    "psanet": ("resnet50_v1c", 52399.5, 230672, "mmseg_psanet"),
    "danet": ("resnet50_v1c", 52150.1, 231530, "mmseg_danet"),
    "ccnet": ("resnet50_v1c", 51140.7, 210229, "mmseg_ccnet"),
    "emanet": ("resnet50_v1c", -3774.4, 226336, "mmseg_emanet"),
    "apcnet": ("resnet50_v1c", 93383.1, 759871, "mmseg_apcnet"),
    "segformer": ("mit_b0", 12177, 85938.4, "mmseg_segformer"),
    "bisenetv1": ("bisenetv1_body", -2813.21, 129122, "mmseg_bisenet"),
    "bisenetv2": ("bisenetv2_body", -3715.82, 246537, "mmseg_bisenetv2"),
    "fast_scnn": ("fast_scnn_body", -103073, 1.06841e6, "mmseg_fast_scnn"),
    "erfnet": ("erfnet_body", -40693.9, 351350, "mmseg_erfnet"),
    "ddrnet": ("ddrnet_body", 47146.1, 279543, "ddrnet23slim"),
}
ODD = {  # the same at 70 x 97 pixels, which 32 does not divide
    "fcn_hr18s": (1.26169e10, 1.85183e11),
    "ocrnet_hr18s": (6.34713e10, 3.74276e11),
    "psanet": (57689.6, 260804),  # whose feature has odd sides there, and is halved by another rule
}
LONG = ("encnet", "danet", "apcnet")  # of which nothing but the names is another than the paper's network has
LARGE = ("fast_scnn", "ddrnet")  # whose coarsest maps are small


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in PINNED]
)
@torch.no_grad()
def test_the_answer_is_the_one_that_was_pinned(name: str, tmp_path: Path) -> None:
    backbone, total, size, model = PINNED[name]
    state = written(shapes("mmsegmentation", backbone, name))
    torch.save({"meta": {"CLASSES": ("road",)}, "state_dict": state}, tmp_path / "a.pth")
    found = intarsia.load_foreign(tmp_path / "a.pth")
    assert (found.model, found.num_classes, found.report.missing) == (model, 19, ())
    assert {key.split(".")[0] for key in found.report.left} <= {"auxiliary_head"}
    check(found.network(picture(*((128, 192) if name in LARGE else (64, 96)))).logits, total, size)
    if name in ODD:
        check(found.network(picture(70, 97)).logits, *ODD[name])


def check(logits: Tensor, total: float, size: float) -> None:
    assert logits.double().abs().sum().item() == pytest.approx(size, rel=1e-4)
    assert logits.double().sum().item() == pytest.approx(total, abs=1e-4 * size)


@pytest.mark.parametrize("name", ["bisenetv1", "fast_scnn", "ddrnet"])
def test_a_file_without_heads_for_training_loads_and_trains(name: str, tmp_path: Path) -> None:
    heads = ("auxiliary_head.", "decode_head.aux_")
    state = {
        k: t for k, t in written(shapes("mmsegmentation", PINNED[name][0], name)).items() if not k.startswith(heads)
    }
    torch.save(state, tmp_path / "a.pth")
    found = intarsia.load_foreign(tmp_path / "a.pth")
    assert (found.report.left, found.report.missing) == ({}, ())
    output = found.network.train()(picture(128, 128).repeat(2, 1, 1, 1))
    assert output.auxiliary == () and output.logits.shape == (2, 19, 128, 128)


@pytest.mark.parametrize(("name", "left_out", "words"), [
    ("psanet", "decode_head.attention_p.", "PSANet of one direction is not known here"),
    ("emanet", "decode_head.conv_cat.", "EMANet with concat_input=False is not known here"),
    ("apcnet", "decode_head.acm_modules.0.fusion_conv.", "APCNet with fusion=False is not known here"),
    ("ccnet", "backbone.layer4.", "CCNet on a backbone that is not known here"),
])  # fmt: skip
def test_what_it_builds_otherwise_is_refused_by_name(name: str, left_out: str, words: str, tmp_path: Path) -> None:
    wanted = shapes("mmsegmentation", "resnet50_v1c", name)
    state = {key: torch.zeros(()).expand(shape) for key, shape in wanted.items() if not key.startswith(left_out)}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=f"mmsegmentation's {words}"):
        intarsia.load_foreign(tmp_path / "a.pth")


def test_what_no_tensor_tells_is_assumed_and_a_strange_backbone_refused(tmp_path: Path) -> None:
    wanted = shapes("mmsegmentation", "hrnet_w18s", "fcn_hr18s")
    torch.save(written(wanted), tmp_path / "a.pth")
    assert intarsia.load_foreign(tmp_path / "a.pth").report.assumed == {"align_corners": False}
    given = intarsia.load_foreign(tmp_path / "a.pth", align_corners=True)
    assert given.report.assumed == {} and given.network.align_corners
    head = {key: shape for key, shape in wanted.items() if key.startswith("decode_head.")}
    torch.save(written({**head, "backbone.blocks.0.weight": (4, 3, 3, 3)}), tmp_path / "b.pth")
    with pytest.raises(CheckpointError, match="mmsegmentation's HRNet on a backbone that is not known here; known are"):
        intarsia.load_foreign(tmp_path / "b.pth")
