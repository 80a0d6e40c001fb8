"""DeepLab v3: holes of several rates beside the mean of the image, normalized and mixed before the pixel is named.

Chen, Papandreou, Schroff, Adam. "Rethinking Atrous Convolution for Semantic Image Segmentation." 2017. arXiv:1706.05587

At large rates a 3x3 kernel's outer taps fall off the map, and only its middle is left. DeepLab v3 therefore adds what
the middle alone sees (1x1), and what no kernel can reach, the mean of the image; batch norm in each branch makes the
five trainable together, and a 1x1 convolution mixes them. The last stage of the encoder has holes of several sizes, too
(multi-grid). This network needs no CRF behind it.

    image - dilated encoder - c5 - pyramid: 1x1, 3x3 at rates 6, 12 and 18, mean - 1x1 - classify - x16 or x8 - logits

Departures from the paper: dropout in the pyramid, as in the released code. `multi_grid` null, `refine` and `auxiliary`
give torchvision's network, which has a 3x3 convolution before the classifier and, in training, a second classifier.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid
from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import resize_like
from ...encoders import Encoder, dilate_stage
from ...structures import SemanticLogits


class DeepLabV3(nn.Module):
    """DeepLab v3, the parallel network; the other one is `deeplabv3_cascade`.

    Args:
        encoder: a dilatable backbone; one that is no ResNet takes no `multi_grid`.
        output_stride: of the encoder, 16, or 8 for denser features at four times the work.
        multi_grid: rates of the blocks of the encoder's last stage, times the stage's own (section 3.2.1); null: all
            alike, as in torchvision and segmentation-models-pytorch.
        dilate_first: of the encoder: dilate the block that lost its stride as widely as the rest of its stage.
        rates: of the pyramid; null: 6, 12 and 18, doubled at output stride 8 (section 3.3).
        channels: width of the pyramid.
        refine: a 3x3 convolution between pyramid and classifier; true for peers' weights.
        auxiliary: 4 for a second classifier on c4, in training only, as torchvision has (3 on its MobileNet V3).
        dropout: after the pyramid, 0..1; peers have 0.5.
        align_corners: how maps are enlarged; true for segmentation-models-pytorch's weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        output_stride: int = 16,
        multi_grid: Sequence[int] | None = (1, 2, 4),
        dilate_first: bool = False,
        rates: Sequence[int] | None = None,
        channels: int = 256,
        refine: bool = False,
        auxiliary: int | None = None,
        dropout: float = 0.1,
        align_corners: bool = False,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder,
            levels=(auxiliary, 5) if auxiliary else (5,),
            output_stride=output_stride,
            dilate_first=dilate_first,
            in_channels=in_channels,
            pretrained=pretrained,
        )
        *early, c5 = self.encoder.channels
        self.align_corners = align_corners
        if multi_grid is not None:
            dilate_stage(self.encoder.body, 5, [32 // output_stride * rate for rate in multi_grid])
        rates = rates or ((12, 24, 36) if output_stride == 8 else (6, 12, 18))
        self.pyramid = AtrousPyramid(c5, channels, rates, separable=False, dropout=dropout)
        self.refine = ConvNormAct(channels, channels) if refine else nn.Identity()
        self.classify = PixelClassifier(channels, num_classes)
        self.auxiliary = nn.ModuleList(
            nn.Sequential(ConvNormAct(c, c // 4), PixelClassifier(c // 4, num_classes, dropout=0.1)) for c in early
        )

    def forward(self, image: Tensor) -> SemanticLogits:
        *early, c5 = self.encoder(image)  # ..., [B, 2048, H/16, W/16]
        x = self.refine(self.pyramid(c5))  # [B, 256, H/16, W/16]
        x = self.classify(x)  # [B, K, H/16, W/16]
        logits = resize_like(x, image, align_corners=self.align_corners)  # [B, K, H, W]
        heads = zip(self.auxiliary, early, strict=True) if self.training else ()
        return SemanticLogits(logits, tuple(classify(c) for classify, c in heads))
