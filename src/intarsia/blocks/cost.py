"""What a network costs: its arithmetic, counted on shapes alone."""

import torch
from torch import nn


def count_flops(network: nn.Module, height: int = 512, width: int = 512, channels: int = 3) -> int:
    """Floating-point operations of one image's forward pass in evaluation; a multiplication with its addition is two.

    Counts convolutions and matrix products, as papers do; norms, activations and resizing are left out. Papers that
    count multiply-adds as one print half of it. Runs on shapes alone, whatever device the network is on.
    """
    from torch.func import functional_call
    from torch.utils.flop_counter import FlopCounterMode

    state = {key: value.to("meta") for key, value in (*network.named_parameters(), *network.named_buffers())}
    image = torch.empty(1, channels, height, width, device="meta")
    was = network.training
    network.eval()
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            functional_call(network, state, (image,))
    finally:
        network.train(was)
    return counter.get_total_flops()
