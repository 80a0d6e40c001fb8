"""MaX-DeepLab: pixels and a memory of queries exchange what they know, and masks and classes come out at once.

Wang, Zhu, Adam, Yuille, Chen. "MaX-DeepLab: End-to-End Panoptic Segmentation with Mask Transformers." CVPR 2021.
arXiv:2012.00759

Panoptic networks made boxes, centers or offsets first and merged them by rules. Here nothing is made but N masks, which
share the pixels among themselves, and a class for each. A memory of N queries runs beside the pixels; where both meet,
queries look at pixels and at each other under one softmax, and pixels look at queries. The loss is the measure itself:
the product of class probability and overlap, for the best assignment.

    image - c2 - c3 - 6 axial - 3 (axial - dual path) - axial - dual path - + c3 - 3x3 - + c2 - 3x3 - pixels
                                     |                              |                                    |
    queries ------------------------------------------------------------------------------------- product - masks
                                                                                          `- classes
    dual path: queries at (pixels, queries), pixels at queries

Departures from the paper: this is its small network, MaX-DeepLab-S; the large one has stacked decoders. Stages 2 and 3 are
timm's, of a ResNet-50 with three convolutions in its stem ("resnet50s"), for which timm has no weights; "resnet50" has
them. Batch norm has torch's constants, no block is left out at random, and the head of classes beside, in training only,
has no map for "no object".

Read beside google-research/deeplab2 (TensorFlow), layer by layer; its axial blocks, heads and loss are those of
`kmax_deeplab`, which were run beside the authors' PyTorch code (docs/faithfulness.md).
"""

import torch
from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid
from ...blocks.axial import AxialBlock, Fuse, activation
from ...blocks.mask_slots import NormedAttention, SlotHead, column_norm
from ...blocks.panoptic_decoder import PanopticDecoder, PixelHead
from ...blocks.residual import conv_norm
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import CompetingMasks


class MaXDeepLab(nn.Module):
    """MaX-DeepLab-S.

    Args:
        queries: how many masks an image can have.
        channels: width of the queries; the pixels' vectors have half of it.
        width: of stage 4's blocks; four times as many channels come out, stage 5 has twice of it, and the decoder has an
            eighth and a quarter less than stage 3 and 2 of a ResNet-50.
        blocks: of stages 4 and 5.
        heads: of each attention; they divide `width` and half of `channels`.
        feedforward: width of the linear layers that follow a dual path.
        span: the longest axis, in pixels of a map, whose distances all have an encoding of their own.
        beside: width of the head of classes that training has beside.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50s",
        in_channels: int = 3,
        queries: int = 128,
        channels: int = 256,
        width: int = 256,
        blocks: tuple[int, int] = (6, 3),
        heads: int = 8,
        feedforward: int = 2048,
        span: int = 255,
        beside: int = 256,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(blocks) != 2 or min(blocks) < 1 or queries < 1:
            raise ModelError(
                f"blocks is {list(blocks)} and queries is {queries}; blocks are those of stages 4 and 5, and each is 1 or more"
            )
        self.channels, self.queries = channels, queries
        self.encoder = Encoder(encoder, levels=(2, 3), in_channels=in_channels, pretrained=pretrained)
        c2, c3 = self.encoder.channels
        self.stage4 = nn.Sequential()
        seen = c3
        for n in range(blocks[0]):
            self.stage4.append(AxialBlock(seen, width, axial=True, heads=heads, span=span, stride=2 if n == 0 else 1))
            seen = 4 * width
        self.stage5, self.exchange = nn.ModuleList(), nn.ModuleList()
        for _ in range(blocks[1] + 1):  # the last one is the decoder's
            self.stage5.append(AxialBlock(seen, 2 * width, axial=True, heads=heads, span=span))
            seen = 8 * width
            self.exchange.append(DualPath(seen, channels, heads, feedforward))
        self.fuse3, self.refine3 = Fuse([seen, c3], 2 * width), AxialBlock(2 * width, width // 2, axial=False)
        self.fuse2, self.refine2 = Fuse([2 * width, c2], width), AxialBlock(width, width // 4, axial=False)
        self.ask = nn.Embedding(queries, channels)
        nn.init.trunc_normal_(self.ask.weight)
        self.of_class, self.of_mask = (column_norm(channels, channels, "relu") for _ in range(2))
        self.say = SlotHead(width, channels, num_classes, channels=channels)
        self.act = activation("relu")
        pyramid = AtrousPyramid(seen, beside, (6, 12, 18), separable=False)
        self.beside = nn.Sequential(
            PanopticDecoder(pyramid, (c2, c3, seen), beside, (beside // 4, beside // 8)),
            PixelHead(beside, beside, num_classes),
        )

    def forward(self, image: Tensor) -> CompetingMasks:
        size = (image.shape[2], image.shape[3])
        c2, c3 = self.encoder(image)  # [B, 256, H/4, W/4], [B, 512, H/8, W/8]
        x = self.stage4(c3)  # [B, 1024, H/16, W/16]
        numbers = torch.arange(self.queries, device=image.device)  # [queries]
        queries = self.ask(numbers.expand(image.shape[0], -1)).transpose(1, 2)  # [B, channels, queries]
        trunk = x
        for n, (block, exchange) in enumerate(zip(self.stage5, self.exchange, strict=True)):
            if n == len(self.stage5) - 1:
                trunk = self.act(x)  # [B, 2048, H/16, W/16]
            x, queries = exchange(block(x), queries)  # [B, 2048, H/16, W/16], [B, channels, queries]
        x = self.refine3(self.fuse3(x, c3))  # [B, 512, H/8, W/8]
        x = self.refine2(self.fuse2(x, c2))  # [B, 256, H/4, W/4]
        x = self.act(x)
        said = self.say(
            x, self.of_mask(queries), self.of_class(queries)
        )  # [B, queries, K + 1], ..., [B, channels/2, H/4, W/4]
        if not self.training:
            return CompetingMasks(said.classes, said.masks, size)
        semantic = self.beside((c2, c3, trunk))  # [B, K, H/4, W/4]
        return CompetingMasks(said.classes, said.masks, size, said.pixels, semantic)


class DualPath(nn.Module):
    """Queries look at pixels and at each other under one softmax, pixels look at queries.

    Args:
        in_channels: of the pixels, which are not activated.
        channels: of the queries.
        feedforward: width of the two linear layers that queries pass through.
    """

    def __init__(self, in_channels: int, channels: int, heads: int, feedforward: int) -> None:
        super().__init__()
        if channels % 4 or channels // 2 % heads:
            raise ModelError(f"channels is {channels}; half of it has to divide among {heads} heads")
        self.heads, self.keys, self.channels, self.depth = heads, channels // 2, channels, channels // 2 // heads
        self.act = activation("relu")
        self.enter = nn.Sequential(activation("relu"), conv_norm(in_channels, channels, 1), activation("relu"))
        self.enter_queries = column_norm(channels, channels, "relu")
        self.project, self.project_queries = column_norm(channels, 2 * channels), column_norm(channels, 2 * channels)
        self.look, self.look_back = (NormedAttention(heads, channels, "relu") for _ in range(2))
        self.leave_queries = column_norm(channels, channels, zero=True)
        self.think = nn.Sequential(
            column_norm(channels, feedforward, "relu"), column_norm(feedforward, channels, zero=True)
        )
        self.leave = column_norm(channels, in_channels, zero=True)

    def forward(self, pixels: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Carry pixels [B, C, h, w] and queries [B, C', N] one layer on."""
        b, c, h, w = pixels.shape
        *_, n = queries.shape
        x, asked = self.enter(pixels).flatten(2), self.enter_queries(queries)  # [b, channels, h*w], [b, channels, n]
        here = self._parts(self.project(x))  # [b, heads, depth, h*w], ..., [b, heads, 2*depth, h*w]
        there = self._parts(self.project_queries(asked))  # [b, heads, depth, n], ..., [b, heads, 2*depth, n]
        key = torch.cat([here[1], there[1]], dim=3)  # [b, heads, depth, h*w + n]
        value = torch.cat([here[2], there[2]], dim=3)  # [b, heads, 2*depth, h*w + n]
        queries = self.act(queries + self.leave_queries(self.look(there[0], key, value)))
        queries = self.act(queries + self.think(queries))
        back = self.leave(self.look_back(here[0], there[1], there[2]))  # [b, c, h*w]
        return pixels + back.unflatten(2, (h, w)), queries

    def _parts(self, x: Tensor) -> list[Tensor]:
        """Query, key and value of each head."""
        parts = x.split([self.keys, self.keys, 2 * self.keys], dim=1)
        return [part.unflatten(1, (self.heads, -1)) for part in parts]
