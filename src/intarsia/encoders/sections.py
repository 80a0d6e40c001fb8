"""Backbones of timm whose features are taken elsewhere than timm takes them: where segmentation-models-pytorch does.

timm gives the feature of a stage from its end. segmentation-models-pytorch gives c1 of an EfficientNet from the stem, c5
of MobileNet v2 behind the last 1x1 convolution, the features of a DenseNet behind the norm of the transition. The weights
are the same; a decoder trained on the one feature is of no use on the other. `Encoder("smp_densenet121")` cuts so.

    sections of "smp_mobilenet_v2":  stem, blocks.0 - c1 | blocks.1 - c2 | blocks.2 - c3 | blocks.3-4 - c4 | ... head - c5
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import EncoderError
from .dilate import set_rate
from .features import FeatureInfo
from .timm_model import imported_timm

Paths = tuple[str, ...]
EFFICIENT: tuple[Paths, ...] = (
    ("conv_stem", "bn1"), ("blocks.0", "blocks.1"), ("blocks.2",), ("blocks.3", "blocks.4"), ("blocks.5", "blocks.6")
)  # fmt: skip
FIRST: tuple[Paths, ...] = (  # of EfficientNet-B0 alone, c4 is the first of three blocks
    *EFFICIENT[:3], ("blocks.3", "blocks.4.0"), ("blocks.4.1", "blocks.4.2", "blocks.5", "blocks.6")
)  # fmt: skip
MOBILE: tuple[Paths, ...] = (
    ("conv_stem", "bn1", "blocks.0"), ("blocks.1",), ("blocks.2",), ("blocks.3", "blocks.4"),
    ("blocks.5", "blocks.6", "conv_head", "bn2"),
)  # fmt: skip
SQUEEZED: tuple[Paths, ...] = (("layer0",), ("pool0", "layer1"), ("layer2",), ("layer3",), ("layer4",))
DENSE: tuple[Paths, ...] = (
    ("features.conv0", "features.norm0"),
    ("features.pool0", "features.denseblock1", "features.transition1.norm"),
    *(
        (f"features.transition{n - 1}.conv", f"features.transition{n - 1}.pool", f"features.denseblock{n}", behind)
        for n, behind in ((2, "features.transition2.norm"), (3, "features.transition3.norm"), (4, "features.norm5"))
    ),
)
DUAL: tuple[Paths, ...] = (
    ("features.conv1_1",), ("features.conv1_pool", "features.conv2_*"), ("features.conv3_*",), ("features.conv4_*",),
    ("features.conv5_*",),
)  # fmt: skip
XCEPTION: tuple[Paths, ...] = (
    ("conv1", "bn1", "act1", "conv2", "bn2", "act2"), ("block1",), ("block2",),
    tuple(f"block{n}" for n in range(3, 12)), ("block12", "conv3", "bn3", "act3", "conv4", "bn4"),
)  # fmt: skip
INCEPTION_RESNET: tuple[Paths, ...] = (
    ("conv2d_1a", "conv2d_2a", "conv2d_2b"), ("maxpool_3a", "conv2d_3b", "conv2d_4a"),
    ("maxpool_5a", "mixed_5b", "repeat"), ("mixed_6a", "repeat_1"), ("mixed_7a", "repeat_2", "block8", "conv2d_7b"),
)  # fmt: skip
INCEPTION: tuple[Paths, ...] = tuple(
    tuple(f"features.{n}" for n in range(a, b)) for a, b in ((0, 3), (3, 5), (5, 9), (9, 15), (15, 22))
)


class Cut(NamedTuple):
    """Where the features of a timm network are taken."""

    timm: str
    sections: tuple[Paths, ...]
    image: int = 0  # the side, in pixels, for which the paddings of a TensorFlow network were computed once for all
    pad: bool = False  # 3x3 convolutions and poolings keep the size, where timm's lose their border
    dilates: bool = True  # its strides are convolutions', which holes can replace
    rectified: tuple[int, ...] = ()  # features that go through a ReLU on their way out


CUTS: dict[str, Cut] = {
    **{
        f"smp_efficientnet-b{n}": Cut(f"tf_efficientnet_b{n}", EFFICIENT if n else FIRST, image=side)
        for n, side in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
    },
    **{f"smp_timm-efficientnet-b{n}": Cut(f"efficientnet_b{n}", EFFICIENT) for n in range(9)},
    "smp_timm-efficientnet-l2": Cut("efficientnet_l2", EFFICIENT),
    **{f"smp_timm-tf_efficientnet_lite{n}": Cut(f"efficientnet_lite{n}", EFFICIENT) for n in range(5)},
    "smp_mobilenet_v2": Cut("mobilenetv2_100", MOBILE),
    **{f"smp_se_resnet{n}": Cut(f"legacy_seresnet{n}", SQUEEZED) for n in (50, 101, 152)},
    **{f"smp_se_resnext{n}_32x4d": Cut(f"legacy_seresnext{n}_32x4d", SQUEEZED) for n in (50, 101)},
    "smp_senet154": Cut("legacy_senet154", SQUEEZED),
    **{f"smp_densenet{n}": Cut(f"densenet{n}", DENSE, dilates=False) for n in (121, 161, 169, 201)},
    **{f"smp_dpn{n}": Cut(f"dpn{n}", DUAL, rectified=(1, 2, 3)) for n in ("68", "68b", "92", "98", "107", "131")},
    "smp_xception": Cut("legacy_xception", XCEPTION, dilates=False),
    "smp_inceptionresnetv2": Cut("inception_resnet_v2", INCEPTION_RESNET, pad=True, dilates=False),
    "smp_inceptionv4": Cut("inception_v4", INCEPTION, pad=True, dilates=False),
}


class Sections(nn.Module):
    """Sections of a network, one after the other, each of which ends in a feature.

    Args:
        network: of timm, whose names the parts keep.
        cut: the paths of the modules of each section, in order; "conv2_*" stands for all of that beginning.
        taken: which of the features to return, finest first.
    """

    def __init__(self, network: Any, cut: Cut, taken: Sequence[int], info: FeatureInfo) -> None:
        super().__init__()
        self.sections = tuple(tuple(_expanded(network, section)) for section in cut.sections[: max(taken) + 1])
        self.rectified = cut.rectified
        self.taken, self.feature_info, self.pretrained_cfg = tuple(taken), info, network.pretrained_cfg
        for path in (path for section in self.sections for path in section):
            *owners, leaf = path.split(".")
            owner: nn.Module = self
            for name in owners:
                if not hasattr(owner, name):
                    owner.add_module(name, nn.Module())
                owner = owner.get_submodule(name)
            owner.add_module(leaf, network.get_submodule(path))

    def forward(self, x: Any) -> list[Tensor]:
        features = []
        for n, section in enumerate(self.sections):
            for path in section:
                x = self.get_submodule(path)(x)
            if n in self.taken:
                features.append(F.relu(x) if n in self.rectified else x)
        return features


def cut_network(
    name: str, indices: tuple[int, ...] | None, stride: int, in_channels: int, pretrained: bool
) -> Sections:
    """The body of an Encoder: the network of that name in `CUTS`, in its sections.

    Args:
        indices: which features to return; None: all five.
        stride: the coarsest, 8, 16 or 32; below 32 every kernel behind it gets holes, the one that lost its stride, too.

    Raises: EncoderError if its strides cannot be replaced by holes.
    """
    cut = CUTS[name]
    if stride < 32 and not cut.dilates:
        raise EncoderError(
            f"encoder {name!r} cannot be dilated to output_stride={stride}, because it shrinks by pooling; "
            "choose a ResNet-like encoder, or output_stride=32"
        )
    taken = tuple(range(5)) if indices is None else indices
    strides = tuple(min(2 ** (n + 1), stride) for n in taken)
    info = FeatureInfo(tuple(_widths(name)[n] for n in taken), strides)
    body = Sections(_network(cut, in_channels, pretrained), cut, taken, info)
    for n, section in enumerate(body.sections):
        if 2 ** (n + 1) > stride:
            for path in section:
                _fill_with_holes(body.get_submodule(path), 2 ** (n + 1) // stride)
    return body


@lru_cache(maxsize=64)
def _widths(name: str) -> tuple[int, ...]:
    cut = CUTS[name]
    with torch.device("meta"), torch.no_grad():
        body = Sections(_network(cut, 3, False), cut, range(5), FeatureInfo((), ())).eval()
        return tuple(f.shape[1] for f in body(torch.empty(1, 3, 64, 64)))


def _network(cut: Cut, in_channels: int, pretrained: bool) -> Any:
    network = imported_timm().create_model(cut.timm, in_chans=in_channels, pretrained=pretrained)
    if cut.image:
        _pad_as_for(network, cut.image)
    if cut.sections is DENSE:
        network.features.norm5.act = nn.Identity()
    if cut.sections is XCEPTION:
        network.conv1.padding = network.conv2.padding = (1, 1)
    for module in network.modules() if cut.pad else ():
        if isinstance(module, nn.MaxPool2d) or (isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)):
            module.padding = (1, 1)
    return network


def _pad_as_for(network: nn.Module, side: int) -> None:
    """Pad each strided convolution as for an image of that side: at an odd map alike on both sides, else behind.

    Of timm's, which see the side of the map, only those need a change: maps of the usual pictures are even there.
    """
    for path, conv in list(network.named_modules()):
        if isinstance(conv, nn.Conv2d) and conv.stride == (2, 2):
            if side % 2:
                plain = nn.Conv2d(
                    conv.in_channels, conv.out_channels, conv.kernel_size[0], 2, conv.kernel_size[0] // 2,
                    groups=conv.groups, bias=conv.bias is not None,
                )  # fmt: skip
                plain.weight, plain.bias = conv.weight, conv.bias
                owner, _, leaf = path.rpartition(".")
                setattr(network.get_submodule(owner), leaf, plain)
            side = (side + 1) // 2


def _fill_with_holes(module: nn.Module, rate: int) -> None:
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.stride = (1, 1)
            set_rate(part, rate)


def _expanded(network: nn.Module, section: Paths) -> list[str]:
    paths: list[str] = []
    for path in section:
        owner, _, leaf = path.rpartition(".")
        begin = leaf.removesuffix("*")
        names = [name for name, _ in network.get_submodule(owner).named_children() if name.startswith(begin)]
        paths += [f"{owner}.{name}" for name in names] if leaf.endswith("*") else [path]
    return paths
