"""Attention networks of many layouts, small enough to be cut in milliseconds, and ways to choose what goes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.structure.units import Structure
from tests.engine.zoo import settled

ROOT = Path(__file__).resolve().parents[3]


def some(structure: Structure, fraction: float, seed: int, *, even: bool) -> dict[str, np.ndarray]:
    """Which units stay, drawn at random: the same fraction of every group, or the fraction over all; one stays in each."""
    generator = np.random.default_rng(seed)
    groups = structure.removable
    if even:
        lost = {group.name: min(int(fraction * group.units + 0.5), group.units - 1) for group in groups}
    else:
        spare = [group.name for group in groups for _ in range(group.units - 1)]
        drawn = generator.permutation(spare)[: int(fraction * structure.units + 0.5)]
        lost = {group.name: int((drawn == group.name).sum()) for group in groups}
    return {group.name: generator.permutation(np.arange(group.units) >= lost[group.name]) for group in groups}


def tokens(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def words(*shape: int, seed: int = 0, vocabulary: int = 50) -> Tensor:
    return torch.randint(vocabulary, shape, generator=torch.Generator().manual_seed(seed))


def sample(name: str, **sizes: object) -> nn.Module:
    """A sample model's architecture, with random weights."""
    spec = importlib.util.spec_from_file_location(f"sample_{name}", ROOT / "sample_models" / name / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return settled(module.build(**sizes))


class Cross(nn.Module):
    """Torch's attention with everything it knows: other widths for keys and values, keys of its own, samples second."""

    def __init__(self, width: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.look = nn.MultiheadAttention(width, heads, add_bias_kv=True, add_zero_attn=True, kdim=6, vdim=10)

    def forward(self, x: Tensor) -> Tensor:
        """x [T, N, W]."""
        return self.look(x, x[:3, :, :6], x[:3, :, 6:16], need_weights=False)[0]


class Fused(nn.Module):
    """Attention as timm wrote it for years: the output is put together as wide as the input was."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.scale = heads, (width // heads) ** -0.5
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.attn_drop, self.proj_drop = nn.Dropout(0.0), nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        many, length, width = x.shape
        qkv = self.qkv(x).reshape(many, length, 3, self.num_heads, width // self.num_heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0], qkv[1], qkv[2]
        looks = self.attn_drop((query @ key.transpose(-2, -1) * self.scale).softmax(-1))
        return self.proj_drop(self.proj((looks @ value).transpose(1, 2).reshape(many, length, width)))


class Mixed(nn.Module):
    """One matrix that holds queries, keys and values head by head, as GPT-NeoX has it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = heads, width // heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(-1, (-1, 3 * self.head_dim)).transpose(1, 2).chunk(3, dim=-1)
        looks = (query @ key.transpose(-2, -1)).softmax(-1)
        return self.proj((looks @ value).transpose(1, 2).flatten(2))


class Named(nn.Module):
    """Attention that puts its output together as wide as an attribute says, which is also what embeddings are called."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.embed_dim = heads, width // heads, width
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        shape = (*x.shape[:2], self.num_heads, self.head_dim)
        query, key, value = (made(x).view(shape).transpose(1, 2) for made in (self.q_proj, self.k_proj, self.v_proj))
        looked = (query @ key.transpose(-2, -1)).softmax(-1) @ value
        return self.out_proj(looked.transpose(1, 2).reshape(*x.shape[:2], self.embed_dim))


class Normed(nn.Module):
    """Attention whose heads are divided by what all of them sum to: none can go without the others noticing."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = heads, width // heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(-1, (3, -1, self.head_dim)).permute(2, 0, 3, 1, 4).unbind(0)
        looked = ((query @ key.transpose(-2, -1)).softmax(-1) @ value).transpose(1, 2).flatten(2)
        return self.proj(looked / looked.abs().sum(-1, keepdim=True))
