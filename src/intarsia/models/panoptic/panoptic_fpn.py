"""Panoptic FPN: one pyramid for both, a detector for things and a light branch for stuff.

Kirillov, Girshick, He, Dollar. "Panoptic Feature Pyramid Networks." CVPR 2019. arXiv:1901.02446

Best results in panoptic segmentation came from two networks that shared nothing. Mask R-CNN's pyramid already has what a
semantic network needs, a fine map that knows what it shows: each level goes to a quarter of the image by as many steps as
that takes, the sum is classified, and the answers are merged. Objects are laid down from the surest on, each where no
other lies; stuff fills what is left.

    image - encoder - pyramid p2 .. p6 - propose - judge - draw ---------------------------- objects
                        |
                        |- p5 - 3x3 x2 - 3x3 x2 - 3x3 x2 -,
                        |- p4 - 3x3 x2 - 3x3 x2 --------- +
                        |- p3 - 3x3 x2 ------------------ +- 1x1 - x4 - semantic
                        `- p2 - 3x3 --------------------- '

Departures from the paper: those of Mask R-CNN (images in the size they come in, anchors beyond the image are trained, true
boxes are among the proposals, smooth L1 with a corner at 1/9). The paper has one map "other" for all pixels of objects;
here each class has a map, since a network does not know which classes are things, and the maps of things are one class
together: their probabilities are added up, in the loss and in the answer.

Compared with cocodataset/panopticapi combine_semantic_and_instance_predictions.py: segments equal on 30 random pictures; and
with `maskrcnn`, which detects the same with the same weights, by a test (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.box_head import BoxHead
from ...blocks.conv import Norm, PixelClassifier
from ...blocks.feature_pyramid import Branch, FeaturePyramid
from ...blocks.mask_head import MaskHead
from ...blocks.proposals import RegionProposals
from ...blocks.pyramid_regions import Cut, PyramidRegions
from ...blocks.resize import Resize
from ...blocks.two_stages import detections
from ...encoders import Encoder
from ...structures import Batch, DetectionsAndStuff

STRIDES = (4, 8, 16, 32, 64)


class PanopticFPN(nn.Module):
    """Mask R-CNN, and a semantic branch on the same pyramid.

    Args:
        channels: width of the pyramid and of the mask head.
        branch: width of the semantic branch.
        norm: of the semantic branch, "group" (the paper's) or "batch".
        roi: how boxes are cut out of the pyramid: "align" rounds nothing, "warp" the box, "pool" the box and its cells.
        sizes: of the anchors of the five levels, square root of their area in pixels.
        ratios: of the anchors, height over width.
        proposals: of an image, in training and in evaluation.
        samples: proposals of an image that training judges.
        width: of the fully connected layers.
        score: objects that are less probable are left out, 0..1.
        overlap: IoU above which the worse of two objects of a class goes.
        limit: objects of an image at most.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: int = 256,
        branch: int = 128,
        norm: Norm = "group",
        roi: Cut = "align",
        sizes: Sequence[float] = (32, 64, 128, 256, 512),
        ratios: Sequence[float] = (0.5, 1, 2),
        proposals: Sequence[int] = (2000, 1000),
        samples: int = 512,
        width: int = 1024,
        score: float = 0.05,
        overlap: float = 0.5,
        limit: int = 100,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes, self.samples = num_classes, samples
        self.score, self.overlap, self.limit = score, overlap, limit
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.pyramid = FeaturePyramid(self.encoder.channels, channels)
        self.propose = RegionProposals(channels, strides=STRIDES, sizes=sizes, ratios=ratios, keep=proposals)
        self.cut = PyramidRegions(7, cut=roi)
        self.judge = BoxHead(channels, num_classes, cells=7, width=width)
        self.cut_finer = PyramidRegions(14, cut=roi)
        self.draw: MaskHead | None = MaskHead(channels, num_classes)
        self.branches = nn.ModuleList(Branch(channels, branch, max(1, n), norm) for n in range(4))
        self.classify = PixelClassifier(branch, num_classes)
        self.enlarge = Resize()

    def forward(self, image: Tensor, truth: Batch | None = None) -> DetectionsAndStuff:
        pyramid = self.pyramid(self.encoder(image))  # [B, 256, H/4, W/4], ...
        sums = [branch(pyramid[: n + 1]) for n, branch in enumerate(self.branches)]  # [B, 128, H/4, W/4], ...
        x = torch.stack(sums).sum(dim=0)  # [B, 128, H/4, W/4]
        semantic = self.enlarge(self.classify(x), image)  # [B, K, H, W]
        size = (image.shape[2], image.shape[3])
        return DetectionsAndStuff(detections(self, pyramid, size, truth, training=self.training), semantic)
