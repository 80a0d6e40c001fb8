"""Plain vision transformers of timm: one map of patches through all blocks, and a word of each block about the whole image.

Dosovitskiy, Beyer, Kolesnikov, and others. "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale."
ICLR 2021. arXiv:2010.11929

    image - pad to whole patches - patches - + codes of places - block - ... - block k - ... - block n
                                                                                |
                                                          a map of the image's size / 16, and the class token

They are no pyramids: every map has the patch's stride. `Encoder` has those.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import EncoderError, nearest
from .pyramid import spread
from .timm_model import imported_timm
from .weights import loading

Resample = Literal["bilinear", "bicubic"]
LEARNED = (
    "patch_embed",
    "cls_token",
    "reg_token",
    "pos_embed",
    "norm_pre",
    "blocks",
)  # what stands before the last norm


class PlainTransformer(nn.Module):
    """The tokens of some blocks of a plain vision transformer, as maps of one stride.

    An image of any size goes: its border is repeated up to whole patches, and the codes of places are resampled.

    Args:
        name: of timm, such as "vit_base_patch16_224", "vit_giant_patch14_clip_224" or "eva_giant_patch14_224".
        blocks: whose tokens to return, counted from 0; None: of four, evenly spaced, the last one among them.
        side: of the square image in pixels that the codes of places are for; None: as timm has it.
        resample: how the codes are brought to another size; "bicubic" is smoothed where it shrinks, as timm has it.
        in_channels: of the image; pretrained first layers are adapted by timm.
        pretrained: start from timm's weights.

    Attributes:
        channels, strides: of each returned map, in order.
        mean, std: what an image of 0..1 is normalized with, one number per input channel.
        patch: side of a patch in pixels.
        tokens: how many tokens stand before the patches: the class token, and registers.

    Raises: EncoderError if timm lacks the model or its weights, or the model is another kind.
    """

    def __init__(
        self,
        name: str,
        *,
        blocks: Sequence[int] | None = None,
        side: int | None = None,
        resample: Resample = "bilinear",
        in_channels: int = 3,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if in_channels < 1:
            raise EncoderError(f"in_channels is {in_channels}; an image has at least one channel")
        self.patch, depth = size_of(name)
        self.taken = evenly(depth, min(4, depth)) if blocks is None else tuple(blocks)
        if (
            not self.taken
            or list(self.taken) != sorted(set(self.taken))
            or not 0 <= self.taken[0] <= self.taken[-1] < depth
        ):
            raise EncoderError(
                f"blocks is {list(self.taken)}; encoder {name!r} has 0 to {depth - 1}: name each once, in order"
            )
        if side is not None and (side < 1 or side % self.patch):
            raise EncoderError(
                f"side is {side}; encoder {name!r} takes multiples of its patches of {self.patch} pixels"
            )
        with loading(name, pretrained):
            self.body = _trimmed(_create(name, side, in_channels, pretrained), self.taken[-1] + 1)
        self.resample, self.tokens, self.width = resample, int(self.body.num_prefix_tokens), int(self.body.embed_dim)
        self.channels, self.strides = (self.width,) * len(self.taken), (self.patch,) * len(self.taken)
        statistics = self.body.pretrained_cfg
        self.mean, self.std = spread(statistics["mean"], in_channels), spread(statistics["std"], in_channels)

    def forward(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The maps [B, C, h, w] of the taken blocks, and what stood before them [B, tokens, C]; h is H / patch, rounded up."""
        height, width, p = *image.shape[-2:], self.patch
        h, w = (height + p - 1) // p, (width + p - 1) // p
        image = F.pad(image, (0, w * p - width, 0, h * p - height), mode="replicate")
        x = self.body.patch_embed.norm(self.body.patch_embed.proj(image).flatten(2).transpose(1, 2))
        x = self.body.norm_pre(self._placed(x, h, w))
        maps, before = [], []
        for n, block in enumerate(self.body.blocks):
            x = block(x)
            if n in self.taken:
                before.append(x[:, : self.tokens])
                maps.append(x[:, self.tokens :].transpose(1, 2).unflatten(2, (h, w)))
        return maps, before

    def _placed(self, x: Tensor, h: int, w: int) -> Tensor:
        """The patches [B, h * w, C] and the tokens before them, each with the code of its place."""
        body = self.body
        codes = body.pos_embed
        apart = 0 if body.no_embed_class else self.tokens  # how many codes are of tokens before the patches
        grid = codes[:, apart:].transpose(1, 2).unflatten(2, body.patch_embed.grid_size)
        smooth = self.resample == "bicubic"
        grid = F.interpolate(grid.float(), (h, w), mode=self.resample, antialias=smooth, align_corners=False)
        x = x + grid.flatten(2).transpose(1, 2).to(codes.dtype)
        begin = [token for token in (body.cls_token, body.reg_token) if token is not None]
        if not begin:
            return x
        front = torch.cat(begin, dim=1)
        front = front + codes[:, :apart] if apart else front
        return torch.cat([front.expand(x.shape[0], -1, -1).to(x.dtype), x], dim=1)


def evenly(depth: int, count: int) -> tuple[int, ...]:
    """The last blocks of `count` parts of `depth` blocks: 5, 11, 17 and 23 of 24."""
    return tuple(depth * n // count - 1 for n in range(1, count + 1))


@lru_cache(maxsize=64)
def size_of(name: str) -> tuple[int, int]:
    """(side of a patch in pixels, number of blocks) of a plain vision transformer.

    Raises: EncoderError with the nearest name if timm has none of that name.
    """
    timm = imported_timm()
    if not timm.is_model(name):
        raise EncoderError(f"timm has no encoder {name!r}{nearest(name, timm.list_models('vit_*'))}")
    with torch.device("meta"):
        body = _create(name, None, 3, False)
    return int(body.patch_embed.patch_size[0]), len(body.blocks)


def _create(name: str, side: int | None, in_channels: int, pretrained: bool) -> Any:
    timm = imported_timm()
    options = {} if side is None else {"img_size": side}
    home = timm.model_entrypoint(name).__module__
    body: Any = None
    if not home.startswith("timm.") or home.endswith(
        (".vision_transformer", ".eva")
    ):  # of others nothing is downloaded
        body = timm.create_model(name, pretrained=pretrained, in_chans=in_channels, num_classes=0, **options)
    kinds = (timm.models.vision_transformer.VisionTransformer, timm.models.eva.Eva)
    if type(body) not in kinds or body.pos_embed is None or getattr(body, "rope", None) is not None:
        raise EncoderError(
            f"encoder {name!r} is no plain vision transformer with learned codes of places; choose one such as "
            "'vit_base_patch16_224'"
        )
    return body


def _trimmed(body: Any, depth: int) -> Any:
    """The network without what stands behind its block number `depth`, counted from 1."""
    body.blocks = body.blocks[:depth]
    for name, _ in list(body.named_children()):
        if name not in LEARNED:
            setattr(body, name, nn.Identity())
    return body
