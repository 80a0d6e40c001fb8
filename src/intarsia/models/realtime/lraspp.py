"""LR-ASPP: MobileNetV3's decoder, in which averages over large windows say which channels matter where.

Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le, Adam. "Searching for MobileNetV3." ICCV 2019.
arXiv:1905.02244

DeepLab's atrous pyramid costs more than a mobile backbone itself. Here one 1x1 convolution makes the feature, and a
second one, on averages over windows so large that they see most of the scene, weighs its channels, as squeeze and
excitation does. A fine feature adds its own scores.

    image - encoder - c5 - project ------- x - resize - score_coarse -,
                       |  ` weigh (averages) '                        + - x8 - logits
                       ` c3 --------------------------- score_fine --'

Departures from the paper: the backbone's last stage has all its channels, where the paper halves them, because timm has
weights for that alone. A map smaller than the window is averaged as a whole. torchvision's network, which averages the
whole map and takes the fine feature from the first block of its stage, is the variant "torchvision_lraspp".

Compared with torchvision lraspp_mobilenet_v3_large: whole network, as the variant "torchvision_lraspp", by a test;
difference 1e-4 of the spread; 3,221,538 : 3,221,538 (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct
from ...blocks.resize import resize_like
from ...blocks.sizes import larger
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class LRASPP(nn.Module):
    """Lite reduced atrous spatial pyramid pooling.

    Args:
        output_stride: of the encoder, 16, or 32 for less work.
        channels: width of the projected feature.
        window: side of the averaging windows in pixels of c5, 49 (section 6.4); null: the whole map.
        strides: distance between the windows, down and across; the paper's are for images of 1024x2048.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "mobilenetv3_large_100",
        in_channels: int = 3,
        output_stride: int = 16,
        channels: int = 128,
        window: int | None = 49,
        strides: Sequence[int] = (16, 20),
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder, levels=(3, 5), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        c3, c5 = self.encoder.channels
        self.project = ConvNormAct(c5, channels, 1)
        self.weigh = Weigh(c5, channels, window, strides)
        self.score_fine = nn.Conv2d(c3, num_classes, 1)
        self.score_coarse = nn.Conv2d(channels, num_classes, 1)

    def forward(self, image: Tensor) -> SemanticLogits:
        c3, c5 = self.encoder(image)  # [B, 40, H/8, W/8], [B, 960, H/16, W/16]
        x = self.project(c5) * self.weigh(c5)  # [B, 128, H/16, W/16]
        x = resize_like(x, c3)  # [B, 128, H/8, W/8]
        x = self.score_fine(c3) + self.score_coarse(x)  # [B, K, H/8, W/8]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]


class Weigh(nn.Module):
    """A weight of 0..1 for each channel at each place, from averages over large windows."""

    def __init__(self, in_channels: int, channels: int, window: int | None, strides: Sequence[int]) -> None:
        super().__init__()
        if (window is not None and window < 1) or len(strides) != 2 or min(strides) < 1:
            raise ModelError(
                f"window is {window} and strides is {list(strides)}; give a side, and a step down and across"
            )
        self.channels, self.window, self.strides = channels, window, tuple(strides)
        self.conv = nn.Conv2d(in_channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.weights(x).expand(-1, -1, h, w)  # [b, channels, h, w]

    def weights(self, x: Tensor) -> Tensor:
        """The weights of `x` [B, C, h, w]: [B, channels, h, w], or [B, channels, 1, 1] of the whole map."""
        if self.window is None:
            return torch.sigmoid(self.conv(x.mean(dim=(2, 3), keepdim=True)))
        (h, w), (down, across) = x.shape[-2:], self.strides
        (rows, fill_rows), (columns, fill_columns) = (
            windows(h, self.window, down, x),
            windows(w, self.window, across, x),
        )
        return (
            fill_rows @ torch.sigmoid(self.conv(rows @ x @ columns.transpose(-2, -1))) @ fill_columns.transpose(-2, -1)
        )


def windows(n: int, side: int, stride: int, x: Tensor) -> tuple[Tensor, Tensor]:
    """Two matrices, of the device and dtype of `x`: one averages `n` pixels over windows, one spreads these again.

    Window i holds the pixels i * stride .. i * stride + side - 1; a line shorter than `side` is one window. The last one
    is listed twice, because a graph exported for a single window would refuse images that have several.

    Returns: [windows, n], as torch's avg_pool2d; and [n, windows], as its bilinear interpolation.
    """
    count = larger(n - side, 0) // stride + 1
    window, pixel = torch.arange(count + 1, device=x.device)[:, None], torch.arange(n, device=x.device)
    first = stride * window.clamp(max=count - 1)
    inside = ((first <= pixel) & (pixel < first + side)).float()
    at = (pixel + 0.5).mul(count / n).sub(0.5).clamp(min=0)
    near = (1 - (at - window).abs()).clamp(min=0)
    return (inside / inside.sum(dim=1, keepdim=True)).to(x.dtype), near.transpose(-2, -1).to(x.dtype)
