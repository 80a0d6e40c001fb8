"""DeepLab v3: holes of several rates beside the mean of the image, normalized and mixed before the pixel is named.

Chen, Papandreou, Schroff, Adam. "Rethinking Atrous Convolution for Semantic Image Segmentation." 2017. arXiv:1706.05587

At large rates a 3x3 kernel's outer taps fall off the map, and only its middle is left. DeepLab v3 therefore adds what
the middle alone sees (1x1), and what no kernel can reach, the mean of the image; batch norm in each branch makes the
five trainable together, and a 1x1 convolution mixes them. The last stage of the encoder has holes of several sizes, too
(multi-grid). This network needs no CRF behind it.

    image - dilated encoder - c5 - pyramid: 1x1, 3x3 at rates 6, 12 and 18, mean - 1x1 - classify - x16 or x8 - logits

Departures from the paper: dropout in the pyramid, as in the released code, whose maps are enlarged so that the corners
meet, here with half-pixel centers (variant "slim_deeplabv3"). In the released code a stage shrinks in its last block, in
timm's ResNet in its first; with holes both are the same. torchvision's and segmentation-models-pytorch's networks are the
variants "torchvision_deeplabv3" and "smp_deeplabv3".

Compared with kazuto1011/deeplab-pytorch deeplabv3.py (tensorflow/models research/deeplab was read): whole network on
ResNet-50 at output strides 16 and 8, its stride moved to the 3x3 convolution; difference 1.2e-4 (480), 1.5e-4 (474);
39,048,533 : 39,048,533 (docs/faithfulness.md).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid
from ...blocks.conv import PixelClassifier
from ...blocks.resize import Resize
from ...encoders import Encoder, dilate_stage
from ...structures import SemanticLogits


class DeepLabV3(nn.Module):
    """DeepLab v3, the parallel network; the other one is `deeplabv3_cascade`.

    Args:
        encoder: a dilatable backbone; one that is no ResNet takes no `multi_grid`.
        output_stride: of the encoder, 16, or 8 for denser features at four times the work.
        multi_grid: rates of the blocks of the encoder's last stage, times the stage's own (section 3.2.1); null: those
            that timm gives the encoder, whose blocks that lost their stride keep the rate before.
        rates: of the pyramid; null: 6, 12 and 18, doubled at output stride 8 (section 3.3).
        channels: width of the pyramid.
        dropout: after the pyramid, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        output_stride: int = 16,
        multi_grid: Sequence[int] | None = (1, 2, 4),
        rates: Sequence[int] | None = None,
        channels: int = 256,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder, levels=(5,), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        (c5,) = self.encoder.channels
        if multi_grid is not None:
            if output_stride == 8:
                dilate_stage(self.encoder.body, 4, [2])  # from its first block on, as in the released code
            dilate_stage(self.encoder.body, 5, [32 // output_stride * rate for rate in multi_grid])
        rates = rates or ((12, 24, 36) if output_stride == 8 else (6, 12, 18))
        self.pyramid = AtrousPyramid(c5, channels, rates, separable=False, dropout=dropout)
        self.classify = PixelClassifier(channels, num_classes)
        self.auxiliary = nn.ModuleList()  # a peer's variant has one
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        *early, c5 = self.encoder(image)  # ..., [B, 2048, H/16, W/16]
        x = self.pyramid(c5)  # [B, 256, H/16, W/16]
        x = self.classify(x)  # [B, K, H/16, W/16]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        heads = zip(self.auxiliary, early, strict=True) if self.training else ()
        return SemanticLogits(logits, tuple(classify(c) for classify, c in heads))
