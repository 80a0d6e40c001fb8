"""The table of the family `masks`: architectures that answer with a set of masks."""

from ...structures import MaskQueries
from ..masks.maskformer import MaskFormer
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
}
