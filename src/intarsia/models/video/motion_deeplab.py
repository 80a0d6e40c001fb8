"""Motion-DeepLab: see this frame, the frame before and where its objects were, and let each pixel point to where its own was.

Weber, Xie, Collins, Zhu, Voigtlaender, Adam, Green, Geiger, Leibe, Cremers, Ošep, Leal-Taixé, Chen. "STEP: Segmenting and
Tracking Every Pixel." NeurIPS Datasets and Benchmarks 2021. arXiv:2102.11859

A panoptic network numbers the objects of each frame anew. Here the image has seven channels: this frame, the frame before,
and a heatmap of the centers that were found there. One more head lets each pixel point to the center that its object had
one frame before, and whoever reads the answer joins the nearest centers, the surest objects first. The network itself
remembers nothing: what was found before comes in with the image (`postprocess.tracks`).

                                               ,- atrous pyramid - decoder - 5x5 - 1x1 - semantic
    frame, frame before, centers - encoder ----|
                                               `- atrous pyramid - decoder -,- 5x5 - 1x1 - centers
                                                                            |- 5x5 - 1x1 - offsets
                                                                            `- 5x5 - 1x1 - motion

Departures from the paper: those of Panoptic-DeepLab. The heatmap of the centers is normalized like any channel of the image;
the released code adds numbers of 0 to 1 to images of 0 to 255 and scales both alike.

Compared with google-research/deeplab2: the matching of centers and their lifetime, rewritten in NumPy, on 40 random videos;
the same tracks of 3,124 objects (docs/faithfulness.md).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid
from ...blocks.panoptic_decoder import PanopticDecoder, PixelHead
from ...blocks.resize import Resize
from ...encoders import Encoder, dilate_stage, is_resnet
from ...structures import PanopticLogits


class MotionDeepLab(nn.Module):
    """Motion-DeepLab.

    Args:
        in_channels: of the image; the paper's 7 are a frame, the frame before, and the heatmap of its centers, as data sets
            give them with `previous: centers`.
        output_stride: of the encoder, 8, 16 or 32.
        rates: of the atrous pyramids; null: 3, 6 and 9, doubled at output stride 16 and again at 8.
        channels: width of the pyramids and of the decoder of classes.
        detail: widths to which c3 and c2 are reduced for the decoder of classes.
        instance_channels: width of the decoder of objects.
        instance_detail: widths to which c3 and c2 are reduced for the decoder of objects.
        head_channels: width of the heads of centers, of offsets and of motion.
        separable: depthwise separable convolutions in the atrous pyramids; false for full ones.
        dropout: after each atrous pyramid, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        output_stride: int = 32,
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
        if is_resnet(self.encoder.body) and output_stride < 32:  # from the first block on, as Panoptic-DeepLab
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
        self.point_back = PixelHead(instance_channels, head_channels, 2)
        self.enlarge = Resize()
        self.stride = self.encoder.strides[0]

    def forward(self, image: Tensor) -> PanopticLogits:
        features = self.encoder(image)  # [B, 256, H/4, W/4], [B, 512, H/8, W/8], [B, 2048, H/32, W/32]
        x = self.decode_classes(features)  # [B, 256, H/4, W/4]
        y = self.decode_objects(features)  # [B, 128, H/4, W/4]
        semantic = self.enlarge(self.name(x), image)  # [B, K, H, W]
        centers = self.enlarge(self.center(y), image)  # [B, 1, H, W]
        offsets = self.enlarge(self.point(y) * self.stride, image)  # [B, 2, H, W]
        motion = self.enlarge(self.point_back(y) * self.stride, image)  # [B, 2, H, W]
        return PanopticLogits(semantic, centers, offsets, motion=motion)
