"""torchvision's segmentation networks, known by the names of their tensors: FCN, DeepLab v3 and LR-ASPP.

On ResNets the last two stages are dilated (stride 8), on MobileNet v3 the last one (stride 16), and there the layer that
lost its stride is dilated, too. What it does differently from the papers stands in `variants`.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...errors import CheckpointError
from .backbones import CUT, STAGES, add_epsilon, mobilenet_v3_large, resnet
from .names import Found, Row, conv_norm
from .variants import RATES

SCORES = ("classifier.4.*", "classify.score.*")
NAMES: dict[str, list[Row]] = {
    "fcn_resnet": [*conv_norm("classifier", "convolve"), SCORES],
    "deeplabv3": [
        *(row for n in range(4) for row in conv_norm(f"classifier.0.convs.{n}", f"pyramid.look.{n}")),
        *conv_norm("classifier.0.convs.4", "pyramid.glance", 1),
        *conv_norm("classifier.0.project", "pyramid.fuse.0"),
        *conv_norm("classifier", "classify.0", 1),
        ("classifier.4.*", "classify.1.score.*"),
    ],
    "lraspp": [
        *conv_norm("classifier.cbr", "project"),
        ("classifier.scale.1.*", "weigh.conv.*"),
        ("classifier.low_classifier.*", "score_fine.*"),
        ("classifier.high_classifier.*", "score_coarse.*"),
    ],
}
HEADS = {  # of the auxiliary classifier
    "fcn_resnet": [*conv_norm("aux_classifier", "auxiliary.0"), ("aux_classifier.4.*", "auxiliary.1.score.*")],
    "deeplabv3": [*conv_norm("aux_classifier", "auxiliary.0.0"), ("aux_classifier.4.*", "auxiliary.0.1.score.*")],
}
OURS = {"fcn_resnet": "fcn_resnet", "deeplabv3": "torchvision_deeplabv3", "lraspp": "torchvision_lraspp"}
CALLED = {"fcn_resnet": "FCN", "deeplabv3": "DeepLab v3", "lraspp": "LR-ASPP"}


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The network of torchvision that these tensors are of; None if they are of another library's.

    Args:
        settings: a config.json's; torchvision writes none.

    Raises: CheckpointError for a backbone that we do not know.
    """
    model, score = _model(tensors)
    if not model:
        return None
    encoder = resnet(tensors, "backbone.")
    mobile = model != "fcn_resnet" and "backbone.16.0.weight" in tensors
    if not mobile and (encoder is None or model == "lraspp"):
        raise CheckpointError(
            f"torchvision's {CALLED[model]} on a backbone that is not known here; known are ResNets, their ResNeXt and wide "
            "ones, and MobileNet v3 (large)"
        )
    auxiliary = not mobile and any(key.startswith("aux_classifier.") for key in tensors)
    first = tensors["backbone.0.0.weight" if mobile else "backbone.conv1.weight"]
    options: dict[str, Any] = {"encoder": "mobilenetv3_large_100" if mobile else encoder}
    if model == "fcn_resnet":
        options |= {"channels": score.shape[1], "auxiliary": auxiliary}
    elif model == "deeplabv3":
        options |= {"rates": RATES, "channels": score.shape[1], "auxiliary": auxiliary}
    else:
        options |= {"channels": tensors["classifier.high_classifier.weight"].shape[1]}
    stages = CUT if model == "lraspp" else STAGES
    return Found(
        peer=f"torchvision's {CALLED[model]}",
        model=OURS[model],
        num_classes=score.shape[0],
        in_channels=first.shape[1],
        options=options,
        names=[
            *NAMES[model],
            *HEADS.get(model, []),
            *(mobilenet_v3_large("backbone.", stages) if mobile else [("backbone.*", "encoder.body.*")]),
        ],
        left=[("aux_classifier.*", "a head for training, on a feature that ours does not have")] if mobile else [],
        change=add_epsilon if mobile else None,
        assumed=("rates",) if model == "deeplabv3" else (),
    )


def _model(tensors: Mapping[str, Tensor]) -> tuple[str, Tensor]:
    """The catalogue's name of the network, or an empty one, and the weight that says how many classes it has."""
    backbone = any(key.startswith("backbone.") for key in tensors)
    low, last = tensors.get("classifier.low_classifier.weight"), tensors.get("classifier.4.weight")
    if backbone and low is not None:
        return "lraspp", low
    if backbone and last is not None and last.dim() == 4:
        return "deeplabv3" if "classifier.0.convs.0.0.weight" in tensors else "fcn_resnet", last
    return "", Tensor()
