"""Which kind of output a network of the user's own returns, found by running it once."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from ..data.normalize import normalize
from ..postprocess import checked
from .material import Material, first


def returned(model: nn.Module, material: Material, crop: tuple[int, int] | None) -> type:
    """Find the kind of output that a network returns, in eval mode.

    It runs on shapes alone (the meta device) where it can, else on a part of the first training image. Its weights, its
    running statistics and the random generators stay as they are.

    Args:
        crop: (height, width) of what it is trained on; None: the whole image.

    Raises: ModelError for a network that returns none of the outputs of `structures`, or one of other shapes.
    """
    image = first(material.train).image[None]
    if crop is not None:
        image = image[:, :, : crop[0], : crop[1]]
    was, weight = model.training, next(model.parameters(), torch.empty(0))
    try:
        with torch.no_grad(), torch.random.fork_rng([weight.device] if weight.device.type == "cuda" else []):
            model.eval()
            output = _on_paper(model, image)
            if output is None:
                channels = image.shape[1]
                output = model(normalize(image.to(weight.device), (0.5,) * channels, (0.25,) * channels))
    finally:
        model.train(was)
    return type(checked(output, image, material.labels))


def _on_paper(model: nn.Module, image: torch.Tensor) -> Any:
    """The output on shapes alone; None for a network that needs numbers."""
    try:
        state = {name: tensor.to("meta") for name, tensor in (*model.named_parameters(), *model.named_buffers())}
        return functional_call(model, state, (torch.empty(image.shape, device="meta"),))
    except Exception:  # whatever a network of somebody else's does with numbers that are not there
        return None
