"""Mask R-CNN: find the objects' boxes first, then draw each object's mask inside its box.

He, Gkioxari, Dollar, Girshick. "Mask R-CNN." ICCV 2017. arXiv:1703.06870

A detector in two stages proposes boxes and then judges each one; its regions of interest were rounded to whole pixels,
which a box forgives and a mask does not. RoIAlign rounds nothing. A small network then draws one mask for each class,
each pixel by itself (a sigmoid, not a softmax): what the object is has been decided by the box, and classes do not
compete for pixels. Without masks this is Faster R-CNN on a feature pyramid.

    image - encoder - pyramid p2 .. p6 - propose - boxes ---------------,
                        |                                               |
                        ` p2 .. p5 - RoIAlign 7x7 of each proposal - 2 fully connected - class, box - best 100
                        ` p2 .. p5 - RoIAlign 14x14 of each object - 4 x 3x3 - x2 - K masks 28x28 - its class's

Departures from the paper: images are taken in the size they come in, not enlarged to a shorter side of 800; anchors that
reach beyond the image are trained, too; the true boxes are among the proposals in training; box losses are smooth L1 with
a corner at 1/9, which is what the released code has. "No object" is the last class. Anchors and proposals that lie by half
or more in an object of the ignore index are not trained; in those of a crowd they count as background, as in the released
code ("we are *not* filtering crowd proposals") and in torchvision's references, which leave crowds out of the truth. Batch
norm of the encoder is frozen by `frozen_norm`, which pretrained weights and few images a batch want; without pretrained
weights it has to learn.

Compared with torchvision maskrcnn_resnet50_fpn and maskrcnn_resnet50_fpn_v2: proposals, boxes, masks and each loss, as
the variants "torchvision_maskrcnn" and "torchvision_maskrcnn_v2", by a test; difference 1e-4 (docs/faithfulness.md).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.box_head import BoxHead
from ...blocks.feature_pyramid import FeaturePyramid
from ...blocks.mask_head import MaskHead
from ...blocks.proposals import RegionProposals
from ...blocks.pyramid_regions import Cut, PyramidRegions
from ...blocks.two_stages import detections
from ...encoders import Encoder
from ...structures import Batch, Detections

STRIDES = (4, 8, 16, 32, 64)


class MaskRCNN(nn.Module):
    """Two stages on a feature pyramid: proposals, then a class, a box and a mask for each.

    Args:
        channels: width of the pyramid and of the mask head.
        roi: how boxes are cut out of the pyramid: "align" rounds nothing, "warp" the box, "pool" the box and its cells; with
            "align_max" and "warp_max" a cell is the maximum of its points, not their mean.
        masks: draw masks; without them the network is Faster R-CNN.
        sizes: of the anchors of the five levels, square root of their area in pixels.
        ratios: of the anchors, height over width.
        proposals: of an image, in training and in evaluation.
        samples: proposals of an image that training judges.
        width: of the fully connected layers.
        score: objects that are less probable are left out, 0..1.
        overlap: IoU above which the worse of two objects of a class goes.
        limit: objects of an image at most.
        frozen_norm: batch norm of the encoder keeps its statistics and weights, as in the paper.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: int = 256,
        roi: Cut = "align",
        masks: bool = True,
        sizes: Sequence[float] = (32, 64, 128, 256, 512),
        ratios: Sequence[float] = (0.5, 1, 2),
        proposals: Sequence[int] = (2000, 1000),
        samples: int = 512,
        width: int = 1024,
        score: float = 0.05,
        overlap: float = 0.5,
        limit: int = 100,
        frozen_norm: bool = False,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes, self.samples = num_classes, samples
        self.score, self.overlap, self.limit, self.frozen_norm = score, overlap, limit, frozen_norm
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.pyramid = FeaturePyramid(self.encoder.channels, channels)
        self.propose = RegionProposals(channels, strides=STRIDES, sizes=sizes, ratios=ratios, keep=proposals)
        self.cut = PyramidRegions(7, cut=roi)
        self.judge = BoxHead(channels, num_classes, cells=7, width=width)
        self.cut_finer = PyramidRegions(14, cut=roi)
        self.draw = MaskHead(channels, num_classes) if masks else None
        if frozen_norm:
            for norm in self._norms():
                norm.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> "MaskRCNN":
        super().train(mode)
        if self.frozen_norm:
            for norm in self._norms():
                norm.eval()
        return self

    def _norms(self) -> list[nn.Module]:
        return [m for m in self.encoder.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]

    def forward(self, image: Tensor, truth: Batch | None = None) -> Detections:
        pyramid = self.pyramid(self.encoder(image))  # [B, 256, H/4, W/4], ...
        size = (image.shape[2], image.shape[3])
        return detections(self, pyramid, size, truth, training=self.training)
