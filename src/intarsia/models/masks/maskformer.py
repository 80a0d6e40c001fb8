"""MaskFormer: a set of queries looks at the picture, and each answers with one class and one mask.

Cheng, Schwing, Kirillov. "Per-Pixel Classification is Not All You Need for Semantic Segmentation." NeurIPS 2021.
arXiv:2107.06278

Semantic segmentation named pixels, instance segmentation named masks, and each had networks of its own. Naming masks does
for both: N queries, learned vectors, look at the coarsest feature through attention and at each other; each becomes a
class, or "no object", and a vector whose product with every pixel's vector is its mask. What is a class and what an
object is left to the truth that they are matched with.

    image - encoder - c5 - 1x1 - flatten --------,
                    |     queries - (among each other - at c5 - two layers) x 6 - classify ----------- classes
                    |                                                          `- three layers -,
                    ` c2..c5 - feature pyramid - pixels [B, D, H/4, W/4] ------------------- product - masks

Departures from the paper: none for its FPN decoder and ResNets; encoders are timm's. For panoptic maps the paper puts six
layers of attention on c5 before the pyramid, which are left out.

Compared with facebookresearch/MaskFormer: pixel decoder, transformer and heads behind the same features of a ResNet-50, all
six layers; difference 2e-6 (1.9); 17,799,831 : 17,799,831. Loss and answers: transformers' MaskFormer, by a test
(docs/faithfulness.md).
"""

from collections.abc import Sequence
from math import pi

import torch
from torch import Tensor, nn

from ...blocks.attention import Attention
from ...blocks.conv import ConvNormAct, norm_layer
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import MaskQueries


class MaskFormer(nn.Module):
    """MaskFormer with its feature pyramid.

    Args:
        queries: how many masks an image can have.
        channels: width of the pyramid, of the queries and of the vectors that masks are made with.
        layers: of the queries' decoder.
        heads: of each attention; they divide `channels`.
        feedforward: width of the two layers that follow each attention.
        dropout: in the queries' decoder, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        queries: int = 100,
        channels: int = 256,
        layers: int = 6,
        heads: int = 8,
        feedforward: int = 2048,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if channels % 4 or channels % heads:
            raise ModelError(
                f"channels is {channels}; the positions need a multiple of 4, and {heads} heads a multiple of {heads}"
            )
        if queries < 1 or layers < 1:
            raise ModelError(f"queries is {queries} and layers is {layers}; each is 1 or more")
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.pyramid = PixelDecoder(self.encoder.channels, channels)
        self.squeeze = nn.Conv2d(self.encoder.channels[-1], channels, 1)
        self.queries, self.channels = queries, channels
        self.ask = nn.Embedding(queries, channels)
        self.decode = nn.ModuleList(QueryLayer(channels, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)
        self.classify = nn.Linear(channels, num_classes + 1)
        self.draw = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels)
        )  # fmt: skip
        for parameter in self.decode.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, image: Tensor) -> MaskQueries:
        height, width = image.shape[-2:]
        features = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        pixels = self.pyramid(features)  # [B, channels, H/4, W/4]
        seen = self.squeeze(features[-1])  # [B, channels, H/32, W/32]
        where = positions(seen).flatten(1).T  # [H*W/1024, channels]
        seen = seen.flatten(2).transpose(1, 2)  # [B, H*W/1024, channels]
        numbers = torch.arange(self.queries, device=image.device)  # [queries]
        asked = self.ask(numbers.expand(image.shape[0], -1))  # [B, queries, channels]
        x = torch.zeros_like(asked)
        found = []
        for decode in self.decode:
            x = decode(x, asked, seen, where)
            found.append(self.norm(x))
        outputs = []
        for x in found if self.training else found[-1:]:
            classes = self.classify(x)  # [B, queries, K + 1]
            masks = torch.einsum("bqc,bchw->bqhw", self.draw(x), pixels)  # [B, queries, H/4, W/4]
            outputs.append(MaskQueries(classes, masks, (height, width)))
        return outputs[-1]._replace(auxiliary=tuple(outputs[:-1]))


class PixelDecoder(nn.Module):
    """A feature pyramid down to the finest feature, and a vector for each of its pixels.

    Args:
        widths: of the features, finest first.
        channels: width of the pyramid and of the vectors.
    """

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        *finer, coarsest = widths
        self.channels = channels
        self.top = ConvNormAct(coarsest, channels, norm="group")
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, channels, 1, bias=False), norm_layer("group", channels)) for width in finer
        )
        self.smooth = nn.ModuleList(ConvNormAct(channels, channels, norm="group") for _ in finer)
        self.embed = nn.Conv2d(channels, channels, 3, padding=1)
        self.descend = Resize(mode="nearest")

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        *finer, coarsest = features
        b, _, h, w = coarsest.shape
        x = self.top(coarsest)  # [b, channels, h, w]
        for feature, lateral, smooth in zip(finer[::-1], self.lateral[::-1], self.smooth[::-1], strict=True):
            h, w = feature.shape[-2:]
            x = smooth(lateral(feature) + self.descend(x, feature))  # [b, channels, h, w]
        return self.embed(x)


class QueryLayer(nn.Module):
    """Queries look at each other, then at the picture, then each passes through two layers by itself.

    Args:
        feedforward: width between the two layers.
    """

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.among = Attention(channels, heads, dropout)
        self.look = Attention(channels, heads, dropout)
        self.think = nn.Sequential(
            nn.Linear(channels, feedforward), nn.ReLU(), nn.Dropout(dropout), nn.Linear(feedforward, channels)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, asked: Tensor, seen: Tensor, where: Tensor) -> Tensor:
        """Carry queries one layer on.

        Args:
            x, asked: [B, Q, C] what the queries found so far, and what they are looking for.
            seen: [B, N, C] the picture's places.
            where: [N, C] their positions.
        """
        query = x + asked
        x = self.norms[0](x + self.dropout(self.among(query, query, x)))
        x = self.norms[1](x + self.dropout(self.look(x + asked, seen + where, seen)))
        return self.norms[2](x + self.dropout(self.think(x)))


def positions(x: Tensor) -> Tensor:
    """Draw waves of many lengths down and across, by which attention tells places apart.

    Returns: [C, h, w] for `x` of [B, C, h, w]: sines and cosines of y, then of x, which run from 0 to one turn.
    """
    c, h, w = x.shape[1:]
    steps = torch.arange(c // 4, device=x.device, dtype=torch.float32)
    lengths = 10000 ** (steps / (c // 4))
    turns = []
    for n, axis in ((h, 0), (w, 1)):
        at = torch.arange(1, n + 1, device=x.device, dtype=torch.float32) * (2 * pi) / (n + 1e-6)
        wave = at / lengths[:, None]  # [c/4, n]
        wave = torch.stack([wave.sin(), wave.cos()], dim=1).flatten(0, 1)  # [c/2, n]
        turns.append(wave[:, :, None].expand(-1, h, w) if axis == 0 else wave[:, None].expand(-1, h, w))
    return torch.cat(turns).to(x.dtype)  # [c, h, w]
