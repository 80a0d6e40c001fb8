"""All norms of a network exchanged at once: batch norm for group norm, for one that keeps its statistics, or back.

Where a kind of norm matters is the batch: batch norm learns from all its images, and needs more than one value a channel;
group norm (Wu and He. ECCV 2018. arXiv:1803.08494) and frozen norm treat each image by itself.
"""

from functools import lru_cache
from typing import Any, Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import ModelError
from .conv import norm_layer

Norms = Literal["batch", "group", "frozen"]
KINDS = ("batch", "group", "frozen")


def with_norms(model: nn.Module, kind: str) -> nn.Module:
    """Exchange the norms of a network, in place.

    Scales and shifts are taken over; the running statistics of a batch norm that becomes a group norm are left out.

    Args:
        model: for "frozen" one with an `encoder`.
        kind: "group": every batch norm becomes a group norm; "frozen": batch norms of the encoder keep their statistics,
            scales and shifts, and the others become group norms; "batch": every group norm becomes a batch norm.

    Returns: the network.

    Raises: ModelError for another kind, and for "frozen" where the encoder has no batch norm.
    """
    if kind not in KINDS:
        raise ModelError(f"norms is {kind!r}; choose from {', '.join(KINDS)}")
    kept = set()
    if kind == "frozen":
        encoder = getattr(model, "encoder", None)
        kept = (
            {id(m) for m in encoder.modules() if isinstance(m, _BatchNorm)} if isinstance(encoder, nn.Module) else set()
        )
        if not kept:
            raise ModelError(
                f"norms=frozen keeps the batch norms of a pretrained encoder, and {type(model).__name__} has none here; use "
                "norms=group"
            )
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if id(child) in kept:
                _freeze(child)
            elif kind == "batch" and isinstance(child, nn.GroupNorm):
                setattr(parent, name, _taken_over(nn.BatchNorm2d(child.num_channels, affine=child.affine), child))
            elif kind != "batch" and isinstance(child, _BatchNorm):
                setattr(parent, name, _grouped(child))
    return model


def _freeze(norm: nn.Module) -> None:
    """Let a batch norm stay as it is, whatever mode the network is in."""
    norm.__class__ = _frozen(type(norm))  # type: ignore[arg-type]
    norm.requires_grad_(False).train(False)


@lru_cache(maxsize=16)
def _frozen(kind: type[nn.Module]) -> type[nn.Module]:
    """A kind of batch norm, timm's with activations among them, that is always in evaluation mode."""

    def train(self: Any, mode: bool = True) -> Any:
        return kind.train(self, False)

    return type(f"Frozen{kind.__name__}", (kind,), {"train": train, "__doc__": "A batch norm that does not learn."})


def _grouped(norm: _BatchNorm) -> nn.Module:
    """A group norm in place of a batch norm; timm's bring an activation along, which stays."""
    group = norm_layer("group", norm.num_features)
    assert isinstance(group, nn.GroupNorm)
    if not norm.affine:
        group = nn.GroupNorm(group.num_groups, group.num_channels, affine=False)
    new = _taken_over(group, norm)
    behind = [part for part in (getattr(norm, "drop", None), getattr(norm, "act", None)) if isinstance(part, nn.Module)]
    return nn.Sequential(new, *behind) if behind else new


def _taken_over(new: nn.Module, old: nn.Module) -> nn.Module:
    """A norm with the scale and shift of another, and its mode."""
    new.load_state_dict({name: p.detach() for name, p in old.named_parameters(recurse=False)}, strict=False)
    return new.train(old.training)
