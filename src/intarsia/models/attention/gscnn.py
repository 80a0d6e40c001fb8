"""GSCNN: a second, thin stream at the image's size draws shapes, and the deep one tells it which lines matter.

Takikawa, Acuna, Jampani, Fidler. "Gated-SCNN: Gated Shape CNNs for Semantic Segmentation." ICCV 2019. arXiv:1907.05740

Color, texture and shape in one deep stream blur the outlines. Here a shallow stream of three residual blocks handles shape
alone. It begins with the first feature, and behind each block a gate, made from itself and a deeper feature, decides where
lines are kept (gated convolution, section 3.1). Its border map, with the image's own gradients, joins the atrous pyramid,
and is trained as `edges`; the loss "dual_task" also wants the classes' borders to be there.

    image - c1 - block - gate - block - gate - block - gate - 1x1 - edges, image gradients - 1x1 ,
            | `- c3 - 1x1 -|- c4 - 1x1 ---|- c5 - 1x1 -|                                         |
            |                               `- atrous pyramid -------------------------------- beside - 1x1 ,
            `- c2 - 1x1 -------------------------------------------------------------------------------- beside - 3x3 - 3x3
                                                                                          - classify - x2 or x4 - logits

"wide_resnet38", the paper's encoder, has in place of c1 to c5 its stages 1, 2, 3, 4 and 7, of strides 1, 2, 4, 8 and 8.

Departures from the paper: lengths of gradients (Sobel, cut at 1) where the authors' code runs Canny, which no gradient and no
exported graph passes; half-pixel enlargement, where that code makes corners meet; the first convolution of a dilated stage
of Wide ResNet-38 keeps the rate of the stage before; dropout of single values; no bias before a norm, and one in the
classifier.

Compared with nv-tlabs/GSCNN network/gscnn.py: whole network, its lines in place of Canny's and half-pixel enlargement there;
difference logits 0 (2.4), edges 0 with that first convolution at rate 2, 0.26 (2.4) as it is; 137,278,141 : 137,278,190 with
19 classes (an unused head and biases there) (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.residual import conv_norm
from ...blocks.resize import Resize
from ...blocks.statistics import learns_batches, require_two_values
from ...encoders import Encoder, WideResNet38
from ...errors import ModelError
from ...structures import SemanticLogits


class GSCNN(nn.Module):
    """Gated shape convolutional network.

    Args:
        encoder: "wide_resnet38", or any dilatable encoder that has a feature of stride 2.
        width: of "wide_resnet38"'s first stage; other encoders ignore it.
        shape: width of the shape stream behind each of its gates.
        channels: width of the pyramid and of the decoder.
        detail: width to which the fine feature is reduced.
        rates: of the atrous pyramid; null: 6, 12 and 18, doubled at output stride 8.
        output_stride: of the encoder, 8 or 16.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "wide_resnet38",
        in_channels: int = 3,
        width: int = 64,
        shape: Sequence[int] = (32, 16, 8),
        channels: int = 256,
        detail: int = 48,
        rates: Sequence[int] | None = None,
        output_stride: int = 8,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape) < 1:
            raise ModelError(f"shape is {list(shape)}; name three widths of the shape stream, such as [32, 16, 8]")
        self.encoder = _encoder(encoder, in_channels, width, output_stride, pretrained)
        c1, fine, *deeper = self.encoder.channels
        self.shape = ShapeStream(c1, deeper, shape)
        self.edge, self.merge = ImageGradient(), nn.Conv2d(2, 1, 1, bias=False)
        rates = rates or ((12, 24, 36) if output_stride == 8 else (6, 12, 18))
        self.pyramid = EdgePyramid(deeper[-1], channels, rates)
        self.reduce = nn.Conv2d(fine, detail, 1, bias=False)
        self.refine = nn.Sequential(ConvNormAct(channels + detail, channels), ConvNormAct(channels, channels))
        self.classify = PixelClassifier(channels, num_classes)
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        c1, fine, *deeper = self.encoder(image)  # [B, 64, H, W], [B, 128, H/2, W/2], ..., [B, 4096, H/8, W/8]
        edges = self.shape(c1, deeper, image)  # [B, 1, H, W]
        lines = torch.cat([edges.sigmoid(), self.edge(image)], dim=1)  # [B, 2, H, W]
        x = self.pyramid(deeper[-1], self.merge(lines).sigmoid())  # [B, 256, H/8, W/8]
        x = torch.cat([self.reduce(fine), self.enlarge(x, fine)], dim=1)  # [B, 304, H/2, W/2]
        x = self.classify(self.refine(x))  # [B, K, H/2, W/2]
        return SemanticLogits(self.enlarge(x, image), edges=edges if self.training else None)  # [B, K, H, W], ...


class ShapeStream(nn.Module):
    """Residual blocks at the image's size, each followed by a gate that a deeper feature opens.

    Args:
        deeper: width of the feature of each gate.
        widths: behind each gate.
    """

    def __init__(self, in_channels: int, deeper: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.in_channels, before = in_channels, (in_channels, *widths)
        self.blocks = nn.ModuleList(Block(c) for c in before[:-1])
        self.narrow = nn.ModuleList(nn.Conv2d(c, out, 1) for c, out in zip(before, widths, strict=False))
        self.hint = nn.ModuleList(nn.Conv2d(c, 1, 1) for c in deeper)
        self.gates = nn.ModuleList(GatedConv(c) for c in widths)
        self.draw = nn.Conv2d(widths[-1], 1, 1, bias=False)
        self.enlarge = Resize()

    def forward(self, x: Tensor, deeper: Sequence[Tensor], image: Tensor) -> Tensor:
        b, _, h, w = image.shape
        x = self.enlarge(x, image)  # [b, in_channels, h, w]
        for block, narrow, hint, gate, feature in zip(
            self.blocks, self.narrow, self.hint, self.gates, deeper, strict=True
        ):
            x = narrow(block(x))  # [b, narrow.out_channels, h, w]
            x = gate(x, self.enlarge(hint(feature), image))
        return self.draw(x)  # [b, 1, h, w]


class GatedConv(nn.Module):
    """A 1x1 convolution of x (1 + a), where a map a in 0..1 is made from x and a deeper feature's hint (section 3.1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        both = channels + 1
        self.gate = nn.Sequential(
            nn.BatchNorm2d(both), nn.Conv2d(both, both, 1), nn.ReLU(inplace=True),
            nn.Conv2d(both, 1, 1, bias=False), nn.BatchNorm2d(1), nn.Sigmoid(),
        )  # fmt: skip
        self.conv = nn.Conv2d(channels, channels, 1, bias=False)
        nn.init.xavier_normal_(self.conv.weight)

    def forward(self, x: Tensor, hint: Tensor) -> Tensor:
        return self.conv(x * (1 + self.gate(torch.cat([x, hint], dim=1))))


class Block(nn.Module):
    """Two 3x3 convolutions and the way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(ConvNormAct(channels, channels), conv_norm(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.inside(x))


class ImageGradient(nn.Module):
    """How fast the image's mean channel changes: the length of its gradient, cut at 1 (Sobel's kernels, divided by 8)."""

    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
        self.register_buffer("kernels", torch.stack([across, across.T])[:, None], persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        b, _, h, w = image.shape
        gray = F.pad(image.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")  # [b, 1, h+2, w+2]
        slopes = F.conv2d(gray, self.kernels.to(gray.dtype))  # [b, 2, h, w]
        return ((slopes**2).sum(dim=1, keepdim=True) + 1e-12).pow(0.5).clamp(max=1)  # [b, 1, h, w]


class EdgePyramid(nn.Module):
    """Surroundings at several rates, the mean of the image and the map of lines side by side, mixed by a 1x1 convolution."""

    def __init__(self, in_channels: int, channels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.channels, self.together = channels, (len(rates) + 3) * channels
        self.look = nn.ModuleList([ConvNormAct(in_channels, channels, 1)])
        self.look.extend(ConvNormAct(in_channels, channels, dilation=rate) for rate in rates)
        self.glance, self.trace = ConvNormAct(in_channels, channels, 1), ConvNormAct(1, channels, 1)
        self.fuse = nn.Conv2d(self.together, channels, 1, bias=False)
        self.shrink = Resize()

    def forward(self, x: Tensor, lines: Tensor) -> Tensor:
        b, c, h, w = x.shape
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, c, 1, 1]
        require_two_values(mean, learns_batches(self), "the mean feature of the image")
        mean = self.glance(mean).expand(-1, -1, h, w)  # [b, channels, h, w]
        lines = self.trace(self.shrink(lines, x))  # [b, channels, h, w]
        x = torch.cat([mean, lines, *(look(x) for look in self.look)], dim=1)  # [b, together, h, w]
        return self.fuse(x)  # [b, channels, h, w]


def _encoder(name: str, in_channels: int, width: int, output_stride: int, pretrained: bool) -> Encoder | WideResNet38:
    """Five features, of which the second is the decoder's detail and the last three open the gates."""
    if name != "wide_resnet38":
        return Encoder(
            name, levels=(1, 2, 3, 4, 5), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
    if pretrained:
        raise ModelError("wide_resnet38 has no pretrained weights; use pretrained=False, or another encoder")
    wide = WideResNet38(stages=(1, 2, 3, 4, 7), in_channels=in_channels, width=width, output_stride=output_stride)
    wide.finish = nn.Identity()  # the authors' code leaves out the norm behind the last stage
    return wide
