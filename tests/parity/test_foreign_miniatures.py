"""Files of authors' released code, in miniature: names, shapes and answers of networks that were built apart from that code.

NVIDIA/semantic-segmentation (ocrnet.HRNet_Mscale and ocrnet.HRNet, on the trunk of HRNet-W18 small v2), bfortuner/pytorch_tiramisu
(two blocks down) and delta-onera/segnet_pytorch (an eighth of the widths). `keys/authors.txt` has the
tensors, and the sums below are those of the answers. The trunk's names are those of mmsegmentation.
"""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import intarsia
from intarsia.errors import CheckpointError

from .pinned import Shapes, picture, shapes, written

NVIDIA = ("nvidia_ocr", "nvidia_attention")


def nvidia(*parts: str) -> dict[str, Tensor]:
    """Tensors by NVIDIA's names, with an attention that is neither 0 nor 1 at the size that such scores have."""
    state = written(shapes("mmsegmentation", "hrnet_w18s") | shapes("authors", *parts))
    if "nvidia_attention" in parts:
        state["scale_attn.conv2.weight"] *= 1e-5
    return state


def saved(path: Path, state: dict[str, Tensor] | Shapes) -> Path:
    """A file as training code on several devices writes it; of shapes alone, one that takes no memory."""
    tensors = {
        f"module.{key}": value if isinstance(value, Tensor) else torch.zeros(()).expand(value)
        for key, value in state.items()
    }
    torch.save({"epoch": 3, "state_dict": tensors}, path)
    return path


def check(logits: Tensor, total: float, size: float) -> None:
    assert logits.double().abs().sum().item() == pytest.approx(size, rel=1e-4)
    assert logits.double().sum().item() == pytest.approx(total, abs=1e-4 * size)


@torch.no_grad()
def test_nvidias_hierarchical_attention(tmp_path: Path) -> None:
    """By name, and by number as an older form of its code writes the attention."""
    state = nvidia(*NVIDIA)
    found = intarsia.load_foreign(saved(tmp_path / "a.pth", state), scales=(0.5, 1.0, 1.25))
    assert (found.model, found.num_classes) == ("nvidia_hierarchical", 5)
    assert (found.report.missing, found.report.left, found.report.assumed) == ((), {}, {})
    logits = found.network(picture(128, 128)).logits
    check(logits, -3.48394e09, 5.03474e10)
    places = {"conv0": 0, "bn0": 1, "conv1": 3, "bn1": 4, "conv2": 6}
    for name, n in places.items():
        state = {key.replace(f"scale_attn.{name}.", f"scale_attn.{n}."): tensor for key, tensor in state.items()}
    older = intarsia.load_foreign(saved(tmp_path / "b.pth", state | {"criterion.weight": torch.ones(5)}))
    assert older.report.assumed == {"scales": (0.5, 1.0, 2.0)} and len(older.report.left) == 1
    ours = found.network.state_dict()
    assert all(torch.equal(tensor, ours[key]) for key, tensor in older.network.state_dict().items())


@torch.no_grad()
def test_nvidias_object_context_alone(tmp_path: Path) -> None:
    found = intarsia.load_foreign(saved(tmp_path / "a.pth", nvidia("nvidia_ocr")))
    assert (found.model, found.num_classes, found.report.missing) == ("interpolated_ocr", 5, ())
    assert (found.report.left, found.report.assumed) == ({}, {})
    check(found.network(picture(64, 96)).logits, -2.20415e09, 3.95529e10)


@pytest.mark.parametrize(("part", "name", "why"), [
    ("scale_attn.conv1.weight", "", "whose attention has not two 3x3 convolutions"),
    ("backbone.stage4.0.branches.0.0.conv1.weight", "backbone.layer4.weight", "on a trunk that is no HRNet"),
    ("ocr.aux_head.2.bias", "ocr.ocr_distri_head.aspp.img_conv.0.weight", "an atrous pyramid beside the object context"),
])  # fmt: skip
def test_what_nvidias_code_builds_otherwise_is_refused_by_name(part: str, name: str, why: str, tmp_path: Path) -> None:
    state = shapes("mmsegmentation", "hrnet_w18s") | shapes("authors", *NVIDIA)
    shape = state.pop(part)
    with pytest.raises(CheckpointError, match=f"hierarchical attention, by NVIDIA, .*{why}"):
        intarsia.load_foreign(saved(tmp_path / "a.pth", state | ({name: shape} if name else {})))


@torch.no_grad()
def test_bfortuners_fc_densenet(tmp_path: Path) -> None:
    """Biases of its convolutions matter, since the enlargements see them; sides that are no multiples are halved as there."""
    state = written(shapes("authors", "fc_densenet"))
    found = intarsia.load_foreign(saved(tmp_path / "a.pth", state))
    assert (found.model, found.num_classes) == ("tiramisu_fc_densenet", 5)
    assert found.options == {"layers": (2, 3, 4, 3, 2), "growth": 6, "stem": 8}
    assert (found.report.missing, found.report.left, found.report.assumed) == ((), {}, {})
    check(found.network(picture(38, 45)).logits.log_softmax(dim=1), -14138.9, 14138.9)
    del state["denseBlocksUp.1.layers.0.conv.weight"]
    with pytest.raises(
        CheckpointError, match="FC-DenseNet, by bfortuner, with 2 blocks down, 4 layers between and 1 bl"
    ):
        intarsia.load_foreign(saved(tmp_path / "b.pth", state))


def with_output_size(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """SegNet written down once more: torch's pooling as it is by default, and each unpooling told its size."""

    def convolved(x: Tensor, place: str) -> Tensor:
        x = F.conv2d(x, state[f"conv{place}.weight"], state[f"conv{place}.bias"], padding=1)
        if f"bn{place}.weight" not in state:
            return x
        norm = [state[f"bn{place}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *norm).relu()

    depths, trail = (2, 2, 3, 3, 3), []
    for stage, depth in enumerate(depths, 1):
        for n in range(1, depth + 1):
            x = convolved(x, f"{stage}{n}")
        size = x.shape[-2:]
        x, places = F.max_pool2d(x, 2, return_indices=True)
        trail.append((stage, depth, places, size))
    for stage, depth, places, size in reversed(trail):
        x = F.max_unpool2d(x, places, 2, output_size=size)
        for n in range(depth, 0, -1):
            x = convolved(x, f"{stage}{n}d")
    return x


@torch.no_grad()
def test_delta_oneras_segnet(tmp_path: Path) -> None:
    state = written(shapes("authors", "segnet"))
    found = intarsia.load_foreign(saved(tmp_path / "a.pth", state))
    assert (found.model, found.num_classes) == ("whole_windows_segnet", 5)
    assert found.options == {"channels": (8, 16, 32, 64, 64), "depths": (2, 2, 3, 3, 3)}
    assert (found.report.missing, found.report.left, found.report.assumed) == ((), {}, {})
    check(found.network(picture(64, 96)).logits, -1215.79, 5447.57)
    image = picture(75, 58)
    torch.testing.assert_close(found.network(image).logits, with_output_size(state, image), atol=1e-4, rtol=1e-4)
    del state["conv32d.weight"]
    with pytest.raises(CheckpointError, match="SegNet, by delta-onera, whose stage 3 has 3 convolutions down and 2 up"):
        intarsia.load_foreign(saved(tmp_path / "b.pth", state))
