"""Networks of the catalogue as peers and released code build them, where that is not what the paper says.

Each is the catalogue's network with some parts exchanged; `build("smp_pspnet", 21)` makes one, and a recipe may name it:
`model: {name: smp_pspnet}`. The catalogue's own constructors know nothing of them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import nn

from ....errors import ModelError, nearest
from ....models import build as build_own
from ....models import construct
from ....models.catalogue import ARCHITECTURES, CONSTRUCTORS
from .attention import (
    hrnet_ocr,
    mmseg_segformer,
    nvidia_hierarchical,
    smp_dpt,
    transformers_dpt,
    transformers_segformer,
)
from .context import (
    RATES,
    imgclsmob_deeplabv3,
    imgclsmob_fcn,
    semseg_pspnet,
    slim_deeplabv3,
    slim_deeplabv3plus,
    smp_deeplabv3,
    smp_deeplabv3plus,
    smp_pspnet,
    smp_upernet,
    torchvision_deeplabv3,
)
from .instances import torchvision_maskrcnn, torchvision_maskrcnn_v2
from .mmseg import (
    interpolated_hrnet,
    interpolated_ocr,
    mmseg_deeplabv3,
    mmseg_deeplabv3plus,
    mmseg_fcn,
    mmseg_pspnet,
    mmseg_upernet,
)
from .mmseg_attention import mmseg_apcnet, mmseg_ccnet, mmseg_danet, mmseg_emanet, mmseg_encnet, mmseg_psanet
from .realtime import (
    bare_ddrnet,
    coincheung_bisenet,
    coincheung_bisenetv2,
    mmseg_bisenet,
    mmseg_bisenetv2,
    mmseg_erfnet,
    mmseg_fast_scnn,
    torchseg_bisenet,
    torchvision_lraspp,
)
from .resolution import (
    matlab_refinenet,
    smp_fpn,
    smp_linknet,
    smp_unetplusplus,
    tiramisu_fc_densenet,
    whole_windows_segnet,
)
from .smp import smp_manet, smp_pan, smp_segformer, smp_unet

__all__ = ["NETWORKS", "RATES", "VARIANTS", "Variant", "build", "output_of"]


class Variant(NamedTuple):
    """One network of a peer."""

    build: Callable[..., nn.Module]  # (num_classes, *, options) -> network
    model: str  # of the catalogue
    peer: str


VARIANTS: dict[str, Variant] = {
    "torchvision_deeplabv3": Variant(torchvision_deeplabv3, "deeplabv3", "torchvision"),
    "torchvision_lraspp": Variant(torchvision_lraspp, "lraspp", "torchvision"),
    "torchvision_maskrcnn": Variant(torchvision_maskrcnn, "maskrcnn", "torchvision"),
    "torchvision_maskrcnn_v2": Variant(torchvision_maskrcnn_v2, "maskrcnn", "torchvision"),
    "smp_unetplusplus": Variant(smp_unetplusplus, "unetplusplus", "segmentation-models-pytorch"),
    "smp_linknet": Variant(smp_linknet, "linknet", "segmentation-models-pytorch"),
    "smp_fpn": Variant(smp_fpn, "fpn", "segmentation-models-pytorch"),
    "smp_pspnet": Variant(smp_pspnet, "pspnet", "segmentation-models-pytorch"),
    "smp_upernet": Variant(smp_upernet, "upernet", "segmentation-models-pytorch"),
    "smp_deeplabv3": Variant(smp_deeplabv3, "deeplabv3", "segmentation-models-pytorch"),
    "smp_deeplabv3plus": Variant(smp_deeplabv3plus, "deeplabv3plus", "segmentation-models-pytorch"),
    "smp_unet": Variant(smp_unet, "unet", "segmentation-models-pytorch"),
    "smp_manet": Variant(smp_manet, "manet", "segmentation-models-pytorch"),
    "smp_pan": Variant(smp_pan, "pan", "segmentation-models-pytorch"),
    "smp_segformer": Variant(smp_segformer, "segformer", "segmentation-models-pytorch"),
    "smp_dpt": Variant(smp_dpt, "dpt", "segmentation-models-pytorch"),
    "mmseg_fcn": Variant(mmseg_fcn, "fcn_resnet", "mmsegmentation"),
    "mmseg_pspnet": Variant(mmseg_pspnet, "pspnet", "mmsegmentation"),
    "mmseg_deeplabv3": Variant(mmseg_deeplabv3, "deeplabv3", "mmsegmentation"),
    "mmseg_deeplabv3plus": Variant(mmseg_deeplabv3plus, "deeplabv3plus", "mmsegmentation"),
    "mmseg_upernet": Variant(mmseg_upernet, "upernet", "mmsegmentation"),
    **{
        f"mmseg_{name}": Variant(make, name, "mmsegmentation")
        for name, make in (
            ("encnet", mmseg_encnet),
            ("psanet", mmseg_psanet),
            ("danet", mmseg_danet),
            ("ccnet", mmseg_ccnet),
            ("emanet", mmseg_emanet),
            ("apcnet", mmseg_apcnet),
        )
    },
    "mmseg_bisenet": Variant(mmseg_bisenet, "bisenet", "mmsegmentation"),
    "mmseg_bisenetv2": Variant(mmseg_bisenetv2, "bisenetv2", "mmsegmentation"),
    "mmseg_fast_scnn": Variant(mmseg_fast_scnn, "fast_scnn", "mmsegmentation"),
    "mmseg_erfnet": Variant(mmseg_erfnet, "erfnet", "mmsegmentation"),
    "mmseg_segformer": Variant(mmseg_segformer, "segformer", "mmsegmentation"),
    "transformers_segformer": Variant(transformers_segformer, "segformer", "transformers"),
    "transformers_dpt": Variant(transformers_dpt, "dpt", "transformers"),
    "interpolated_hrnet": Variant(interpolated_hrnet, "hrnet", "HRNet/HRNet-Semantic-Segmentation"),
    "interpolated_ocr": Variant(interpolated_ocr, "ocr", "HRNet/HRNet-Semantic-Segmentation"),
    "semseg_pspnet": Variant(semseg_pspnet, "pspnet", "hszhao/semseg"),
    "slim_deeplabv3": Variant(slim_deeplabv3, "deeplabv3", "tensorflow/models research/deeplab"),
    "slim_deeplabv3plus": Variant(slim_deeplabv3plus, "deeplabv3plus", "tensorflow/models research/deeplab"),
    "matlab_refinenet": Variant(matlab_refinenet, "refinenet", "guosheng/refinenet"),
    "torchseg_bisenet": Variant(torchseg_bisenet, "bisenet", "ycszen/TorchSeg"),
    "imgclsmob_fcn": Variant(imgclsmob_fcn, "fcn_resnet", "imgclsmob"),
    "imgclsmob_deeplabv3": Variant(imgclsmob_deeplabv3, "deeplabv3", "imgclsmob"),
    "coincheung_bisenet": Variant(coincheung_bisenet, "bisenet", "CoinCheung/BiSeNet"),
    "coincheung_bisenetv2": Variant(coincheung_bisenetv2, "bisenetv2", "CoinCheung/BiSeNet"),
    "bare_ddrnet": Variant(bare_ddrnet, "ddrnet23", "ydhongHIT/DDRNet"),
    "nvidia_hierarchical": Variant(nvidia_hierarchical, "hierarchical", "NVIDIA/semantic-segmentation"),
    "tiramisu_fc_densenet": Variant(tiramisu_fc_densenet, "fc_densenet103", "bfortuner/pytorch_tiramisu"),
    "whole_windows_segnet": Variant(whole_windows_segnet, "segnet", "delta-onera/segnet_pytorch"),
    "hrnet_ocr": Variant(hrnet_ocr, "ocr", "HRNet/HRNet-Semantic-Segmentation"),
}
NETWORKS: dict[str, Callable[..., nn.Module]] = {
    **CONSTRUCTORS,
    **{name: variant.build for name, variant in VARIANTS.items()},
}  # what `build` knows: the catalogue's networks, then the peers' variants


def build(name: str, num_classes: int, **options: Any) -> nn.Module:
    """The architecture of that name, or a peer's variant of one.

    Args:
        name: of the catalogue (`intarsia models`), or of a variant, such as "smp_pspnet".
        num_classes: how many maps it draws.
        options: keyword arguments of its constructor; the defaults are the paper's, or the peer's. And `norms`, which
            exchanges all norms: "batch", "group" or "frozen".

    Raises: ModelError with the nearest name, for an unknown network or an option that it does not take.
    """
    if name in VARIANTS:
        return construct(name, VARIANTS[name].build, num_classes, options)
    if name not in NETWORKS:
        raise ModelError(f"there is no architecture {name!r}{nearest(name, NETWORKS)}")
    return build_own(name, num_classes, **options)


def output_of(name: str) -> type:
    """Find the kind of output, of `structures`, that the network of that name returns.

    Raises: ModelError with the nearest name, for an unknown network.
    """
    if name not in NETWORKS:
        raise ModelError(f"there is no architecture {name!r}{nearest(name, NETWORKS)}")
    return ARCHITECTURES[VARIANTS[name].model if name in VARIANTS else name].output
