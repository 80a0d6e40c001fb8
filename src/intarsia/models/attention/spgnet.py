"""SPGNet: a first network names the pixels, and what it says steers a second one.

Cheng, Chen, Wei, Zhu, Huang, Xiong, Huang, Hwu, Shi. "SPGNet: Semantic Prediction Guidance for Scene Parsing." ICCV 2019.
arXiv:1908.09798

Pose estimation stacks encoder-decoders, and segmentation had not. Two of them, each on a ResNet-50 without holes, cost what
one on a dilated ResNet-101 does. Between them, semantic prediction guidance (section 3.2): the scores of the first stage,
which have a loss of their own, become weights of its feature, one for each place and channel, and the weighed feature, added
to itself, is the second stage's input. As in stacked networks for poses, the features of the first stage's encoder and
decoder are added to those of the second's encoder, size by size (cross-stage aggregation, section 3.3).

    image - encoder - c2 c3 c4 c5 - + mean - decoder - d5 d4 d3 d2 - x ----------------, +
                       `------------- skips ----'                 |  `- scores - 1x1 - sigmoid   (guidance)
                       `-- 1x1, added, size by size --,           ` auxiliary output   |
                                                   second encoder, from stride 4 on ---'
                                                      `- decoder - classify - x4 - logits

Departures from the paper: the authors' code is not public; widths of the decoders (`channels`) and the shape of their
blocks (1x1 of the skip, the coarser map enlarged and added, a bottleneck of 1x1, 3x3 and 1x1) are ours where the paper's
figure does not say them. The second stage is a ResNet without its stem, so that `encoder` has to name a ResNet or one of
its kind. Built from a summary of the paper, whose own text could not be read: numbers of sections, widths and sizes may be
others there.

Not compared: no released code was found; guidance and aggregation are tested by a slow form (docs/faithfulness.md).
"""

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.residual import Residual, conv_norm
from ...blocks.resize import Resize, resize_like
from ...blocks.statistics import learns_batches, require_two_values
from ...encoders import Encoder, is_resnet
from ...errors import ModelError
from ...structures import SemanticLogits


class SPGNet(nn.Module):
    """Two encoder-decoders with semantic prediction guidance between them.

    Args:
        encoder: of both; a ResNet or one of its kind.
        channels: width of both decoders.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: int = 256,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        widths = self.encoder.channels
        self.decode = Decoder(widths, channels)
        self.guide = Guidance(channels, num_classes, dropout)
        self.stages = nn.ModuleList(_stages(encoder, pretrained))
        entry = next(m for m in self.stages[0].modules() if isinstance(m, nn.Conv2d)).in_channels
        self.enter = ConvNormAct(channels, entry, 1)
        self.encoded = nn.ModuleList(conv_norm(width, width, 1) for width in widths)
        self.decoded = nn.ModuleList(conv_norm(channels, width, 1) for width in widths)
        self.decode_again = Decoder(widths, channels)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        features = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        maps = self.decode(features)  # [B, 256, H/4, W/4], ..., [B, 256, H/32, W/32]
        x, scores = self.guide(maps[0])  # [B, 256, H/4, W/4], [B, K, H/4, W/4]
        x = self.enter(x)  # [B, 64, H/4, W/4]
        again = []
        for stage, encoded, decoded, feature, drawn in zip(
            self.stages, self.encoded, self.decoded, features, maps, strict=True
        ):
            b, c, h, w = feature.shape
            x = stage(x)  # [b, c, h, w]
            x = (x + encoded(feature) + decoded(drawn)).relu()
            again.append(x)
        x = self.classify(self.decode_again(again)[0])  # [B, K, H/4, W/4]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        return SemanticLogits(logits, (scores,) if self.training else ())


class Guidance(nn.Module):
    """The scores of a map, and the map weighed by them (the paper's SPG module, section 3.2)."""

    def __init__(self, channels: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.count = num_classes
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.weigh = nn.Conv2d(num_classes, channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        b, _, h, w = x.shape
        scores = self.classify(x)  # [b, count, h, w]
        return x + x * self.weigh(scores).sigmoid(), scores


class Decoder(nn.Module):
    """From the coarsest feature, and the mean of the image, back to the finest: a map for each feature, finest first."""

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.narrow = nn.ModuleList(ConvNormAct(width, channels, 1) for width in widths)
        self.glance = ConvNormAct(widths[-1], channels, 1)
        self.mix = nn.ModuleList(_bottleneck(channels) for _ in widths)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        b, c, _, _ = features[-1].shape
        mean = features[-1].mean(dim=(2, 3), keepdim=True)  # [b, c, 1, 1]
        require_two_values(mean, learns_batches(self), "the mean feature of the image")
        coarser = self.glance(mean)  # [b, channels, 1, 1]
        maps = []
        for narrow, mix, feature in reversed(list(zip(self.narrow, self.mix, features, strict=True))):
            h, w = feature.shape[-2:]
            fine = narrow(feature)  # [b, channels, h, w]
            coarser = mix(fine + resize_like(coarser, fine))
            maps.append(coarser)
        return maps[::-1]


def _bottleneck(channels: int) -> nn.Sequential:
    """A residual block of 1x1, 3x3 and 1x1, a quarter as wide inside."""
    narrow = max(1, channels // 4)
    inside = nn.Sequential(
        ConvNormAct(channels, narrow, 1), ConvNormAct(narrow, narrow), conv_norm(narrow, channels, 1)
    )
    return nn.Sequential(Residual(inside, nn.Identity()), nn.ReLU(inplace=True))


def _stages(encoder: str, pretrained: bool) -> Iterator[nn.Module]:
    """The four stages of a ResNet without what comes before them, from stride 4 to 32."""
    body = Encoder(encoder, pretrained=pretrained).body
    if not is_resnet(body):
        raise ModelError(
            f"the second stage of spgnet is a ResNet without its stem, and encoder {encoder!r} is none; "
            "choose one such as 'resnet50'"
        )
    yield from (getattr(body, f"layer{n}") for n in (1, 2, 3, 4))
