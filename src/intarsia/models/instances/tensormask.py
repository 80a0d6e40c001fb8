"""TensorMask: at every place of a pyramid a window, and in it a mask; the mask is the box's equal, not its follower.

Chen, Girshick, He, Dollar. "TensorMask: A Foundation for Dense Object Segmentation." ICCV 2019. arXiv:1903.12174

Detectors slide boxes over a picture; TensorMask slides masks. Where its window fits an object, a place says the object's
class, its box and a mask of the window. Masks are tensors of four axes: two of places, two of cells. They are predicted in the
aligned representation, in which features at a place speak of that place, and read in the natural one (blocks/natural_masks.py).
In the bipyramid a window that is twice as large has cells of the same size, hence twice as many a side: all are made at the
finest level, and read there at places twice as far apart.

    image - encoder - c2 .. c5 - pyramid p2 .. p7 - 4 x 3x3 - 2 windows each: classes        - best 100
                                               |  ` - 4 x 3x3 - 2 windows each: box            |
                                               ` 4 x 3x3 - to p2's size, + p2's, 3x3 - 11x11 and 15x15 cells - natural masks

Departures from the paper: images keep their size. As in the released code, masks of a window beyond the picture are those of
logit -6 there. Masks come in one shape for all objects of a picture, of as many cells as it has, with the window they fill.
Windows by half or more in an object of the ignore index are not trained.

Compared with the authors' code (Detectron2, projects/TensorMask): the head, the match of windows and each term of the loss on
the same features and weights; difference 1e-7; the kernel swap_align2nat number by number, by a test (docs/faithfulness.md).
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.anchors import anchors_at
from ...blocks.boxes import clip_boxes, in_full, rows_of
from ...blocks.dense_head import DenseHead, Picked, pick, small, tower
from ...blocks.feature_pyramid import DeepPyramid
from ...blocks.natural_masks import TensorMasks, Windows, natural_at
from ...blocks.resize import crop
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import Detections

STRIDES, WEIGHTS = (4, 8, 16, 32, 64, 128), (1.5, 1.5, 0.75, 0.75)
NONE = -100.0  # logit of cells that a window does not have


class TensorMask(nn.Module):
    """Masks in windows at every place of a pyramid.

    Args:
        channels: width of the pyramid and of the tower of the classes.
        width: of the towers of boxes and masks.
        sizes: of the windows of the finest level, in pixels, multiples of 4; those of each next level are twice as large.
        aligned: predict masks in the aligned representation; otherwise in the natural one.
        bipyramid: cells as fine at every level as at the finest, in place of as many; of the aligned representation.
        score: what is not more probable is left out, 0..1.
        candidates: classes of windows that suppression looks at.
        overlap: IoU above which the worse of two boxes of a class goes.
        limit: objects of an image at most.

    Raises: ModelError for sizes without whole cells, and for a bipyramid of natural masks.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: int = 256,
        width: int = 128,
        sizes: Sequence[int] = (44, 60),
        aligned: bool = True,
        bipyramid: bool = True,
        score: float = 0.05,
        candidates: int = 6000,
        overlap: float = 0.5,
        limit: int = 100,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if not sizes or any(size < 4 or size % 4 for size in sizes):
            raise ModelError(f"sizes is {list(sizes)}; name windows of whole cells of 4 pixels, such as [44, 60]")
        if bipyramid and not aligned:
            raise ModelError(
                "a bipyramid is read from aligned masks, and aligned is false; set bipyramid to false, too, or leave aligned true"
            )
        self.num_classes, self.sizes, self.aligned, self.bipyramid = num_classes, tuple(sizes), aligned, bipyramid
        self.score, self.candidates, self.overlap, self.limit = score, candidates, overlap, limit
        self.scales = tuple(2**n if bipyramid else 1 for n in range(len(STRIDES)))
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.pyramid = DeepPyramid(self.encoder.channels, channels, act_between=True, from_feature=True, average=True)
        self.judge = DenseHead(channels, num_classes, len(sizes), width=width)
        self.look = tower(channels, width, 4)
        self.fuse = small(nn.Conv2d(width, width, 3, padding=1)) if bipyramid else None
        self.draw = nn.ModuleList(small(nn.Conv2d(width, (size // 4) ** 2, 1)) for size in sizes)

    def forward(self, image: Tensor) -> Detections:
        levels = self.pyramid(self.encoder(image))  # [B, 256, H/4, W/4], ...
        size = (image.shape[2], image.shape[3])
        judged = [self.judge(level) for level in levels]  # [B, 2*H/4*W/4, K], [B, 2*H/4*W/4, 4], ...
        logits, codes = zip(*judged, strict=True)
        anchors = tuple(
            anchors_at(x, stride, [(side * stride / 4,) * 2 for side in self.sizes], middle=False).to(logits[0])
            for x, stride in zip(levels, STRIDES, strict=True)
        )  # [2*H/4*W/4, 4], ..., [2*ceil(H/128)*ceil(W/128), 4]
        masks = self.drawn(levels)  # [B, 121, H/4, W/4], ..., [B, 225, H/4, W/4]
        if self.training:
            wide = tuple(level.shape[3] for level in levels)
            found_by = TensorMasks(logits, codes, anchors, STRIDES, wide, masks, self.scales, self.aligned)
            none = logits[0].new_zeros(image.shape[0], 0)  # [B, 0]
            boxes = none.new_zeros(image.shape[0], 0, 4)  # [B, 0, 4]
            return Detections(
                none, none.long(), boxes, none.new_zeros(image.shape[0], 0, 1, 1), size, found_by, windows=boxes
            )
        options: dict[str, Any] = {"score": self.score, "overlap": self.overlap, "limit": self.limit}
        found = pick(
            [torch.cat(logits, dim=1)],
            [torch.cat(codes, dim=1)],
            [torch.cat(anchors)],
            None,
            weights=WEIGHTS,
            candidates=self.candidates,
            **options,
        )  # [B, limit], [B, limit], [B, limit, 4], [B, limit]
        boxes = clip_boxes(found.boxes, size)
        there = (found.scores > 0) & (boxes[..., 2:] > boxes[..., :2]).all(
            2
        )  # of one outside of the image nothing is left
        scores, order = (found.scores * there).topk(self.limit, dim=1)
        classes, rows = (part.gather(1, order) * (scores > 0) for part in (found.classes, found.rows))
        boxes = boxes.gather(1, order[..., None].expand(-1, -1, 4)) * (scores > 0)[..., None]
        drawn, windows = self.read(
            Picked(scores, classes, boxes, rows), masks, anchors, levels
        )  # [B, limit, H/4 + 3, W/4 + 3], [B, limit, 4]
        return Detections(scores, classes, boxes, drawn, size, windows=windows)

    def drawn(self, levels: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], ...]:
        """Draw the masks of every level and size: [B, V * V, h, w] logits; of a bipyramid all at the finest level's size."""
        features = [self.look(level) for level in levels]
        if self.fuse is not None:
            fine, fused = features[0], []
            h, w = fine.shape[2:]
            for x, scale in zip(features, self.scales, strict=True):
                places = (x.shape[2] * scale, x.shape[3] * scale)
                x = F.interpolate(x, places, mode="bilinear", align_corners=False) if scale > 1 else x
                fused.append(self.fuse(crop(x, h, w) + fine).relu())
            features = fused
        return tuple(tuple(in_full(draw(x)) for draw in self.draw) for x in features)

    def read(
        self, found: Picked, masks: Sequence[Sequence[Tensor]], anchors: Sequence[Tensor], levels: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Read the masks of the objects: [B, N, m, n] logits, and their windows [B, N, 4] in pixels.

        Of a bipyramid a mask has as many cells as the picture; of a larger window those are read that the picture shows.
        """
        b, n = found.scores.shape
        window = torch.cat(list(anchors))[found.rows.flatten()]  # one an object
        rows, there = found.rows.flatten(), found.scores.flatten() > 0
        images = torch.arange(b, device=rows.device)[:, None].expand(b, n).flatten()
        most = max(self.sizes) // 4
        h, w = (levels[0].shape[2] + 3, levels[0].shape[3] + 3) if self.bipyramid else (most, most)
        drawn, cells, start = window.new_full((b * n, h, w), NONE), torch.ones_like(window[:, 0]), 0
        firsts = torch.zeros_like(rows)[:, None].expand(-1, 2)
        if self.bipyramid:
            firsts = ((-window[:, [1, 0]] / 4).floor() - 1).clamp(min=0).long()
        for level, stride, scale, tensors in zip(levels, STRIDES, self.scales, masks, strict=True):
            wide, count = level.shape[3], level.shape[2] * level.shape[3] * len(self.sizes)
            local = rows - start
            within = there & (local >= 0) & (local < count)
            cells = torch.where(within, stride / scale, cells)
            for kind, (x, size) in enumerate(zip(tensors, self.sizes, strict=True)):
                chosen = rows_of(within & (local % len(self.sizes) == kind))
                place = local[chosen] // len(self.sizes)
                places = Windows(images[chosen], place // wide, place % wide)
                part = self._read(x, places, scale * (size // 4), scale, firsts[chosen], (h, w))
                drawn = drawn.index_copy(0, chosen, part)
            start = start + count
        corner = window[:, :2] + firsts[:, [1, 0]] * cells[:, None]
        windows = torch.cat([corner, corner + cells[:, None] * corner.new_tensor([w, h])], dim=1) * there[:, None]
        return (drawn * there[:, None, None]).unflatten(0, (b, n)), windows.unflatten(0, (b, n))

    def _read(self, x: Tensor, places: Windows, side: int, scale: int, first: Tensor, shape: tuple[int, int]) -> Tensor:
        """Read `shape` cells of windows of side x side cells, from `first` on; `NONE` beyond them."""
        if self.aligned:
            down, across = (torch.arange(n, device=x.device) + first[:, axis, None] for axis, n in enumerate(shape))
            known = (down < side)[:, :, None] & (across < side)[:, None]
            return torch.where(known, natural_at(x, places, scale, first, shape), NONE)
        natural = x[places.images, :, places.rows, places.columns].unflatten(1, (side, side))
        return F.pad(natural, (0, shape[1] - side, 0, shape[0] - side), value=NONE)
