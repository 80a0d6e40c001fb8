"""RetinaMask: a detector of one stage that learns better by drawing masks, too.

Fu, Shvets, Berg. "RetinaMask: Learning to Predict Masks Improves State-of-the-Art Single-Shot Detection for Free." 2019.
arXiv:1901.03353

RetinaNet judges 9 anchors at every pixel of a pyramid. The mask head of Mask R-CNN is put behind it and draws what lies in
the best boxes; it need not be used, and the boxes are better for it. The smooth L1 of boxes finds its own corner: the mean
less the variance of the errors of each code, as they have lately been. Each object keeps the anchor that overlaps it
most, however little that is.

    image - encoder - c3 c4 c5 - pyramid p3 .. p7 - 4 x 3x3 - 9 anchors each: classes    - best 50 boxes
                                               |  ` - 4 x 3x3 - 9 anchors each: box        |
                                               ` p3 .. p5 - RoIAlign 14x14 of each object - 4 x 3x3 - x2 - K masks 28x28

Departures from the paper: images are taken in the size they come in, not enlarged to a shorter side of 800; RoIAlign rounds
nothing, where the released code lies half a pixel off. Anchors by half or more in an object of the ignore index are not
trained.

Compared with the authors' code (chengyangfu/retinamask): anchors, matching, the corner and each term of the loss, written
down beside it, by a test; difference 1e-6 (docs/faithfulness.md).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...blocks.anchors import anchors_at, sides_of
from ...blocks.box_head import joined
from ...blocks.boxes import box_iou, encode_boxes
from ...blocks.dense_head import DenseHead, pick
from ...blocks.feature_pyramid import DeepPyramid
from ...blocks.mask_head import MaskHead
from ...blocks.matching import NOTHING, excused, match
from ...blocks.pyramid_regions import PyramidRegions, cut_masks
from ...blocks.true_objects import TrueObjects, true_objects
from ...encoders import Encoder
from ...errors import ModelError
from ...matched import RetinaMatches
from ...structures import Batch, Detections

STRIDES, WEIGHTS = (8, 16, 32, 64, 128), (10, 10, 5, 5)
MOMENTUM, PROPOSALS = 0.1, 100


class RetinaMask(nn.Module):
    """RetinaNet with a mask head on its best boxes.

    Args:
        channels: width of the pyramid and of the heads.
        sizes: of the anchors of the five levels, square root of their area in pixels; each comes in three, an octave's thirds.
        ratios: of the anchors, height over width.
        low, high: an anchor is nothing below an IoU of `low`, and an object's from `high` on.
        least: IoU from which on an object keeps its best anchor all the same; 0 always.
        corner: of the smooth L1 of boxes at most.
        adjust: the corner follows the errors of late; otherwise it stays.
        score: what is not more probable is left out, 0..1.
        candidates: classes of anchors of each level that suppression looks at.
        overlap: IoU above which the worse of two boxes of a class goes.
        limit: objects of an image at most.

    Raises: ModelError for sizes or ratios that make no anchors.
    """

    error_mean: Tensor
    error_variance: Tensor

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: int = 256,
        sizes: Sequence[float] = (32, 64, 128, 256, 512),
        ratios: Sequence[float] = (0.5, 1, 2),
        low: float = 0.4,
        high: float = 0.5,
        least: float = 0.0,
        corner: float = 0.11,
        adjust: bool = True,
        score: float = 0.05,
        candidates: int = 1000,
        overlap: float = 0.4,
        limit: int = 50,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(sizes) != len(STRIDES) or min(sizes) <= 0:
            raise ModelError(
                f"sizes is {list(sizes)}; name the anchors' size on each of the {len(STRIDES)} levels, in pixels, such as "
                "[32, 64, 128, 256, 512]"
            )
        if not ratios or min(ratios) <= 0:
            raise ModelError(
                f"ratios is {list(ratios)}; name at least one ratio of height over width, such as [0.5, 1, 2]"
            )
        self.num_classes, self.low, self.high, self.least = num_classes, low, high, least
        self.corner, self.adjust, self.score, self.candidates = corner, adjust, score, candidates
        self.overlap, self.limit = overlap, limit
        self.shapes = [
            sides_of(stride, [size * 2 ** (n / 3) for n in range(3)], ratios)
            for stride, size in zip(STRIDES, sizes, strict=True)
        ]
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.pyramid = DeepPyramid(self.encoder.channels[1:], channels, act_between=True)
        self.judge = DenseHead(channels, num_classes, 3 * len(ratios))
        self.cut = PyramidRegions(14, strides=STRIDES[:3])
        self.draw = MaskHead(channels, num_classes)
        self.register_buffer("error_mean", torch.full((4,), corner))
        self.register_buffer("error_variance", torch.zeros(4))

    def forward(self, image: Tensor, truth: Batch | None = None) -> Detections:
        levels = self.pyramid(self.encoder(image)[1:])  # [B, 256, H/8, W/8], ...
        size = (image.shape[2], image.shape[3])
        judged = [self.judge(level) for level in levels]  # [B, 9*H/8*W/8, K], [B, 9*H/8*W/8, 4], ...
        logits, codes = zip(*judged, strict=True)
        anchors = [
            anchors_at(x, s, sides).to(logits[0]) for x, s, sides in zip(levels, STRIDES, self.shapes, strict=True)
        ]  # [9*H/8*W/8, 4], ..., [9*ceil(H/128)*ceil(W/128), 4]
        training = truth is not None and self.training
        with torch.set_grad_enabled(torch.is_grad_enabled() and not training):
            most = PROPOSALS if training else self.limit
            options: dict[str, Any] = {"candidates": self.candidates, "overlap": self.overlap, "limit": most}
            found = pick(
                logits, codes, anchors, size, weights=WEIGHTS, score=self.score, **options
            )  # [B, most], [B, most], [B, most, 4], [B, most]
        if truth is not None and self.training:
            boxes = [box[score > 0] for box, score in zip(found.boxes, found.scores, strict=True)]
            parts = torch.cat(logits, dim=1), torch.cat(codes, dim=1), torch.cat(anchors)
            return self.matched(truth, levels, *parts, boxes, size)
        b, n = found.scores.shape
        images = torch.arange(b, device=image.device)[:, None].expand(b, n).flatten()  # [B*n]
        cells = self.cut(levels[:3], found.boxes.flatten(0, 1), images)  # [B*n, 256, 14, 14]
        masks = self.draw(cells, found.classes.flatten())  # [B*n, 28, 28]
        masks = masks.unflatten(0, (b, n)) * (found.scores > 0)[..., None, None]  # [B, n, 28, 28]
        return Detections(found.scores, found.classes, found.boxes, masks, size)

    def matched(
        self,
        truth: Batch,
        levels: list[Tensor],
        logits: Tensor,
        codes: Tensor,
        anchors: Tensor,
        boxes: list[Tensor],
        size: tuple[int, int],
    ) -> Detections:
        """Compare anchors and the best boxes with the true objects, for the loss alone; nothing is detected."""
        objects = [true_objects(truth, n, self.num_classes) for n in range(len(boxes))]
        classes, moved, wanted = [], [], []
        for true, code in zip(objects, codes, strict=True):
            matched = match(box_iou(true.boxes, anchors), self.low, self.high, rescue=True, least=self.least)
            matched = excused(matched, anchors, true.ignored)
            hit = matched >= 0
            kinds = torch.where(matched == NOTHING, self.num_classes, -1)
            kinds[hit] = true.classes[matched[hit]]
            classes.append(kinds)
            moved.append(code[hit])
            wanted.append(encode_boxes(true.boxes[matched[hit]], anchors[hit], WEIGHTS))
        moved_, wanted_ = torch.cat(moved), torch.cat(wanted)
        corner = self._corner((moved_ - wanted_).detach().abs())
        drawn = [self._drawn(box, true) for box, true in zip(boxes, objects, strict=True)]
        places, images = joined([box for box, _, _ in drawn])
        masks = self.draw(self.cut(levels[:3], places, images), torch.cat([kinds for _, kinds, _ in drawn]))
        targets = torch.cat([mask for _, _, mask in drawn])
        found_by = RetinaMatches(logits, torch.stack(classes), moved_, wanted_, corner, masks, targets)
        none = logits.new_zeros(len(objects), 0)
        side = MaskHead.side
        empty = none.new_zeros(len(objects), 0, side, side)
        return Detections(none, none.long(), none.new_zeros(len(objects), 0, 4), empty, size, found_by)

    @torch.no_grad()
    def _drawn(self, boxes: Tensor, true: TrueObjects) -> tuple[Tensor, Tensor, Tensor]:
        """Of the best boxes and the true ones, those of objects: boxes, classes and what their masks should show."""
        boxes = torch.cat([boxes, true.boxes])
        matched = match(box_iou(true.boxes, boxes), 0.5, 0.5)
        boxes, rows = boxes[matched >= 0], matched[matched >= 0]
        return boxes, true.classes[rows], cut_masks(true.masks, boxes, rows, MaskHead.side, aligned=self.cut.aligned)

    @torch.no_grad()
    def _corner(self, errors: Tensor) -> Tensor:
        """Follow the errors [P, 4] of the codes, and say where the loss of each begins to be linear: [4]."""
        if not self.adjust:
            return torch.full_like(self.error_mean, self.corner)
        if len(errors) > 1:  # one has no variance
            self.error_mean.lerp_(errors.mean(0).to(self.error_mean), MOMENTUM)
            self.error_variance.lerp_(errors.var(0).to(self.error_variance), MOMENTUM)
        return (self.error_mean - self.error_variance).clamp(1e-3, self.corner)
