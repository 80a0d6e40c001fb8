"""SharpMask: every window of the image says whether it holds an object, and a coarse mask is refined on the way back up.

Pinheiro, Lin, Collobert, Dollar. "Learning to Refine Object Segments." ECCV 2016. arXiv:1603.08695
Pinheiro, Collobert, Dollar. "Learning to Segment Object Candidates." NeurIPS 2015. arXiv:1506.06204 (DeepMask)

A window that an object fills in the right size gets a high score, whatever the object's class, and a mask. DeepMask draws
the mask from what the last layer knows of the window. SharpMask draws a code instead, and adds the features of one finer
layer after another: where the edges are. Windows stand at every 16 pixels of the image in several sizes.

    image, in each scale - encoder - c4 - 1x1 to 128 - window 10x10 to 512 -, score: 512 - 1024 - 1
                              ` c3, c2, c1                                  ` 32 x 10 x 10, or DeepMask's mask 56x56
    refine with c4, c3, c2, c1:  M (k) - 3x3 - 3x3 (k/2) -+- ReLU - x2 - ...  four times, then 3x3: mask 160x160
                    c - 3x3 - 3x3 (k) - 3x3 (k/2) --------'

Departures from the paper: mask, score and refinement are trained at once, not one after the other; a box is the edges of
its mask, which is drawn anew in it, and masks are shifted so that the paper's threshold of 0.2 is the usual 0.5; outside
the image is the mean color, not gray; batch norm of the encoder learns. Proposals have no
class: all are class 0, marked as `agnostic`, and are scored by average recall.

Compared with facebookresearch/deepmask (the authors', Torch 7): the refinement, written down in PyTorch, on the same features
and codes; no difference. The rest was read, not compared (docs/faithfulness.md).
"""

from collections.abc import Sequence
from math import log

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.box_head import joined
from ...blocks.boxes import in_full, rows_of
from ...blocks.patches import cut_patches, draw_windows
from ...blocks.pyramid_regions import cut_masks
from ...blocks.sizes import larger
from ...blocks.true_objects import true_objects
from ...blocks.windows import Seen, choose_windows, in_order, lay_windows, tight_boxes, windows_of
from ...encoders import Encoder
from ...errors import ModelError
from ...matched import WindowMatches
from ...structures import Batch, Detections

STRIDE = 16
BORDER = 32  # pixels that a window of training has around it, for features without a border
COARSE = 56  # side of DeepMask's mask
BETWEEN = (64, 64, 64, 32)  # channels on the way of each feature to the mask, coarsest first


class SharpMask(nn.Module):
    """Windows in several scales, each with a score and a mask; without `refine` the network is DeepMask.

    Args:
        window: side of what the network looks at, in its own pixels; a multiple of 16.
        channels: of the mask's code, a multiple of 16.
        hidden: numbers that a window is summed up in; the score has twice as many.
        scales: powers of two that the image is enlarged by.
        refine: draw masks with the help of finer features.
        samples: windows of an image that training looks at, half of them around objects.
        threshold: probability from which on a pixel is the mask's, 0..1.
        overlap: IoU of boxes above which the worse of two proposals goes; 1 keeps all.
        limit: proposals of an image.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        window: int = 160,
        channels: int = 32,
        hidden: int = 512,
        scales: Sequence[float] = (-2.5, -2, -1.5, -1, -0.5, 0, 0.5),
        refine: bool = True,
        samples: int = 16,
        threshold: float = 0.2,
        overlap: float = 1.0,
        limit: int = 500,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if window < STRIDE or window % STRIDE or channels < 16 or channels % 16 or not scales:
            raise ModelError(
                f"window is {window}, channels is {channels} and scales is {list(scales)}; give multiples of 16, such as 160 "
                "and 32, and one scale or more"
            )
        if not 0 < threshold < 1:
            raise ModelError(f"threshold is {threshold}; give a probability between 0 and 1, such as 0.2")
        self.num_classes, self.window, self.scales = num_classes, window, tuple(scales)
        self.samples, self.overlap, self.limit = samples, overlap, limit
        self.offset = log(threshold / (1 - threshold))
        self.encoder = Encoder(encoder, levels=(1, 2, 3, 4), in_channels=in_channels, pretrained=pretrained)
        widths, cells = self.encoder.channels, window // STRIDE
        self.look = nn.Sequential(nn.Conv2d(widths[3], 128, 1), nn.ReLU(), nn.Conv2d(128, hidden, cells))
        self.score = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(hidden, 2 * hidden, 1), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(2 * hidden, 1, 1)
        )
        self.draw = Refinement(widths[::-1], channels, hidden, cells) if refine else None
        self.coarse = None if refine else nn.Linear(hidden, COARSE**2)

    def forward(self, image: Tensor, truth: Batch | None = None) -> Detections:
        return self.detected(image) if truth is None or not self.training else self.matched(image, truth)

    def matched(self, image: Tensor, truth: Batch) -> Detections:
        """Draw windows at random and compare them with the objects, for the loss alone; nothing is detected."""
        size, factor = (image.shape[2], image.shape[3]), 1 + BORDER / self.window
        objects = [true_objects(truth, n, self.num_classes) for n in range(len(truth.names))]
        drawn = [
            draw_windows(true.boxes, true.ignored, size, window=self.window, count=self.samples, scales=self.scales)
            for true in objects
        ]
        boxes, images = joined([one.boxes for one in drawn])
        middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * factor
        around = torch.cat([middle - half, middle + half], dim=1)
        patches = cut_patches(image, around, images, self.window + BORDER)
        edge = BORDER // 2  # cut off again
        features = [F.pad(f, [-(edge // 2**n)] * 4) for n, f in enumerate(self.encoder(patches), start=1)]
        codes = self.look(features[3])
        hit = torch.cat([one.objects for one in drawn]) >= 0
        sides = [] if self.draw is None else self.draw.beside([f[hit] for f in features[::-1]])
        masks = self.masks_of(codes.flatten(1)[hit], sides)
        wanted = [
            cut_masks(true.masks, one.boxes[one.objects >= 0], one.objects[one.objects >= 0], masks.shape[-1]) >= 0.5
            for one, true in zip(drawn, objects, strict=True)
        ]
        scores = in_full(self.score(codes).flatten())
        found_by = WindowMatches(scores, hit.to(scores), masks, torch.cat(wanted).to(masks))
        none, empty = scores.new_zeros(len(objects), 0), scores.new_zeros(len(objects), 0, *masks.shape[1:])
        return Detections(none, none.long(), none[..., None].expand(-1, -1, 4), empty, size, found_by, agnostic=True)

    def masks_of(self, codes: Tensor, sides: list[Tensor]) -> Tensor:
        """Draw the masks [N, m, m], logits, of windows with codes [N, hidden], from maps that are cut to them."""
        if self.draw is not None:
            return in_full(self.draw(codes, sides))
        assert self.coarse is not None
        return in_full(self.coarse(codes).unflatten(1, (COARSE, COARSE)))

    def detected(self, image: Tensor) -> Detections:
        """Score all windows of all scales, and draw those that score best."""
        size, half = (image.shape[2], image.shape[3]), self.window // 2
        seen, sides = [], []
        for power in self.scales:
            h, w = (larger((side * round(2**power * 256) + 128) // 256, 1) for side in size)
            scaled = F.interpolate(image, (h, w), mode="bilinear", align_corners=False)
            right, low = (half + (side + STRIDE - 1) // STRIDE * STRIDE - side for side in (w, h))
            features = self.encoder(F.pad(scaled, (half, right, half, low)))
            codes = self.look(features[3])  # one position more than the scaled image has cells
            factor = torch.stack([image.new_ones(()) * a / b for a, b in ((size[1], w), (size[0], h))])
            boxes, places = lay_windows(codes.shape[2], codes.shape[3], STRIDE, self.window, factor)
            scores = in_full(self.score(codes)).flatten(1).sigmoid()
            seen.append(Seen(scores, codes.flatten(2).transpose(1, 2), boxes, places))
            sides.append([] if self.draw is None else self.draw.beside(features[::-1]))
        best = choose_windows(seen, self.limit)
        side = COARSE if self.draw is None else self.window
        masks = best.scores.new_zeros(best.boxes.shape[0], side, side)
        for n, maps in enumerate(sides):
            mine = rows_of(best.scales == n)
            x, y = best.places[mine].unbind(1)
            cells = self.window // STRIDE
            cut = [windows_of(m, mine // self.limit, y * 2**k, x * 2**k, cells * 2**k) for k, m in enumerate(maps)]
            masks = masks.index_copy(0, mine, self.masks_of(best.codes[mine], cut).to(masks))
        masks, boxes, drawn = tight_boxes(masks - self.offset, best.boxes, size)
        scores, boxes, masks = in_order(best.scores, boxes, masks, drawn, self.overlap)
        return Detections(scores, torch.zeros_like(scores).long(), boxes, masks, size, agnostic=True)


class Refinement(nn.Module):
    """From a window's code to its mask: four times add what finer features say, and double the size (figure 2)."""

    def __init__(self, in_channels: Sequence[int], channels: int, hidden: int, cells: int) -> None:
        super().__init__()
        self.cells, self.channels = cells, channels
        self.start = nn.Linear(hidden, channels * cells**2)
        widths = [channels // 2**n for n in range(len(in_channels) + 1)]
        self.sides = nn.ModuleList(
            nn.Sequential(_conv(wide, m), nn.ReLU(), _conv(m, k), nn.ReLU(), _conv(k, k // 2))
            for wide, m, k in zip(in_channels, BETWEEN, widths, strict=False)
        )
        self.down = nn.ModuleList(nn.Sequential(_conv(k, k), nn.ReLU(), _conv(k, k // 2)) for k in widths[:-1])
        self.last = _conv(widths[-1], 1)

    def beside(self, features: Sequence[Tensor]) -> list[Tensor]:
        """What each feature, coarsest first, adds: maps of k/2, k/4, ... channels."""
        return [side(f) for side, f in zip(self.sides, features, strict=True)]

    def forward(self, codes: Tensor, sides: Sequence[Tensor]) -> Tensor:
        """The masks [N, m, m], logits, of codes [N, hidden] and of what `beside` says, cut to the windows."""
        n, *_ = codes.shape
        x = self.start(codes).unflatten(1, (self.channels, self.cells, self.cells))  # [n, channels, cells, cells]
        for down, side in zip(self.down, sides, strict=True):
            _, c, h, w = side.shape
            x = F.interpolate((down(x) + side).relu(), scale_factor=2, mode="nearest")  # [n, c, 2*h, 2*w]
        return self.last(x)[:, 0]


def _conv(wide: int, channels: int) -> nn.Module:
    conv = nn.Conv2d(wide, channels, 3, padding=1, padding_mode="replicate")
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # at the end there are two channels, and one may live
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
