"""The files of HRNet's authors: HRNet for segmentation, and OCR on an HRNet.

Their names begin as timm's do, without a word for the backbone: `stage2.0.branches.0.0.conv1.weight`. Training writes them
under `model.`, beside the criterion's buffers.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...errors import CheckpointError
from .mmsegmentation import BODY, HRNETS
from .names import Found, Row, conv_norm, numbers

BRANCH = "stage4.0.branches.0"
HEAD = "ocr_distri_head"
BLOCK = f"{HEAD}.object_context_block"
HRNET: list[Row] = [*conv_norm("last_layer", "fuse"), ("last_layer.3.*", "classify.score.*")]


def projection(theirs: str, ours: str, first: int = 0) -> list[Row]:
    """The rows of a convolution and its norm, which stands with its ReLU in a sequence of its own."""
    return [(f"{theirs}.{first}.*", f"{ours}.conv.*"), (f"{theirs}.{first + 1}.0.*", f"{ours}.norm.*")]


OCR: list[Row] = [
    *conv_norm("aux_head", "find.0"), ("aux_head.3.*", "find.1.score.*"), *conv_norm("conv3x3_ocr", "reduce"),
    *(row for theirs, ours in (("f_pixel", "ask"), ("f_object", "answer")) for n in (0, 1)
      for row in projection(f"{BLOCK}.{theirs}", f"context.{ours}.{n}", 2 * n)),
    *projection(f"{BLOCK}.f_down", "context.tell"), *projection(f"{BLOCK}.f_up", "context.widen"),
    *projection(f"{HEAD}.conv_bn_dropout", "context.fuse.0"), ("cls_head.*", "classify.score.*"),
]  # fmt: skip


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The network of HRNet's authors that these tensors are of; None if they are of another library's.

    Args:
        settings: a config.json's; the authors write none.

    Raises: CheckpointError for a width that timm does not have.
    """
    ocr, plain = f"{BLOCK}.f_pixel.0.weight", "last_layer.3.weight"
    first = tensors.get(f"{BRANCH}.0.conv1.weight")
    if first is None or not (ocr in tensors or plain in tensors):
        return None
    peer = "OCR, by HRNet's authors" if ocr in tensors else "HRNet, by its authors"
    encoder = HRNETS.get((len(first), len(numbers(tensors, f"{BRANCH}.{{n}}.conv1.weight"))))
    if encoder is None:
        raise CheckpointError(
            f"{peer}, of {len(first)} channels in its finest branch, is not known here; known are W18 (and its small "
            "version 2), W32, W40 and W48"
        )
    options: dict[str, Any] = {"encoder": encoder, "align_corners": True}
    score = tensors["cls_head.weight" if ocr in tensors else plain]
    if ocr in tensors:
        options |= {"channels": len(tensors["conv3x3_ocr.0.weight"]), "width": len(tensors[ocr])}
    return Found(
        peer=peer,
        model="interpolated_ocr" if ocr in tensors else "interpolated_hrnet",
        num_classes=len(score),
        in_channels=tensors["conv1.weight"].shape[1],
        options=options,
        names=[*(OCR if ocr in tensors else HRNET), ("*", f"{BODY}*")],
        assumed=("align_corners",),
    )
