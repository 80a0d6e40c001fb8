"""The table of the family `masks`: architectures that answer with a set of masks."""

from ...structures import CompetingMasks, MaskQueries
from ..masks.kmax_deeplab import KMaXDeepLab
from ..masks.maskformer import MaskFormer
from ..masks.max_deeplab import MaXDeepLab
from .entry import Entry

MASKS: dict[str, Entry] = {
    "maskformer": Entry(
        build=MaskFormer,
        title="Per-Pixel Classification is Not All You Need for Semantic Segmentation",
        year=2021,
        paper="arXiv:2107.06278",
        idea="queries look at the picture, and each answers with a mask and its class, or with none",
        output=MaskQueries,
        smallest={
            "encoder": "resnet18",
            "queries": 6,
            "channels": 32,
            "layers": 2,
            "heads": 4,
            "feedforward": 48,
        },
        parameters=41_274_710,
        gflops=97.1,
    ),
    "max_deeplab": Entry(
        build=MaXDeepLab,
        title="MaX-DeepLab: End-to-End Panoptic Segmentation with Mask Transformers",
        year=2021,
        paper="arXiv:2012.00759",
        idea="pixels and queries look at each other, and masks that share the pixels come out with their classes",
        output=CompetingMasks,
        smallest={
            "encoder": "resnet18",
            "queries": 6,
            "channels": 16,
            "width": 8,
            "blocks": (1, 1),
            "heads": 2,
            "feedforward": 24,
            "span": 8,
            "beside": 16,
        },
        full={"num_classes": 133},
        parameters=62_890_760,
        training_only=15_856_485,
        gflops=164.3,
    ),
    "kmax_deeplab": Entry(
        build=KMaXDeepLab,
        title="k-means Mask Transformer",
        year=2022,
        paper="arXiv:2207.04044",
        idea="each pixel goes to one query, and each query becomes the sum of its pixels, as in k-means",
        output=CompetingMasks,
        smallest={
            "encoder": "resnet18",
            "queries": 6,
            "channels": 16,
            "decoder": (8, 8, 4, 4),
            "blocks": (1, 1, 1, 1),
            "layers": 1,
            "heads": 2,
            "feedforward": 24,
            "span": 8,
            "drop": 0.0,
            "beside": 16,
        },
        full={"num_classes": 133},
        parameters=56_580_120,
        training_only=15_856_485,
        gflops=91.5,
    ),
}
