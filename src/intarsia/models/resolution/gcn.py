"""GCN: classify each pixel with a kernel that covers most of the feature map, and mend the outlines afterwards.

Peng, Zhang, Yu, Luo, Sun. "Large Kernel Matters -- Improve Semantic Segmentation by Global Convolutional Network."
CVPR 2017. arXiv:1703.02719

Classification wants to see the whole object, localization wants to stay a convolution. A 15x15 kernel on a map of
16x16 does both, and as two thin kernels after one another it stays affordable. Every level of the encoder gives scores
in this way; on the way up they are doubled, added and refined by a small residual near the boundaries.

    c5 - look - refine - x2 -,
    c4 - look - refine ----- + - correct - x2 -,
    c3 - look - refine ----------------------- + - correct - x2 -,
    c2 - look - refine ------------------------------------------ + - correct - x2 - correct - x2 - correct - logits

Departures from the paper: it gives no size of its deconvolutions; here they are 4x4, of stride 2, and start as bilinear
enlargement. The encoder is the plain ResNet (section 3.2), not section 4.1.3's with large kernels inside.

Compared with zijundeng/pytorch-semantic-segmentation gcn.py (no code of the authors): whole network on ResNet-50,
kernel 7; difference 0 with bilinear enlargement for our deconvolutions (docs/faithfulness.md).
"""

import torch
from torch import Tensor, nn

from ...blocks.large_kernel import BoundaryRefinement, LargeKernel
from ...blocks.resize import crop_like
from ...encoders import Encoder
from ...structures import SemanticLogits


class GCN(nn.Module):
    """Global convolutional network.

    Args:
        kernel: side of the large kernel on every level, odd; 15 covers a 512-pixel image at stride 32.
        pretrained: start the encoder from ImageNet weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet152",
        in_channels: int = 3,
        kernel: int = 15,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.look = nn.ModuleList(LargeKernel(c, num_classes, kernel) for c in self.encoder.channels)
        self.refine = nn.ModuleList(BoundaryRefinement(num_classes) for _ in self.encoder.channels)
        self.climb = nn.ModuleList(_double(num_classes) for _ in range(5))
        self.correct = nn.ModuleList(BoundaryRefinement(num_classes) for _ in range(5))

    def forward(self, image: Tensor) -> SemanticLogits:
        features = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        parts = zip(self.look, self.refine, features, strict=True)
        *finer, x = [refine(look(c)) for look, refine, c in parts]  # [B, K, H/4, W/4], ..., [B, K, H/32, W/32]
        for climb, correct, score in zip(self.climb[:3], self.correct[:3], reversed(finer), strict=True):
            h, w = score.shape[-2:]  # strides 16, 8, 4
            x = correct(crop_like(climb(x), score) + score)  # [B, K, h, w]
        x = self.correct[3](self.climb[3](x))  # [B, K, H/2, W/2]
        x = crop_like(self.climb[4](x), image)  # [B, K, H, W]
        return SemanticLogits(self.correct[4](x))


def _double(channels: int) -> nn.ConvTranspose2d:
    """A transposed convolution to twice the size that starts as bilinear enlargement, each class by itself."""
    double = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1, bias=False)
    taps = torch.tensor([0.25, 0.75, 0.75, 0.25])
    nn.init.zeros_(double.weight)
    with torch.no_grad():
        double.weight[range(channels), range(channels)] = taps[:, None] * taps[None]
    return double
