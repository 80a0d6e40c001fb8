"""SegFormer's files: transformers' (4.x names and 5.x ones), NVIDIA's own and mmsegmentation's.

    transformers    segformer.encoder.block.0.0.attention.self.query    decode_head.linear_c.0.proj
    NVIDIA          backbone.block1.0.attn.q                            decode_head.linear_c1.proj
    mmsegmentation  backbone.layers.0.1.0.attn.attn.in_proj_weight      decode_head.convs.0.conv

Keys and values are one layer of ours; transformers has two, and mmsegmentation one with the queries.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...encoders.mix_transformer import SIZES
from ...errors import CheckpointError
from .names import Found, Row, numbers
from .pipeline import AS_IT_IS
from .smp_encoders import MIT
from .transformers import labels_of, pipeline_of

STAGE = "encoder.body.stages.{s}"
BLOCK = f"{STAGE}.blocks.{{k}}"
HEAD = "decode_head"


def block(theirs: str, parts: Sequence[tuple[str, str]]) -> list[Row]:
    """The rows of a block's parts."""
    return [(f"{theirs}.{a}", f"{BLOCK}.{b}") for a, b in parts]


OLD = "segformer.encoder"
NEW = "segformer.stages.{s}"
TRANSFORMERS: list[Row] = [
    (f"{OLD}.patch_embeddings.{{s}}.proj.*", f"{STAGE}.project.*"),
    (f"{OLD}.patch_embeddings.{{s}}.layer_norm.*", f"{STAGE}.norm_patches.*"),
    (f"{OLD}.layer_norm.{{s}}.*", f"{STAGE}.norm.*"),
    *block(f"{OLD}.block.{{s}}.{{k}}", [
        ("layer_norm_1.*", "norm1.*"), ("attention.self.query.*", "attend.query.*"),
        ("attention.self.key.*", "attend.key_value.*@0"), ("attention.self.value.*", "attend.key_value.*@1"),
        ("attention.self.sr.*", "attend.shrink.*"), ("attention.self.layer_norm.*", "attend.norm.*"),
        ("attention.output.dense.*", "attend.project.*"), ("layer_norm_2.*", "norm2.*"),
        ("mlp.dense1.*", "mix.widen.*"), ("mlp.dwconv.dwconv.*", "mix.look.*"), ("mlp.dense2.*", "mix.narrow.*"),
    ]),
    (f"{NEW}.patch_embeddings.proj.*", f"{STAGE}.project.*"),
    (f"{NEW}.patch_embeddings.layer_norm.*", f"{STAGE}.norm_patches.*"),
    (f"{NEW}.layer_norm.*", f"{STAGE}.norm.*"),
    *block(f"{NEW}.blocks.{{k}}", [
        ("layernorm_before.*", "norm1.*"), ("attention.q_proj.*", "attend.query.*"),
        ("attention.k_proj.*", "attend.key_value.*@0"), ("attention.v_proj.*", "attend.key_value.*@1"),
        ("attention.sequence_reduction.sequence_reduction.*", "attend.shrink.*"),
        ("attention.sequence_reduction.layer_norm.*", "attend.norm.*"), ("attention.o_proj.*", "attend.project.*"),
        ("layernorm_after.*", "norm2.*"), ("mlp.fc1.*", "mix.widen.*"), ("mlp.dwconv.dwconv.*", "mix.look.*"),
        ("mlp.fc2.*", "mix.narrow.*"),
    ]),
    (f"{HEAD}.linear_c.{{n}}.proj.*", "project.{n}.*"), (f"{HEAD}.linear_projections.{{n}}.proj.*", "project.{n}.*"),
    (f"{HEAD}.linear_fuse.*", "fuse.conv.*"), (f"{HEAD}.batch_norm.*", "fuse.norm.*"),
    (f"{HEAD}.classifier.*", "classify.score.*"),
]  # fmt: skip
NVIDIA: list[Row] = [
    *((f"backbone.{a}", f"encoder.body.{b}") for a, b in MIT),
    *((f"{HEAD}.linear_c{n + 1}.proj.*", f"project.{n}.*") for n in range(4)),
    (f"{HEAD}.linear_fuse.conv.*", "fuse.conv.*"), (f"{HEAD}.linear_fuse.bn.*", "fuse.norm.*"),
    (f"{HEAD}.linear_pred.*", "classify.score.*"),
]  # fmt: skip
LAYER = "backbone.layers.{s}"
MMSEGMENTATION: list[Row] = [
    (f"{LAYER}.0.projection.*", f"{STAGE}.project.*"), (f"{LAYER}.0.norm.*", f"{STAGE}.norm_patches.*"),
    (f"{LAYER}.2.*", f"{STAGE}.norm.*"),
    *block(f"{LAYER}.1.{{k}}", [
        ("norm1.*", "norm1.*"), ("attn.sr.*", "attend.shrink.*"), ("attn.norm.*", "attend.norm.*"),
        ("attn.attn.out_proj.*", "attend.project.*"), ("norm2.*", "norm2.*"), ("ffn.layers.0.*", "mix.widen.*"),
        ("ffn.layers.1.*", "mix.look.*"), ("ffn.layers.4.*", "mix.narrow.*"),
    ]),
    (f"{HEAD}.convs.{{n}}.conv.*", "project.{n}.conv.*"), (f"{HEAD}.convs.{{n}}.bn.*", "project.{n}.norm.*"),
    (f"{HEAD}.fusion_conv.conv.*", "fuse.conv.*"), (f"{HEAD}.fusion_conv.bn.*", "fuse.norm.*"),
    (f"{HEAD}.conv_seg.*", "classify.score.*"),
]  # fmt: skip
CUTS = [
    (f"{LAYER}.1.{{k}}.attn.attn.in_proj_{leaf}", [(1, f"{BLOCK}.attend.query.{leaf}"), (2, f"{BLOCK}.attend.key_value.{leaf}")])
    for leaf in ("weight", "bias")
]  # fmt: skip


class Kind(NamedTuple):
    """SegFormer as one library writes it."""

    peer: str
    marker: str  # a tensor that only it has
    model: str
    score: str  # the weights of its classifier
    first: str  # its first kernel
    fuse: str  # of the layer that fuses
    depths: str  # of the blocks of stage {s} of four; a tensor of each block
    rows: Sequence[Row]


SCORE = "classifier.weight"
KINDS: tuple[Kind, ...] = (
    Kind("transformers' SegFormer", f"{OLD}.patch_embeddings.0.proj.weight", "transformers_segformer", SCORE,
         f"{OLD}.patch_embeddings.0.proj.weight", "linear_fuse.weight", f"{OLD}.block.STAGE.{{n}}.layer_norm_1.weight", TRANSFORMERS),
    Kind("transformers' SegFormer", "segformer.stages.0.patch_embeddings.proj.weight", "transformers_segformer", SCORE,
         "segformer.stages.0.patch_embeddings.proj.weight", "linear_fuse.weight",
         "segformer.stages.STAGE.blocks.{n}.layernorm_before.weight", TRANSFORMERS),
    Kind("SegFormer, by NVIDIA", f"{HEAD}.linear_pred.weight", "segformer", "linear_pred.weight",
         "backbone.patch_embed1.proj.weight", "linear_fuse.conv.weight", "backbone.blockNEXT.{n}.norm1.weight", NVIDIA),
    Kind("mmsegmentation's SegFormer", f"{HEAD}.fusion_conv.conv.weight", "mmseg_segformer", "conv_seg.weight",
         "backbone.layers.0.0.projection.weight", "fusion_conv.conv.weight", "backbone.layers.STAGE.1.{n}.norm1.weight",
         MMSEGMENTATION),
)  # fmt: skip


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The SegFormer that these tensors are of; None if they are of another network.

    Args:
        settings: of transformers' config.json and preprocessor_config.json.

    Raises: CheckpointError for an encoder of other widths or depths than the paper's.
    """
    kind = next((kind for kind in KINDS if kind.marker in tensors and kind.first in tensors), None)
    if kind is None:
        return None
    score, first = tensors.get(f"{HEAD}.{kind.score}"), tensors[kind.first]
    stages = [kind.depths.replace("STAGE", str(n)).replace("NEXT", str(n + 1)) for n in range(4)]
    depths = tuple(len(numbers(tensors, stage)) for stage in stages)
    encoder = next((name for name, size in SIZES.items() if size.depths == depths and size.widths[0] == len(first)), "")
    if score is None or not encoder:
        raise CheckpointError(
            f"{kind.peer} of {'another form' if score is None else f'{depths} blocks from {len(first)} channels on'}, which is not "
            "known here; known are those on MiT-B0 to B5"
        )
    ours = kind.model == "transformers_segformer"
    return Found(
        peer=kind.peer,
        model=kind.model,
        num_classes=len(score),
        in_channels=first.shape[1],
        options={"encoder": encoder, "channels": len(tensors[f"{HEAD}.{kind.fuse}"])},
        names=kind.rows,
        left=[]
        if kind.model == "mmseg_segformer"
        else [(f"{HEAD}.conv_seg.*", "a classifier that the network does not run")],
        change=_coarsest_first if kind.model == "mmseg_segformer" else _kernels,
        cuts=CUTS,
        labels=labels_of(settings, len(score)) if ours else None,
        pipeline=pipeline_of(settings, direct=True) if ours else AS_IT_IS,
    )


def _coarsest_first(name: str, tensor: Tensor) -> Tensor:
    """The fusing kernel for maps of which the coarsest is first; mmsegmentation's has it last."""
    if name == "fuse.conv.weight":
        return torch.cat(tensor.chunk(4, dim=1)[::-1], dim=1)
    return _kernels(name, tensor)


def _kernels(name: str, tensor: Tensor) -> Tensor:
    """Linear layers over pixels as 1x1 convolutions, and 1x1 convolutions as linear layers, whichever ours are."""
    if name.startswith("project.") and tensor.dim() == 2:
        return tensor[:, :, None, None]
    return tensor.flatten(1) if ".mix." in name and tensor.dim() == 4 and tensor.shape[1] > 1 else tensor
