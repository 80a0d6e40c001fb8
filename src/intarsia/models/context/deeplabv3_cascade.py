"""DeepLab v3 in cascade: copies of the last ResNet block, one behind the other, see further and further.

Chen, Papandreou, Schroff, Adam. "Rethinking Atrous Convolution for Semantic Image Segmentation." 2017. arXiv:1706.05587

A ResNet that goes on shrinking sees the whole scene in its seventh block, in one cell for 256 pixels, and has forgotten
where things are. With holes instead of strides from some block on, the map keeps its size, and each block's rate is
twice the one before it. Within a block, three rates differ again (multi-grid).

    stride                4         8        16        32        64       128       256
    without holes  image - block1 - block2 - block3 - block4 - block5 - block6 - block7       (output_stride=256)
    with holes     image - block1 - block2 - block3 - block4 - block5 - block6 - block7 - classify - x16 - logits
    stride, rate          4         8        16      16, 2     16, 4     16, 8     16, 16     (output_stride=16)

Departures from the paper: timm's ResNet shrinks in the first unit of a block, the paper's in the last unit of the block
before. A copy that shrinks takes every second pixel of what it is given, which is the same as the paper's stride in the
unit before it. Copies start at random.

Compared with layers of kazuto1011/deeplab-pytorch resnet.py put in the paper's order (no released code): whole network
on ResNet-50 at output strides 16 and 8; difference 0 (2948), 0 (2872); 63,714,389 : 63,714,389 (docs/faithfulness.md).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import resize_like
from ...encoders import Encoder, dilate_stage
from ...errors import ModelError
from ...structures import SemanticLogits

OUTPUT_STRIDES = (8, 16, 32, 64, 128, 256)


class DeepLabV3Cascade(nn.Module):
    """DeepLab v3 with more blocks instead of a pyramid.

    Args:
        encoder: a ResNet.
        copies: of block4; the paper's three are block5, block6 and block7.
        output_stride: of the last block, 8, 16, 32, 64, 128 or 256; with three copies, 256 is the network without holes.
        multi_grid: rates of the three units of block4 and of each copy, times the block's own (section 3.2.1).
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        copies: int = 3,
        output_stride: int = 16,
        multi_grid: Sequence[int] = (1, 2, 1),
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise ModelError(f"output_stride is {output_stride}; choose from {', '.join(map(str, OUTPUT_STRIDES))}")
        if copies < 0:
            raise ModelError(f"copies is {copies}; the last block can be copied 0 times or more often")
        self.encoder = Encoder(
            encoder, levels=(5,), output_stride=min(output_stride, 32), in_channels=in_channels, pretrained=pretrained
        )
        (c5,) = self.encoder.channels
        rate, stride = max(1, 32 // output_stride), 32
        if output_stride == 8:
            dilate_stage(self.encoder.body, 4, [2])  # from its first unit on, as the blocks behind it
        dilate_stage(self.encoder.body, 5, [rate * unit for unit in multi_grid])
        blocks = []
        for _ in range(copies):
            step = 2 if stride < output_stride else 1  # shrink, or double the rate instead
            stride, rate = stride * step, rate * 2 // step
            blocks.append(nn.Sequential(nn.MaxPool2d(1, step), *(Unit(c5, rate * unit) for unit in multi_grid)))
        self.blocks = nn.ModuleList(blocks)
        self.classify = PixelClassifier(c5, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        (x,) = self.encoder(image)  # [B, 2048, H/16, W/16]
        for block in self.blocks:
            x = block(x)  # [B, 2048, H/16, W/16]
        x = self.classify(x)  # [B, K, H/16, W/16]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]


class Unit(nn.Module):
    """A residual bottleneck."""

    def __init__(self, channels: int, rate: int) -> None:
        super().__init__()
        narrow = channels // 4
        self.path = nn.Sequential(
            ConvNormAct(channels, narrow, 1),
            ConvNormAct(narrow, narrow, dilation=rate),
            nn.Conv2d(narrow, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x + self.path(x))
