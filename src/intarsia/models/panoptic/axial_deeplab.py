"""Axial-DeepLab: attention in the place of every 3x3 convolution, along columns and then along rows.

Wang, Zhu, Green, Adam, Yuille, Chen. "Axial-DeepLab: Stand-Alone Axial-Attention for Panoptic Segmentation." ECCV 2020.
arXiv:2003.07853

A convolution sees its neighborhood; attention sees everything, but between all pairs of pixels it is too dear beyond small
maps. Along one axis it is cheap, and two axes one after the other connect every pixel with every other. Each pair also
learns from how far apart it is, as query, as key and as value. What sees everything needs no atrous pyramid.

    image - 3 x 3x3 - pool - axial x3 - axial x4 - axial x6 - axial x3 -,
                                 |          |                           |
                                 `----------+- Panoptic-DeepLab's two decoders - semantic, centers, offsets

Departures from the paper: strides keep every second row and column, as in the authors' TensorFlow code, where their PyTorch
code averages two. Batch norm has torch's constants. Maps are enlarged with half-pixel centers.

Compared with csrhddlam/axial-deeplab (the first author's ImageNet network), which kept every second pixel too: the 13 blocks
of stages 2 to 4 of S, each on the same input in float64, difference 7e-13 (107). The rest was read beside it and
google-research/deeplab2; the attention is held against a loop over pixels, by a test (docs/faithfulness.md).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.axial import AxialBlock
from ...blocks.conv import ConvNormAct
from ...blocks.panoptic_decoder import PanopticDecoder, PixelHead
from ...blocks.resize import Resize
from ...errors import ModelError
from ...structures import PanopticLogits


class AxialDeepLab(nn.Module):
    """Axial-DeepLab.

    Args:
        width: of the trunk: 1 is the paper's L, 0.75 its M, 0.5 its S.
        blocks: of each of the four stages.
        heads: of each attention; they divide 64 * `width`.
        span: the longest axis, in pixels of a map, whose distances all have an encoding of their own.
        channels: width of the decoder of classes.
        detail: widths to which c3 and c2 are reduced for the decoder of classes.
        instance_channels: width of the decoder of objects.
        instance_detail: widths to which c3 and c2 are reduced for the decoder of objects.
        head_channels: width of the heads of centers and of offsets.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        width: float = 1.0,
        blocks: Sequence[int] = (3, 4, 6, 3),
        heads: int = 8,
        span: int = 255,
        channels: int = 256,
        detail: Sequence[int] = (64, 32),
        instance_channels: int = 128,
        instance_detail: Sequence[int] = (32, 16),
        head_channels: int = 32,
    ) -> None:
        super().__init__()
        if len(blocks) != 4 or min(blocks) < 1:
            raise ModelError(f"blocks is {list(blocks)}; name how many each of the four stages has, 1 or more")
        if int(64 * width) < heads or int(64 * width) % heads:
            raise ModelError(f"width is {width}; 64 times it has to be a multiple of the {heads} heads")
        thin = int(64 * width)
        self.stem = nn.Sequential(
            ConvNormAct(in_channels, thin, stride=2), ConvNormAct(thin, thin), ConvNormAct(thin, 2 * thin),
            nn.MaxPool2d(3, 2, 1),
        )  # fmt: skip
        self.stages = nn.ModuleList()
        seen = 2 * thin
        for n, count in enumerate(blocks):
            stage = nn.Sequential()
            for m in range(count):
                stride = 2 if m == 0 and n in (1, 2) else 1
                stage.append(AxialBlock(seen, thin << n, axial=True, heads=heads, span=span, stride=stride))
                seen = 4 * thin << n
            self.stages.append(stage)
        widths = (4 * thin, 8 * thin, seen)
        looks = [Squeeze(seen, channels) for _ in range(2)]
        self.decode_classes = PanopticDecoder(looks[0], widths, channels, detail)  # type: ignore[arg-type]
        self.decode_objects = PanopticDecoder(looks[1], widths, instance_channels, instance_detail)  # type: ignore[arg-type]
        self.name = PixelHead(channels, channels, num_classes)
        self.center = PixelHead(instance_channels, head_channels, 1)
        self.point = PixelHead(instance_channels, head_channels, 2)
        self.act = nn.ReLU()
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> PanopticLogits:
        x = self.stem(image)  # [B, 128, H/4, W/4]
        c2 = self.stages[0](x)  # [B, 256, H/4, W/4]
        c3 = self.stages[1](c2)  # [B, 512, H/8, W/8]
        c5 = self.stages[3](self.stages[2](c3))  # [B, 2048, H/16, W/16]
        features = [self.act(c) for c in (c2, c3, c5)]
        x = self.decode_classes(features)  # [B, 256, H/4, W/4]
        y = self.decode_objects(features)  # [B, 128, H/4, W/4]
        semantic = self.enlarge(self.name(x), image)  # [B, K, H, W]
        centers = self.enlarge(self.center(y), image)  # [B, 1, H, W]
        offsets = self.enlarge(self.point(y) * 4, image)  # [B, 2, H, W]
        return PanopticLogits(semantic, centers, offsets)


class Squeeze(nn.Module):
    """A 1x1 convolution where Panoptic-DeepLab has an atrous pyramid."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.look = ConvNormAct(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.look(x)  # [b, channels, h, w]
