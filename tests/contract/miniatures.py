"""Encoders of a few layers, built as the families they stand for: what every network promises is tried on them.

timm makes them from the classes of its own networks, with fewer and narrower blocks, and knows them by these names once
this file is imported. Exporting a DenseNet of 121 layers takes a minute, and one of eight says as much about the network
around it; `make test-all` runs the encoders that the catalogue names as well.

`SHALLOW` has encoders of few layers whose features are as wide as those of the family's large ones, for the comments that
say those widths (tests/house/test_shape_comments.py).
"""

from collections.abc import Mapping
from typing import Any

import timm
from timm.models import densenet, efficientnet, hrnet, resnet, vision_transformer
from torch import Tensor, nn

NARROW, WIDE = (8, 12, 16, 20), (48, 96, 192, 384)


def _statistics(family: str) -> dict[str, Any]:
    """What timm knows of a network of this family: its first layer and the statistics of its pictures."""
    cfg = timm.get_pretrained_cfg(family)
    assert cfg is not None
    return cfg.to_dict()


def resnet_mini(pretrained: bool = False, **options: Any) -> Any:
    """A ResNet of one basic block in each stage but the last, which has two."""
    options |= {"block": resnet.BasicBlock, "layers": (1, 1, 1, 2), "channels": (16, 16, 24, 32), "stem_width": 16}
    return resnet._create_resnet("resnet_mini", pretrained, **options | {"pretrained_cfg": _statistics("resnet18")})


class Layer(nn.Module):
    """One convolution where a ResNet has a block."""

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: Any = None, **options: Any) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False), nn.BatchNorm2d(planes)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)).relu()


def layers_mini(pretrained: bool = False, **options: Any) -> Any:
    """A convolution a stage, which cannot be dilated."""
    options |= {"block": Layer, "layers": (1, 1, 1, 1), "channels": (16, 16, 24, 32), "stem_width": 16}
    return resnet._create_resnet("layers_mini", pretrained, **options | {"pretrained_cfg": _statistics("resnet18")})


def densenet_mini(pretrained: bool = False, **options: Any) -> Any:
    """A DenseNet of two layers in each block."""
    options |= {"pretrained_cfg": _statistics("densenet121")}
    return densenet._create_densenet("densenet_mini", 16, (2, 2, 2, 2), pretrained, **options)


def hrnet_mini(pretrained: bool = False, **options: Any) -> Any:
    """An HRNet of one block in each branch."""
    return hrnet._create_hrnet("hrnet_mini", pretrained, **options | {"pretrained_cfg": _statistics("hrnet_w18_small")})


def resnet_shallow(pretrained: bool = False, **options: Any) -> Any:
    """A ResNet-50 with one block in each stage."""
    options |= {"block": resnet.Bottleneck, "layers": (1, 1, 1, 1), "pretrained_cfg": _statistics("resnet50")}
    return resnet._create_resnet("resnet_shallow", pretrained, **options)


def hrnet_shallow(pretrained: bool = False, **options: Any) -> Any:
    """An HRNet-W48 of one block in each branch."""
    return hrnet._create_hrnet("hrnet_shallow", pretrained, **options | {"pretrained_cfg": _statistics("hrnet_w48")})


def efficientnet_shallow(pretrained: bool = False, **options: Any) -> Any:
    """An EfficientNet-L2 of one block in each stage."""
    options |= {"pad_type": "same", "pretrained_cfg": _statistics("tf_efficientnet_l2")}
    return efficientnet._gen_efficientnet("efficientnet_shallow", 4.3, 0.1, pretrained=pretrained, **options)


def vit_mini(pretrained: bool = False, **options: Any) -> Any:
    """A plain vision transformer of four blocks."""
    options = {"depth": 4, "embed_dim": 24, "num_heads": 2, "img_size": 64} | options
    return vision_transformer._create_vision_transformer(
        "vit_mini", pretrained, **options | {"pretrained_cfg": _statistics("vit_tiny_patch16_224")}
    )


def _stages(widths: tuple[int, ...], first: int) -> dict[str, Any]:
    """An HRNet of one block in each branch: its stem, and stages of one to four branches."""
    kinds = {1: ("BOTTLENECK", (first,)), **{n: ("BASIC", widths[:n]) for n in (2, 3, 4)}}
    return {"stem_width": first * 2 if first < 64 else first} | {
        f"stage{n}": {"num_modules": 1, "num_branches": n, "block_type": block, "num_blocks": (1,) * n,
                      "num_channels": channels, "fuse_method": "SUM"}
        for n, (block, channels) in kinds.items()
    }  # fmt: skip


hrnet.cfg_cls |= {"hrnet_mini": _stages(NARROW, 8), "hrnet_shallow": _stages(WIDE, 64)}
for _make in (
    resnet_mini,
    layers_mini,
    densenet_mini,
    hrnet_mini,
    resnet_shallow,
    hrnet_shallow,
    efficientnet_shallow,
    vit_mini,
):
    timm.models.register_model(_make)

MINIATURES = {
    "resnet18": "resnet_mini",
    "densenet121": "densenet_mini",
    "hrnet_w18_small": "hrnet_mini",
    "vit_tiny_patch16_224": "vit_mini",
}
SHALLOW = {
    **dict.fromkeys(("resnet50", "resnet101", "resnet152"), "resnet_shallow"),
    "resnet101s": "resnet50s",
    "resnext101_32x4d": "resnext50_32x4d",
    "hrnet_w48": "hrnet_shallow",
    "tf_efficientnet_l2": "efficientnet_shallow",
}
ROWS = {
    "hierarchical": {"encoder": "layers_mini"},  # exporting two scales of an HRNet takes longest; the row hrnet has one
    "nasfpn": {"encoder": "layers_mini"},
    "rtseg_unet": {"encoder": "resnet_mini"},  # the row rtseg_skipnet has ShuffleNet
    "rtseg_dilation": {"encoder": "resnet_mini"},
    "ladder_densenet": {"bottleneck": 8},  # of four channels, all can be below zero
}


def miniature(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an architecture with a few layers of its encoder's family in the encoder's place.

    Options without an encoder, or with one that has no miniature, stay as they are.
    """
    encoder = options.get("encoder", "")
    return {**options, **({"encoder": MINIATURES[encoder]} if encoder in MINIATURES else {}), **ROWS.get(name, {})}
