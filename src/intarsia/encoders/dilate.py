"""Holes that timm's `output_stride` cannot set: another distance for each block of a ResNet, and dense DenseNets."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from ..errors import EncoderError


def is_resnet(body: nn.Module) -> bool:
    """Whether `dilate_stage` can reach the stages of this body, which has timm's names of a ResNet."""
    return all(isinstance(getattr(body, f"layer{n}", None), nn.Sequential) for n in (1, 4))


def dilate_stage(body: nn.Module, level: int, rates: Sequence[int]) -> None:
    """Give each block of a ResNet's stage its own rate, the distance between the taps of its kernels beyond 1x1.

    Args:
        body: of an Encoder.
        level: 2 to 5, of the feature cN that the stage ends in.
        rates: of the blocks in their order, begun again where there are more blocks than rates.

    Raises: EncoderError if the body is no ResNet, or a rate is below 1.
    """
    stage = getattr(body, f"layer{level - 1}", None)
    if not isinstance(stage, nn.Sequential):
        raise EncoderError(
            f"rates of single blocks ({list(rates)}) are for ResNets and their like, and this encoder is none; "
            "choose one such as 'resnet50', or null where the architecture allows it"
        )
    if not rates or min(rates) < 1:
        raise EncoderError(f"rates of blocks is {list(rates)}; name distances between taps, such as [1, 2, 4]")
    for n, block in enumerate(stage):
        for name, module in block.named_modules():
            if not name.startswith("downsample"):
                set_rate(module, rates[n % len(rates)])


def dilate_lost_strides(body: nn.Module, strided: nn.Module) -> None:
    """Dilate each kernel that lost its stride by that stride, as the rest of its stage is already.

    Args:
        body: a dilated network.
        strided: the same network with all its strides.
    """
    before = dict(strided.named_modules())
    for path, conv in body.named_modules():
        if isinstance(conv, nn.Conv2d) and conv.stride != before[path].stride:
            set_rate(conv, conv.dilation[0] * before[path].stride[0] // conv.stride[0])


def dilate_densenet(body: Any, output_stride: int) -> Any:
    """timm's DenseNet with the last poolings between its blocks left out, and with holes in the blocks behind them.

    Its weights stay those of the classifier. The mean over 2x2 pixels that such a pooling took is gone with it, so that
    features are close to, but not a denser sample of, the strided network's.
    """
    rate = 1
    for info in body.feature_info.info:
        info["reduction"] = min(info["reduction"], output_stride)
    for name, module in body.named_children():
        for inner in module.modules():
            set_rate(inner, rate)
        if name.startswith("features_transition"):
            stride_before = 4 * 2 ** (int(name[-1]) - 1)
            if stride_before >= output_stride:
                module.pool = nn.Identity()
                rate *= 2
    return body


def set_rate(module: nn.Module, rate: int) -> None:
    """Set the distance between the taps of a convolution, and padding that fits; leave other modules as they are."""
    if isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1):
        h, w = module.kernel_size
        module.dilation, module.padding = (rate, rate), (rate * (h // 2), rate * (w // 2))
