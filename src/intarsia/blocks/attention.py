"""Attention: each query gathers, from all places, a mean of their values, weighted by how well their keys fit it.

    softmax(q k / sqrt(d)) v        in each of several heads, which have d channels each

Vaswani et al. "Attention Is All You Need." NeurIPS 2017. arXiv:1706.03762
"""

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Attention of several heads, with a linear layer before each part and one behind.

    Args:
        channels: width of queries, keys and values, a multiple of `heads`.
        dropout: share of the weights set to zero in training, 0..1.
    """

    def __init__(self, channels: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.channels, self.heads = channels, heads
        self.query, self.key, self.value = (nn.Linear(channels, channels) for _ in range(3))
        self.dropout = nn.Dropout(dropout)
        self.gather = nn.Linear(channels, channels)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Gather for each query.

        Args:
            query: [B, Q, C].
            key, value: [B, N, C].

        Returns: [B, Q, C].
        """
        q, k, v = (
            part(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part, x in ((self.query, query), (self.key, key), (self.value, value))
        )
        fit = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
        x = self.dropout(torch.softmax(fit, dim=3)) @ v
        return self.gather(x.transpose(1, 2).flatten(2))
