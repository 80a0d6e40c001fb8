"""Files with the names that transformers' and the authors' DPT write are known, fill the network, and mean the same.

Names are those of transformers 4's `DPTForSemanticSegmentation` and of isl-org/DPT's `DPTSegmentationModel`, of a small encoder.
test_foreign.py holds the decoder against segmentation-models-pytorch's.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import intarsia
from intarsia.errors import CheckpointError

from .pinned import Shapes, picture, written

C, F, K, WIDTHS, GRID = 192, 8, 5, (4, 6, 8, 8), 4
BLOCK = {
    "norm1": (C,),
    "norm2": (C,),
    "attn.qkv": (3 * C, C),
    "attn.proj": (C, C),
    "mlp.fc1": (4 * C, C),
    "mlp.fc2": (C, 4 * C),
}


def layer(shapes: Shapes, name: str, *shape: int, bias: int = 0) -> None:
    shapes[f"{name}.weight"] = shape
    if bias:
        shapes[f"{name}.bias"] = (bias,)


def norm(shapes: Shapes, name: str) -> None:
    layer(shapes, name, F, bias=F)
    shapes |= {f"{name}.running_mean": (F,), f"{name}.running_var": (F,), f"{name}.num_batches_tracked": ()}


def authors() -> Shapes:
    """Names and shapes of a file of isl-org/DPT's."""
    own = "pretrained.model"
    shapes: Shapes = {f"{own}.cls_token": (1, 1, C), f"{own}.pos_embed": (1, GRID**2 + 1, C)}
    layer(shapes, f"{own}.patch_embed.proj", C, 3, 16, 16, bias=C)
    layer(shapes, f"{own}.norm", C, bias=C)
    layer(shapes, f"{own}.head", 10, C, bias=10)
    for n in range(12):
        for name, shape in BLOCK.items():
            layer(shapes, f"{own}.blocks.{n}.{name}", *shape, bias=shape[0])
    for n, width in enumerate(WIDTHS, 1):
        layer(shapes, f"pretrained.act_postprocess{n}.0.project.0", C, 2 * C, bias=C)
        layer(shapes, f"pretrained.act_postprocess{n}.3", width, C, 1, 1, bias=width)
        if n != 3:
            side = {1: 4, 2: 2, 4: 3}[n]
            layer(shapes, f"pretrained.act_postprocess{n}.4", width, width, side, side, bias=width)
        layer(shapes, f"scratch.layer{n}_rn", F, width, 3, 3)
        layer(shapes, f"scratch.refinenet{n}.out_conv", F, F, 1, 1, bias=F)
        for unit in ("resConfUnit1", "resConfUnit2"):
            for k in (1, 2):
                layer(shapes, f"scratch.refinenet{n}.{unit}.conv{k}", F, F, 3, 3)
                norm(shapes, f"scratch.refinenet{n}.{unit}.bn{k}")
    for head in ("scratch.output_conv", "auxlayer"):
        layer(shapes, f"{head}.0", F, F, 3, 3)
        norm(shapes, f"{head}.1")
        layer(shapes, f"{head}.4", K, F, 1, 1, bias=K)
    return shapes


PARTS = {
    "norm1": "layernorm_before", "norm2": "layernorm_after", "attn.proj": "attention.output.dense", "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense", "resConfUnit1": "residual_layer1", "resConfUnit2": "residual_layer2", "conv1": "convolution1",
    "conv2": "convolution2", "bn1": "batch_norm1", "bn2": "batch_norm2", "out_conv": "projection",
}  # fmt: skip
BEGINS = {
    "pretrained.model.cls_token": "dpt.embeddings.cls_token", "pretrained.model.pos_embed": "dpt.embeddings.position_embeddings",
    "pretrained.model.patch_embed.proj": "dpt.embeddings.patch_embeddings.projection", "pretrained.model.norm": "dpt.layernorm",
    "pretrained.model.blocks": "dpt.encoder.layer", "scratch.output_conv": "head.head", "auxlayer": "auxiliary_head.head",
    **{f"pretrained.act_postprocess{n + 1}.{a}": f"neck.reassemble_stage.{b}" for n in range(4) for a, b in (
        ("0.project.0", f"readout_projects.{n}.0"), ("3", f"layers.{n}.projection"), ("4", f"layers.{n}.resize"))},
    **{f"scratch.layer{n + 1}_rn": f"neck.convs.{n}" for n in range(4)},
    **{f"scratch.refinenet{n + 1}": f"neck.fusion_stage.layers.{3 - n}" for n in range(4)},
}  # fmt: skip


def as_transformers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same network as transformers names it; it has no classifier of the whole image."""
    found = {}
    for key, tensor in state.items():
        if key.startswith("pretrained.model.head"):
            continue
        begin = max((b for b in BEGINS if f"{key}.".startswith(f"{b}.")), key=len)
        name = f"{BEGINS[begin]}.{key.removeprefix(begin).lstrip('.')}".rstrip(".")
        for theirs, renamed in PARTS.items():
            name = name.replace(f".{theirs}.", f".{renamed}.")
        if ".attn.qkv." in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                found[name.replace("attn.qkv", f"attention.attention.{part}")] = piece
        else:
            found[name] = tensor
    return found


@torch.no_grad()
def test_both_fill_the_network_and_answer_alike(tmp_path: Path) -> None:
    state, answers = written(authors()), []
    for name, tensors, idle in (("authors", state, 16), ("transformers", as_transformers(state), 14)):
        torch.save(tensors, tmp_path / f"{name}.pth")
        found = intarsia.load_foreign(tmp_path / f"{name}.pth")
        assert (found.model, found.num_classes, found.report.missing) == ("transformers_dpt", K, ())
        assert found.options == {
            "encoder": "vit_tiny_patch16_224", "channels": F, "widths": WIDTHS, "blocks": (2, 5, 8, 11), "side": 64,
            "readout": "project",
        }  # fmt: skip
        assert len(found.report.left) == idle, (
            found.report.left
        )  # a last norm, a classifier, the coarsest map's first unit
        answers.append(found.network(picture(64, 96)).logits)
    assert answers[0].std() > 1e-3
    assert torch.equal(*answers)


def test_a_hybrid_encoder_is_refused(tmp_path: Path) -> None:
    state = written(authors()) | {"pretrained.model.patch_embed.backbone.stem.conv.weight": torch.zeros(64, 3, 7, 7)}
    torch.save(state, tmp_path / "hybrid.pth")
    with pytest.raises(CheckpointError, match="on a hybrid encoder, which is not known here"):
        intarsia.load_foreign(tmp_path / "hybrid.pth")
