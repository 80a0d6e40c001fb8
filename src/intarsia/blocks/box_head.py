"""The second stage of a detector: what each proposal is, where its object ends, and which answers are kept."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .boxes import (
    box_iou,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    in_full,
    left_by_suppression,
    rows_of,
    suppress,
)
from .conv import ConvNormAct
from .matching import excused, match, sampled

SMALLEST = 0.01  # side of a box, in pixels, that is kept
WEIGHTS = (10, 10, 5, 5)  # of the codes: their inverse is about how much true boxes differ from proposals


class Found(NamedTuple):
    """The objects of one image, best first."""

    scores: Tensor  # M probabilities
    classes: Tensor  # M class numbers
    boxes: Tensor  # M x 4


class Drawn(NamedTuple):
    """Proposals of one image that training looks at, and what they are matched with."""

    boxes: Tensor  # R x 4; those of objects among them
    classes: Tensor  # R class numbers; K is no object
    objects: Tensor  # R rows of the true object; -1 for none
    wanted: Tensor  # R x 4, the code of the true box; zeros for none


class BoxHead(nn.Module):
    """Fully connected layers, at the end of which a proposal has a class, or none, and a box for each class.

    Args:
        channels: of the cells.
        num_classes: K.
        cells: along each side.
        width: of the two fully connected layers.
        convolutions: 3x3 ones before them, with batch norm; there is one fully connected layer then.
    """

    def __init__(self, channels: int, num_classes: int, *, cells: int, width: int, convolutions: int = 0) -> None:
        super().__init__()
        self.convolve = nn.Sequential(*(ConvNormAct(channels, channels) for _ in range(convolutions)))
        self.connect = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * cells**2, width), nn.ReLU(inplace=True),
            *(() if convolutions else (nn.Linear(width, width), nn.ReLU(inplace=True))),
        )  # fmt: skip
        self.classify = nn.Linear(width, num_classes + 1)
        self.move = nn.Linear(width, 4 * num_classes)

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Judge cells [P, C, c, c]: logits [P, K + 1], the last is "no object", and codes [P, K, 4]."""
        x = self.connect(self.convolve(cells))
        return in_full(self.classify(x)), in_full(self.move(x).unflatten(1, (-1, 4)))


@torch.no_grad()
def draw_proposals(
    proposals: Tensor,
    boxes: Tensor,
    classes: Tensor,
    ignored: Tensor,
    none: int,
    *,
    iou: float,
    count: int,
    share: float,
) -> Drawn:
    """Match the proposals of one image with its objects and draw some of them at random; the true boxes are proposals, too.

    Args:
        proposals: [P, 4].
        boxes, classes: [M, 4] and [M] of the true objects.
        ignored: [I, 4] boxes in which proposals do not count as nothing.
        none: the number that stands for no object.
        iou: a proposal is the object's that it overlaps most, if at least so much (0.5 in Fast R-CNN).
        count, share: how many at most, and the share of objects' among them at most.
    """
    proposals = torch.cat([proposals, boxes])
    matched = excused(match(box_iou(boxes, proposals), iou, iou), proposals, ignored)
    rows = torch.cat(sampled(matched, count, share)).sort().values
    proposals, matched = proposals[rows], matched[rows]
    known, wanted = torch.full_like(matched, none), torch.zeros_like(proposals)
    hit = matched >= 0
    known[hit] = classes[matched[hit]]
    wanted[hit] = encode_boxes(boxes[matched[hit]], proposals[hit], WEIGHTS)
    return Drawn(proposals, known, matched, wanted)


@torch.no_grad()
def final_boxes(
    logits: Tensor, codes: Tensor, proposals: Tensor, size: tuple[int, int], *, score: float, overlap: float, limit: int
) -> Found:
    """Turn what the second stage says of the proposals of one image into objects that do not overlap others of their class.

    Args:
        logits: [P, K + 1].
        codes: [P, K, 4].
        proposals: [P, 4].
        size: (H, W) of the image.
        score: what is less probable is left out, 0..1.
        overlap: IoU above which the worse of two boxes of a class goes.
        limit: objects at most.
    """
    k = codes.shape[1]
    scores = logits.softmax(1)[:, :k].flatten()
    boxes = clip_boxes(decode_boxes(codes, proposals[:, None], WEIGHTS), size).flatten(0, 1)
    rows = rows_of((scores > score) & (boxes[:, 2:] - boxes[:, :2] >= SMALLEST).all(1))
    scores, boxes, classes = scores[rows], boxes[rows], rows % k
    best = suppress(boxes, scores, overlap, groups=classes, fast=True)[:limit]
    return Found(scores[best], classes[best], boxes[best])


def fixed_boxes(
    logits: Tensor, codes: Tensor, proposals: Tensor, size: tuple[int, int], *, score: float, overlap: float, limit: int
) -> Found:
    """`final_boxes` of B images in a shape that does not depend on what is found, for export.

    Args:
        logits, codes, proposals: [B, P, K + 1], [B, P, K, 4], [B, P, 4]; proposals without area are none.
        size, score, overlap, limit: as for `final_boxes`.

    Returns: [B, limit] and [B, limit, 4], filled up with zeros.
    """
    b, p, k, _ = codes.shape
    real = (proposals[..., 2:] - proposals[..., :2] > 0).all(2)[..., None].expand(b, p, k).flatten(1)
    scores = logits.softmax(2)[..., :k].flatten(1)  # of each pair [B, P K]
    boxes = clip_boxes(decode_boxes(codes, proposals[:, :, None], WEIGHTS), size).flatten(1, 2)
    able = real & (scores > score) & (boxes[..., 2:] - boxes[..., :2] >= SMALLEST).all(2)
    kinds = (torch.arange(p * k, device=logits.device) % k).expand(b, -1)
    groups = torch.arange(b, device=logits.device)[:, None] * k + kinds
    left = left_by_suppression(boxes.flatten(0, 1), scores.flatten(), overlap, groups.flatten(), able.flatten())
    scores, rows = F.pad(scores.where(left.view(b, p * k), 0), (0, limit)).topk(limit, dim=1)
    found = scores > 0
    boxes = F.pad(boxes, (0, 0, 0, limit)).gather(1, rows[..., None].expand(-1, -1, 4))
    return Found(scores, (rows % k) * found, boxes * found[..., None])


def fill_up(parts: Sequence[Tensor], limit: int) -> Tensor:
    """Stack parts of several images, each [M, ...] with M up to the limit, zeros after their ends: [B, limit, ...]."""
    first = parts[0]
    whole = first.new_zeros(len(parts), limit, *first.shape[1:])
    for n, part in enumerate(parts):
        whole[n, : len(part)] = part
    return whole


def joined(boxes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Put the boxes of several images behind each other: [N, 4], and [N] which image each is of."""
    counts = torch.tensor([len(part) for part in boxes])
    images = torch.arange(len(boxes)).repeat_interleave(counts, output_size=int(sum(map(len, boxes))))
    return torch.cat(list(boxes)), images.to(boxes[0].device)
