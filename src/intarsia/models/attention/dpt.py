"""DPT: a transformer that never shrinks its map, whose blocks are put back together as a pyramid.

Ranftl, Bochkovskiy, Koltun. "Vision Transformers for Dense Prediction." ICCV 2021. arXiv:2103.13413

An encoder that shrinks the image loses what a decoder cannot bring back. A plain vision transformer keeps one map of
patches, and from its first block on each place sees all others. DPT takes the tokens of four blocks, tells each place
what the block's class token says, and resamples the four maps to four sizes: the first to the finest.

    tokens - (place, class token) - linear - 1x1 - x4, x2, x1 or x1/2 - 3x3 -- r2, r3, r4, r5       Reassemble
    r5 ------ unit - x2 - 1x1 -,
    r4 - unit ---------------- + - unit - x2 - 1x1 -,                       unit: x + 3x3(relu(3x3(relu(x)))), with norms
    r3 - unit -------------------------------------- + - unit - x2 - 1x1 -, ...
    r2 - ... + - unit - x2 - 1x1 - 3x3 - classify - x2 - logits             beside, from r3: 3x3 - classify (training only)

Departures from the paper: enlargements have half-pixel centers, where the code's corners meet (variants
"transformers_dpt" and "smp_dpt"); the 1x1 convolution stands before the enlargement, which gives the same in a quarter of
the time. An image of any size goes: it is padded to whole patches, and maps are cut to the image's share of them. The
hybrid encoder, a ResNet before the transformer, is not here. Patches of 14 pixels are taken as 16 would be.

Compared with segmentation-models-pytorch DPT (isl-org/DPT, the authors', was read): whole network, as the variant
"smp_dpt", by a test; difference 1e-4 of the spread (docs/faithfulness.md).
"""

from collections.abc import Sequence
from math import log2
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize, crop
from ...encoders import PlainTransformer
from ...errors import ModelError
from ...structures import SemanticLogits

Readout = Literal["project", "add", "ignore"]


class DPT(nn.Module):
    """Dense prediction transformer.

    Args:
        encoder: a plain vision transformer of timm, such as "vit_large_patch16_384", the paper's DPT-Large.
        channels: width of the decoder.
        widths: of the maps before they are fused, finest first; (96, 192, 384, 768) with a ViT-Base.
        blocks: of the encoder, whose tokens are taken, counted from 0; null: evenly spaced.
        side: of the square image in pixels that the encoder's codes of places are for; null: as timm has it.
        readout: what becomes of the class token: "project" it with each place, "add" it, or "ignore" it.
        dropout: before the classifiers, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "vit_large_patch16_384",
        in_channels: int = 3,
        channels: int = 256,
        widths: Sequence[int] = (256, 512, 1024, 1024),
        blocks: Sequence[int] | None = None,
        side: int | None = None,
        readout: Readout = "project",
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = PlainTransformer(
            encoder, blocks=blocks, side=side, in_channels=in_channels, pretrained=pretrained
        )
        taken = self.encoder.taken
        if not 1 < len(taken) == len(widths):
            raise ModelError(
                f"dpt takes two blocks or more, and one of widths for each: not {list(taken)} and {list(widths)}"
            )
        tokens, patch = self.encoder.tokens, round(log2(self.encoder.patch))
        self.reassemble = nn.ModuleList(
            Reassemble(self.encoder.width, tokens, width, channels, patch - 2 - n, readout)
            for n, width in enumerate(widths)
        )
        self.fuse = nn.ModuleList(Fusion(channels, first=n == len(widths) - 1) for n in range(len(widths)))
        self.refine = ConvNormAct(channels, channels)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.guide: nn.Module | None = nn.Sequential(
            ConvNormAct(channels, channels), PixelClassifier(channels, num_classes, dropout=dropout)
        )
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        maps, tokens = self.encoder(image)  # [B, 1024, H/16, W/16], ...
        height, width, patch = *image.shape[-2:], self.encoder.patch
        parts = [image[..., ::2, ::2]]  # [B, 3, H/2, W/2]
        for reassemble, x, before in zip(self.reassemble, maps, tokens, strict=True):
            grown, shrunken = reassemble.factors  # type: ignore[misc]
            h, w = (((n * grown + patch - 1) // patch + shrunken - 1) // shrunken for n in (height, width))
            x = crop(reassemble(x, before), h, w)  # [B, 256, h, w]
            parts.append(x)
        x, guide = None, None
        for n in reversed(range(len(self.fuse))):
            h, w = parts[n].shape[-2:]
            x = self.fuse[n](parts[n + 1], x, parts[n])  # [B, 256, h, w]
            if n == 1 and self.training and self.guide is not None:
                guide = self.guide(x)  # [B, K, H/4, W/4]
        x = self.refine(x)  # [B, 256, H/2, W/2]
        x = self.classify(x)  # [B, K, H/2, W/2]
        return SemanticLogits(self.enlarge(x, image), () if guide is None else (guide,))  # [B, K, H, W], ...


class Reassemble(nn.Module):
    """Tokens as a map of another size.

    Args:
        tokens: how many stand before the patches; the first is the class token.
        width: of the map while it is resampled.
        steps: how many times the map is doubled; halved, below 0.
    """

    def __init__(self, in_channels: int, tokens: int, width: int, channels: int, steps: int, readout: Readout) -> None:
        super().__init__()
        self.tokens, self.readout, self.channels = tokens, readout, channels
        both = in_channels * (2 if tokens else 1)
        self.read = nn.Sequential(nn.Linear(both, in_channels), nn.GELU()) if readout == "project" else nn.Identity()
        self.squeeze = nn.Conv2d(in_channels, width, 1)
        self.factors = (2 ** max(steps, 0), 2 ** max(-steps, 0))  # grown, shrunken
        grown, shrunken = self.factors
        self.resample: nn.Module = nn.Identity()
        if grown > 1:
            self.resample = nn.ConvTranspose2d(width, width, grown, grown)
        elif shrunken > 1:
            self.resample = nn.Conv2d(width, width, 3, shrunken, padding=1)
        self.project = nn.Conv2d(width, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        b, c, h, w = x.shape
        if self.readout == "add" and self.tokens:
            x = x + before.mean(dim=1)[:, :, None, None]
        elif self.readout == "project":
            places = x.permute(0, 2, 3, 1)  # [b, h, w, c]
            if self.tokens:
                places = torch.cat([places, before[:, None, None, 0].expand_as(places)], dim=3)  # [b, h, w, 2*c]
            x = self.read(places).permute(0, 3, 1, 2)
        return self.project(self.resample(self.squeeze(x)))


class Fusion(nn.Module):
    """A map, and what the coarser ones came to, in the size of the next finer one.

    Args:
        first: the coarsest map, which nothing is added to.
    """

    def __init__(self, channels: int, *, first: bool) -> None:
        super().__init__()
        self.adapt = nn.Identity() if first else ResidualUnit(channels)
        self.unit, self.project, self.enlarge = ResidualUnit(channels), nn.Conv2d(channels, channels, 1), Resize()

    def forward(self, x: Tensor, coarse: Tensor | None, finer: Tensor) -> Tensor:
        x = self.adapt(x)
        return self.enlarge(self.project(self.unit(x if coarse is None else x + coarse)), finer)


class ResidualUnit(nn.Module):
    """ReLU, 3x3 convolution, norm, twice, added to what came."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.norm2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(F.relu(x))))))
