"""kMaX-DeepLab: queries are the means of clusters of pixels, and each pixel belongs to one.

Yu, Wang, Qiao, Collins, Zhu, Adam, Yuille, Chen. "k-means Mask Transformer." ECCV 2022. arXiv:2207.04044

Attention of a few queries over many thousand pixels learns slowly, for its softmax runs over the pixels. What the network
should do is to group them, so the maximum is taken over the queries instead: each pixel goes to the query whose mask has
it, and each query adds up its own pixels, one step of k-means. These masks are answers like the last ones and are trained
as such, after every layer.

    image - encoder - c5 - axial ------ c4 + - 5 axial ------ c3 + - 3x3 -------- c2 + - 3x3 - pixels
                             |                  |                    |                          |
          queries ------ 2 k-means layers - 2 k-means layers - 2 k-means layers ------------ product - masks
                                                                                  `- classes
    k-means layer: each pixel to its query - sum - among the queries - two linear layers

Departures from the paper: batch norm has torch's constants; the head of classes beside, in training only, has a map for
each class and none for "no object"; maps are enlarged with half-pixel centers, where the released code makes corners meet
at odd sizes. Encoders are timm's, such as "convnext_tiny", and their features pass through a layer norm.

Compared with bytedance/kmax-deeplab: pixel decoder, six layers and heads on the same features of a ResNet-50 in float64,
difference 1e-7 (743), 48,639,821 : 48,640,078; loss 1e-8, answers on 30 random pictures equal (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid
from ...blocks.axial import AxialBlock, Fuse, activation
from ...blocks.drop_path import DropPath
from ...blocks.mask_slots import NormedAttention, SlotHead, Slots, column_norm, with_activation
from ...blocks.panoptic_decoder import PanopticDecoder, PixelHead
from ...blocks.residual import conv_norm
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import CompetingMasks


class KMaXDeepLab(nn.Module):
    """kMaX-DeepLab.

    Args:
        queries: how many masks an image can have; 256 for Cityscapes.
        channels: width of the queries; the pixels' vectors have half of it.
        decoder: widths of the pixel decoder's four stages, coarsest first; four times as many channels come out.
        blocks: of each stage; the first two stages are of axial attention.
        layers: k-means layers on each of the three coarsest stages.
        heads: of each attention; they divide half of `channels` and the first two widths of `decoder`.
        feedforward: width of the linear layers of a k-means layer.
        span: the longest axis, in pixels of a map, whose distances all have an encoding of their own.
        drop: share of the images for which a part of a k-means layer is left out in training, 0..1.
        beside: width of the head of classes that training has beside.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        queries: int = 128,
        channels: int = 256,
        decoder: Sequence[int] = (512, 256, 128, 64),
        blocks: Sequence[int] = (1, 5, 1, 1),
        layers: int = 2,
        heads: int = 8,
        feedforward: int = 2048,
        span: int = 255,
        drop: float = 0.2,
        beside: int = 256,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(decoder) != 4 or len(blocks) != 4 or min(blocks) < 1:
            raise ModelError(
                f"decoder is {list(decoder)} and blocks is {list(blocks)}; each names four stages, coarsest first, of at least "
                "one block"
            )
        if queries < 1 or layers < 1:
            raise ModelError(f"queries is {queries} and layers is {layers}; each is 1 or more")
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        widths = self.encoder.channels
        self.layers, self.channels, self.queries = layers, channels, queries
        self.norms = nn.ModuleList(ChannelNorm(width) for width in widths[::-1])
        self.stages = nn.ModuleList()
        self.fuse = nn.ModuleList()
        seen = widths[3]
        for n, (width, count) in enumerate(zip(decoder, blocks, strict=True)):
            if n:
                self.fuse.append(Fuse([seen, widths[3 - n]], width, "gelu"))
                seen = width
            stage = nn.Sequential()
            for _ in range(count):
                stage.append(AxialBlock(seen, width, axial=n < 2, heads=heads, span=span, act="gelu"))
                seen = 4 * width
            self.stages.append(stage)
        self.ask = nn.Embedding(queries, channels)
        nn.init.trunc_normal_(self.ask.weight)
        self.cluster = nn.ModuleList(
            KMeansLayer(4 * width, channels, num_classes, heads, feedforward, drop)
            for width in decoder[:3]
            for _ in range(layers)
        )
        self.of_class, self.of_mask = (column_norm(channels, channels, "gelu") for _ in range(2))
        self.say = SlotHead(seen, channels, num_classes, channels=channels, act="gelu")
        pyramid = AtrousPyramid(widths[3], beside, (6, 12, 18), separable=False)
        self.beside = nn.Sequential(
            PanopticDecoder(pyramid, (widths[0], widths[1], widths[3]), beside, (beside // 4, beside // 8)),
            PixelHead(beside, beside, num_classes),
        )
        with_activation(self.beside, "gelu")

    def forward(self, image: Tensor) -> CompetingMasks:
        size = (image.shape[2], image.shape[3])
        features = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        x = self.norms[0](features[3])
        numbers = torch.arange(self.queries, device=image.device)  # [queries]
        queries = self.ask(numbers.expand(image.shape[0], -1)).transpose(1, 2)  # [B, channels, queries]
        found: list[Slots] = []
        for n, stage in enumerate(self.stages):
            h, w = features[3 - n].shape[-2:]
            if n:
                fuse = self.fuse[n - 1]
                x = fuse(x, self.norms[n](features[3 - n]))  # [B, fuse.channels, h, w]
            assert isinstance(stage, nn.Sequential)
            *_, block = stage
            x = stage(x)  # [B, block.channels, h, w]
            for layer in self.cluster[n * self.layers : (n + 1) * self.layers]:
                queries, said = layer(x, queries)  # [B, channels, queries], ..., [B, channels/2, h, w]
                found.append(said)
        last = self.say(
            x, self.of_mask(queries), self.of_class(queries)
        )  # [B, queries, K + 1], ..., [B, channels/2, H/4, W/4]
        if not self.training:
            return CompetingMasks(last.classes, last.masks, size)
        semantic = self.beside((features[0], features[1], features[3]))  # [B, K, H/4, W/4]
        earlier = tuple(CompetingMasks(said.classes, said.masks, size, said.pixels) for said in found)
        return CompetingMasks(last.classes, last.masks, size, last.pixels, semantic, earlier)


class KMeansLayer(nn.Module):
    """One step of k-means, then the queries look at each other, then each passes through two linear layers.

    Args:
        in_channels: of the pixels.
        channels: of the queries.
    """

    def __init__(
        self, in_channels: int, channels: int, num_classes: int, heads: int, feedforward: int, drop: float
    ) -> None:
        super().__init__()
        if channels % 4 or channels // 2 % heads:
            raise ModelError(f"channels is {channels}; half of it has to divide among {heads} heads")
        self.heads, self.keys, self.channels = heads, channels // 2, channels
        self.act = activation("gelu")
        self.enter = nn.Sequential(activation("gelu"), conv_norm(in_channels, channels, 1), activation("gelu"))
        self.enter_queries = column_norm(channels, channels, "gelu")
        self.value = conv_norm(channels, channels, 1)
        self.say = SlotHead(channels, channels, num_classes, channels=channels, act="gelu")
        self.mean = nn.Sequential(nn.BatchNorm1d(channels), column_norm(channels, channels, zero=True))
        self.project = column_norm(channels, 2 * channels)
        self.among = NormedAttention(heads, channels, "gelu")
        self.leave = column_norm(channels, channels, zero=True)
        self.think = nn.Sequential(
            column_norm(channels, feedforward, "gelu"), column_norm(feedforward, channels, zero=True)
        )
        self.drop = DropPath(drop)

    def forward(self, pixels: Tensor, queries: Tensor) -> tuple[Tensor, Slots]:
        """Carry queries [B, C, N] one layer on, and say what they are by now."""
        b, _, h, w = pixels.shape
        n = queries.shape[2]
        x, asked = self.enter(pixels), self.enter_queries(queries)  # [b, channels, h, w], [b, channels, n]
        said = self.say(x, asked, asked)  # [b, n, K + 1], [b, n, h, w], [b, channels/2, h, w]
        nearest = said.masks.detach().flatten(2).argmax(dim=1)  # [b, h*w]
        mine = (nearest[:, None] == torch.arange(n, device=x.device)[:, None]).to(x.dtype)  # [b, n, h*w]
        queries = queries + self.drop(self.mean(self.value(x).flatten(2) @ mine.transpose(1, 2)))
        parts = self.project(asked).split(
            [self.keys, self.keys, 2 * self.keys], dim=1
        )  # [b, keys, n], ..., [b, 2*keys, n]
        seen = self.among(*(part.unflatten(1, (self.heads, -1)) for part in parts))
        queries = self.act(queries + self.drop(self.leave(seen)))
        return self.act(queries + self.drop(self.think(queries))), said


class ChannelNorm(nn.Module):
    """Layer norm of each pixel's channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
