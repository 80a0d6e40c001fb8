"""Variants of networks that attend: OCR."""

from ....models.attention.ocr import OCR
from .parts import corners_meet


def hrnet_ocr(
    num_classes: int,
    *,
    encoder: str = "hrnet_w48",
    in_channels: int = 3,
    pretrained: bool = False,
) -> OCR:
    """OCR as HRNet's code has it: maps are enlarged so that their corners meet.

    Args:
        encoder: an HRNet; inside, timm's repeats pixels where theirs interpolates.
    """
    return corners_meet(OCR(num_classes, encoder=encoder, in_channels=in_channels, pretrained=pretrained))
