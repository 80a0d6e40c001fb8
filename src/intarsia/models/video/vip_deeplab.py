"""ViP-DeepLab: name every pixel, measure its distance, and let it point into the frame before, where its object was.

Qiao, Zhu, Adam, Yuille, Chen. "ViP-DeepLab: Learning Visual Perception with Depth-aware Video Panoptic Segmentation."
CVPR 2021. arXiv:2012.05258

Two frames are cut into objects together: Panoptic-DeepLab finds the centers of the earlier one, and one more branch, which
sees the features of both, lets the pixels of the later one point to the same centers, so that both frames share numbers.
Pairs that follow each other share a frame, where objects of one class that overlap most get the same number. A head on the
decoder of classes measures the depth of each pixel, so that a video becomes a cloud of points that know their object.

                                ,- atrous pyramid - decoder -,- 5x5 - 1x1 - semantic
    frame --------- encoder ----|                            `- x2 - 5x5 - 1x1 - sigmoid x 88 m - depth
                           |    `- atrous pyramid - decoder -,- 5x5 - 1x1 - centers
                           |                                 `- 5x5 - 1x1 - offsets
    frame before -- encoder - both c5 - atrous pyramid - decoder - 5x5 - 1x1 - motion

Departures from the paper: the frame that is cut into objects is the later one of a pair, as a video brings it, and the pair's
earlier one has been cut before; the paper cuts the earlier one and points from the later. It is the same branch, trained on
as many frames. One atrous pyramid each instead of a cascade of them, as in the authors' later code; and those of Panoptic-DeepLab.

Compared with google-research/deeplab2: the stitching, rewritten in NumPy, on 200 pairs of random maps, equal; the loss of
depth by its formula, to 1e-5 of its value (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid
from ...blocks.panoptic_decoder import PanopticDecoder, PixelHead
from ...blocks.resize import Resize
from ...encoders import Encoder, dilate_stage, is_resnet
from ...errors import ModelError
from ...structures import PanopticLogits


class ViPDeepLab(nn.Module):
    """ViP-DeepLab.

    Args:
        in_channels: of the image; an even number is two frames, this one and the one before, as data sets give them with
            `previous: frame`; an odd number is one frame
            alone, which then stands for the one before as well.
        output_stride: of the encoder, 8, 16 or 32.
        rates: of the atrous pyramids; null: 3, 6 and 9, doubled at output stride 16 and again at 8.
        channels: width of the pyramids and of the decoder of classes.
        detail: widths to which c3 and c2 are reduced for the decoder of classes.
        instance_channels: width of the decoders of objects and of motion.
        instance_detail: widths to which c3 and c2 are reduced for these.
        head_channels: width of the heads of centers, of offsets and of motion.
        depth_channels: width of the head of depth.
        max_depth: the largest depth, in meters.
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
        depth_channels: int = 64,
        max_depth: float = 88.0,
        separable: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if max_depth <= 0:
            raise ModelError(f"max_depth is {max_depth}; give the largest depth in meters, above 0")
        self.of_frame = in_channels if in_channels % 2 else in_channels // 2
        self.encoder = Encoder(
            encoder, levels=(2, 3, 5), output_stride=output_stride, in_channels=self.of_frame, pretrained=pretrained
        )
        if is_resnet(self.encoder.body) and output_stride < 32:  # from the first block on, as Panoptic-DeepLab
            dilate_stage(self.encoder.body, 4, [max(1, 16 // output_stride)])
            dilate_stage(self.encoder.body, 5, [32 // output_stride])
        rates = rates or {8: (12, 24, 36), 16: (6, 12, 18)}.get(output_stride, (3, 6, 9))
        c2, c3, c5 = self.encoder.channels
        pyramids = [
            AtrousPyramid(width, channels, rates, separable=separable, dropout=dropout) for width in (c5, c5, 2 * c5)
        ]
        self.decode_classes = PanopticDecoder(pyramids[0], (c2, c3, c5), channels, detail)
        self.decode_objects = PanopticDecoder(pyramids[1], (c2, c3, c5), instance_channels, instance_detail)
        self.decode_motion = PanopticDecoder(pyramids[2], (c2, c3, 2 * c5), instance_channels, instance_detail)
        self.name = PixelHead(channels, channels, num_classes)
        self.measure = PixelHead(channels, depth_channels, 1)
        self.center = PixelHead(instance_channels, head_channels, 1)
        self.point = PixelHead(instance_channels, head_channels, 2)
        self.point_back = PixelHead(instance_channels, head_channels, 2)
        self.enlarge = Resize()
        self.stride, self.max_depth = self.encoder.strides[0], max_depth

    def forward(self, image: Tensor) -> PanopticLogits:
        c2, c3, c5 = self.encoder(image[:, : self.of_frame])  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        before = self.encoder(image[:, -self.of_frame :])[2]  # [B, 2048, H/32, W/32]
        x = self.decode_classes((c2, c3, c5))  # [B, 256, H/4, W/4]
        y = self.decode_objects((c2, c3, c5))  # [B, 128, H/4, W/4]
        z = self.decode_motion((c2, c3, torch.cat([before, c5], dim=1)))  # [B, 128, H/4, W/4]
        semantic = self.enlarge(self.name(x), image)  # [B, K, H, W]
        centers = self.enlarge(self.center(y), image)  # [B, 1, H, W]
        offsets = self.enlarge(self.point(y) * self.stride, image)  # [B, 2, H, W]
        motion = self.enlarge(self.point_back(z) * self.stride, image)  # [B, 2, H, W]
        finer = self.enlarge(x, image[..., ::2, ::2])  # [B, 256, H/2, W/2]
        depth = self.max_depth * self.enlarge(self.measure(finer).sigmoid(), image)  # [B, 1, H, W]
        return PanopticLogits(semantic, centers, offsets, depth, motion)
