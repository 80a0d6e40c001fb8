"""ShapeMask: a box guesses its object's shape among usual ones, and the guess is refined twice.

Kuo, Angelova, Malik, Lin. "ShapeMask: Learning to Segment Novel Objects by Refining Shape Priors." ICCV 2019.
arXiv:1904.03239

A detector of one stage (RetinaNet) finds boxes. Each box mixes the usual shapes of its class, means of clusters of true
masks, into a prior; convolutions over the prior and the features of a somewhat larger box draw a coarse mask; the mean
feature under it says what this one object looks like, and convolutions over the difference from it draw the fine mask.
What shapes are and what belongs together serves classes without masks as well (`by_class=False`).

    image - encoder - pyramid p3 .. p7 - class, box of 9 anchors a place - best boxes
                             ` RoIAlign 32x32 of the box, 1/4 larger - 1x1 to 128 = X
    X under the box - mean - weights of the class's P shapes - prior 32x32
    X + 1x1(prior)                      - 4 x 3x3 - coarse mask 32x32
    X - mean of X under the coarse mask
      + 1x1(coarse mask)                - 4 x 3x3 - x4 - fine mask 128x128 - the box's part of it

Departures from the paper: the clusters are found while training goes on, mask by mask, not before it; images are taken in
the size they come in; the pyramid has no batch norm; what the fine mask shows outside its box is cut off; anchors in an
object of the ignore index are not background. Numbers that the paper leaves open are those of the released code.

Compared with tensorflow/tpu models/official/detection (the authors' release): the three mask heads on the same boxes and
features; largest difference 1e-6 relative, 2e-5 of logits of 31. Losses, anchors and sampling were read, not compared
(docs/faithfulness.md).
"""

from math import log

import torch
from torch import Tensor, nn

from ...blocks.anchor_head import Anchored, AnchorHead
from ...blocks.box_head import joined
from ...blocks.boxes import clip_boxes, in_full
from ...blocks.conv import ConvNormAct
from ...blocks.feature_pyramid import DeepPyramid
from ...blocks.one_stage import rows_found
from ...blocks.pyramid_regions import PyramidRegions, cut_masks
from ...blocks.shape_priors import ShapePriors, grown, in_frame, jittered
from ...blocks.true_objects import TrueObjects, true_objects
from ...encoders import Encoder
from ...errors import ModelError
from ...matched import AnchorMatches
from ...structures import Batch, Detections

STRIDES = (8, 16, 32, 64, 128)
SIDE = 32  # of coarse masks and shapes
LARGER = 1.25  # box that masks are drawn in, relative to the object's
JITTER = 0.025  # of true boxes in training, in sides


class ShapeMask(nn.Module):
    """RetinaNet, and masks that are refined from usual shapes.

    Args:
        channels: width of the pyramid and of the box heads.
        width: of the mask heads.
        depth: 3x3 convolutions of each head.
        clusters, enlarge: shapes of each class; how many times as fine the fine mask is as the coarse one.
        by_class: shapes and masks of each class; without it there is one kind of object, which suits classes never seen.
        size: side of the smallest square anchor of a level, in strides.
        masks: draw masks; without them the network is RetinaNet.
        samples: objects of an image whose masks training looks at.
        start: how probable a mask's pixels are before training, 0..1; 0.01 as released, 0.5 where training is short.
        score, overlap, limit: least probability, IoU above which the worse of two of a class goes, objects of an image.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: int = 256,
        width: int = 128,
        depth: int = 4,
        clusters: int = 20,
        enlarge: int = 4,
        by_class: bool = True,
        size: float = 4.0,
        masks: bool = True,
        samples: int = 8,
        start: float = 0.01,
        score: float = 0.05,
        overlap: float = 0.5,
        limit: int = 100,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if min(clusters, enlarge, samples) < 1 or not 0 < start < 1:
            raise ModelError(
                f"clusters {clusters}, enlarge {enlarge}, samples {samples} and start is {start}; give whole numbers from 1 on, "
                "such as 20, 4 and 8, and a probability, such as 0.01"
            )
        self.num_classes, self.samples, self.by_class = num_classes, samples, by_class
        self.score, self.overlap, self.limit, self.side = score, overlap, limit, SIDE * enlarge
        self.encoder = Encoder(encoder, levels=(3, 4, 5), in_channels=in_channels, pretrained=pretrained)
        self.pyramid = DeepPyramid(self.encoder.channels, channels, act_between=True)
        self.find = AnchorHead(channels, num_classes, strides=STRIDES, depth=depth, size=size)
        self.cut = PyramidRegions(SIDE, strides=STRIDES, samples=1)
        kinds = num_classes if by_class else 1
        self.draw = ShapeHead(channels, kinds, width, depth, clusters, enlarge, start) if masks else None

    def forward(self, image: Tensor, truth: Batch | None = None) -> Detections:
        pyramid = self.pyramid(self.encoder(image))  # [B, 256, H/8, W/8], ...
        size, anchored = (image.shape[2], image.shape[3]), self.find(pyramid)  # [B, 9*H/8*W/8, K], ...
        if truth is None or not self.training:
            return self.detected(pyramid, anchored, size)
        return self.matched(truth, pyramid, anchored, size)

    def detected(self, pyramid: list[Tensor], anchored: list[Anchored], size: tuple[int, int]) -> Detections:
        """Keep the best boxes, and draw what is in them; in a graph, also in those that only fill up."""
        found = self.find.best(anchored, size, score=self.score, overlap=self.overlap, most=5000, limit=self.limit)
        if self.draw is None:
            return Detections(*found, None, size)
        rows = rows_found(found)
        boxes, kinds = found.boxes.flatten(0, 1)[rows], found.classes.flatten()[rows] * int(self.by_class)
        around = grown(boxes, LARGER, size)
        fine = self.draw(self.cut(pyramid, around, rows // self.limit), boxes, around, kinds)[2]
        fine = in_frame(fine, around, boxes, self.side)
        masks = fine.new_zeros(found.boxes.shape[0] * self.limit, self.side, self.side).index_copy(0, rows, fine)
        masks = masks.unflatten(0, (-1, self.limit)) * (found.scores > 0)[..., None, None]
        return Detections(*found, masks, size)

    def matched(
        self, truth: Batch, pyramid: list[Tensor], anchored: list[Anchored], size: tuple[int, int]
    ) -> Detections:
        """Compare anchors and masks with the true objects, for the loss alone; nothing is detected."""
        objects = [true_objects(truth, n, self.num_classes) for n in range(len(truth.names))]
        wanted = [self.find.match(anchored, t.boxes, t.classes, t.ignored) for t in objects]
        classes, codes = (torch.cat(part) for part in zip(*wanted, strict=True))
        logits, moved = (torch.cat([one[n] for one in anchored], dim=1).flatten(0, 1) for n in (0, 1))
        counted, hit = classes >= 0, (classes >= 0) & (classes < self.num_classes)
        found_by = AnchorMatches(logits[counted], classes[counted], moved[hit], codes[hit])
        scores, boxes, masks = logits.new_zeros(len(objects), 0), logits.new_zeros(len(objects), 0, 4), None
        if self.draw is not None:
            found_by = self._with_masks(found_by, pyramid, objects, size)
            masks = scores[..., None, None].expand(-1, -1, self.side, self.side)
        return Detections(scores, scores.long(), boxes, masks, size, found_by)

    def _with_masks(
        self, found_by: AnchorMatches, pyramid: list[Tensor], objects: list[TrueObjects], size: tuple[int, int]
    ) -> AnchorMatches:
        """Draw the masks of some true objects, in boxes that are a little off, as detected ones are."""
        assert self.draw
        chosen = [torch.randperm(len(t.boxes), device=t.boxes.device)[: self.samples] for t in objects]
        exact, images = joined([t.boxes[rows] for t, rows in zip(objects, chosen, strict=True)])
        kinds = torch.cat([t.classes[rows] for t, rows in zip(objects, chosen, strict=True)]) * int(self.by_class)
        boxes = clip_boxes(jittered(exact, JITTER), size)
        around = grown(boxes, LARGER, size)

        def true_masks(where: Tensor, side: int) -> Tensor:
            parts = zip(objects, chosen, where.split([len(rows) for rows in chosen]), strict=True)
            return (torch.cat([cut_masks(t.masks, box, rows, side) for t, rows, box in parts]) >= 0.5).to(where)

        self.draw.priors.learn(true_masks(exact, SIDE), kinds)
        prior, coarse, fine = self.draw(self.cut(pyramid, around, images), boxes, around, kinds)
        return found_by._replace(
            priors=prior, coarse=coarse, fine=fine,
            wanted_coarse=true_masks(around, SIDE), wanted_fine=true_masks(around, self.side),
        )  # fmt: skip


class ShapeHead(nn.Module):
    """From the features of a box to its shape, a coarse and a fine mask (figures 4 to 6)."""

    def __init__(
        self, channels: int, kinds: int, width: int, depth: int, clusters: int, enlarge: int, start: float
    ) -> None:
        super().__init__()
        self.kinds = kinds
        self.priors = ShapePriors(kinds, clusters, SIDE)
        self.narrow = nn.Conv2d(channels, width, 1)
        self.choose = nn.Linear(width, kinds * clusters)
        self.from_prior, self.from_coarse = nn.Conv2d(1, width, 1), nn.Conv2d(1, width, 1)
        self.coarse, self.fine = (nn.Sequential(*(ConvNormAct(width, width) for _ in range(depth))) for _ in range(2))
        self.enlarge = nn.ConvTranspose2d(width, width, enlarge, enlarge) if enlarge > 1 else nn.Identity()
        self.name_coarse, self.name_fine = nn.Conv2d(width, kinds, 1), nn.Conv2d(width, kinds, 1)
        nn.init.normal_(self.choose.weight, std=0.01)
        for layer in (self.name_coarse, self.name_fine):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.bias, log(start / (1 - start)))  # type: ignore[arg-type]

    def forward(self, cells: Tensor, boxes: Tensor, around: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Draw N objects of kinds [N] in `around` [N, 4], of which cells [N, C, 32, 32] are; `boxes` [N, 4] are theirs.

        Returns: priors [N, 32, 32], 0..1, coarse masks [N, 32, 32] and fine masks [N, m, m], logits.
        """
        x, n = self.narrow(cells), kinds.shape[0]  # [n, 128, 32, 32]
        each = torch.arange(n, device=kinds.device)  # [n]
        inside = in_frame(torch.ones_like(x[:, 0]), boxes, around, SIDE)  # [n, 32, 32]
        weights = in_full(self.choose((x * inside[:, None]).mean((2, 3)))).unflatten(1, (self.kinds, -1))  # [n, K, 20]
        mixed = (weights[each, kinds].softmax(1)[..., None, None] * self.priors.shapes[kinds]).sum(1)  # [n, 32, 32]
        prior = in_frame(mixed, boxes, around, SIDE)
        coarse = in_full(self.name_coarse(self.coarse(x + self.from_prior(prior[:, None].to(x))))[each, kinds])
        under = (coarse > 0).to(x)[:, None]  # [n, 1, 32, 32]
        covered = under.sum((2, 3), keepdim=True).clamp(min=1)  # [n, 1, 1, 1]
        mean = (x * under).sum((2, 3), keepdim=True) / covered  # [n, 128, 1, 1]
        y = self.fine(x - mean + self.from_coarse(coarse.sigmoid()[:, None].to(x)))
        return prior, coarse, in_full(self.name_fine(self.enlarge(y))[each, kinds])
