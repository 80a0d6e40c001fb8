"""Networks that name whole pictures: torchvision's ResNets, VGGs and MobileNet v3 (large), and every pyramid of timm's.

A ResNet becomes our `classifier`, head and all. Of others the encoder alone is taken, which is what `train --from` needs.
timm's files say in their config.json which network they are; torchvision's are known by their tensors.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...encoders import Encoder, levels_of
from ...errors import CheckpointError, EncoderError
from .backbones import add_epsilon, mobilenet_v3_large, resnet
from .names import Found, Row
from .smp_encoders import own_encoder

BODY = "encoder.body."
HEAD = "the head that names whole pictures, or a stage that no feature needs"
MOBILE = "mobilenetv3_large_100"
KNOWN = "torchvision's ResNets, ResNeXts, wide ResNets, VGGs and MobileNet v3 (large), and the pyramids of timm"


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The classifier that these tensors are of; None if they are of another network.

    Args:
        settings: of the config.json that timm writes.

    Raises: CheckpointError for a network of timm that yields no pyramid of features.
    """
    named = settings.get("architecture")
    if isinstance(named, str) and "pretrained_cfg" in settings:
        return _timm(named, tensors)
    if "fc.weight" in tensors and (name := resnet(tensors, "")):
        score = tensors["fc.weight"]
        rows: list[Row] = [("fc.*", "classify.*"), ("*", f"{BODY}*")]
        return _found("torchvision's or timm's ResNet", name, tensors["conv1.weight"], rows, (), len(score))
    if "features.16.0.weight" in tensors and "features.4.block.2.fc1.weight" in tensors:
        first = tensors["features.0.0.weight"]
        rows = mobilenet_v3_large("features.")
        return _found("torchvision's MobileNet v3", MOBILE, first, rows, [("classifier.*", HEAD)])._replace(
            change=add_epsilon
        )
    if "classifier.6.weight" in tensors and "features.0.weight" in tensors and (known := own_encoder(tensors, "")):
        left = [*known.left, ("classifier.*", HEAD)]
        return _found("torchvision's VGG", known.encoder, tensors["features.0.weight"], known.rows, left)
    return None


def _found(peer: str, encoder: str, first: Tensor, rows: Sequence[Row], left: Sequence[Row], classes: int = 0) -> Found:
    return Found(
        peer=peer,
        model="classifier",
        num_classes=classes or 1,
        in_channels=first.shape[1],
        options={"encoder": encoder},
        names=rows,
        left=left,
        part=not classes,
    )


def _timm(named: str, tensors: Mapping[str, Tensor]) -> Found:
    name = named.partition(".")[0]
    try:
        levels = levels_of(name)
        with torch.device("meta"):
            needed = Encoder(name, levels=levels).state_dict()
    except EncoderError as error:
        raise CheckpointError(f"timm's {name}, which cannot be an encoder here: {error}") from error
    first = next((tensor for tensor in tensors.values() if tensor.dim() == 4), None)
    if first is None:
        raise CheckpointError(f"timm's {name}, by its config.json, but without a single kernel; get the file again")
    ours = {key: place for key in tensors if (place := _place(key, needed))}
    left = [(key, HEAD) for key in tensors if key not in ours]
    return _found(f"timm's {name}", name, first, [(key, f"{BODY}{place}") for key, place in ours.items()], left)


def _place(key: str, needed: Iterable[str]) -> str:
    """Where a tensor of a whole network of timm lies in its feature extractor, which may write `stages.0` as `stages_0`."""
    parts = key.split(".")
    flat = ["_".join(parts[:n]) + "." + ".".join(parts[n:]) for n in (2, 3) if len(parts) > n]
    return next((name for name in (key, *flat, f"model.{key}") if f"body.{name}" in needed), "")
