"""CCNet: a pixel looks along its row and its column, twice, and so has seen the whole map.

Huang, Wang, Wei, Huang, Shi, Liu, Huang. "CCNet: Criss-Cross Attention for Semantic Segmentation." ICCV 2019.
arXiv:1811.11721

Attention between all places of a map of 97x97 has 88 million weights. Most of them are not needed: a place that gathers
from its row and its column (section 3.2) has 193, and any other place lies in the row of a place in its column. After a
second pass with the same weights (recurrent attention, section 3.3) every pixel has reached every pixel.

    image - dilated encoder - c4 - auxiliary head (training only)
                            ` c5 - 3x3 - criss-cross - criss-cross - 3x3 -,
                               `---------------------------------------- side by side - 3x3 - classify - x8 - logits

Departures from the paper: maps are enlarged with half-pixel centers, where the released code makes the corners meet; its
norms end in a leaky ReLU of 0.01, here in a ReLU; dropout leaves out single values, there whole maps. A softmax
computed in two halves needs no copy of a row and a column side by side; in training, the attention is computed again on the
way back instead of being kept. The category consistent loss of the journal version is not here.

Compared with speedinghzl/CCNet networks/ccnet.py and cc_attention/functions.py: head and auxiliary head on the same
features, with ReLU there; difference 7e-6 (5.8); both passes and their gradients, difference 5e-7 (5.0)
(docs/faithfulness.md).
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...structures import SemanticLogits


class CCNet(nn.Module):
    """Criss-cross network.

    Args:
        encoder: "resnet101s" is the authors'; any dilatable one works.
        channels: width of the classified feature, and of the attention.
        narrow: how many times fewer channels a query and a key have.
        passes: how often the attention is repeated; 2 reach every pixel.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        auxiliary: a second classifier, on the stage before, in training.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101s",
        in_channels: int = 3,
        channels: int = 512,
        narrow: int = 8,
        passes: int = 2,
        output_stride: int = 8,
        auxiliary: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder,
            levels=(4, 5) if auxiliary else (5,),
            output_stride=output_stride,
            dilate_first=True,
            in_channels=in_channels,
            pretrained=pretrained,
        )
        *before, c5 = self.encoder.channels
        self.passes = passes
        self.reduce = ConvNormAct(c5, channels)
        self.attend = CrissCrossAttention(channels, narrow)
        self.smooth = ConvNormAct(channels, channels)
        self.fuse = ConvNormAct(c5 + channels, channels)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.enlarge = Resize()
        self.auxiliary = None
        if auxiliary:
            self.auxiliary = nn.Sequential(
                ConvNormAct(before[0], channels), PixelClassifier(channels, num_classes, dropout=dropout)
            )

    def forward(self, image: Tensor) -> SemanticLogits:
        *before, c5 = self.encoder(image)  # [B, 1024, H/8, W/8], [B, 2048, H/8, W/8]
        x = self.reduce(c5)  # [B, 512, H/8, W/8]
        for _ in range(self.passes):
            x = self.attend(x)
        x = self.fuse(torch.cat([c5, self.smooth(x)], dim=1))  # [B, 512, H/8, W/8]
        x = self.classify(x)  # [B, K, H/8, W/8]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        auxiliary = (self.auxiliary(*before),) if self.training and self.auxiliary else ()  # [B, K, H/8, W/8]
        return SemanticLogits(logits, auxiliary)


class CrissCrossAttention(nn.Module):
    """A map, and what each of its places gathers from its row and its column, itself once (section 3.2).

    Args:
        narrow: how many times fewer channels a query and a key have.
    """

    def __init__(self, channels: int, narrow: int = 8) -> None:
        super().__init__()
        self.ask = nn.Conv2d(channels, max(1, channels // narrow), 1)
        self.answer = nn.Conv2d(channels, max(1, channels // narrow), 1)
        self.tell = nn.Conv2d(channels, channels, 1)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:  # what lies between is computed again on the way back: all of it takes a third more memory
            out: Tensor = checkpoint(self.attend, x, use_reentrant=False, preserve_rng_state=False)
            return out
        return self.attend(x)

    def attend(self, x: Tensor) -> Tensor:
        """Add to `x` [b, c, h, w] what each of its places gathers."""
        b, c, h, w = x.shape
        query, key, value = self.ask(x), self.answer(x), self.tell(x)  # [b, c/8, h, w], [b, c/8, h, w], [b, c, h, w]
        down = query.permute(0, 3, 2, 1) @ key.permute(0, 3, 1, 2)  # [b, w, h, h]
        across = query.permute(0, 2, 3, 1) @ key.permute(0, 2, 1, 3)  # [b, h, w, w]
        places = torch.arange(h, device=x.device)  # [h]
        itself = places[:, None] == places  # [h, h]
        down = down.masked_fill(itself, float("-inf"))  # a place is in its row already
        down, across = shares(down, across, self.gain)
        gathered = down @ value.permute(0, 3, 2, 1)  # [b, w, h, c]
        gathered += (across @ value.permute(0, 2, 3, 1)).transpose(1, 2)  # in place, and of no view: a copy is large
        return x + gathered.permute(0, 3, 2, 1)  # [b, c, h, w]


def shares(down: Tensor, across: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
    """Take one softmax over a place's column and row, times the gain: weights are few, and what they gather is large.

    Args:
        down: [B, w, h, h] scores of the places of a column, of each place in it.
        across: [B, h, w, w] scores of the places of a row, of each place in it.
        gain: [1]

    Returns: both, whose sum over a place's column and row is the gain.
    """
    b, h, w, _ = across.shape
    most = torch.maximum(down.amax(dim=3).transpose(1, 2), across.amax(dim=3)).detach()  # [b, h, w]
    down = (down - most.transpose(1, 2).unsqueeze(3)).exp()
    across = (across - most.unsqueeze(3)).exp()
    scale = gain / (down.sum(dim=3).transpose(1, 2) + across.sum(dim=3))  # [b, h, w]
    return down * scale.transpose(1, 2).unsqueeze(3), across * scale.unsqueeze(3)
