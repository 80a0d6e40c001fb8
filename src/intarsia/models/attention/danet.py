"""DANet: each place is mixed with the places like it, and each channel with the channels unlike it.

Fu, Liu, Tian, Li, Bao, Fang, Lu. "Dual Attention Network for Scene Segmentation." CVPR 2019. arXiv:1809.02983

Pyramids of poolings and holes see fixed surroundings, whatever lies there. Here the map says itself what belongs together.
Position attention (section 3.2): each place gathers from all places, weighted by how alike their features are. Channel
attention (section 3.3): each channel, a detector of something, gathers from the other channels. Both start as the map
itself, for what was gathered is added with a learned gain that begins at 0.

    image - dilated encoder - c5 - 3x3 - position attention - 3x3 -, -------- head (training only)
                               `-- 3x3 - channel attention -- 3x3 - + - classify - x8 - logits
                                                                 ` ---------- head (training only)

The weight of an affinity between places grows with the square of their number: 354 MB for a map of 97x97.

Departures from the paper: channels weigh one another by how far they are from the most alike one, as in the released code,
where the text has the softmax of the likeness itself. Of our own: maps are enlarged with half-pixel centers, where that
code makes the corners meet; dropout leaves out single values, there whole maps. The authors weigh both heads of training
as much as the main one (recipe: `loss.auxiliary: 1`).

Compared with junfu1115/DANet encoding/models/sseg/danet.py and encoding/nn/da_att.py: head on the same features;
difference 0 (4.3); 23,957,697 : 23,957,697 (docs/faithfulness.md).
"""

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...structures import SemanticLogits


class DANet(nn.Module):
    """Dual attention network.

    Args:
        encoder: any dilatable one.
        channels: width of both branches; null: a quarter of the encoder's, which is the paper's 512.
        narrow: how many times fewer channels a query and a key have.
        output_stride: of the encoder: 8, or 16 for a sixteenth of the affinities.
        auxiliary: a classifier on each branch, in training.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: int | None = None,
        narrow: int = 8,
        output_stride: int = 8,
        auxiliary: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder, levels=(5,), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        (c5,) = self.encoder.channels
        channels = channels or c5 // 4
        self.places = nn.Sequential(
            ConvNormAct(c5, channels), PositionAttention(channels, narrow), ConvNormAct(channels, channels)
        )
        self.kinds = nn.Sequential(ConvNormAct(c5, channels), ChannelAttention(), ConvNormAct(channels, channels))
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.auxiliary = nn.ModuleList(
            PixelClassifier(channels, num_classes, dropout=dropout) for _ in range(2 * auxiliary)
        )
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 2048, H/8, W/8]
        places, kinds = self.places(c5), self.kinds(c5)  # [B, 512, H/8, W/8], [B, 512, H/8, W/8]
        x = self.classify(places + kinds)  # [B, K, H/8, W/8]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        heads = zip(self.auxiliary, (places, kinds), strict=False) if self.training else ()
        return SemanticLogits(logits, tuple(head(branch) for head, branch in heads))


class PositionAttention(nn.Module):
    """A map, and what each of its places gathers from all places (section 3.2, Eq. 1 and 2).

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
        b, c, h, w = x.shape
        query, key = self.ask(x).flatten(2), self.answer(x).flatten(2)  # [b, c/8, h*w], [b, c/8, h*w]
        value = self.tell(x).flatten(2)  # [b, c, h*w]
        weights = (query.transpose(1, 2) @ key).softmax(dim=2)  # [b, h*w, h*w]
        gathered = (value @ weights.transpose(1, 2)).unflatten(2, (h, w))  # [b, c, h, w]
        return self.gain * gathered + x


class ChannelAttention(nn.Module):
    """A map, and what each of its channels gathers from the channels least like it (section 3.3, Eq. 3 and 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        places = x.flatten(2)  # [b, c, h*w]
        alike = places @ places.transpose(1, 2)  # [b, c, c]
        weights = (alike.amax(dim=2, keepdim=True) - alike).softmax(dim=2)  # [b, c, c]
        gathered = (weights @ places).unflatten(2, (h, w))  # [b, c, h, w]
        return self.gain * gathered + x
