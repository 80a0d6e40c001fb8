"""Files of authors' own, of the networks that a loader knows."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ...resizing import Resizing
from ..pipeline import IMAGENET, Pipeline
from .row import Public

HRNET = "https://github.com/hsfzxjy/models.storage/releases/download/HRNet-OCR"
BISENET = "https://github.com/CoinCheung/BiSeNet/releases/download/0.0.0"
LICENCE = "MIT, of the repository; nothing is stated for the files"
READ_HRNET = (
    "HRNet/HRNet-Semantic-Segmentation, branch HRNet-OCR, README.md and experiments; sizes counted from its code"
)
READ_BISENET = "CoinCheung/BiSeNet, README.md, configs and lib/data; sizes counted from its code"
DATA = {"ade20k": "ADE20K", "cityscapes": "Cityscapes", "coco-stuff": "COCO-Stuff"}
FRAMES = {  # of HRNet's evaluation
    "ade20k": Resizing(shorter=520, nearest=True, antialias=False),
    "cityscapes": Resizing(shorter=2048, longest=2048, nearest=True, antialias=False),
    "coco-stuff": Resizing(shorter=520, nearest=True, antialias=False),
}
LIGHT: dict[str, dict[str, Any]] = {  # of CoinCheung's pictures
    "ade20k": {"mean": (0.4934323, 0.46819794, 0.43106043), "std": (0.25680755, 0.25506608, 0.27422913)},
    "cityscapes": {"mean": (0.3257, 0.3690, 0.3223), "std": (0.2112, 0.2148, 0.2115)},
    "coco-stuff": {"mean": (0.46962251, 0.4464104, 0.40718787), "std": (0.27469736, 0.27012361, 0.28515933)},
}
NONE: Mapping[str, Any] = MappingProxyType({})


def hrnet(
    network: str, labels: str, iou: float, parameters: int, file: str, options: Mapping[str, Any] = NONE
) -> tuple[str, Public]:
    """A row of HRNet's authors."""
    score = f"mIoU {iou}, one scale"
    return f"file:{file}", Public(
        "semantic", f"{network}, HRNet-W48", DATA[labels], labels, score, parameters, LICENCE, f"{HRNET}/{file}", READ_HRNET,
        options=options, pipeline=Pipeline(**IMAGENET, resize=FRAMES[labels]),
    )  # fmt: skip


def bisenet(network: str, labels: str, iou: float, parameters: int, file: str, shorter: int = 0) -> tuple[str, Public]:
    """A row of CoinCheung's."""
    frame = Resizing(shorter=shorter, multiple=32, antialias=False, fractions=True)
    return f"file:{file}", Public(
        "semantic", network, DATA[labels], labels, f"mIoU {iou}, one scale", parameters, LICENCE, f"{BISENET}/{file}",
        READ_BISENET, pipeline=Pipeline(**LIGHT[labels], resize=frame),
    )  # fmt: skip


ROWS: dict[str, Public] = dict(
    (
        hrnet("HRNet", "cityscapes", 80.9, 65_859_379, "hrnet_cs_8090_torch11.pth", {"align_corners": False}),
        hrnet("OCR", "cityscapes", 81.6, 70_372_678, "hrnet_ocr_cs_8162_torch11.pth"),
        hrnet("HRNet", "coco-stuff", 36.2, 65_968_971, "hrnet_cocostuff_3617_torch04.pth"),
        hrnet("OCR", "coco-stuff", 39.7, 70_560_246, "hrnet_ocr_cocostuff_3965_torch04.pth"),
        hrnet("HRNet", "ade20k", 43.1, 65_953_830, "hrnet_ade20k_4312_torch04.pth"),
        hrnet("OCR", "ade20k", 44.5, 70_534_332, "hrnet_ocr_ade20k_4451_torch04.pth"),
        bisenet("BiSeNet, ResNet-18", "cityscapes", 75.44, 13_275_539, "model_final_v1_city_new.pth"),
        bisenet("BiSeNet v2", "cityscapes", 74.95, 3_358_627, "model_final_v2_city.pth"),
        bisenet("BiSeNet, ResNet-18", "coco-stuff", 31.49, 13_314_603, "model_final_v1_coco_new.pth"),
        bisenet("BiSeNet v2", "coco-stuff", 30.49, 3_514_427, "model_final_v2_coco.pth"),
        bisenet("BiSeNet, ResNet-18", "ade20k", 36.15, 13_309_206, "model_final_v1_ade20k.pth", 512),
        bisenet("BiSeNet v2", "ade20k", 32.53, 3_492_902, "model_final_v2_ade20k.pth", 640),
    )
)
