"""A small vision transformer: 4 layers of 4 heads over 16 patches of 2×2 pixels and a class token (Dosovitskiy 2021).

Attention is written out as matrix products and a softmax: it can be exported, batched and differentiated twice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Every token looks at every token, once per head. The rows of `qkv` are queries, keys, values, head by head."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} does not split into {heads} heads: give a multiple of {heads}")
        self.heads, self.head = heads, width // heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x [N, T, W] → [N, T, W]."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, self.head)).permute(2, 0, 3, 1, 4).unbind(0)
        looks = (query @ key.transpose(-2, -1) * self.head**-0.5).softmax(-1)
        return self.proj((looks @ value).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """Attention and a two-matrix network, each behind a norm and beside a residual path."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.gelu = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(self.gelu(self.fc1(self.norm2(x))))


class DigitsViT(nn.Module):
    """Patches, a class token and positions in; the class token's last state decides."""

    def __init__(self, width: int, layers: int, heads: int, classes: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, width, 2, stride=2)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, 17, width))
        self.layers = nn.Sequential(*(Layer(width, heads, 2 * width) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(patches.shape[0], -1, -1), patches], dim=1)
        return self.head(self.norm(self.layers(tokens + self.position))[:, 0])


def build(width: int = 64, layers: int = 4, heads: int = 4, classes: int = 10) -> nn.Module:
    """The network, untrained. Input [N, 1, 8, 8]."""
    return DigitsViT(width, layers, heads, classes)
