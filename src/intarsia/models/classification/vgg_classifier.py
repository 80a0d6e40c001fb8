"""VGG classifier: thirteen small convolutions, then three fully connected layers over a map of 7x7.

Simonyan, Zisserman. "Very Deep Convolutional Networks for Large-Scale Image Recognition." ICLR 2015. arXiv:1409.1556

Stacks of 3x3 convolutions see as far as larger kernels, with fewer parameters and more steps in between. The answer comes
from three fully connected layers, which know where in the 7x7 map each number stands. Written as convolutions they slide
over a larger picture and give a map of answers (section 3.2), which is where FCN starts: `intarsia dense` does that.

    image - encoder - 7x7 map - flatten - fc6 - fc7 - score

Departures from the paper: the last map of a picture of another size than 224 is averaged to 7x7, as torchvision does; the
paper cuts pictures to 224. Poolings round up, so that no picture is too small.

Compared with torchvision vgg16: whole network, by a test; difference 1e-4 of the spread; 138,357,544 : 138,357,544
(docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.pooling import average_grid
from ...encoders import VGG16
from ...encoders.classic import SIDE
from ...structures import ClassLogits


class VGGClassifier(nn.Module):
    """VGG-16 as it was published: fc6, fc7 and the scores are fully connected.

    Args:
        channels: widths of the five stages, and of fc6 and fc7.
        dropout: after fc6 and after fc7, 0..1.
        pretrained: ImageNet weights, fc6 and fc7 included (timm's "vgg16").
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512, 4096),
        dropout: float = 0.5,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        whole = VGG16(levels=(5,), in_channels=in_channels, channels=channels, pretrained=pretrained)
        self.encoder = VGG16(levels=(5,), in_channels=in_channels, channels=channels, full=False)
        self.encoder.load_state_dict(
            {k: v for k, v in whole.state_dict().items() if k.startswith("stages")}, assign=True
        )
        (wide,) = whole.channels
        self.fc6, self.fc7 = nn.Linear(self.encoder.channels[0] * SIDE * SIDE, wide), nn.Linear(wide, wide)
        with torch.no_grad():
            for layer, kernel in ((self.fc6, whole.fc6), (self.fc7, whole.fc7)):
                layer.weight.copy_(kernel.weight.flatten(1))
                layer.bias.copy_(kernel.bias)  # type: ignore[arg-type]
        self.act, self.dropout = nn.ReLU(inplace=True), nn.Dropout(dropout)
        self.score = nn.Linear(wide, num_classes)
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.zeros_(self.score.bias)

    def forward(self, image: Tensor) -> ClassLogits:
        (pool5,) = self.encoder(image)  # [B, 512, H/32, W/32]
        x = average_grid(pool5, SIDE)  # [B, 512, 7, 7]
        x = self.dropout(self.act(self.fc6(x.flatten(1))))  # [B, 4096]
        x = self.dropout(self.act(self.fc7(x)))  # [B, 4096]
        return ClassLogits(self.score(x))  # [B, K]
