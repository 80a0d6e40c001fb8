"""Image in, feature maps out, finest first.

Encoder            any timm backbone with a feature pyramid, a Mix Transformer, or a backbone cut as peers cut it
PlainTransformer   plain vision transformers of timm, whose maps have one stride
VGG16, AlexNet     ours, with the fully connected layers fc6 and fc7 as convolutions
AtrousVGG16        VGG-16's convolutions at output stride 8
LeNet5             ours, the lectures' first network, likewise
ShuffleNet         ours, version 1, which timm lacks
WideResNet38       ours, dilated, seven stages
dilate_stage       another rate for each block of a ResNet's stage
is_resnet          whether dilate_stage can
Exchange           advice between an HRNet's branches
cut_stage          a feature from the head of a MobileNet's stage
"""

from .classic import VGG16, AlexNet, AtrousVGG16
from .cut import cut_stage
from .dilate import dilate_stage, is_resnet
from .hrnet import Exchange
from .lenet import LeNet5
from .plain import PlainTransformer
from .pyramid import Encoder, levels_of, widths_of
from .shufflenet import ShuffleNet
from .wide_resnet38 import WideResNet38

__all__ = [
    "VGG16", "AlexNet", "AtrousVGG16", "Encoder", "Exchange", "LeNet5", "PlainTransformer", "ShuffleNet", "WideResNet38", "cut_stage", "dilate_stage",
    "is_resnet", "levels_of", "widths_of",
]  # fmt: skip
