"""ExFuse: before fine and coarse features are added, give the fine ones meaning and the coarse ones detail.

Zhang, Zhang, Peng, Xue, Sun. "ExFuse: Enhancing Feature Fusion for Semantic Segmentation." ECCV 2018. arXiv:1804.03821

A fine feature knows edges and no classes, a coarse one the reverse, and their sum is less than it could be. Meaning
goes down: early stages get more layers (layer rearrangement) and scores of their own to learn (semantic supervision),
and each fine feature is multiplied by all coarser ones (semantic embedding). Detail goes up: the first enlargement only
rearranges channels, and is supervised (explicit channel resolution embedding); in the end every pixel is named by the
votes of its nine neighbors (densely adjacent prediction). The frame is the Global Convolutional Network.

    c5 ------- look - rearrange channels x2 - + - climb x2 - + - climb x2 - + - climb x2 - climb x2 - vote - logits
    c4 - embed(c5) ----------------- look ----'              |              |
    c3 - embed(c4, c5) --------------------------- look -----'              |
    c2 - embed(c3, c4, c5) --------------------------------------- look ----'

Departures from the paper: semantic supervision gives pixel scores while the network learns to segment; in the paper it
names ImageNet's classes while the encoder is pretrained. Its encoder ResNeXt-131 is not in timm.

Read beside lxtGH/fuse_seg_pytorch large_kernel_exfuse.py (no code of the authors): frame, widths and places read;
difference large kernels of 4 K, K, 9 K and 9 K maps and channel rearrangement: as here (docs/faithfulness.md).
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.large_kernel import LargeKernel
from ...blocks.resize import crop_like, resize_like
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class ExFuse(nn.Module):
    """Global Convolutional Network with enhanced feature fusion.

    Args:
        depths: blocks of the encoder's four stages, for a ResNet or ResNeXt; null: its own, for which alone there are
            pretrained weights. The paper's rearranged ResNeXt-101 has 8, 8, 9 and 8.
        kernel: side of the large kernels, odd.
        window: side of the neighborhood that votes, odd.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnext101_32x4d",
        in_channels: int = 3,
        depths: Sequence[int] | None = None,
        kernel: int = 7,
        window: int = 3,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if depths and pretrained:
            raise ModelError("exfuse has no pretrained weights for rearranged stages; leave out depths, or pretrained")
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        if depths:
            rearrange(self.encoder.body, depths)
        c2, c3, c4, c5 = self.encoder.channels
        k, votes = num_classes, num_classes * window**2
        self.look = nn.ModuleList(
            LargeKernel(c, n, kernel) for c, n in ((c2, votes), (c3, votes), (c4, k), (c5, 4 * k))
        )
        self.embed = nn.ModuleList([Embed(c2, (c3, c4, c5)), Embed(c3, (c4, c5)), Embed(c4, (c5,))])
        self.climb = nn.ModuleList(
            nn.ConvTranspose2d(n, votes, 4, stride=2, padding=1) for n in (k, votes, votes, votes)
        )
        self.vote = Vote(num_classes, window)
        self.supervise = nn.ModuleList(
            nn.Sequential(ConvNormAct(c, c // 4), PixelClassifier(c // 4, num_classes)) for c in (c2, c3, c4)
        )

    def forward(self, image: Tensor) -> SemanticLogits:
        c2, c3, c4, c5 = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        x = F.pixel_shuffle(self.look[3](c5), 2)  # [B, K, H/16, W/16]
        x = crop_like(x, c4)
        auxiliary: tuple[Tensor, ...] = ()
        if self.training:
            s2, s3, s4 = (s(c) for s, c in zip(self.supervise, (c2, c3, c4), strict=True))  # [B, K, H/4, W/4], ...
            auxiliary = (x, s2, s3, s4)
        x = x + self.look[2](self.embed[2](c4, (c5,)))
        x = crop_like(self.climb[0](x), c3) + self.look[1](self.embed[1](c3, (c4, c5)))  # [B, 9*K, H/8, W/8]
        x = crop_like(self.climb[1](x), c2) + self.look[0](self.embed[0](c2, (c3, c4, c5)))  # [B, 9*K, H/4, W/4]
        x = self.climb[3](self.climb[2](x))  # [B, 9*K, H, W]
        return SemanticLogits(self.vote(crop_like(x, image)), auxiliary)  # [B, K, H, W], ...


class Embed(nn.Module):
    """Semantic embedding: a feature times each coarser one, brought to its width and size."""

    def __init__(self, channels: int, coarser: Sequence[int]) -> None:
        super().__init__()
        self.narrow = nn.ModuleList(nn.Conv2d(c, channels, 3, padding=1) for c in coarser)

    def forward(self, x: Tensor, coarser: Sequence[Tensor]) -> Tensor:
        for narrow, c in zip(self.narrow, coarser, strict=True):
            x = x * resize_like(narrow(c), x)
        return x


class Vote(nn.Module):
    """Densely adjacent prediction: the mean of what `window` x `window` neighbors say about a pixel (Eq. 3).

    Each class has window**2 channels, one for each place of the neighborhood, row by row: channel 0 speaks about the
    pixel below and to the right. Neighbors beyond the border say nothing, 0.
    """

    places: Tensor

    def __init__(self, num_classes: int, window: int) -> None:
        super().__init__()
        if window < 1 or window % 2 == 0:
            raise ModelError(f"window is {window}; a neighborhood has an odd side, such as 3")
        self.classes, self.window = num_classes, window
        places = torch.eye(window**2).view(1, window**2, window, window)
        self.register_buffer("places", places.repeat(num_classes, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        total = F.conv2d(x, self.places, padding=self.window // 2, groups=self.classes)  # [b, classes, h, w]
        return total / self.window**2


def rearrange(body: nn.Module, depths: Sequence[int]) -> None:
    """Give the four stages of a ResNet so many blocks each: the last ones are taken out, or more like the last added."""
    stages: list[Any] = [getattr(body, f"layer{n}", None) for n in (1, 2, 3, 4)]
    if None in stages or len(depths) != 4 or min(depths) < 1:
        raise ModelError(
            f"depths is {list(depths)}; name the blocks of four stages, such as [8, 8, 9, 8], for a ResNet or ResNeXt"
        )
    for stage, depth in zip(stages, depths, strict=True):
        del stage[depth:]
        while len(stage) < depth:
            stage.append(deepcopy(stage[-1]))
            for module in stage[-1].modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
