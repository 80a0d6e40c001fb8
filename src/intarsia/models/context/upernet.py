"""UPerNet: first the whole scene at the top, then a pyramid down to the detail, then all levels at once.

Xiao, Liu, Zhou, Jiang, Sun. "Unified Perceptual Parsing for Scene Understanding." ECCV 2018. arXiv:1807.10221

A scene, its objects and their parts live at different levels of one network. UPerNet averages the coarsest feature over
grids, as PSPNet does, but needs no dilated encoder: a feature pyramid hands the scene down to finer levels. Objects are
named from all of its levels, resized to the finest and fused.

    c5 - average over grids - 3x3 - p5 ---------------------------,
    c4 - lateral - + (p5 enlarged) - p4 - smooth - enlarge -------|
    c3 - lateral - + (p4 enlarged) - p3 - smooth - enlarge -------|
    c2 - lateral - + (p3 enlarged) - p2 - smooth ----------------- side by side - fuse - classify - x4 - logits
    c4 - auxiliary head (training only)

Departures from the paper: the object head alone, without those for scene, part, material and texture, whose labels come
from five data sets. The auxiliary head is that of later trainings. timm's "resnet101s" and "resnet50s" are the authors'
ResNets. segmentation-models-pytorch's network is the variant "smp_upernet".

Compared with CSAILVision/semantic-segmentation-pytorch models.py: whole network on its ResNet-50 ("resnet50s");
difference 9e-4 (487); 64,156,117 : 64,156,117 (docs/faithfulness.md).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.branches import side_by_side
from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.feature_pyramid import hand_down
from ...blocks.pooling import PyramidPooling
from ...blocks.resize import Resize, resize_like
from ...encoders import Encoder
from ...structures import SemanticLogits


class UPerNet(nn.Module):
    """Unified perceptual parsing, the network for objects.

    Args:
        encoder: "resnet101s" and "resnet50s" are the authors'; any pyramid works.
        bins: side of each pooling grid.
        channels: width of the pyramid and of each grid's averages.
        auxiliary: a classifier on c4, in training only.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101s",
        in_channels: int = 3,
        bins: Sequence[int] = (1, 2, 3, 6),
        channels: int = 512,
        auxiliary: bool = True,
        dropout: float = 0.0,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        *finer, coarsest = self.encoder.channels
        self.norm = nn.ModuleList(nn.Identity() for _ in self.encoder.channels)  # a peer's variant norms
        pool = PyramidPooling(coarsest, bins, share=channels, squeeze_last=True)
        self.scene = nn.Sequential(pool, ConvNormAct(pool.out_channels, channels))
        self.lateral = nn.ModuleList(ConvNormAct(c, channels, 1) for c in finer)
        self.smooth = nn.ModuleList(ConvNormAct(channels, channels) for _ in finer)
        self.fuse = ConvNormAct(channels * len(self.encoder.channels), channels)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.enlarge = Resize()
        side = finer[-1] // 4
        self.auxiliary = (
            nn.Sequential(ConvNormAct(finer[-1], side), PixelClassifier(side, num_classes, dropout=dropout))
            if auxiliary
            else None
        )

    def forward(self, image: Tensor) -> SemanticLogits:
        features = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        c2, c3, c4, c5 = [norm(c) for norm, c in zip(self.norm, features, strict=True)]
        p5 = self.scene(c5)  # [B, 512, H/32, W/32]
        maps = [lateral(c) for lateral, c in zip(self.lateral, (c2, c3, c4), strict=True)]  # [B, 512, H/4, W/4], ...
        *finer, _ = hand_down([*maps, p5], resize_like)  # [B, 512, H/4, W/4], ..., [B, 512, H/32, W/32]
        pyramid = [smooth(p) for smooth, p in zip(self.smooth, finer, strict=True)]
        x = side_by_side([*pyramid, p5])  # [B, 2048, H/4, W/4]
        x = self.fuse(x)  # [B, 512, H/4, W/4]
        x = self.classify(x)  # [B, K, H/4, W/4]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        auxiliary = (self.auxiliary(c4),) if self.training and self.auxiliary else ()  # [B, K, H/16, W/16]
        return SemanticLogits(logits, auxiliary)
