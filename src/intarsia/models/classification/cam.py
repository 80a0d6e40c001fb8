"""CAM: the classifier's linear layer at every place of its last map, which shows where each class is seen.

Zhou, Khosla, Lapedriza, Oliva, Torralba. "Learning Deep Features for Discriminative Localization." CVPR 2016.
arXiv:1512.04150

A classifier averages its last map and applies a linear layer. Both are linear, so that the layer may come first, as a 1x1
convolution: then there is a map of scores for each class, whose mean is the classifier's own score. The network was
taught whole pictures only, and yet says where. `intarsia dense` makes it from a classifier, with the same weights.

    image - encoder - c5 - average over a window - classify 1x1 - enlarge - logits

Departures from the paper: the bias is part of every place's score; with `window` each place sees the mean of the places
around it, as a classifier sees that slides over the picture.

Not compared: it is `classifier`, whose weights it has; tests/checkpoint/test_dense.py holds the two together
(docs/faithfulness.md).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.resize import resize_like
from ...encoders import Encoder, levels_of
from ...errors import ModelError
from ...structures import SemanticLogits


class CAM(nn.Module):
    """Class activation maps: a classifier with its linear layer as a 1x1 convolution.

    Args:
        window: side of the window that is averaged around each place of the last map, odd; 1: the place alone. At the
            border it is cut.
        output_stride: of the encoder: 32, or 16 or 8 for a finer map where the encoder can be dilated.
        dropout: before the classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        window: int = 1,
        output_stride: int = 32,
        dropout: float = 0.0,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if window < 1 or window % 2 == 0:
            raise ModelError(f"window is {window}; a window with a place in its middle has an odd side of at least 1")
        self.window = window
        last = levels_of(encoder)[-1:]
        self.encoder = Encoder(
            encoder, levels=last, output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv2d(self.encoder.channels[0], num_classes, 1)
        nn.init.normal_(self.classify.weight, std=0.01)
        nn.init.zeros_(self.classify.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> SemanticLogits:
        return SemanticLogits(resize_like(self.scores(image), image))  # [B, K, H, W]

    def scores(self, image: Tensor) -> Tensor:
        """Return the scores of each place, before they are enlarged: [B, K, H/32, W/32]."""
        (c5,) = self.encoder(image)  # [B, 2048, H/32, W/32]
        x = F.avg_pool2d(c5, self.window, 1, self.window // 2, count_include_pad=False) if self.window > 1 else c5
        return self.classify(self.dropout(x))  # [B, K, H/32, W/32]
