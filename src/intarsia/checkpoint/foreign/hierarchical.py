"""The files of NVIDIA/semantic-segmentation: hierarchical attention over an HRNet with OCR, and that OCR alone.

The trunk stands under `backbone.`, the head under `ocr.`, the attention under `scale_attn.`; in training, all under `module.`.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...errors import CheckpointError
from .hrnet import BRANCH, projection
from .mmsegmentation import BODY, HRNETS
from .names import Found, Row, numbers

HEAD = "ocr.ocr_distri_head"
BLOCK = f"{HEAD}.object_context_block"
SCALES = (0.5, 1.0, 2.0)  # of its scripts for Cityscapes; those for Mapillary Vistas begin at 0.25
OCR: list[Row] = [
    *projection("ocr.aux_head", "find.0"), ("ocr.aux_head.2.*", "find.1.score.*"), *projection("ocr.conv3x3_ocr", "reduce"),
    *(row for theirs, ours in (("f_pixel", "ask"), ("f_object", "answer")) for n in (0, 1)
      for row in projection(f"{BLOCK}.{theirs}", f"context.{ours}.{n}", 2 * n)),
    *projection(f"{BLOCK}.f_down", "context.tell"), *projection(f"{BLOCK}.f_up", "context.widen"),
    *projection(f"{HEAD}.conv_bn_dropout", "context.fuse.0"), ("ocr.cls_head.*", "classify.score.*"),
    ("backbone.*", f"{BODY}*"),
]  # fmt: skip
ATTENTION: list[Row] = [  # by name, and by number as an older form of the code has it
    *(row for n in (0, 1) for row in (
        (f"scale_attn.conv{n}.*", f"attend.{n}.conv.*"), (f"scale_attn.bn{n}.*", f"attend.{n}.norm.*"),
        (f"scale_attn.{3 * n}.*", f"attend.{n}.conv.*"), (f"scale_attn.{3 * n + 1}.*", f"attend.{n}.norm.*"))),
    ("scale_attn.conv2.*", "attend.2.score.*"), ("scale_attn.6.*", "attend.2.score.*"),
]  # fmt: skip


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """NVIDIA's network that these tensors are of; None if they are of another one.

    Args:
        settings: a config.json's; the authors write none.

    Raises: CheckpointError for a trunk or a head that is not known here.
    """
    score, query = tensors.get("ocr.cls_head.weight"), tensors.get(f"{BLOCK}.f_pixel.0.weight")
    if score is None or query is None:
        return None
    attends = any(key.startswith("scale_attn.") for key in tensors)
    peer = "hierarchical attention, by NVIDIA" if attends else "OCR, by NVIDIA"
    options: dict[str, Any] = {
        "encoder": _encoder(tensors, peer),
        "channels": len(tensors["ocr.conv3x3_ocr.0.weight"]),
        "width": len(query),
    }
    if attends:
        first = tensors.get("scale_attn.conv0.weight", tensors.get("scale_attn.0.weight"))
        inner = tensors.get("scale_attn.conv1.weight", tensors.get("scale_attn.3.weight"))
        if first is None or inner is None:
            raise CheckpointError(
                f"{peer}, whose attention has not two 3x3 convolutions, is not known here; known is the head that its code "
                "builds unless asked for another"
            )
        options |= {"attention": len(first), "scales": SCALES}
    return Found(
        peer=peer,
        model="nvidia_hierarchical" if attends else "interpolated_ocr",
        num_classes=len(score),
        in_channels=tensors["backbone.conv1.weight"].shape[1],
        options=options,
        names=[*OCR, *ATTENTION],
        left=[("criterion.*", "of the loss, which the code keeps in its network")],
        assumed=("scales",) if attends else (),
    )


def _encoder(tensors: Mapping[str, Tensor], peer: str) -> str:
    if any(key.startswith((f"{HEAD}.aspp.", "aspp.")) for key in tensors):
        raise CheckpointError(
            f"{peer}, with an atrous pyramid beside the object context, is not known here; known is OCR alone"
        )
    first = tensors.get(f"backbone.{BRANCH}.0.conv1.weight")
    if first is None:
        raise CheckpointError(
            f"{peer}, on a trunk that is no HRNet, is not known here; known are files of ocrnet.HRNet and ocrnet.HRNet_Mscale"
        )
    encoder = HRNETS.get((len(first), len(numbers(tensors, f"backbone.{BRANCH}.{{n}}.conv1.weight"))))
    if encoder is None:
        raise CheckpointError(
            f"{peer}, of {len(first)} channels in its finest branch, is not known here; known are W18 (and its small "
            "version 2), W32, W40 and W48"
        )
    return encoder
