"""SegFormer: a transformer that needs no code of places, and a decoder of nothing but linear layers.

Xie, Wang, Yu, Anandkumar, Alvarez, Luo. "SegFormer: Simple and Efficient Design for Semantic Segmentation with
Transformers." NeurIPS 2021. arXiv:2105.15203

Transformers before it gave one coarse map and had to stretch their codes of places when the image changed its size. The Mix
Transformer makes four maps, and a 3x3 convolution inside each layer tells a pixel where it is. Its coarse maps already
see the whole image, so that a decoder only has to bring all four to one width and one size and mix them.

    image - encoder - c2 - linear ------------,
                    ` c3 - linear - enlarge --|
                    ` c4 - linear - enlarge --|
                    ` c5 - linear - enlarge -- side by side - 1x1 - classify - x4 - logits

Departures from the paper: any encoder goes. `channels` is 256 for MiT-B0 and B1 and 768 for larger ones.

Compared with segmentation-models-pytorch Segformer on its mit_b0 (NVlabs/SegFormer, the authors', was read): whole
network, by a test; difference 1e-4 of the spread (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize, resize_like
from ...encoders import Encoder
from ...structures import SemanticLogits


class SegFormer(nn.Module):
    """SegFormer.

    Args:
        encoder: "mit_b0" to "mit_b5" are the paper's.
        channels: width of the decoder; 256 with MiT-B0 and B1.
        levels: of the encoder, finest first.
        dropout: before the classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "mit_b5",
        in_channels: int = 3,
        channels: int = 768,
        levels: Sequence[int] = (2, 3, 4, 5),
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, levels=tuple(levels), in_channels=in_channels, pretrained=pretrained)
        self.quarter = levels.index(2) if 2 in levels else 0
        self.project = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in self.encoder.channels)
        self.fuse = ConvNormAct(channels * len(levels), channels, 1)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        features = self.encoder(image)  # [B, 64, H/4, W/4], ..., [B, 512, H/32, W/32]
        maps = [project(c) for project, c in zip(self.project, features, strict=True)]  # [B, 768, H/4, W/4], ...
        size = features[self.quarter]
        x = torch.cat([resize_like(c, size) for c in reversed(maps)], dim=1)  # [B, 3072, H/4, W/4]
        x = self.fuse(x)  # [B, 768, H/4, W/4]
        x = self.classify(x)  # [B, K, H/4, W/4]
        return SemanticLogits(self.enlarge(x, image))  # [B, K, H, W]
