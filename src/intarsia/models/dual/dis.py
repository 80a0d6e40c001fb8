"""DIS: what is drawn of an image must suffice to draw the image again, and that makes images without masks useful.

Luo, Wang, Lin, Wang. "Deep Dual Learning for Semantic Image Segmentation." ICCV 2017. doi:10.1109/ICCV.2017.296

A mask costs minutes to draw, a tag seconds. Dual image segmentation solves two problems at once: from image to label map and
tags, and from label map back to image and tags. The way back needs no labels. So where an image has tags alone, its label
map is searched for, by some steps of gradient descent: the one from which the image and its tags can be had again.

    image - dilated encoder - c5 - 3x3 -- x - label map -------------------------------- x8 - logits
                                          |     `--- with x, narrowed - 3x3 - 3x3 - image at 1/8 --- penalty
                                          |      `-- mean - tags again ----------------------------- penalty
                                          ` mean - tags (`presence`)

In training `penalty` is the squared error of the image and the cross entropy of the tags that the label map gives back with
those that the image gives. `search` finds the label map of an image with tags.

Departures from the paper: the image is given back in the units that the network gets it in, without its features; tags are
one linear layer on a mean. A searched label map is handed out, and not kept between steps of training.

Not compared: no released code was found. Built from a summary of the paper, so that numbers of sections, widths and sizes may
be others there (docs/faithfulness.md).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import resize_like
from ...encoders import Encoder
from ...structures import SemanticLogits


class DIS(nn.Module):
    """Dual image segmentation.

    Args:
        channels: width of the feature behind the encoder.
        narrow: how many of its maps, mixed, help the label map to give back the image.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        weight: of the penalty.
        dropout: before the label map, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: int = 512,
        narrow: int = 16,
        output_stride: int = 8,
        weight: float = 0.1,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes, self.weight = num_classes, weight
        self.encoder = Encoder(
            encoder, levels=(5,), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        self.reduce = ConvNormAct(self.encoder.channels[0], channels)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.tag = PixelClassifier(channels, num_classes)
        self.back = Back(num_classes, channels, narrow, in_channels)

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 2048, H/8, W/8]
        x = self.reduce(c5)  # [B, 512, H/8, W/8]
        scores = self.classify(x)  # [B, K, H/8, W/8]
        logits = resize_like(scores, image)  # [B, K, H, W]
        if not self.training:
            return SemanticLogits(logits)
        tags = self.tag(x.mean(dim=(2, 3), keepdim=True)).flatten(1)  # [B, K]
        penalty = self.weight * self.duality(scores, x, image, tags.sigmoid())  # [B]
        return SemanticLogits(logits, presence=tags, penalty=penalty)

    def duality(self, scores: Tensor, x: Tensor, image: Tensor, tags: Tensor) -> Tensor:
        """How badly label maps give back their images and tags, [B].

        Args:
            scores: [B, K, h, w] of the label map.
            x: [B, C, h, w] the feature that helps.
            image: [B, C', H, W].
            tags: [B, K] the probability that a class occurs, 0..1.
        """
        shares = scores.softmax(dim=1) if self.num_classes > 1 else scores.sigmoid()
        again, tags_again = self.back(shares, x)
        small = F.adaptive_avg_pool2d(image, (x.shape[-2], x.shape[-1]))
        missed = F.binary_cross_entropy_with_logits(tags_again, tags.to(tags_again.dtype), reduction="none")
        return (again - small).square().mean(dim=(1, 2, 3)) + missed.mean(dim=1)

    @torch.enable_grad()
    def search(self, image: Tensor, tags: Tensor, *, steps: int = 30, rate: float = 1.0) -> Tensor:
        """Find the label maps of images of which only tags are known (section 3.3): scores [B, K, H, W].

        The network's own answer is moved downhill on `duality`, whose tags are the true ones; its weights stay.

        Args:
            tags: [B, K] 1 where a class occurs, else 0.
            rate: length of a step, in units of the mean gradient of each image.
        """
        was, held = self.training, [p for p in self.parameters() if p.requires_grad]
        for parameter in held:
            parameter.requires_grad_(False)
        try:
            self.eval()
            x = self.reduce(*self.encoder(image))
            scores = self.classify(x).detach()
            for _ in range(steps):
                scores.requires_grad_()
                (gradient,) = torch.autograd.grad(self.duality(scores, x, image, tags).sum(), scores)
                size = gradient.abs().mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
                scores = (scores - rate / steps * gradient / size).detach()
        finally:
            self.train(was)
            for parameter in held:
                parameter.requires_grad_()
        return resize_like(scores, image)


class Back(nn.Module):
    """From a label map to the small image it was drawn of, and to the tags."""

    def __init__(self, num_classes: int, channels: int, narrow: int, in_channels: int) -> None:
        super().__init__()
        self.help = ConvNormAct(channels, narrow, 1)
        self.draw = nn.Sequential(
            ConvNormAct(num_classes + narrow, 64), ConvNormAct(64, 64), nn.Conv2d(64, in_channels, 3, padding=1)
        )
        self.tag = nn.Linear(num_classes, num_classes)

    def forward(self, shares: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The image [B, C', h, w] and the logits of the tags [B, K], of the shares of classes [B, K, h, w] and `x`."""
        b, _, h, w = shares.shape
        image = self.draw(torch.cat([shares, self.help(x)], dim=1))  # [b, 3, h, w]
        return image, self.tag(shares.mean(dim=(2, 3)))
