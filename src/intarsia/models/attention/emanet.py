"""EMANet: a few bases, found by expectation and maximization, stand for all places.

Li, Zhong, Wu, Yang, Lin, Liu. "Expectation-Maximization Attention Networks for Semantic Segmentation." ICCV 2019.
arXiv:1907.13426

Attention between all places asks each place about each, though what they say has few kinds. Here 64 bases are fitted to
the map of the one image: expectation says how much each place belongs to each basis, maximization makes each basis the
mean of its places, three times over (section 3.2). The map is then written with the bases alone, which takes noise out of
it. The bases that fitting starts from are no parameters: they follow a moving average of what fitting ends in (section
4.1), so that no gradient has to run through all rounds to them.

    image - dilated encoder - c5 - 3x3 - 1x1 - (expectation, maximization) x 3 - bases by place - 1x1 - + - 3x3 - classify - x8
                                      `-----------------------------------------------------------------'

Departures from the paper, as in the released code: dropout before the classifier, two rates of holes in the last stage
(multi-grid 1, 2, 4), no auxiliary head. Of our own: gradients run through the three rounds; the released code computes
them without, so that its first 1x1 convolution is never trained. The average follows in the network itself, over its own
batch, where that code keeps it in its training script. Maps are enlarged with half-pixel centers, there so that the
corners meet; dropout leaves out single values, there whole maps.

Compared with XiaLiPKU/EMANet network.py: all behind the encoder on the same features, and the moving average after a step;
difference 1.4e-6 (4.0), average 0 (0.18) (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.residual import conv_norm
from ...blocks.resize import Resize
from ...encoders import Encoder, dilate_stage
from ...structures import SemanticLogits


class EMANet(nn.Module):
    """Expectation-maximization attention network.

    Args:
        encoder: "resnet101s" is the authors'; one that is no ResNet takes no `multi_grid`.
        channels: width of the feature that the bases describe.
        width: of the classified feature.
        bases: how many.
        rounds: of expectation and maximization.
        momentum: share of the old bases in the moving average, 0..1.
        multi_grid: rates of the blocks of the encoder's last stage behind its first, times the stage's own; null: as timm
            has it.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        dropout: before the classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101s",
        in_channels: int = 3,
        channels: int = 512,
        width: int = 256,
        bases: int = 64,
        rounds: int = 3,
        momentum: float = 0.9,
        multi_grid: Sequence[int] | None = (1, 2, 4),
        output_stride: int = 8,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder, levels=(5,), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        (c5,) = self.encoder.channels
        if multi_grid is not None:
            rate = 32 // output_stride  # of the last stage; its first block keeps the rate before, as timm has it
            dilate_stage(self.encoder.body, 5, [max(1, rate // 2), *(rate * grid for grid in multi_grid[1:])])
        self.reduce = ConvNormAct(c5, channels)
        self.attend = BasesAttention(channels, bases, rounds, momentum)
        self.smooth = ConvNormAct(channels, width)
        self.classify = PixelClassifier(width, num_classes, dropout=dropout)
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 2048, H/8, W/8]
        x = self.reduce(c5)  # [B, 512, H/8, W/8]
        x = self.attend(x)  # [B, 512, H/8, W/8]
        x = self.smooth(x)  # [B, 256, H/8, W/8]
        x = self.classify(x)  # [B, K, H/8, W/8]
        return SemanticLogits(self.enlarge(x, image))  # [B, K, H, W]


class BasesAttention(nn.Module):
    """A map, and the same map written with a few bases that were fitted to it (the paper's EMA unit).

    Args:
        count: how many bases.
        rounds: of expectation and maximization.
        momentum: share of the old bases in the moving average that fitting starts from.

    Attributes:
        bases: [channels, count] of length one, where fitting starts; moved by each batch in training.
    """

    def __init__(self, channels: int, count: int, rounds: int = 3, momentum: float = 0.9) -> None:
        super().__init__()
        self.channels, self.count, self.rounds, self.momentum = channels, count, rounds, momentum
        self.before = nn.Conv2d(channels, channels, 1)
        self.behind = conv_norm(channels, channels, 1)
        nn.init.kaiming_normal_(self.before.weight, mode="fan_out")
        self.bases: Tensor
        self.register_buffer("bases", of_length_one(torch.randn(channels, count)))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        places = self.before(x).flatten(2)  # [b, c, h*w]
        bases = self.bases.expand(b, -1, -1)  # [b, c, count]
        bases = bases.clone() if self.training else bases  # for the average moves in place
        shares = expectation(places, bases)  # [b, h*w, count]
        for n in range(self.rounds):
            bases = maximization(places, shares)  # [b, c, count]
            shares = expectation(places, bases) if n + 1 < self.rounds else shares
        if self.training:
            with torch.no_grad():
                self.bases.lerp_(bases.detach().mean(dim=0).to(self.bases.dtype), 1 - self.momentum)
        written = (bases @ shares.transpose(1, 2)).unflatten(2, (h, w))  # [b, c, h, w]
        return (self.behind(written.relu()) + x).relu()


def expectation(x: Tensor, bases: Tensor) -> Tensor:
    """Say how much each place belongs to each basis (Eq. 11), one in sum over the bases: [B, N, K].

    Args:
        x: [B, C, N].
        bases: [B, C, K].
    """
    return (x.transpose(1, 2) @ bases).softmax(dim=2)


def maximization(x: Tensor, shares: Tensor) -> Tensor:
    """Make each basis the mean of its places (Eq. 12), brought to length one: [B, C, K].

    Args:
        x: [B, C, N].
        shares: [B, N, K].
    """
    return of_length_one(x @ (shares / (shares.sum(dim=1, keepdim=True) + 1e-6)))


def of_length_one(bases: Tensor) -> Tensor:
    """Divide each column of [..., C, K] by its length."""
    square = bases.square().sum(dim=-2, keepdim=True)
    return bases / ((square + 1e-12).sqrt() + 1e-6)
