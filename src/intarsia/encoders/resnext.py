"""ResNeXt-101 32x48d, the widest that Instagram's tags were learned with; timm no longer lists it, and its weights are not there.

Mahajan, Girshick, Ramanathan, He, Paluri, Li, Bharambe, van der Maaten. "Exploring the Limits of Weakly Supervised
Pretraining." ECCV 2018. arXiv:1805.00932
"""

from typing import Any

from ..errors import EncoderError
from .timm_model import imported_timm

WIDEST = "resnext101_32x48d"
LISTED = "resnext101_32x32d"  # whose statistics of pictures it shares


def widest_resnext(name: str, indices: tuple[int, ...] | None, stride: int, in_channels: int, pretrained: bool) -> Any:
    """The body of an Encoder: timm's ResNet of 32 groups of 48 channels.

    Raises: EncoderError if weights are asked for, which timm has not.
    """
    if pretrained:
        raise EncoderError(
            f"there are no weights of encoder {name!r} that timm knows; use pretrained=False, train --from a file of them, or "
            f"take {LISTED!r}"
        )
    timm = imported_timm()
    from timm.models import resnet

    options: dict[str, Any] = {} if stride == 32 else {"output_stride": stride}
    if indices is not None:
        options["out_indices"] = indices
    known: Any = timm.get_pretrained_cfg(LISTED)
    return resnet._create_resnet(
        LISTED, False, block=resnet.Bottleneck, layers=(3, 4, 23, 3), cardinality=32, base_width=48, features_only=True,
        in_chans=in_channels, pretrained_cfg=known.to_dict(), **options,
    )  # fmt: skip
