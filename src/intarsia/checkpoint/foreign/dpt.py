"""DPT's files: segmentation-models-pytorch's, transformers' and the authors' (isl-org/DPT), on plain vision transformers.

    segmentation-models-pytorch  decoder.reassemble_blocks.0.project_to_out_channel   decoder.fusion_blocks.0 (the coarsest)
    transformers                 neck.reassemble_stage.layers.0.projection            neck.fusion_stage.layers.0 (likewise)
    authors                      pretrained.act_postprocess1.3                        scratch.refinenet4

The first has a unit more at the coarsest map, and resamples the codes of places as timm does.
"""

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any, NamedTuple

from torch import Tensor

from ...encoders.plain import evenly
from ...errors import CheckpointError
from .names import Found, Row, numbers
from .pipeline import AS_IT_IS
from .smp_encoders import timm_name
from .transformers import labels_of, pipeline_of

WIDTHS = {192: "tiny", 384: "small", 768: "base", 1024: "large", 1280: "huge", 1408: "giant", 1664: "gigantic"}
DEPTHS = {"large": 24, "huge": 32, "giant": 40, "gigantic": 48}  # of the others, 12
READOUTS = {"cat": "project", "project": "project", "add": "add", "ignore": "ignore"}
IDLE = "a unit that the network does not run"
UNREAD = "what stands behind the last block that is read"
UNIT = (("conv1", "conv1"), ("conv2", "conv2"), ("bn1", "norm1"), ("bn2", "norm2"))


class Kind(NamedTuple):
    """DPT as one library writes it."""

    peer: str
    marker: str  # a tensor that only it has
    model: str
    squeeze: str  # the first kernel of the reassembly of map {n}
    read: str  # of what is read of the class token, of map {n}
    body: str  # what stands before the names of the encoder's tensors
    codes: str  # of places
    patches: str  # the encoder's first kernel
    block: str  # a tensor of each block {n}
    score: str


KINDS = (
    Kind("segmentation-models-pytorch's DPT", "decoder.reassemble_blocks.0.project_to_out_channel.weight", "smp_dpt",
         "decoder.reassemble_blocks.{n}.project_to_out_channel.weight", "decoder.projection_blocks.0.project.0.weight",
         "encoder.model", "pos_embed", "patch_embed.proj.weight", "encoder.model.blocks.{n}.norm1.weight",
         "segmentation_head.head.4.weight"),
    Kind("transformers' DPT", "neck.reassemble_stage.layers.0.projection.weight", "transformers_dpt",
         "neck.reassemble_stage.layers.{n}.projection.weight", "neck.reassemble_stage.readout_projects.0.0.weight",
         "dpt", "embeddings.position_embeddings", "embeddings.patch_embeddings.projection.weight",
         "dpt.encoder.layer.{n}.layernorm_before.weight", "head.head.4.weight"),
    Kind("DPT, by its authors", "pretrained.act_postprocess1.3.weight", "transformers_dpt",
         "pretrained.act_postprocess{n}.3.weight", "pretrained.act_postprocess1.0.project.0.weight",
         "pretrained.model", "pos_embed", "patch_embed.proj.weight", "pretrained.model.blocks.{n}.norm1.weight",
         "scratch.output_conv.4.weight"),
)  # fmt: skip


def smp_rows(count: int) -> list[Row]:
    """segmentation-models-pytorch's names of `count` maps."""
    rows: list[Row] = [
        ("encoder.model.*", "encoder.body.*"),
        ("decoder.projection_blocks.{n}.project.0.*", "reassemble.{n}.read.0.*"),
        ("decoder.reassemble_blocks.{n}.project_to_out_channel.*", "reassemble.{n}.squeeze.*"),
        ("decoder.reassemble_blocks.{n}.upsample.*", "reassemble.{n}.resample.*"),
        ("decoder.reassemble_blocks.{n}.project_to_feature_dim.*", "reassemble.{n}.project.*"),
        ("segmentation_head.head.0.*", "refine.conv.*"), ("segmentation_head.head.1.*", "refine.norm.*"),
        ("segmentation_head.head.4.*", "classify.score.*"),
    ]  # fmt: skip
    unit = {"conv1": "conv_1", "conv2": "conv_2", "bn1": "batch_norm_1", "bn2": "batch_norm_2"}
    return rows + fused("decoder.fusion_blocks", "residual_conv_block", "project", unit, count)


def transformers_rows(count: int) -> list[Row]:
    """transformers' names of `count` maps."""
    layer, ours = "dpt.encoder.layer.{k}", "encoder.body.blocks.{k}"
    rows: list[Row] = [
        ("dpt.embeddings.cls_token", "encoder.body.cls_token"), ("dpt.embeddings.position_embeddings", "encoder.body.pos_embed"),
        ("dpt.embeddings.patch_embeddings.projection.*", "encoder.body.patch_embed.proj.*"),
        *((f"{layer}.attention.attention.{part}.{leaf}", f"{ours}.attn.qkv.{leaf}@{n}")
          for n, part in enumerate(("query", "key", "value")) for leaf in ("weight", "bias")),
        (f"{layer}.attention.output.dense.*", f"{ours}.attn.proj.*"), (f"{layer}.intermediate.dense.*", f"{ours}.mlp.fc1.*"),
        (f"{layer}.output.dense.*", f"{ours}.mlp.fc2.*"), (f"{layer}.layernorm_before.*", f"{ours}.norm1.*"),
        (f"{layer}.layernorm_after.*", f"{ours}.norm2.*"),
        ("neck.reassemble_stage.readout_projects.{n}.0.*", "reassemble.{n}.read.0.*"),
        ("neck.reassemble_stage.layers.{n}.projection.*", "reassemble.{n}.squeeze.*"),
        ("neck.reassemble_stage.layers.{n}.resize.*", "reassemble.{n}.resample.*"),
        ("neck.convs.{n}.*", "reassemble.{n}.project.*"), *heads("head.head", "auxiliary_head.head"),
    ]  # fmt: skip
    unit = {"conv1": "convolution1", "conv2": "convolution2", "bn1": "batch_norm1", "bn2": "batch_norm2"}
    return rows + fused("neck.fusion_stage.layers", "residual_layer", "projection", unit, count)


def authors_rows(count: int) -> list[Row]:
    """The authors' names; theirs count the maps from 1, and the finest is first."""
    rows: list[Row] = [("pretrained.model.*", "encoder.body.*"), *heads("scratch.output_conv", "auxlayer")]
    for n in range(count):
        theirs, ours = f"pretrained.act_postprocess{n + 1}", f"reassemble.{n}"
        rows += [
            (f"{theirs}.0.project.0.*", f"{ours}.read.0.*"), (f"{theirs}.3.*", f"{ours}.squeeze.*"),
            (f"{theirs}.4.*", f"{ours}.resample.*"), (f"scratch.layer{n + 1}_rn.*", f"{ours}.project.*"),
            (f"scratch.refinenet{n + 1}.out_conv.*", f"fuse.{n}.project.*"),
        ]  # fmt: skip
        for k, part in ((1, "adapt"), (2, "unit")):
            rows += [(f"scratch.refinenet{n + 1}.resConfUnit{k}.{a}.*", f"fuse.{n}.{part}.{b}.*") for a, b in UNIT]
    return rows


def heads(main: str, second: str) -> list[Row]:
    """The rows of the classifier and of the one that only training runs."""
    return [
        (f"{main}.0.*", "refine.conv.*"), (f"{main}.1.*", "refine.norm.*"), (f"{main}.4.*", "classify.score.*"),
        (f"{second}.0.*", "guide.0.conv.*"), (f"{second}.1.*", "guide.0.norm.*"), (f"{second}.4.*", "guide.1.score.*"),
    ]  # fmt: skip


def fused(theirs: str, unit: str, project: str, parts: Mapping[str, str], count: int) -> list[Row]:
    """The rows of fusing blocks that begin with the coarsest map."""
    rows: list[Row] = []
    for n in range(count):
        block, ours = f"{theirs}.{n}", f"fuse.{count - 1 - n}"
        rows.append((f"{block}.{project}.*", f"{ours}.project.*"))
        for k, part in ((1, "adapt"), (2, "unit")):
            rows += [(f"{block}.{unit}{k}.{parts[a]}.*", f"{ours}.{part}.{b}.*") for a, b in UNIT]
    return rows


ROWS = {"decoder": smp_rows, "neck": transformers_rows, "pretrained": authors_rows}


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The DPT that these tensors are of; None if they are of another network.

    Args:
        settings: of the config.json that save_pretrained writes, and of transformers' preprocessor_config.json.

    Raises: CheckpointError for a hybrid encoder, a network of depths, or codes of places for an image that is no square.
    """
    kind = next((kind for kind in KINDS if kind.marker in tensors), None)
    if kind is None:
        return None
    own = kind.body
    if any(
        key.startswith(("dpt.embeddings.backbone.", "dpt.embeddings.bit.", f"{own}.patch_embed.backbone."))
        for key in tensors
    ):
        raise CheckpointError(
            f"{kind.peer} on a hybrid encoder, which is not known here; those on plain vision transformers are"
        )
    score, first, codes = (
        tensors.get(kind.score),
        tensors.get(f"{own}.{kind.patches}"),
        tensors.get(f"{own}.{kind.codes}"),
    )
    if score is None or first is None or codes is None or first.dim() != 4 or codes.dim() != 3:
        raise CheckpointError(
            f"{kind.peer} without {'classes' if score is None else 'learned codes of places'}, which is not known here; its "
            "semantic segmentation on timm's VisionTransformers is"
        )
    depth, count = len(numbers(tensors, kind.block)), len(numbers(tensors, kind.squeeze))
    settings_name = timm_name(str(settings.get("encoder_name", ""))) if kind.model == "smp_dpt" else ""
    encoder = settings_name or _encoder(tensors, first, depth, own)
    read, told = kind.read in tensors, str(settings.get("decoder_readout", settings.get("readout_type", "")))
    blocks: Any = settings.get("encoder_output_indices" if kind.model == "smp_dpt" else "backbone_out_indices")
    taken = tuple(n % depth for n in blocks) if _counted(blocks, count) else evenly(depth, count)
    options = {
        **({"encoder": encoder} if encoder else {}),
        "channels": tensors[kind.score].shape[1],
        "widths": tuple(len(tensors[kind.squeeze.replace("{n}", str(n))]) for n in numbers(tensors, kind.squeeze)),
        "blocks": taken,
        "side": _side(tensors, codes, first, own),
        "readout": "project" if read else READOUTS.get(told, "ignore"),
    }
    left: list[Row] = [
        (f"{own}.{part}.*", UNREAD) for part in ("norm", "fc_norm", "head", "head_dist", "layernorm", "pooler")
    ]
    ours = kind.model == "transformers_dpt"
    if ours:  # theirs has a unit at the coarsest map that it does not run
        left += [
            ("neck.fusion_stage.layers.0.residual_layer1.*", IDLE),
            (f"scratch.refinenet{count}.resConfUnit1.*", IDLE),
        ]
    else:
        left.append(("classification_head.*", "a head that names the whole image, which ours does not have"))
    unsaid = {
        "encoder": not settings_name and bool(encoder) and not ours,
        "blocks": blocks is None and "encoder_name" not in settings,
    }
    unsaid |= {"readout": not read and not told}
    return Found(
        peer=kind.peer,
        model=kind.model,
        num_classes=len(score),
        in_channels=first.shape[1],
        options=options,
        names=ROWS[kind.marker.partition(".")[0]](count),
        left=left,
        spare=[(kind.block.replace("norm1.weight", "*").replace("layernorm_before.weight", "*"), UNREAD)],
        assumed=tuple(option for option, yes in unsaid.items() if yes),
        labels=labels_of(settings, len(score)) if ours else None,
        pipeline=pipeline_of(settings) if ours else AS_IT_IS,
    )


def _counted(blocks: Any, count: int) -> bool:
    return isinstance(blocks, Sequence) and len(blocks) == count and all(isinstance(n, int) for n in blocks)


def _encoder(tensors: Mapping[str, Tensor], first: Tensor, depth: int, own: str) -> str:
    """timm's name of the plain vision transformer of these widths; "" where the tensors have parts that it has not."""
    size, patch = WIDTHS.get(len(first), ""), first.shape[2]
    parts = (
        f"{own}.norm_pre.weight",
        f"{own}.blocks.0.ls1.gamma",
        f"{own}.reg_token",
        f"{own}.blocks.0.attn.q_norm.weight",
    )
    whole = f"{own}.cls_token" in tensors or f"{own}.embeddings.cls_token" in tensors
    if not size or depth != DEPTHS.get(size, 12) or any(part in tensors for part in parts) or not whole:
        return ""
    return f"vit_{size}_patch{patch}_224"


def _side(tensors: Mapping[str, Tensor], codes: Tensor, first: Tensor, own: str) -> int:
    """Of the square image that the codes of places are for, in pixels."""
    before = 1 if own == "dpt" else sum(
        tensors[f"{own}.{name}"].shape[1] for name in ("cls_token", "reg_token", "dist_token") if f"{own}.{name}" in tensors
    )  # fmt: skip
    places = codes.shape[1]
    for grid in (places - before, places):
        if grid > 0 and isqrt(grid) ** 2 == grid:
            return isqrt(grid) * first.shape[2]
    raise CheckpointError(
        f"its encoder has codes for {places - before} patches, which are no square of patches; only those are known here"
    )
