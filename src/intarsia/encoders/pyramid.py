"""timm's backbones behind one contract: features c1, c2, ..., where cN has stride 2**N.

    image - pad (only where the backbone needs it) - timm - crop - [c2, c3, c4, c5]

What a backbone needs is measured, not listed: a copy without weights, on torch's meta device, tells which levels
it has and at which sizes it works.
"""

from collections.abc import Mapping
from functools import lru_cache
from math import log2
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks.resize import crop
from ..blocks.sizes import larger
from ..errors import EncoderError, nearest
from .dilate import dilate_densenet, dilate_lost_strides
from .hrnet import exchange_at_any_size
from .mix_transformer import SIZES, mix_transformer
from .resnext import WIDEST, widest_resnext
from .sections import CUTS, Sections, cut_network
from .timm_model import imported_timm
from .weights import loading

OUTPUT_STRIDES = (8, 16, 32)
OWN: dict[str, Any] = {
    **dict.fromkeys(SIZES, mix_transformer), **dict.fromkeys(CUTS, cut_network), WIDEST: widest_resnext,
}  # fmt: skip
NEEDS = (1, 2, 4, 8, 16, 32, 64, 128, 224, 256)  # pixels; no backbone is worth padding an image to more


class Encoder(nn.Module):
    """A timm backbone as features of which cN has stride 2**N, or `output_stride` if that is smaller.

    Each feature has the size ceil(H / stride) x ceil(W / stride), for an image of any size: backbones that fail on
    small or odd sizes, or drop the last rows there, get the image padded by repeating its border, and the padding's
    features are cut off again. ResNets, HRNets, EfficientNets and their like are never padded.

    Args:
        name: any timm model that yields a feature pyramid, such as "resnet50" or "convnext_tiny"; "mit_b0" to "mit_b5", the
            Mix Transformers; "resnext101_32x48d"; or a backbone as segmentation-models-pytorch cuts it, such as "smp_mobilenet_v2".
        levels: which features to return, finest first; (2, 3, 4, 5) are strides 4, 8, 16, 32. Stages that none of
            them needs are not built.
        output_stride: the coarsest stride, 8, 16 or 32; below 32 the last stages are dilated instead of strided.
        dilate_first: dilate the convolution that lost its stride as widely as the rest of its stage. Without it, it
            keeps the rate of the stage before, so that weights trained with the stride give the same features.
        in_channels: of the image; pretrained first layers are adapted by timm.
        pretrained: start from timm's ImageNet weights.

    Attributes:
        channels, strides: of each returned feature, in the same order.
        mean, std: what an image of 0..1 is normalized with, one number per input channel.
        minimum, multiple: the size, in pixels, that the image is padded to.

    Raises: EncoderError if timm lacks the model, the weights or the levels, or cannot dilate the model.
    """

    def __init__(
        self,
        name: str,
        *,
        levels: tuple[int, ...] = (2, 3, 4, 5),
        output_stride: int = 32,
        dilate_first: bool = False,
        in_channels: int = 3,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if in_channels < 1:
            raise EncoderError(f"in_channels is {in_channels}; an image has at least one channel")
        available = levels_of(name)
        if not levels or list(levels) != sorted(set(levels)):
            raise EncoderError(f"levels is {levels}; list each once, finest first, such as (2, 3, 4, 5)")
        if missing := [f"c{n}" for n in levels if n not in available]:
            have = ", ".join(f"c{n}" for n in available)
            raise EncoderError(f"encoder {name!r} has no {', '.join(missing)}: it yields {have}")
        indices = tuple(available.index(n) for n in levels)
        with loading(name, pretrained):
            self.body = _create(name, indices, output_stride, in_channels, pretrained)
        if dilate_first and not isinstance(self.body, Sections):
            dilate_lost_strides(self.body, _skeleton(name, indices))
        self.minimum, self.multiple = _needs(name, indices, output_stride)
        _trim(self.body, indices, output_stride, name)
        self.channels: tuple[int, ...] = tuple(self.body.feature_info.channels())
        self.strides: tuple[int, ...] = tuple(self.body.feature_info.reduction())
        statistics = self.body.pretrained_cfg
        self.mean = spread(statistics["mean"], in_channels)
        self.std = spread(statistics["std"], in_channels)

    def forward(self, image: Tensor) -> list[Tensor]:
        if self.minimum == self.multiple == 1:
            return _features(self.body, image)
        height, width = image.shape[-2:]
        image = F.pad(image, (0, self._missing(width), 0, self._missing(height)), mode="replicate")
        features = _features(self.body, image)
        return [
            crop(f, (height + s - 1) // s, (width + s - 1) // s) for f, s in zip(features, self.strides, strict=True)
        ]

    def _missing(self, size: int) -> int:
        """How many pixels to add to a side of `size`.

        Written as (a + b - 1) // b, since ONNX rounds -(-a // b) towards zero.
        """
        return (larger(size, self.minimum) + self.multiple - 1) // self.multiple * self.multiple - size


def levels_of(name: str) -> tuple[int, ...]:
    """The levels N of the features cN that a timm model yields, finest first.

    Raises: EncoderError if timm has no such model, or the model yields no pyramid.
    """
    return _levels(name)


@lru_cache(maxsize=256)
def widths_of(name: str) -> Mapping[int, int]:
    """Level N of the features cN -> its number of channels.

    Raises: EncoderError as for `levels_of`.
    """
    return dict(zip(levels_of(name), _skeleton(name).feature_info.channels(), strict=True))


@lru_cache(maxsize=256)
def _levels(name: str) -> tuple[int, ...]:
    timm = imported_timm()
    if name not in OWN and not timm.is_model(name):
        raise EncoderError(f"timm has no encoder {name!r}{nearest(name, [*timm.list_models(), *OWN])}")
    strides = [int(s) for s in _skeleton(name).feature_info.reduction()]
    if len(set(strides)) < len(strides) or any(s & (s - 1) for s in strides):
        raise EncoderError(
            f"encoder {name!r} is no pyramid: its features have strides {', '.join(map(str, strides))}; "
            "choose one whose strides double, such as 'resnet50' or 'convnext_tiny'"
        )
    return tuple(int(log2(s)) for s in strides)


def spread(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Statistics of red, green and blue for another number of channels, as timm spreads pretrained weights.

    Returns: one number per channel: their mean for a single channel, red, green, blue, red, ... for others.
    """
    if channels == 1:
        return (sum(values) / len(values),)
    return tuple(values[n % len(values)] for n in range(channels))


def _create(name: str, indices: tuple[int, ...] | None, output_stride: int, in_channels: int, pretrained: bool) -> Any:
    """timm's feature extractor, or an EncoderError about dilation."""
    if output_stride not in OUTPUT_STRIDES:
        raise EncoderError(f"output_stride is {output_stride}; choose from {', '.join(map(str, OUTPUT_STRIDES))}")
    if name in OWN:
        return OWN[name](name, indices, output_stride, in_channels, pretrained)
    options: dict[str, Any] = {} if output_stride == 32 else {"output_stride": output_stride}
    if name.startswith("hrnet"):
        options["feature_location"] = ""  # the four branches, rather than their classification heads
    if name.startswith("swin"):
        options["strict_img_size"] = False
    if indices is not None:
        options["out_indices"] = indices
    dense = name.startswith("densenet") and output_stride < 32  # timm cannot dilate these; we can
    if dense:
        del options["output_stride"]
    try:
        body = imported_timm().create_model(
            name, features_only=True, pretrained=pretrained, in_chans=in_channels, **options
        )
        if name.startswith("hrnet"):
            return exchange_at_any_size(body)
        return dilate_densenet(body, output_stride) if dense else body
    except (TypeError, AssertionError) as error:
        if output_stride == 32:
            raise
        raise EncoderError(
            f"encoder {name!r} cannot be dilated to output_stride={output_stride}; "
            "choose a ResNet-like encoder, or output_stride=32"
        ) from error


def _skeleton(name: str, indices: tuple[int, ...] | None = None, output_stride: int = 32) -> Any:
    """The same extractor without weights, for questions about shapes."""
    try:
        with torch.device("meta"):
            return _create(name, indices, output_stride, 3, False).eval()
    except (RuntimeError, TypeError, AttributeError) as error:
        raise EncoderError(
            f"encoder {name!r} yields no features in timm ({error}); choose a pyramid such as 'resnet50'"
        ) from error


def _features(body: Any, image: Tensor) -> list[Tensor]:
    """The features of a timm extractor, channels second whatever its own order."""
    features = body(image)
    if "NHWC" in str(getattr(body, "output_fmt", "")):
        return [f.permute(0, 3, 1, 2) for f in features]
    return list(features)


@lru_cache(maxsize=256)
def _needs(name: str, indices: tuple[int, ...], output_stride: int) -> tuple[int, int]:
    """(minimum, multiple) of the sizes at which each feature has the size ceil(H / stride)."""
    body = _skeleton(name, indices, output_stride)
    strides = body.feature_info.reduction()

    def works(size: int) -> bool:
        try:
            with torch.no_grad():
                features = _features(body, torch.empty(1, 3, size, size, device="meta"))
        except (RuntimeError, AssertionError, ValueError):
            return False
        return all(tuple(f.shape[-2:]) == (-(-size // s),) * 2 for f, s in zip(features, strides, strict=True))

    for multiple in NEEDS:
        if works(97 * multiple if multiple < 8 else 5 * multiple) and works(
            63 * multiple if multiple < 8 else 3 * multiple
        ):
            for minimum in NEEDS:
                if minimum % multiple == 0 and works(minimum):
                    return minimum, multiple
    raise EncoderError(f"encoder {name!r} works at no size up to {NEEDS[-1]} pixels; choose another one")


def _trim(body: Any, indices: tuple[int, ...], output_stride: int, name: str) -> None:
    """Take out what timm keeps behind the last level asked for; freeze the few weights that cannot be taken out."""
    paths, weights = _unused(name, indices, output_stride)
    for path in paths:
        _replace(body, path)
    for weight in weights:
        body.get_parameter(weight).requires_grad_(False)


def _replace(body: Any, path: str) -> None:
    owner, _, leaf = path.rpartition(".")
    setattr(body.get_submodule(owner), leaf, nn.Identity())


@lru_cache(maxsize=256)
def _unused(name: str, indices: tuple[int, ...], output_stride: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(modules to take out, parameters to freeze): what no gradient reaches, told by a backward pass without weights."""
    body = _skeleton(name, indices, output_stride)
    image = torch.empty(1, 3, NEEDS[-1], NEEDS[-1], device="meta")
    with torch.enable_grad():
        sum(f.sum() for f in _features(body, image)).backward()  # type: ignore[union-attr]
    idle = {key for key, p in body.named_parameters() if p.grad is None}
    paths: list[str] = []
    for path, module in body.named_modules():
        held = [f"{path}.{key}" for key, _ in module.named_parameters()]
        if path and held and idle.issuperset(held) and not any(path.startswith(f"{p}.") for p in paths):
            paths.append(path)
    try:
        for path in paths:
            _replace(body, path)
        _features(body, image)
    except (RuntimeError, TypeError, AttributeError):  # it is computed, though nobody looks at it
        return (), tuple(sorted(idle))
    return tuple(paths), tuple(sorted(key for key in idle if not any(key.startswith(f"{p}.") for p in paths)))
