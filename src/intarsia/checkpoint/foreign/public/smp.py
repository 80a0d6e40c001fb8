"""segmentation-models-pytorch's weights on the Hugging Face hub: converted from others', prepared by its own transform."""

from ...resizing import Resizing
from ..pipeline import IMAGENET, Pipeline
from .row import Public

READ = "stored pages of the hub's smp-hub; sizes counted with segmentation-models-pytorch 0.6.0"
BY_RULE = f"{READ}; the name follows the rule of the library's converter, its page was not seen"
NVIDIA = "NVIDIA Source Code License, non-commercial"
SAFE = "model.safetensors"
ADE, CITY = "ADE20K", "Cityscapes"


def square(height: int) -> Pipeline:
    """Both sides resized to the square that its transform makes, as OpenCV does."""
    return Pipeline(**IMAGENET, resize=Resizing(size=(height, height), antialias=False))


def segformer(size: str, classes: str, iou: str, parameters: int, side: int) -> Public:
    """A row of NVIDIA's SegFormer weights."""
    data, wide = (ADE, classes) if classes == "ade20k" else (CITY, classes)
    return Public(
        "semantic", f"SegFormer, MiT-{size}", data, wide, iou, parameters, NVIDIA, SAFE, READ,
        options={"channels": 256 if size in ("B0", "B1") else 768}, pipeline=square(side), commercial=False,
    )  # fmt: skip


def upernet(encoder: str, timm: str, iou: str, parameters: int) -> Public:
    """A row of mmsegmentation's UPerNet weights."""
    return Public(
        "semantic", f"UPerNet, {encoder}", ADE, "ade20k", f"mIoU {iou}, one scale, by mmsegmentation with the shape kept",
        parameters, "MIT, by the hub's tag; mmsegmentation's are Apache-2.0", SAFE, READ,
        options={"encoder": timm}, pipeline=square(512),
    )  # fmt: skip


SHORT = "mIoU {}, one scale, by NVIDIA with a shorter side of {}"
WINDOWS = "mIoU {}, several scales, by NVIDIA in windows of 1024"
ROWS: dict[str, Public] = {
    "smp:smp-hub/segformer-b0-512x512-ade-160k": segformer("B0", "ade20k", SHORT.format(37.4, 512), 3_752_694, 512),
    "smp:smp-hub/segformer-b1-512x512-ade-160k": segformer("B1", "ade20k", SHORT.format(42.2, 512), 13_715_798, 512),
    "smp:smp-hub/segformer-b2-512x512-ade-160k": segformer("B2", "ade20k", SHORT.format(46.5, 512), 27_461_974, 512),
    "smp:smp-hub/segformer-b3-512x512-ade-160k": segformer("B3", "ade20k", SHORT.format(49.4, 512), 47_337_814, 512),
    "smp:smp-hub/segformer-b4-512x512-ade-160k": segformer("B4", "ade20k", SHORT.format(50.3, 512), 64_108_374, 512),
    "smp:smp-hub/segformer-b5-640x640-ade-160k": segformer("B5", "ade20k", SHORT.format(51.0, 640), 84_708_694, 640),
    "smp:smp-hub/segformer-b0-1024x1024-city-160k": segformer(
        "B0", "cityscapes", WINDOWS.format(78.1), 3_719_027, 1024
    ),
    "smp:smp-hub/segformer-b1-1024x1024-city-160k": segformer(
        "B1", "cityscapes", WINDOWS.format(80.0), 13_682_131, 1024
    ),
    "smp:smp-hub/segformer-b2-1024x1024-city-160k": segformer(
        "B2", "cityscapes", WINDOWS.format(82.2), 27_361_235, 1024
    ),
    "smp:smp-hub/segformer-b3-1024x1024-city-160k": segformer(
        "B3", "cityscapes", WINDOWS.format(83.3), 47_237_075, 1024
    ),
    "smp:smp-hub/segformer-b4-1024x1024-city-160k": segformer(
        "B4", "cityscapes", WINDOWS.format(83.9), 64_007_635, 1024
    ),
    "smp:smp-hub/segformer-b5-1024x1024-city-160k": segformer(
        "B5", "cityscapes", WINDOWS.format(84.0), 84_607_955, 1024
    ),
    "smp:smp-hub/upernet-convnext-tiny": upernet("ConvNeXt-T", "convnext_tiny", "46.11", 59_318_838),
    "smp:smp-hub/upernet-convnext-small": upernet("ConvNeXt-S", "convnext_small", "48.56", 80_953_398),
    "smp:smp-hub/upernet-convnext-base": upernet("ConvNeXt-B", "convnext_base", "48.71", 120_884_246),
    "smp:smp-hub/upernet-convnext-large": upernet("ConvNeXt-L", "convnext_large", "53.16", 233_186_262),
    "smp:smp-hub/upernet-convnext-xlarge": upernet("ConvNeXt-XL", "convnext_xlarge", "53.58", 388_742_038),
    "smp:smp-hub/upernet-swin-tiny": upernet("Swin-T", "swin_tiny_patch4_window7_224", "44.41", 59_018_064),
    "smp:smp-hub/upernet-swin-small": upernet("Swin-S", "swin_small_patch4_window7_224", "47.72", 80_335_968),
}
INFERRED = (
    "b1-512x512-ade", "b2-512x512-ade", "b0-1024x1024-city", "b1-1024x1024-city", "b3-1024x1024-city",
    "b4-1024x1024-city", "b5-1024x1024-city",
)  # fmt: skip
for name in INFERRED:
    full = f"smp:smp-hub/segformer-{name}-160k"
    ROWS[full] = ROWS[full]._replace(read_from=BY_RULE)
