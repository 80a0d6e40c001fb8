"""transformers' weights on the Hugging Face hub, of the networks that a loader knows."""

from ...resizing import Resizing
from ..pipeline import IMAGENET, Pipeline
from .row import Public

READ = "stored pages of the hub; sizes counted with transformers 5.24.0"
LICENCE = "MIT, by the hub's tag; mmsegmentation's are Apache-2.0"
SQUARE = Pipeline(**IMAGENET, resize=Resizing(size=(512, 512)))
BIN, SAFE = "pytorch_model.bin", "model.safetensors"


def upernet(encoder: str, iou: str, parameters: int, file: str) -> Public:
    """A row of mmsegmentation's UPerNet weights."""
    return Public(
        "semantic", f"UPerNet, {encoder}", "ADE20K", "ade20k",
        f"mIoU {iou}, one scale, by mmsegmentation with the shape kept", parameters, LICENCE, file, READ, pipeline=SQUARE,
    )  # fmt: skip


ROWS: dict[str, Public] = {
    "hf:openmmlab/upernet-convnext-tiny": upernet("ConvNeXt-T", "46.11", 59_318_838, SAFE),
    "hf:openmmlab/upernet-convnext-small": upernet("ConvNeXt-S", "48.56", 80_953_398, BIN),
    "hf:openmmlab/upernet-convnext-base": upernet("ConvNeXt-B", "48.71", 120_884_246, BIN),
    "hf:openmmlab/upernet-convnext-large": upernet("ConvNeXt-L", "53.16", 233_186_262, BIN),
    "hf:openmmlab/upernet-convnext-xlarge": upernet("ConvNeXt-XL", "53.58", 388_742_038, SAFE),
}
