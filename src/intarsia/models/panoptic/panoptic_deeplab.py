"""Panoptic-DeepLab: name every pixel, mark the centers of objects, and let each pixel point to the center of its own.

Cheng, Collins, Zhu, Liu, Huang, Adam, Chen. "Panoptic-DeepLab: A Simple, Strong, and Fast Baseline for Bottom-Up Panoptic
Segmentation." CVPR 2020. arXiv:1911.10194

Panoptic maps used to be made of a detector's boxes, whose overlaps had to be argued away. Here nothing overlaps: one
decoder names pixels, a second, narrower one draws a heatmap of the objects' centers and, for each pixel, the way to its
center. A pixel belongs to the center nearest to where it points, and the object takes the class of most of its pixels.

                    ,- atrous pyramid - x2 - beside c3 - 5x5 - x2 - beside c2 - 5x5 - 5x5 - 1x1 - semantic
    image - encoder |
                    `- atrous pyramid - x2 - beside c3 - 5x5 - x2 - beside c2 - 5x5 -,- 5x5 - 1x1 - centers
                                                                                     `- 5x5 - 1x1 - offsets

Departures from the paper: maps are enlarged with half-pixel centers, where the released code makes the corners meet; the
mean feature of an atrous pyramid has a norm, as in the authors' TensorFlow code, and not in their PyTorch code. "resnet50"
and "xception71" are encoders of the paper; the last stage has no rates of its own (multi-grid).

Compared with bowenc0221/panoptic-deeplab: both decoders and all heads on the same features of a ResNet-50, full convolutions, without that norm; difference
0 (0.45) with corners that meet; 31,464,646 : 31,464,646. With Xception-71, 46,745,486 parameters and 546.0 G multiply-adds
at 1025 x 2049; the paper has 46.73 M and 547.5 G, quoted from memory (docs/faithfulness.md).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid
from ...blocks.panoptic_decoder import PanopticDecoder, PixelHead
from ...blocks.resize import Resize
from ...encoders import Encoder, dilate_stage, is_resnet
from ...structures import PanopticLogits


class PanopticDeepLab(nn.Module):
    """Panoptic-DeepLab.

    Args:
        output_stride: of the encoder, 16 or 32, or 8 for denser features at four times the work.
        rates: of the atrous pyramids; null: 6, 12 and 18, doubled at output stride 8 and halved at 32.
        channels: width of the pyramids and of the decoder of classes.
        detail: widths to which c3 and c2 are reduced for the decoder of classes.
        instance_channels: width of the decoder of objects.
        instance_detail: widths to which c3 and c2 are reduced for the decoder of objects.
        head_channels: width of the heads of centers and of offsets.
        separable: depthwise separable convolutions in the atrous pyramids; false for full ones, as in the PyTorch code.
        dropout: after each atrous pyramid, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        output_stride: int = 16,
        rates: Sequence[int] | None = None,
        channels: int = 256,
        detail: Sequence[int] = (64, 32),
        instance_channels: int = 128,
        instance_detail: Sequence[int] = (32, 16),
        head_channels: int = 32,
        separable: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder, levels=(2, 3, 5), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        if is_resnet(self.encoder.body) and output_stride < 32:  # from the first block on, as in the released code
            dilate_stage(self.encoder.body, 4, [max(1, 16 // output_stride)])
            dilate_stage(self.encoder.body, 5, [32 // output_stride])
        rates = rates or {8: (12, 24, 36), 16: (6, 12, 18)}.get(output_stride, (3, 6, 9))
        widths = self.encoder.channels
        pyramids = [AtrousPyramid(widths[2], channels, rates, separable=separable, dropout=dropout) for _ in range(2)]
        self.decode_classes = PanopticDecoder(pyramids[0], widths, channels, detail)
        self.decode_objects = PanopticDecoder(pyramids[1], widths, instance_channels, instance_detail)
        self.name = PixelHead(channels, channels, num_classes)
        self.center = PixelHead(instance_channels, head_channels, 1)
        self.point = PixelHead(instance_channels, head_channels, 2)
        self.enlarge = Resize()
        self.stride = self.encoder.strides[0]

    def forward(self, image: Tensor) -> PanopticLogits:
        features = self.encoder(image)  # [B, 256, H/4, W/4], [B, 512, H/8, W/8], [B, 2048, H/16, W/16]
        x = self.decode_classes(features)  # [B, 256, H/4, W/4]
        y = self.decode_objects(features)  # [B, 128, H/4, W/4]
        semantic = self.enlarge(self.name(x), image)  # [B, K, H, W]
        centers = self.enlarge(self.center(y), image)  # [B, 1, H, W]
        offsets = self.enlarge(self.point(y) * self.stride, image)  # [B, 2, H, W]
        return PanopticLogits(semantic, centers, offsets)
