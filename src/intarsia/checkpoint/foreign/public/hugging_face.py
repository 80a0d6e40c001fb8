"""transformers' weights on the Hugging Face hub, of the networks that a loader knows."""

from ...resizing import Resizing
from ..pipeline import IMAGENET, Pipeline
from .row import Public

READ = "stored pages of the hub; sizes counted with transformers 5.24.0"
LICENCE = "MIT, by the hub's tag; mmsegmentation's are Apache-2.0"
SQUARE = Pipeline(**IMAGENET, resize=Resizing(size=(512, 512)))
NVIDIA = "NVIDIA Source Code License, non-commercial"
BIN, SAFE = "pytorch_model.bin", "model.safetensors"


def upernet(encoder: str, iou: str, parameters: int, file: str) -> Public:
    """A row of mmsegmentation's UPerNet weights."""
    return Public(
        "semantic", f"UPerNet, {encoder}", "ADE20K", "ade20k",
        f"mIoU {iou}, one scale, by mmsegmentation with the shape kept", parameters, LICENCE, file, READ, pipeline=SQUARE,
    )  # fmt: skip


def segformer(
    size: str, side: int, iou: float, parameters: int, file: str = BIN, read: str = READ
) -> tuple[str, Public]:
    """A row of NVIDIA's SegFormer for ADE20K."""
    return f"hf:nvidia/segformer-{size}-finetuned-ade-{side}-{side}", Public(
        "semantic", f"SegFormer, MiT-{size.upper()}", "ADE20K", "ade20k",
        f"mIoU {iou}, one scale, by NVIDIA with a shorter side of {side}", parameters, NVIDIA, file, read,
        pipeline=Pipeline(**IMAGENET, resize=Resizing(size=(side, side), direct=True)), commercial=False,
    )  # fmt: skip


def frames(size: str, name: str, parameters: int, score: str, read: str = READ) -> tuple[str, Public]:
    """A row of NVIDIA's SegFormer for Cityscapes; the size that its processor wants is read from the file beside it."""
    return f"hf:nvidia/segformer-{size}-finetuned-cityscapes-{name}", Public(
        "semantic", f"SegFormer, MiT-{size.upper()}", "Cityscapes", "cityscapes", score, parameters, NVIDIA, BIN, read,
        commercial=False,
    )  # fmt: skip


WINDOWS = "mIoU {}, several scales, by NVIDIA in windows of 1024"
NO_SCORE = "none published for this file"
UNSEEN = f"{READ}; the score is the one of segmentation-models-pytorch's copy of these weights"
ROWS: dict[str, Public] = {
    "hf:openmmlab/upernet-convnext-tiny": upernet("ConvNeXt-T", "46.11", 59_318_838, SAFE),
    "hf:openmmlab/upernet-convnext-small": upernet("ConvNeXt-S", "48.56", 80_953_398, BIN),
    "hf:openmmlab/upernet-convnext-base": upernet("ConvNeXt-B", "48.71", 120_884_246, BIN),
    "hf:openmmlab/upernet-convnext-large": upernet("ConvNeXt-L", "53.16", 233_186_262, BIN),
    "hf:openmmlab/upernet-convnext-xlarge": upernet("ConvNeXt-XL", "53.58", 388_742_038, SAFE),
    **dict((
        segformer("b0", 512, 37.4, 3_752_694, SAFE),
        segformer("b1", 512, 42.2, 13_715_798, read=UNSEEN),
        segformer("b2", 512, 46.5, 27_461_974, read=UNSEEN),
        segformer("b3", 512, 49.4, 47_337_814, read=UNSEEN),
        segformer("b4", 512, 50.3, 64_108_374),
        segformer("b5", 640, 51.0, 84_708_694),
        frames("b0", "1024-1024", 3_719_027, WINDOWS.format(78.1), UNSEEN),
        frames("b1", "1024-1024", 13_682_131, WINDOWS.format(80.0), UNSEEN),
        frames("b2", "1024-1024", 27_361_235, WINDOWS.format(82.2), UNSEEN),
        frames("b3", "1024-1024", 47_237_075, WINDOWS.format(83.3), UNSEEN),
        frames("b4", "1024-1024", 64_007_635, WINDOWS.format(83.9), UNSEEN),
        frames("b5", "1024-1024", 84_607_955, WINDOWS.format(84.0)),
        frames("b0", "512-1024", 3_719_027, NO_SCORE),
        frames("b0", "640-1280", 3_719_027, NO_SCORE),
        frames("b0", "768-768", 3_719_027, NO_SCORE),
    )),
}  # fmt: skip
