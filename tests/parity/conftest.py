"""The peers, and networks that have seen something."""

from collections.abc import Callable

import pytest
import torch
from torch import nn


@pytest.fixture(scope="session")
def smp():
    return pytest.importorskip(
        "segmentation_models_pytorch", reason="the peer segmentation-models-pytorch is not installed"
    )


@pytest.fixture(scope="session")
def torchvision():
    return pytest.importorskip("torchvision", reason="the peer torchvision is not installed")


@pytest.fixture(scope="session")
def at_random() -> Callable[[nn.Module], nn.Module]:
    """Fill a network's norms and their running statistics at random."""

    def fill(network: nn.Module) -> nn.Module:
        torch.manual_seed(3)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.5, 0.5)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
            if isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
        return network.eval()

    return fill
