"""OCR: name a pixel by asking the objects of the image which of them it belongs to.

Yuan, Chen, Wang. "Object-Contextual Representations for Semantic Segmentation." ECCV 2020. arXiv:1909.11065

Context used to be places: grids, neighbors at several rates, all other pixels. But a pixel's class is its object's. A
first, rough segmentation says where each class is. The mean feature of each such soft region stands for the object,
and each pixel takes from the objects what it resembles, and is named by its own feature and that one together.

    image - encoder - c4 - find -- regions (auxiliary logits in training) ----,
                    ` c5 - reduce -- x -- object means -- pixel-object relation -- context - classify - x8 - logits

An "hrnet_..." encoder has one feature for both places of c4 and c5: its four branches side by side, at stride 4.

Departures from the paper: two layers, not one, make a query and a key, their product is divided by the root of their
width, and dropout follows the context, all as in the released code (which leaves out whole maps where this one leaves
out single values). On an hrnet the branches advise each other by repeated pixels, as timm has it, where the released
code interpolates, and maps are enlarged with half-pixel centers, where its corners meet (variant "hrnet_ocr").

Compared with openseg-group/openseg.pytorch ocrnet.py and HRNet/HRNet-Semantic-Segmentation seg_hrnet_ocr.py: whole
networks on ResNet-50 (corners meeting) and HRNet-W18; difference ResNet-50 0 (983), 38,871,658 : 38,874,986 (biases);
HRNet 0 with repeated pixels inside, W48 70,371,446 : 70,372,678 (docs/faithfulness.md).
"""

from torch import Tensor, nn

from ...blocks.branches import side_by_side
from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.object_context import ObjectContext
from ...blocks.resize import Resize, resize_like
from ...encoders import Encoder
from ...structures import SemanticLogits


class OCR(nn.Module):
    """Object-contextual representations.

    Args:
        channels: width of the pixels' features.
        width: of queries, keys and values.
        depth: layers of a query and of a key; 1 in the paper's text.
        output_stride: of the encoder: 8, or 16 for less work; an hrnet keeps its own.
        dropout: before the regions' classifier, and half of it after the context, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: int = 512,
        width: int = 256,
        depth: int = 2,
        output_stride: int = 8,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.branches = encoder.startswith("hrnet")
        levels, stride = ((2, 3, 4, 5), 32) if self.branches else ((4, 5), output_stride)
        self.encoder = Encoder(
            encoder, levels=levels, output_stride=stride, in_channels=in_channels, pretrained=pretrained
        )
        if self.branches:
            c4 = c5 = sum(self.encoder.channels)
            find, dropout_find = ConvNormAct(c4, c4, 1), 0.0
        else:
            c4, c5 = self.encoder.channels
            find, dropout_find = ConvNormAct(c4, channels), dropout
        found = find.conv.out_channels
        self.find = nn.Sequential(find, PixelClassifier(found, num_classes, dropout=dropout_find))
        self.reduce = ConvNormAct(c5, channels)
        self.context = ObjectContext(channels, width, depth=depth, dropout=dropout / 2)
        self.classify = PixelClassifier(channels, num_classes)
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        features = self.encoder(image)  # [B, 1024, H/8, W/8], [B, 2048, H/8, W/8]
        c4, c5 = [side_by_side(features, align_corners=self.enlarge.align_corners)] * 2 if self.branches else features
        regions = self.find(c4)  # [B, K, H/8, W/8]
        x = self.reduce(c5)  # [B, 512, H/8, W/8]
        x = self.context(x, resize_like(regions, x))
        x = self.classify(x)  # [B, K, H/8, W/8]
        return SemanticLogits(self.enlarge(x, image), (regions,) if self.training else ())  # [B, K, H, W], ...
