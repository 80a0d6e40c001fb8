"""Image in, feature maps out, finest first.

Encoder            any timm backbone with a feature pyramid
VGG16, AlexNet     ours, with the fully connected layers fc6 and fc7 as convolutions
"""

from .classic import VGG16, AlexNet
from .pyramid import Encoder, levels_of

__all__ = ["VGG16", "AlexNet", "Encoder", "levels_of"]
