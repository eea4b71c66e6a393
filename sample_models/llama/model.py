"""A Llama: RMSNorm, rotary positions, grouped-query attention, SwiGLU (Touvron et al. 2023), any size.

Parameters go by the names that `transformers` gives them, so the same weights fit both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class RMSNorm(nn.Module):
    """Every token's vector, divided by its root mean square and scaled channel by channel (Zhang & Sennrich 2019)."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon))


class Rotary(nn.Module):
    """Positions as angles: channel pair i of a head turns by position · base^(−2i / head) (Su et al. 2021)."""

    def __init__(self, head: int, base: float) -> None:
        super().__init__()
        self.register_buffer("inv_freq", base ** -(torch.arange(0, head, 2) / head), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines [T, head] for the tokens of x [N, T, W]."""
        position = torch.arange(x.shape[1], device=x.device, dtype=self.inv_freq.dtype)
        angle = torch.outer(position, self.inv_freq).repeat(1, 2)
        return angle.cos(), angle.sin()


def turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """x [N, heads, T, head] with every pair of channels (i, i + head / 2) turned by its angle."""
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine


class Attention(nn.Module):
    """Every token looks at itself and at those before it. `num_key_value_groups` heads share one key and one value."""

    def __init__(self, width: int, heads: int, key_value_heads: int) -> None:
        super().__init__()
        if width % heads or (width // heads) % 2:
            raise ValueError(f"width {width} does not split into {heads} heads of an even size: give other numbers")
        if heads % key_value_heads:
            raise ValueError(
                f"{heads} heads cannot share {key_value_heads} keys and values evenly: give a divisor of {heads}"
            )
        self.head_dim = width // heads
        self.num_heads, self.num_key_value_heads = heads, key_value_heads
        self.num_key_value_groups = heads // key_value_heads
        self.q_proj = nn.Linear(width, heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(width, key_value_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(width, key_value_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(heads * self.head_dim, width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """x [N, T, W] → [N, T, W]."""
        query, key, value = (
            made(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2) for made in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = turned(query, cosine, sine), turned(key, cosine, sine)
        key, value = (one.repeat_interleave(self.num_key_value_groups, dim=1) for one in (key, value))
        looked = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.o_proj(looked.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """SwiGLU: one matrix gates what the other brings up (Shazeer 2020)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)
        self.act_fn = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Attention and a feed-forward network, each behind a norm and beside a residual path."""

    def __init__(self, width: int, hidden: int, heads: int, key_value_heads: int, epsilon: float) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads, key_value_heads)
        self.mlp = FeedForward(width, hidden)
        self.input_layernorm = RMSNorm(width, epsilon)
        self.post_attention_layernorm = RMSNorm(width, epsilon)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cosine, sine)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """Embedding, layers, a last norm."""

    def __init__(self, vocabulary: int, width: int, layers: list[Layer], rotary: Rotary, epsilon: float) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(layers)
        self.norm = RMSNorm(width, epsilon)
        self.rotary_emb = rotary

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed_tokens(tokens)
        cosine, sine = self.rotary_emb(x)
        for layer in self.layers:
            x = layer(x, cosine, sine)
        return self.norm(x)


class LanguageModel(nn.Module):
    """Tokens [N, T] in, for each the logits [N, T, V] of the token that follows it out."""

    def __init__(self, model: Llama, *, tied: bool) -> None:
        super().__init__()
        self.model = model
        vocabulary, width = model.embed_tokens.weight.shape
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.lm_head.weight = model.embed_tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.lm_head(self.model(tokens))


def build(
    vocabulary: int = 512, width: int = 64, hidden: int = 172, layers: int = 5, heads: int = 8,
    key_value_heads: int | None = None, tied: bool = True, base: float = 10000.0, epsilon: float = 1e-5,
) -> nn.Module:  # fmt: skip
    """The network, untrained. Input [N, T] whole numbers below `vocabulary`."""
    shared = heads if key_value_heads is None else key_value_heads
    stack = [Layer(width, hidden, heads, shared, epsilon) for _ in range(layers)]
    return LanguageModel(Llama(vocabulary, width, stack, Rotary(width // heads, base), epsilon), tied=tied)
