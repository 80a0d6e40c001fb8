"""YOLACT: draw a few maps of the whole picture, and add them up for each object by coefficients of its own.

Bolya, Zhou, Xiao, Lee. "YOLACT: Real-Time Instance Segmentation." ICCV 2019. arXiv:1904.02689

A detector of one stage says of each anchor its class, its box and 32 coefficients; beside it a small network draws 32
prototypes of the picture. A mask is their sum, cut off at its box, so that nothing is cut out of features and masks are as
fine for large objects as the prototypes are. Coefficients may take prototypes away (tanh): what one object has in one map is
subtracted by its neighbor. Fast NMS drops what overlaps a better box of its class by one matrix.

    image - encoder - c3 c4 c5 - pyramid p3 .. p7 - 3x3 - 3 anchors each: class, box, 32 coefficients - Fast NMS - best 100
                                    ` p3 - 3 x 3x3 - x2 - 3x3 - 1x1 - 32 prototypes at twice p3's size - sum, cut, sigmoid
                                    ` p3 - 1x1 - semantic map, in training

Departures from the paper: images keep their size, and anchors the size that they have at 550; for pictures of 700 the paper's
anchors are sizes=(30, 61, 122, 244, 488). As the released code has it, masks are enlarged to the picture as probabilities.
"No object" is the last class.

Compared with the authors' code (dbolya/yolact, yolact_base): pyramid, heads, prototypes, decoded boxes, Fast NMS, final masks and
each term of the loss on the same features and weights; difference 1e-7. Decided masks were the same in 7 of 8 pictures of small
features; larger ones were not tried (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.anchors import anchors_spanning
from ...blocks.boxes import clip_boxes, decode_boxes, in_full
from ...blocks.fast_nms import fast_nms
from ...blocks.feature_pyramid import DeepPyramid
from ...blocks.prototypes import Prototyped, assembled, inside
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import Detections

WEIGHTS = (10, 10, 5, 5)  # of the codes: SSD's variances 0.1 and 0.2


class YOLACT(nn.Module):
    """One stage on a feature pyramid, whose objects are sums of prototypes.

    Args:
        channels: width of the pyramid and of the heads.
        prototypes: maps that masks are added up from.
        sizes: of the anchors of the five levels, square root of their area in pixels.
        ratios: of the anchors, width over height.
        square: anchors are as high as wide, as those of the released weights are by mistake.
        score: anchors of which no class is more probable are left out, 0..1.
        overlap: IoU above which the worse of two boxes of a class goes.
        top: boxes of a class that Fast NMS looks at.
        limit: objects of an image at most.

    Raises: ModelError for sizes or ratios that make no anchors.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: int = 256,
        prototypes: int = 32,
        sizes: Sequence[float] = (24, 48, 96, 192, 384),
        ratios: Sequence[float] = (1, 0.5, 2),
        square: bool = False,
        score: float = 0.05,
        overlap: float = 0.5,
        top: int = 200,
        limit: int = 100,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(sizes) != 5 or min(sizes) <= 0:
            raise ModelError(
                f"sizes is {list(sizes)}; name the anchors' size on each of the 5 levels, in pixels, such as "
                "[24, 48, 96, 192, 384]"
            )
        if not ratios or min(ratios) <= 0:
            raise ModelError(
                f"ratios is {list(ratios)}; name at least one ratio of width over height, such as [1, 0.5, 2]"
            )
        self.num_classes = num_classes
        self.score, self.overlap, self.top, self.limit = score, overlap, top, limit
        self.shapes = [[(s * r**0.5, s * r**0.5 if square else s / r**0.5) for r in ratios] for s in sizes]
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.pyramid = DeepPyramid(self.encoder.channels[1:], channels, mode="bilinear", act=True)
        self.look = nn.Conv2d(channels, channels, 3, padding=1)
        self.classify = nn.Conv2d(channels, len(ratios) * (num_classes + 1), 3, padding=1)
        self.move = nn.Conv2d(channels, len(ratios) * 4, 3, padding=1)
        self.mix = nn.Conv2d(channels, len(ratios) * prototypes, 3, padding=1)
        self.draw = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3))
        self.draw_finer = nn.Conv2d(channels, channels, 3, padding=1)
        self.prototypes = nn.Conv2d(channels, prototypes, 1)
        self.semantic = nn.Conv2d(channels, num_classes, 1)
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and not name.startswith("encoder."):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Detections:
        levels = self.pyramid(self.encoder(image)[1:])  # [B, 256, H/8, W/8], ...
        size = (image.shape[2], image.shape[3])
        x = levels[0]
        for conv in self.draw:
            x = conv(x).relu()
        finer = (2 * x.shape[2], 2 * x.shape[3])
        x = F.interpolate(x, finer, mode="bilinear", align_corners=False)  # [B, 256, H/4, W/4]
        prototypes = in_full(self.prototypes(self.draw_finer(x).relu()).relu())  # [B, 32, H/4, W/4]
        laid = [anchors_spanning(x, size, s) for x, s in zip(levels, self.shapes, strict=True)]  # [3*H/8*W/8, 4], ...
        a = sum(x.shape[0] for x in laid)  # noqa: F841  what the comments below call the anchors of all levels
        anchors = torch.cat(laid)  # [a, 4]
        parts = [self.judged(level) for level in levels]  # [B, 3*H/8*W/8, K + 1], [B, 3*H/8*W/8, 4], ...
        logits, codes, coefficients = (
            torch.cat(part, dim=1) for part in zip(*parts, strict=True)
        )  # [B, a, K + 1], [B, a, 4], [B, a, 32]
        anchors = anchors.to(codes)
        if self.training:
            b, (h, w) = image.shape[0], prototypes.shape[2:]
            semantic = in_full(self.semantic(levels[0]))  # [B, K, H/8, W/8]
            found_by = Prototyped(logits, codes, anchors, coefficients, prototypes, semantic)
            scores, boxes = logits.new_zeros(b, 0), logits.new_zeros(b, 0, 4)  # [B, 0], [B, 0, 4]
            whole = logits.new_zeros(b, 0, h, w)  # [B, 0, H/4, W/4]
            return Detections(scores, scores.long(), boxes, None, size, found_by, whole=whole)
        return self.detected(logits, decode_boxes(codes, anchors, WEIGHTS), coefficients, prototypes, size)

    def judged(self, level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Judge the anchors of a level: logits [B, A, K + 1], codes [B, A, 4] and coefficients [B, A, 32]."""
        x = self.look(level).relu()
        logits, codes, mix = (
            in_full(head(x)).permute(0, 2, 3, 1).reshape(x.shape[0], -1, width)
            for head, width in ((self.classify, self.num_classes + 1), (self.move, 4), (self.mix, self.prototypes.out_channels))
        )  # fmt: skip
        return logits, codes, mix.tanh()

    def detected(
        self, logits: Tensor, boxes: Tensor, coefficients: Tensor, prototypes: Tensor, size: tuple[int, int]
    ) -> Detections:
        """Keep the best boxes [B, A, 4] and draw their masks."""
        scores = logits.softmax(2)[..., :-1]
        scores = scores * (scores.amax(2, keepdim=True) > self.score)
        kept = fast_nms(boxes, scores.transpose(1, 2), self.overlap, top=self.top, limit=self.limit)
        found = kept.scores > 0
        boxes = boxes.gather(1, kept.rows[..., None].expand(-1, -1, 4))
        mix = coefficients.gather(1, kept.rows[..., None].expand(-1, -1, coefficients.shape[2]))
        h, w = prototypes.shape[2:]
        seen = inside(boxes, size, (h, w)) & found[..., None, None]
        whole = assembled(prototypes, mix).sigmoid() * seen
        return Detections(
            kept.scores, kept.classes, clip_boxes(boxes, size) * found[..., None], None, size, whole=whole
        )
