"""CRF-RNN: a dense CRF's mean field as the last layer, so that a network is trained knowing how its answer is sharpened.

Zheng, Jayasumana, Romera-Paredes, Vineet, Su, Du, Huang, Torr. "Conditional Random Fields as Recurrent Neural Networks."
ICCV 2015. arXiv:1502.03240

A dense CRF behind a network (DeepLab) sharpens edges, but the network is trained as if it were not there. One iteration of
its mean field is a softmax, two Gaussian filters, two linear layers over classes and a sum, each with a gradient. So T
iterations are a recurrent layer: the network and the CRF, what classes pay for each other included, are trained together.

    image - vgg - FCN-8s - scores ---------------------------- + - logits
       |                      |                                |
       |                   softmax <------ T times ------------+
       |                      |                                |
       ` lattices ---- filter by place and color, by place     |
                              ` weigh - compatibility ---------`

Departures from the paper: the FCN-8s is ours (its padding: models/resolution/fcn.py). The weights of the filters are
matrices over classes, as released, where the paper has a number a filter; deviations are the released ones. The paper
trains an FCN-8s first, and the whole from there: the weights of `fcn8s` have the same names here. In training the scores
before the CRF are an auxiliary output as well, without which a network that knows nothing yet would not get a gradient:
where all classes are as likely, the CRF gives every pixel to one of them.

Compared with sadeepj/crfasrnn_pytorch crfasrnn/crfrnn.py: the layer alone, its lattice compiled; differences 1e-4
(25), gradients 1e-4 of the largest (docs/faithfulness.md).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ...blocks.permutohedral import Lattice
from ...blocks.resize import crop_like
from ...blocks.score_ladder import Enlarge, score_layer
from ...encoders import VGG16
from ...errors import ModelError
from ...structures import SemanticLogits

LEVELS = 255  # deviations of colors are in units of 8-bit levels
TINY = 1e-20

Filter = Callable[[Tensor], Tensor]  # values of N points and K classes to as many


class CRFRNN(nn.Module):
    """FCN-8s, and the mean field of a dense CRF behind it.

    Args:
        channels: VGG-16's widths, six numbers: five stages, then fc6 and fc7.
        dropout: after fc6 and fc7, 0..1.
        iterations: of the mean field in evaluation (paper: 10).
        training_iterations: in training (paper: 5).
        place: deviation in pixels of the filter over place and color.
        color: its deviation in levels of 0..255.
        near: deviation in pixels of the filter over place alone.
        pretrained: start from ImageNet weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512, 4096),
        dropout: float = 0.5,
        iterations: int = 10,
        training_iterations: int = 5,
        place: float = 160.0,
        color: float = 3.0,
        near: float = 3.0,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = VGG16(
            levels=(3, 4, 5), in_channels=in_channels, channels=channels, dropout=dropout, pretrained=pretrained
        )
        *skips, last = self.encoder.channels
        self.score = score_layer(last, num_classes)
        self.score_skips = nn.ModuleList(score_layer(width, num_classes) for width in reversed(skips))
        self.climb = nn.ModuleList(Enlarge(num_classes, 2) for _ in skips)
        self.enlarge = Enlarge(num_classes, self.encoder.strides[0], learned=False)
        self.refine = MeanField(num_classes, iterations, training_iterations, place, color, near)

    def forward(self, image: Tensor) -> SemanticLogits:
        *pooled, fc7 = self.encoder(image)  # ..., [B, 4096, H/32, W/32]
        x = self.score(fc7)  # [B, K, H/32, W/32]
        for climb, score, skip in zip(self.climb, self.score_skips, reversed(pooled), strict=True):
            h, w = skip.shape[-2:]  # strides 16, then 8
            x = crop_like(climb(x), skip) + score(skip)  # [B, K, h, w]
        scores = crop_like(self.enlarge(x), image)  # [B, K, H, W]
        refined = self.refine(scores, self.levels(image))  # [B, K, H, W]
        return SemanticLogits(refined, auxiliary=(scores,) if self.training else ())

    def levels(self, image: Tensor) -> Tensor:
        """Undo the normalization of images [B, C, H, W], up to a constant a channel; in units of 0..255."""
        std = torch.tensor(self.encoder.std, device=image.device)
        return image * std.view(-1, 1, 1) * LEVELS


class MeanField(nn.Module):
    """T iterations of the mean field; filters and classes are weighed by what was learned.

    Args:
        iterations, training_iterations: T, in evaluation and in training.
        place, color, near: deviations of the filters.
    """

    def __init__(
        self, classes: int, iterations: int, training_iterations: int, place: float, color: float, near: float
    ) -> None:
        super().__init__()
        for name, value in (("iterations", iterations), ("training_iterations", training_iterations)):
            if not isinstance(value, int) or value < 1:
                raise ModelError(f"{name} is {value!r}; the mean field takes a whole number of 1 or more")
        for name, deviation in (("place", place), ("color", color), ("near", near)):
            if not deviation > 0:
                raise ModelError(f"{name} is {deviation!r}; give a deviation above 0")
        self.iterations, self.training_iterations = iterations, training_iterations
        self.place, self.color, self.near = place, color, near
        self.single = classes == 1  # one map under a sigmoid decides between two classes
        classes = max(2, classes)
        self.bilateral = nn.Parameter(5 * torch.eye(classes))
        self.spatial = nn.Parameter(3 * torch.eye(classes))
        self.compatibility = nn.Parameter(-torch.eye(classes))  # what a class pays: as Potts, up to a constant

    def forward(self, scores: Tensor, levels: Tensor) -> Tensor:
        """Refine scores [B, K, H, W] along the edges of pictures [B, C, H, W], in units of 0..255."""
        with torch.autocast("cpu" if scores.is_meta else scores.device.type, enabled=False):
            pairs = zip(self.at_least_float(scores), self.at_least_float(levels), strict=True)
            return torch.stack([self.refined(*pair) for pair in pairs])  # [B, K, H, W]

    def refined(self, scores: Tensor, levels: Tensor) -> Tensor:
        """Refine the scores of one picture, [K, H, W]."""
        filters = self.filters(levels)
        unary = scores.flatten(1).T  # of shape [N, K]
        if self.single:
            unary = torch.cat([torch.zeros_like(unary), unary], 1)
        x = unary
        for _ in range(self.training_iterations if self.training else self.iterations):
            q = x.softmax(1)
            seen = [one(q) @ weight.T for one, weight in zip(filters, (self.bilateral, self.spatial), strict=True)]
            x = unary - (seen[0] + seen[1]) @ self.compatibility.T
        if self.single:
            x = x[:, 1:] - x[:, :1]
        return x.T.reshape(scores.shape)

    def filters(self, levels: Tensor) -> tuple[Filter, Filter]:
        """Build the filter over place and color, and that over place alone; both give means, as released."""
        y, x = (torch.arange(length, device=levels.device, dtype=levels.dtype) for length in levels.shape[1:])
        places = torch.stack([x.expand(len(y), -1), y[:, None].expand(-1, len(x))], -1).flatten(0, 1)
        colors = levels.flatten(1).T
        return mean_of(torch.cat([places / self.place, colors / self.color], 1)), mean_of(places / self.near)

    @staticmethod
    def at_least_float(values: Tensor) -> Tensor:
        """Values in float32, or float64 where they are."""
        return values if values.dtype == torch.float64 else values.float()


def mean_of(features: Tensor) -> Filter:
    """Build the function that takes the Gaussian mean of values [N, K] around each point of the features [N, d].

    On the meta device, where there are no features, it gives back what it gets.
    """
    if features.is_meta:
        return lambda values: values
    lattice = Lattice(features)
    share = 1 / (lattice.filter(features.new_ones(len(features), 1)) + TINY)
    return lambda values: lattice.filter(values) * share
