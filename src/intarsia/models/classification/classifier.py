"""Classifier: average the last feature over the whole picture, and score the classes with one linear layer.

Lin, Chen, Yan. "Network In Network." ICLR 2014. arXiv:1312.4400

Classifiers ended in fully connected layers, which hold most of their parameters and take pictures of one size. Averaging
the last map over the picture leaves one number a channel, whatever the size, and nothing to overfit. ResNet and nearly
every network after it end this way: global average pooling and one linear layer.

    image - encoder - c5 - average over the picture - linear - scores

Departures from the paper: any encoder stands in for its multilayer perceptrons; the linear layer follows the average, as
in ResNet, where the paper's last 1x1 convolution comes before it. Both are linear, so that the order changes no score.

Compared with timm resnet18: whole network, by a test; difference 1e-5 of the spread (docs/faithfulness.md).
"""

from torch import Tensor, nn

from ...encoders import Encoder, levels_of
from ...structures import ClassLogits


class Classifier(nn.Module):
    """Global average pooling and a linear layer on the last feature of an encoder.

    Args:
        dropout: before the linear layer, 0..1; 0 in ResNet.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        dropout: float = 0.0,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        last = levels_of(encoder)[-1:]
        self.encoder = Encoder(encoder, levels=last, in_channels=in_channels, pretrained=pretrained)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(self.encoder.channels[0], num_classes)
        nn.init.normal_(self.classify.weight, std=0.01)
        nn.init.zeros_(self.classify.bias)

    def forward(self, image: Tensor) -> ClassLogits:
        (c5,) = self.encoder(image)  # [B, 2048, H/32, W/32]
        x = c5.mean(dim=(2, 3))  # [B, 2048]
        return ClassLogits(self.classify(self.dropout(x)))  # [B, K]
