"""torchvision's detectors, known by the names of their tensors: Mask R-CNN and Faster R-CNN, versions 1 and 2, on ResNets.

Its first class is "no object", which is our last; what it learned of a box and a mask of that class is left out.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...errors import CheckpointError
from .backbones import resnet
from .names import Found, Row

COCO = (  # of the category ids 1 .. 90, some of which the data set does not use
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light", "fire hydrant",
    "unused 12", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear",
    "zebra", "giraffe", "unused 26", "backpack", "umbrella", "unused 29", "unused 30", "handbag", "tie", "suitcase",
    "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "unused 45", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "unused 66", "dining table", "unused 68", "unused 69", "toilet", "unused 71", "tv", "laptop", "mouse", "remote",
    "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "unused 83", "book", "clock", "vase",
    "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
CLASS = "roi_heads.box_predictor.cls_score.weight"
NAMES: list[Row] = [
    ("backbone.body.*", "encoder.body.*"),
    ("rpn.head.cls_logits.*", "propose.score.*"),
    ("rpn.head.bbox_pred.*", "propose.move.*"),
    ("roi_heads.box_predictor.cls_score.*", "judge.classify.*"),
    ("roi_heads.box_predictor.bbox_pred.*", "judge.move.*"),
    ("roi_heads.mask_predictor.conv5_mask.*", "draw.enlarge.*"),
    ("roi_heads.mask_predictor.mask_fcn_logits.*", "draw.score.*"),
]
FIRST: list[Row] = [
    *((f"backbone.fpn.{theirs}.{n}.{layer}{end}", f"pyramid.{ours}.{n}.{end}")
      for theirs, ours in (("inner_blocks", "lateral"), ("layer_blocks", "smooth"))
      for n in range(4) for layer in ("0.", "") for end in ("weight", "bias")),
    *((f"rpn.head.conv.{layer}{end}", f"propose.look.0.{end}") for layer in ("0.0.", "") for end in ("weight", "bias")),
    ("roi_heads.box_head.fc6.*", "judge.connect.1.*"),
    ("roi_heads.box_head.fc7.*", "judge.connect.3.*"),
    *((f"roi_heads.mask_head.{theirs}.*", f"draw.convolve.{n}.conv.*")
      for n in range(4) for theirs in (f"{n}.0", f"mask_fcn{n + 1}")),
]  # fmt: skip
SECOND: list[Row] = [
    ("backbone.fpn.inner_blocks.{n}.*", "pyramid.lateral.{n}.*"),
    ("backbone.fpn.layer_blocks.{n}.*", "pyramid.smooth.{n}.*"),
    ("rpn.head.conv.0.0.*", "propose.look.0.*"),
    ("rpn.head.conv.1.0.*", "propose.look.2.*"),
    *((f"roi_heads.{theirs}_head.{{n}}.{layer}.*", f"{ours}.convolve.{{n}}.{part}.*")
      for theirs, ours in (("box", "judge"), ("mask", "draw")) for layer, part in ((0, "conv"), (1, "norm"))),
    ("roi_heads.box_head.5.*", "judge.connect.1.*"),
]  # fmt: skip


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The detector of torchvision that these tensors are of; None if they are of something else.

    Args:
        settings: a config.json's; torchvision writes none.

    Raises: CheckpointError for a backbone or a head that we do not know.
    """
    if CLASS not in tensors or "rpn.head.cls_logits.weight" not in tensors:
        return None
    if any(key.startswith("roi_heads.keypoint") for key in tensors):
        raise CheckpointError("torchvision's Keypoint R-CNN finds points of the body, which nothing here does")
    encoder = resnet(tensors, "backbone.body.")
    second = "roi_heads.box_head.5.weight" in tensors
    if encoder is None or not (second or "roi_heads.box_head.fc6.weight" in tensors):
        raise CheckpointError(
            "torchvision's detector on a backbone or with heads that are not known here; known are Mask R-CNN and Faster "
            "R-CNN on ResNets with a feature pyramid, versions 1 and 2"
        )
    masks = "roi_heads.mask_predictor.mask_fcn_logits.weight" in tensors
    frozen = "backbone.body.bn1.num_batches_tracked" not in tensors
    coco = len(tensors[CLASS]) == len(COCO) + 1
    options: dict[str, Any] = {"encoder": encoder, "masks": masks, "frozen_norm": frozen}
    if not second and frozen:
        options["epsilon"] = 0.0 if coco else 1e-5
    return Found(
        peer=f"torchvision's {'Mask' if masks else 'Faster'} R-CNN, version {2 if second else 1}",
        model="torchvision_maskrcnn_v2" if second else "torchvision_maskrcnn",
        num_classes=len(tensors[CLASS]) - 1,
        in_channels=tensors["backbone.body.conv1.weight"].shape[1],
        options=options,
        names=[*NAMES, *(SECOND if second else FIRST)],
        change=_no_object_last,
        assumed=("epsilon",) if "epsilon" in options else (),
        classes=COCO if coco else (),
    )


def _no_object_last(name: str, tensor: Tensor) -> Tensor:
    """Without the first class where there is nothing to learn of it; the score of "no object" behind the others."""
    match name.rpartition(".")[0]:
        case "judge.classify":
            return torch.cat([tensor[1:], tensor[:1]])
        case "judge.move":
            return tensor[4:]
        case "draw.score":
            return tensor[1:]
    return tensor
