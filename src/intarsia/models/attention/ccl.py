"""CCL: what is here, minus what is around it; and each pixel takes the scales that suit it.

Ding, Jiang, Shuai, Liu, Wang. "Context Contrasted Feature and Gated Multi-Scale Aggregation for Scene Segmentation." CVPR
2018. doi:10.1109/CVPR.2018.00254

Context that is added drowns small things in what dominates the scene. Here it is subtracted: a local look (3x3) minus one
through holes of rate 5 is what sets a place apart from its surroundings (context contrasted local feature, section 3.1). Six
such blocks in a row see ever farther. The scores of each, and of the encoder's features, are added with one gate a pixel and
scale (gated sum, section 3.3): each feature proposes its gate, a chain through the scales, coarsest first, tells each what
the ones before have seen, and a softmax over the scales shares the pixel out.

    c5 - 1x1 - contrast - ... (6) - contrast - 7 scores, 7 gates - sum - x2 ,
    c4 ----------------------------------------- score, gate - beside - sum - x2 ,
    c3 ------------------------------------------------- score, gate - beside - sum - x8 - logits

The deck prints "Ladder DenseNet-101" for this row; the paper's encoder is ResNet-101.

Departures from the paper: scores of the last block of a stage, where the authors' code has one of nearly each block (3, 12
and 4); the chain's weights are shared in a stage, there by all; maps are enlarged linearly, there by deconvolutions that
begin so; the surroundings have no bias of their own, which the local look's takes up.

Read beside henghuiding/CCL (the authors', MatConvNet) CCL.m, gated_sum_rnn.m and fcnInitializeResNetwork8s.m: blocks, gates
and their order are as here, but for what is listed (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class CCL(nn.Module):
    """Context contrasted local features and gated sums.

    Args:
        channels: width of the blocks and in front of the classifiers.
        blocks: how many stand in a row.
        rate: distance between the taps of the surroundings' kernel, and side of the mean before it, odd.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: int = 512,
        blocks: int = 6,
        rate: int = 5,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if blocks < 1 or rate < 1 or rate % 2 == 0:
            raise ModelError(f"blocks is {blocks} and rate {rate}; use at least one block, and an odd rate, such as 5")
        self.encoder = Encoder(encoder, levels=(3, 4, 5), in_channels=in_channels, pretrained=pretrained)
        c3, c4, c5 = self.encoder.channels
        self.adapt = ConvNormAct(c5, channels, 1, norm=None)
        self.contrast = nn.ModuleList(Contrast(channels, rate) for _ in range(blocks))
        widths = ([*[channels] * blocks, c5], [c4], [c3])
        self.scores = nn.ModuleList(nn.ModuleList(_score(c, channels, num_classes) for c in stage) for stage in widths)
        self.gates = nn.ModuleList(Gates(stage, follows=n > 0) for n, stage in enumerate(widths))
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        c3, c4, c5 = self.encoder(image)  # [B, 512, H/8, W/8], [B, 1024, H/16, W/16], [B, 2048, H/32, W/32]
        chain = [self.adapt(c5)]  # [B, 512, H/32, W/32]
        for contrast in self.contrast:
            chain.append(contrast(chain[-1]))
        x: Tensor | None = None
        seen: Tensor | None = None
        for scores, gates, scales in zip(self.scores, self.gates, ([*chain[:0:-1], c5], [c4], [c3]), strict=True):
            h, w = scales[0].shape[-2:]
            parts = [] if x is None else [self.enlarge(x, scales[0])]  # [B, K, h, w]
            heard: Tensor | None = None if seen is None else self.enlarge(seen, scales[0])  # [B, 1, h, w]
            shares, seen = gates(scales, heard)  # [B, gates.count, h, w], [B, 1, h, w]
            parts += [score(scale) for score, scale in zip(scores.children(), scales, strict=True)]  # [B, K, h, w] each
            x = (torch.stack(parts, dim=1) * shares[:, :, None]).sum(dim=1)  # [B, K, h, w]
        return SemanticLogits(self.enlarge(x, image))  # [B, K, H, W]


class Contrast(nn.Module):
    """A local look minus a look at the surroundings, of which what is positive remains (the paper's CCL)."""

    def __init__(self, channels: int, rate: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.local = nn.Conv2d(channels, channels, 3, padding=1)
        self.mean = nn.AvgPool2d(rate, 1, rate // 2, count_include_pad=False)
        self.around = nn.Conv2d(channels, channels, 3, padding=rate, dilation=rate, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        return F.relu(self.local(x) - self.around(self.mean(x)))


class Gates(nn.Module):
    """The share of each scale at each pixel; on average they are one.

    Args:
        widths: of the scales, in the order of the chain.
        follows: whether a chain went before, whose sum is one scale more, the first.
    """

    def __init__(self, widths: Sequence[int], *, follows: bool) -> None:
        super().__init__()
        self.count = count = len(widths) + follows
        self.propose = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, 1, 1), nn.Sigmoid()) for c in widths
        )
        self.begin = None if follows else nn.Conv2d(1, 1, 1)
        self.go_on = nn.Conv2d(2, 1, 1)
        mix = nn.Conv2d(count, count, 1)
        self.refine = nn.Sequential(nn.BatchNorm2d(count), mix)
        with torch.no_grad():  # where the authors' code starts
            self.go_on.weight.copy_(torch.tensor([-0.12, 0.24]).reshape(1, 2, 1, 1))
        nn.init.zeros_(mix.weight)

    def forward(self, scales: Sequence[Tensor], before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Find the shares [B, N, h, w], and the end of the chain [B, 1, h, w].

        Args:
            scales: each [B, C, h, w].
            before: [B, 1, h, w] the end of the chain before; None: there was none.
        """
        b, _, h, w = scales[0].shape
        chain = [] if before is None else [before]
        for propose, scale in zip(self.propose, scales, strict=True):
            gate = propose(scale)  # [b, 1, h, w]
            chain.append(self._step(chain, gate).tanh())
        seen = torch.cat(chain, dim=1)  # [b, count, h, w]
        return (seen + self.refine(seen)).softmax(dim=1) * self.count, chain[-1]

    def _step(self, chain: Sequence[Tensor], gate: Tensor) -> Tensor:
        """What the chain makes of one more gate."""
        if self.begin is not None and not chain:
            return self.begin(gate)
        return self.go_on(torch.cat([chain[-1], gate], dim=1))


def _score(in_channels: int, channels: int, num_classes: int) -> nn.Sequential:
    return nn.Sequential(ConvNormAct(in_channels, channels, 1), PixelClassifier(channels, num_classes))
