"""Hierarchical: look at the image in several sizes, and let each size say where it knows better than the next larger.

Tao, Sapra, Catanzaro. "Hierarchical Multi-Scale Attention for Semantic Segmentation." 2020. arXiv:2005.10821

Thin things are best seen in an enlarged image, large ones in a reduced one, and an average of both spoils the better.
Here one network looks at each size, and beside its scores draws a map of how far to trust them against those of the
next larger size. That relation is learned from two sizes and holds between any neighbors, so that in evaluation the
chain may be longer: half, whole and double.

    image x2.0 - trunk - object context - classify ----------------------------------- logits -,
    image x1.0 - trunk - object context - classify - logits * a + (1 - a) * reduced -----------'- logits -,
                                        ` attend --- a                                                    |
    image x0.5 - trunk - object context - classify - enlarged(logits * a) + (1 - enlarged(a)) * ----------'- x4 - logits
                                        ` attend --- a

Departures from the paper: one 1x1 layer classifies, as in the released code, not three. The scores are combined at a
quarter of their image and enlarged once at the end; the released code enlarges each first. The branches of an hrnet
advise each other by repeated pixels, as timm has it, where the released code interpolates. The last convolution of the
attention has a bias, there it has none, and dropout leaves out single values, there whole maps. The variant
"nvidia_hierarchical" has all this as there.

Compared with NVIDIA/semantic-segmentation MscaleOCR: head and blend of 2, 3 and 4 scales over the same trunk;
difference 0 when combined at a quarter; 1.5 (45) as it is (docs/faithfulness.md).
"""

from collections.abc import Sequence
from fractions import Fraction

import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.branches import side_by_side
from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.object_context import ObjectContext
from ...blocks.resize import crop, resize_like
from ...blocks.sizes import larger
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits

TRAINED = (0.5, 1.0)  # the scales of training (section 3.1)


class Hierarchical(nn.Module):
    """HRNet-OCR with hierarchical multi-scale attention.

    Args:
        scales: sizes of the image in evaluation, 1 among them; training always uses 0.5 and 1.
        channels: width of the pixels' features.
        width: of the object context's queries, keys and values.
        attention: width of the attention head.
        dropout: after the object context, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "hrnet_w48",
        in_channels: int = 3,
        scales: Sequence[float] = (0.5, 1.0, 2.0),
        channels: int = 512,
        width: int = 256,
        attention: int = 256,
        dropout: float = 0.05,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if 1 not in scales or min(scales) <= 0 or len(set(scales)) < len(scales):
            raise ModelError(f"scales is {list(scales)}; list different sizes, 1 among them, such as [0.5, 1.0, 2.0]")
        self.scales = tuple(float(s) for s in scales)
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        trunk = sum(self.encoder.channels)
        self.find = nn.Sequential(ConvNormAct(trunk, trunk, 1), PixelClassifier(trunk, num_classes))
        self.reduce = ConvNormAct(trunk, channels)
        self.context = ObjectContext(channels, width, dropout=dropout)
        self.classify = PixelClassifier(channels, num_classes)
        self.attend = nn.Sequential(
            ConvNormAct(channels, attention),
            ConvNormAct(attention, attention),
            PixelClassifier(attention, 1),
            nn.Sigmoid(),
        )
        self.enlarge: nn.Module = AsItIs()

    def forward(self, image: Tensor) -> SemanticLogits:
        seen: list[Tensor] = []
        for scale in sorted(TRAINED if self.training else self.scales, reverse=True):
            h, w = (scaled(side, scale) for side in image.shape[-2:])
            view = F.interpolate(image, (h, w), mode="bilinear", align_corners=False)  # [B, 3, h, w]
            trunk = crop(
                side_by_side(self.encoder(at_least(64, view))), (h + 3) // 4, (w + 3) // 4
            )  # [B, 720, h/4, w/4]
            near = self.find(trunk)  # [B, K, h/4, w/4]
            x = self.context(self.reduce(trunk), near)  # [B, 512, h/4, w/4]
            near, low = self.enlarge(near, view), self.enlarge(self.classify(x), view)  # [B, K, h/4, w/4] both
            seen.append(low)
            if len(seen) == 1:
                logits, regions = low, near
                continue
            trust = self.enlarge(self.attend(x), view)  # [B, 1, h/4, w/4]
            target = logits if scale < 1 else low  # the scores climb back to scale 1, and stay there
            logits, regions = blend(low, logits, trust, target), blend(near, regions, trust, target)
        auxiliary = (regions, *seen) if self.training else ()
        return SemanticLogits(resize_like(logits, image), auxiliary)  # [B, K, H, W], ...


class AsItIs(nn.Module):
    """Scores stay at a quarter of their view; a variant may put a `Resize` in its place."""

    def forward(self, x: Tensor, view: Tensor) -> Tensor:
        return x


def scaled(side: int, scale: float) -> int:
    """The side of an image at that scale, in pixels, at least 1: rounded up, and exact in an exported graph."""
    ratio = Fraction(scale).limit_denominator(64)
    return (side * ratio.numerator + ratio.denominator - 1) // ratio.denominator


def at_least(side: int, x: Tensor) -> Tensor:
    """`x` with its border repeated up to that side: a feature of half a small image would freeze an exported graph."""
    h, w = x.shape[-2:]
    missing = [0, larger(side - w, 0), 0, larger(side - h, 0)]
    return F.pad(x, missing, mode="replicate")


def blend(low: Tensor, high: Tensor, trust: Tensor, target: Tensor) -> Tensor:
    """Scores of a scale and of the next larger one, in the size of `target`, one of the two (Eq. 1).

    Args:
        trust: [B, 1, h, w] the share, 0..1, of `low`, whose size it has.
    """
    rest = 1 - resize_like(trust, target)
    return resize_like(low * trust, target) + rest * resize_like(high, target)
