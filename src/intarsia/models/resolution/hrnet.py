"""HRNet: never give up the high resolution, and let coarser branches beside it tell it what it sees.

Wang, Sun, Cheng, Jiang, Deng, Zhao, Liu, Mu, Tan, Wang, Liu, Xiao. "Deep High-Resolution Representation Learning for
Visual Recognition." TPAMI 2020. arXiv:1908.07919

Other networks shrink the map until they know what it shows and then try to win back where it is. HRNet keeps a branch
at a quarter of the image from the first stage to the last. Each later stage adds a branch of half the size, and all
branches exchange what they have, again and again. HRNetV2 reads all four: enlarged, side by side, mixed, classified.

    image - stem - stage 1 - stage 2 - stage 3 - stage 4 - c2 (stride 4) --,
                           ` stage 2 - stage 3 - stage 4 - c3 - enlarge -- side by side - fuse - classify - x4 - logits
                                     ` stage 3 - stage 4 - c4 - enlarge --|
                                               ` stage 4 - c5 - enlarge --'

Departures from the paper: inside the encoder, whose parts are timm's, coarse branches are enlarged by repetition where
the paper interpolates.

Compared with HRNet/HRNet-Semantic-Segmentation seg_hrnet.py: whole network, W18; difference 0 with repeated pixels
inside the encoder; W48 65,858,659 : 65,859,379 (docs/faithfulness.md).
"""

from torch import Tensor, nn

from ...blocks.branches import side_by_side
from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import resize_like
from ...encoders import Encoder
from ...structures import SemanticLogits


class HRNet(nn.Module):
    """HRNetV2 for segmentation.

    Args:
        encoder: "hrnet_w18" to "hrnet_w64"; the number is the width of the finest branch, doubled in each coarser one.
        dropout: before the classifier, 0..1; 0 in the paper.
        align_corners: how branches and scores are enlarged after the encoder; true in some of the released code.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "hrnet_w48",
        in_channels: int = 3,
        dropout: float = 0.0,
        align_corners: bool = False,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        channels = sum(self.encoder.channels)
        self.fuse = ConvNormAct(channels, channels, 1)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)

    def forward(self, image: Tensor) -> SemanticLogits:
        branches = self.encoder(image)  # [B, 48, H/4, W/4], ..., [B, 384, H/32, W/32]
        x = side_by_side(branches, align_corners=self.align_corners)  # [B, 720, H/4, W/4]
        x = self.classify(self.fuse(x))  # [B, K, H/4, W/4]
        return SemanticLogits(resize_like(x, image, align_corners=self.align_corners))  # [B, K, H, W]
