"""CenterMask: points say how far the edges of their object are, and a mask is drawn where the box's map is worth looking at.

Lee, Park. "CenterMask: Real-Time Anchor-Free Instance Segmentation." CVPR 2020. arXiv:1911.06667

A detector of one stage and without anchors (FCOS) in place of Mask R-CNN's two stages. Its boxes are cut out of the level
that fits their share of the image, not their size in pixels; in the cut a map of attention, made of the mean and the
maximum over the channels, says which pixels tell; and a small network guesses how well each mask overlaps its object, which
corrects the score (Huang et al. "Mask Scoring R-CNN." CVPR 2019. arXiv:1903.00241). The encoder is VoVNetV2, whose blocks
concatenate all their layers once.

    image - encoder - pyramid p3 .. p7 - class, distances to four edges, centerness - best boxes -,
                        |                                                                         |
                        ` p3 .. p5 - RoIAlign 14x14 - 4 x 3x3 - * attention - x2 - K masks 28x28 -+- its class's
                                           ` with the mask, halved - 4 x 3x3 - 3 fully connected - IoU of each class

Departures from the paper: images are taken in the size they come in; boxes are cut off at the image before the worse are
suppressed, as in the first release (CenterMask2 does so at the end); RoIAlign reads 2x2 points a cell; there is one score
for the box and the mask, corrected by the guessed IoU; points in an object of the ignore index are not background. Sizes,
thresholds, levels and losses (GIoU for the paper's IoU, points near the middle alone) are those of CenterMask2.

Compared with youngwanLEE/centermask2 (the authors' second release) on the same pyramid: heads of classes and boxes, boxes,
targets and their losses; largest difference 1e-6. Attention, mask and overlap heads were not compared
(docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.box_head import Drawn, draw_proposals, joined
from ...blocks.boxes import areas
from ...blocks.fcos import PointHead, Points
from ...blocks.feature_pyramid import DeepPyramid
from ...blocks.mask_head import MaskHead
from ...blocks.mask_scoring import OverlapHead, overlaps_of, shares_inside
from ...blocks.one_stage import rows_found
from ...blocks.pyramid_regions import PyramidRegions, cut_masks
from ...blocks.true_objects import TrueObjects, true_objects
from ...encoders import Encoder
from ...matched import PointMatches
from ...structures import Batch, Detections

STRIDES = (8, 16, 32, 64, 128)
CUT = 3  # finest levels, out of which boxes are cut
LEAST = 1e-4  # score of what is found, however badly its mask is thought to fit


class CenterMask(nn.Module):
    """One stage without anchors on a feature pyramid, then a mask for each box.

    Args:
        channels: width of the pyramid and of the heads.
        depth: 3x3 convolutions of each head before its answer (2 in CenterMask-Lite).
        masks: draw masks; without them the network is FCOS.
        scoring: multiply each score by how well the mask is thought to overlap its object.
        ranges: the longest distance to an edge, in pixels, that each level but the coarsest looks after.
        radius: points no further from the middle of an object than this many strides learn to find it.
        proposals: boxes of an image whose masks training looks at, beside the true ones.
        samples: boxes of an image that training draws from; a quarter at most are of objects, and they get a mask.
        width: of the fully connected layers that guess the overlap.
        score: classes that are less probable at a point are left out, 0..1.
        overlap: IoU above which the worse of two objects of a class goes.
        limit: objects of an image at most.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "ese_vovnet39b",
        in_channels: int = 3,
        channels: int = 256,
        depth: int = 4,
        masks: bool = True,
        scoring: bool = True,
        ranges: Sequence[float] = (64, 128, 256, 512),
        radius: float = 1.5,
        proposals: int = 100,
        samples: int = 512,
        width: int = 1024,
        score: float = 0.05,
        overlap: float = 0.6,
        limit: int = 100,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes, self.proposals, self.samples = num_classes, proposals, samples
        self.score, self.overlap, self.limit = score, overlap, limit
        self.encoder = Encoder(encoder, levels=(3, 4, 5), in_channels=in_channels, pretrained=pretrained)
        self.pyramid = DeepPyramid(self.encoder.channels, channels, act_between=True)
        self.find = PointHead(channels, num_classes, strides=STRIDES, depth=depth, ranges=ranges, radius=radius)
        self.cut = PyramidRegions(14, strides=STRIDES[:CUT])
        self.draw = MaskHead(channels, num_classes, depth=depth, attend=SpatialAttention()) if masks else None
        self.judge = OverlapHead(channels, num_classes, depth=depth, width=width) if masks and scoring else None

    def forward(self, image: Tensor, truth: Batch | None = None) -> Detections:
        pyramid = self.pyramid(self.encoder(image))  # [B, 256, H/8, W/8], ...
        size = (image.shape[2], image.shape[3])
        points = self.find(pyramid)  # [B, H/8*W/8, K], ..., [ceil(H/128)*ceil(W/128), 2]
        if truth is not None and self.training:
            return self.matched(truth, pyramid, points, size)
        return self.detected(pyramid, points, size)

    def detected(self, pyramid: list[Tensor], points: list[Points], size: tuple[int, int]) -> Detections:
        """Keep the best boxes, and draw what is in them; in a graph, also in those that only fill up."""
        found = self.find.best(points, size, score=self.score, overlap=self.overlap, most=1000, limit=self.limit)
        scores, classes, boxes = found
        if self.draw is None:
            return Detections(scores, classes, boxes, None, size)
        rows = rows_found(found)
        where, kinds = boxes.flatten(0, 1)[rows], classes.flatten()[rows]
        cells = self.cut(pyramid, where, rows // self.limit, levels_of(where, size))
        drawn = self.draw(cells, kinds)
        masks = drawn.new_zeros(boxes.shape[0] * self.limit, *drawn.shape[1:]).index_copy(0, rows, drawn)
        masks = masks.unflatten(0, (-1, self.limit))
        if self.judge is not None:
            guessed = self.judge(cells, drawn.sigmoid(), kinds).clamp(LEAST, 1)
            fits = torch.ones_like(scores).flatten().index_copy(0, rows, guessed).view_as(scores)
            scores, order = (scores * fits).topk(self.limit, dim=1)
            classes, boxes = classes.gather(1, order), boxes.gather(1, order[..., None].expand_as(boxes))
            masks = masks.gather(1, order[..., None, None].expand_as(masks))
        return Detections(scores, classes, boxes, masks * (scores > 0)[..., None, None], size)

    def matched(self, truth: Batch, pyramid: list[Tensor], points: list[Points], size: tuple[int, int]) -> Detections:
        """Compare points and masks with the true objects, for the loss alone; nothing is detected."""
        objects = [true_objects(truth, n, self.num_classes) for n in range(len(truth.names))]
        wanted = [self.find.match(points, t.boxes, t.classes, t.ignored, self.num_classes) for t in objects]
        classes, reaches = (torch.cat(part) for part in zip(*wanted, strict=True))
        logits, distances, centerness = (
            torch.cat(part, dim=1).flatten(0, 1) for part in list(zip(*points, strict=True))[:3]
        )
        counted, hit = classes >= 0, (classes >= 0) & (classes < self.num_classes)
        found_by = PointMatches(
            logits[counted], classes[counted], distances[hit], reaches[hit], centerness[hit], None, None, None, None
        )
        if self.draw is not None:
            found_by = self._with_masks(found_by, pyramid, points, objects, size)
        scores, boxes = logits.new_zeros(len(objects), 0), logits.new_zeros(len(objects), 0, 4)
        masks = None if self.draw is None else logits.new_zeros(len(objects), 0, MaskHead.side, MaskHead.side)
        return Detections(scores, scores.long(), boxes, masks, size, found_by)

    def _with_masks(
        self,
        found_by: PointMatches,
        pyramid: list[Tensor],
        points: list[Points],
        objects: list[TrueObjects],
        size: tuple[int, int],
    ) -> PointMatches:
        """Draw the masks of some boxes that are an object's, the true ones among them."""
        assert self.draw is not None
        found = self.find.best(points, size, score=self.score, overlap=self.overlap, most=1000, limit=self.proposals)
        drawn = [
            draw_proposals(
                boxes[scores > 0], true.boxes, true.classes, true.ignored, self.num_classes,
                iou=0.5, count=self.samples, share=0.25,
            )
            for boxes, scores, true in zip(found.boxes, found.scores, objects, strict=True)
        ]  # fmt: skip
        kept = [one.objects >= 0 for one in drawn]
        boxes, images = joined([one.boxes[hit] for one, hit in zip(drawn, kept, strict=True)])
        classes = torch.cat([one.classes[hit] for one, hit in zip(drawn, kept, strict=True)])
        cells = self.cut(pyramid, boxes, images, levels_of(boxes, size))
        masks = self.draw(cells, classes)
        pairs = [_wanted(one, true.masks) for one, true in zip(drawn, objects, strict=True)]
        wanted, shares = (torch.cat(part) for part in zip(*pairs, strict=True))
        found_by = found_by._replace(masks=masks, wanted_masks=wanted)
        if self.judge is None:
            return found_by
        return found_by._replace(
            overlaps=self.judge(cells, masks.sigmoid(), classes), wanted_overlaps=overlaps_of(masks, wanted, shares)
        )


class SpatialAttention(nn.Module):
    """Weigh each pixel by what the mean and the maximum over its channels say (equation 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(2, 1, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(self.weigh.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weigh(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)).sigmoid()


def levels_of(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Choose the level of each box [M, 4] by its share of an image (H, W): [M] int64, 0 the finest (equation 2)."""
    share = areas(boxes) / (size[0] * size[1])
    return (CUT - 1 + share.clamp(min=1e-12).log2()).ceil().clamp(0, CUT - 1).long()


def _wanted(drawn: Drawn, true: Tensor) -> tuple[Tensor, Tensor]:
    """What the masks [Q, 28, 28] should show, of the true ones [M, H, W], and which share of each object its box holds."""
    hit = drawn.objects >= 0
    boxes, rows = drawn.boxes[hit], drawn.objects[hit]
    wanted = (cut_masks(true, boxes, rows, MaskHead.side) >= 0.5).to(boxes)
    return wanted, shares_inside(true, boxes, rows)
