"""Stand-ins for attention modules that cannot be told to have fewer heads than their width holds.

They compute what the originals compute and keep their parameters by name, but take a head's size as given instead of
dividing the width by the number of heads. This file needs nothing but torch: it travels with exported networks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class MultiheadAttention(nn.MultiheadAttention):
    """`nn.MultiheadAttention` with any number of heads: `num_heads` heads of `head_dim` channels, `embed_dim` wide outside.

    It is written out, and never enters torch's fast path, which would divide `embed_dim` by `num_heads`.
    """

    stands_in = True

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """query [N, L, E], key and value [N, S, E] (without N, or with N second, as the module was built) → [N, L, E]."""
        alone, turned = query.dim() == 2, query.dim() == 3 and not self.batch_first
        if is_causal and attn_mask is None:
            raise RuntimeError("is_causal is a hint about attn_mask, as in torch: give the mask too")
        if alone:
            query, key, value = query[None], key[None], value[None]
            key_padding_mask = None if key_padding_mask is None else key_padding_mask[None]
        elif turned:
            query, key, value = (one.transpose(0, 1) for one in (query, key, value))
        query, key, value = self._projected(query, key, value)
        hinted = is_causal and key_padding_mask is None and not need_weights  # only then does torch take the hint
        mask = None if hinted else _merged(attn_mask, key_padding_mask, query, key.shape[2] - self._extra)
        if mask is not None and self._extra:
            mask = functional.pad(mask, (0, self._extra))
        if need_weights:
            looked, weights = self._looked(query, key, value, mask)
        else:
            dropout = self.dropout if self.training else 0.0
            looked = functional.scaled_dot_product_attention(query, key, value, mask, dropout, is_causal=hinted)
            weights = None
        out = self.out_proj(looked.transpose(1, 2).flatten(2))
        if weights is not None:
            weights = weights.mean(1) if average_attn_weights else weights
            weights = weights[0] if alone else weights
        return out[0] if alone else out.transpose(0, 1) if turned else out, weights

    @property
    def _extra(self) -> int:
        """How many keys the module adds of its own."""
        return int(self.bias_k is not None) + int(self.add_zero_attn)

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Heads first: query [N, H, L, D], key and value [N, H, S, D], with the keys that the module adds."""
        if self.in_proj_weight is None:
            weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        else:
            weights = self.in_proj_weight.chunk(3)
        biases = (None, None, None) if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        made = [functional.linear(*each) for each in zip((query, key, value), weights, biases, strict=True)]
        if self.bias_k is not None:
            many = len(query)
            made[1] = torch.cat([made[1], self.bias_k.expand(many, -1, -1)], dim=1)
            made[2] = torch.cat([made[2], self.bias_v.expand(many, -1, -1)], dim=1)
        if self.add_zero_attn:
            made[1:] = [functional.pad(one, (0, 0, 0, 1)) for one in made[1:]]
        return [one.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2) for one in made]

    def _looked(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """What every head saw [N, H, L, D], and where it looked [N, H, L, S]."""
        scores = query * self.head_dim**-0.5 @ key.transpose(-2, -1)
        weights = (scores if mask is None else scores + mask).softmax(-1)
        weights = functional.dropout(weights, self.dropout, self.training)
        return weights @ value, weights


def _merged(attention: Tensor | None, padding: Tensor | None, query: Tensor, keys: int) -> Tensor | None:
    """Both masks as one that is added to the scores [N, H, L, S]; True meant «must not look»."""
    many, heads = query.shape[:2]
    parts = []
    if attention is not None:
        mask = _added(attention, query)
        if mask.dim() == 3:
            if len(mask) != many * heads:
                raise RuntimeError(
                    f"the attention mask is for {len(mask)} heads in all, but {many} samples have {heads} heads each: "
                    "give a mask without heads, or one for the heads that are left"
                )
            mask = mask.view(many, heads, *mask.shape[1:])
        parts.append(mask)
    if padding is not None:
        parts.append(_added(padding, query).view(many, 1, 1, keys))
    if not parts:
        return None
    return (parts[0] if len(parts) == 1 else parts[0] + parts[1]).expand(many, heads, query.shape[2], keys)


def _added(mask: Tensor, query: Tensor) -> Tensor:
    if mask.is_floating_point():
        return mask.to(query.dtype)
    return torch.zeros_like(mask, dtype=query.dtype).masked_fill_(mask.bool(), float("-inf"))


class FusedAttention(nn.Module):
    """Attention out of one matrix for queries, keys and values, `num_heads` heads of `head_dim` channels each."""

    stands_in = True

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        """x [N, T, W] → [N, T, W]."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim)).permute(2, 0, 3, 1, 4).unbind(0)
        query, key = self._changed("q_norm", query), self._changed("k_norm", key)
        dropout = getattr(getattr(self, "attn_drop", None), "p", 0.0) if self.training else 0.0
        scale = getattr(self, "scale", self.head_dim**-0.5)
        looked = functional.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout, is_causal=is_causal, scale=float(scale)
        )
        return self._changed("proj_drop", self.proj(looked.transpose(1, 2).flatten(2)))

    def _changed(self, name: str, x: Tensor) -> Tensor:
        part = getattr(self, name, None)
        return x if part is None else part(x)


class WindowAttention(nn.Module):
    """Swin's attention (Liu et al. 2021): inside windows, which may be shifted, with a bias for each pair of places."""

    stands_in = True

    def forward(self, x: Tensor) -> Tensor:
        """x [N, H, W, C] → [N, H, W, C]."""
        many, high, wide, _ = x.shape
        tall, broad = self.window_size
        x = functional.pad(x, (0, 0, 0, -wide % broad, 0, -high % tall))
        sizes = x.shape[1:3]
        asked = zip(self.shift_size, self.window_size, sizes, strict=True)
        shifts = [shift if side < size else 0 for shift, side, size in asked]
        x = torch.roll(x, [-shift for shift in shifts], (1, 2))
        mask = _places(self)
        if any(shifts):
            apart = self._apart(x, shifts)  # [windows, T, T]
            mask = mask + apart[:, None].repeat(many, 1, 1, 1)
        x = self._looked(self._windows(x), mask)
        x = x.view(many, sizes[0] // tall, sizes[1] // broad, tall, broad, -1).transpose(2, 3).reshape(many, *sizes, -1)
        return torch.roll(x, shifts, (1, 2))[:, :high, :wide].contiguous()

    def _windows(self, x: Tensor) -> Tensor:
        """[N, H, W, C] → [N · windows, T, C]."""
        tall, broad = self.window_size
        x = x.unflatten(1, (-1, tall)).unflatten(3, (-1, broad)).transpose(2, 3)
        return x.reshape(-1, tall * broad, x.shape[-1])

    def _apart(self, x: Tensor, shifts: list[int]) -> Tensor:
        """What keeps tokens apart that only the shift brought into one window: −100 for each such pair."""
        regions = x.new_zeros(1, *x.shape[1:3], 1)
        rows, columns = (
            (slice(0, -side), slice(-side, -shift or None), slice(-shift, None) if shift else slice(0, 0))
            for side, shift in zip(self.window_size, shifts, strict=True)
        )
        for at, (row, column) in enumerate((row, column) for row in rows for column in columns):
            regions[:, row, column] = at
        regions = self._windows(regions)[..., 0]
        return (regions[:, :, None] != regions[:, None, :]).to(x.dtype) * -100.0

    def _looked(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim)).permute(2, 0, 3, 1, 4).unbind(0)
        looks = (query * self.head_dim**-0.5 @ key.transpose(-2, -1) + mask).softmax(-1)
        looks = functional.dropout(looks, self.attention_dropout, self.training)
        x = self.proj((looks @ value).transpose(1, 2).flatten(2))
        return functional.dropout(x, self.dropout, self.training)


class GridAttention(nn.Module):
    """MaxViT's attention (Tu et al. 2022): inside each part of a grid, with a bias for each pair of places."""

    stands_in = True

    def forward(self, x: Tensor) -> Tensor:
        """x [N, G, T, C] → [N, G, T, C]."""
        query, key, value = self.to_qkv(x).unflatten(-1, (3, self.n_heads, self.head_dim)).movedim(-3, 0).transpose(-3, -2)
        looks = (query @ (key * self.scale_factor).transpose(-2, -1) + _places(self)).softmax(-1)
        return self.merge((looks @ value).transpose(-3, -2).flatten(-2))


class SlopedAttention(nn.Module):
    """BLOOM's attention (Scao et al. 2022): every head looks back with a slope of its own, which is made for all heads
    that there were at first. `heads_left` [H] says which of them are left."""

    stands_in = True

    def forward(
        self, hidden_states: Tensor, residual: Tensor, alibi: Tensor, attention_mask: Tensor | None,
        layer_past: object = None, **_asked: object,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """hidden_states, residual [N, T, W], alibi [N · heads at first, 1, S] → [N, T, W], and where each head looked."""
        many, heads = len(hidden_states), (self.num_heads, 3, self.head_dim)
        query, key, value = self.query_key_value(hidden_states).unflatten(-1, heads).permute(3, 0, 2, 1, 4).unbind(0)
        if layer_past is not None:
            key, value = layer_past.update(key, value, self.layer_idx)
        slopes = alibi.view(many, -1, 1, alibi.shape[-1])[:, self.heads_left]
        scores = self.beta * slopes + self.inv_norm_factor * (query @ key.transpose(-2, -1))
        scores = scores if attention_mask is None else scores + attention_mask
        looks = self.attention_dropout(scores.softmax(-1, dtype=torch.float32).to(query.dtype))
        out = self.dense((looks @ value).transpose(1, 2).flatten(2))
        return residual + functional.dropout(out, self.hidden_dropout, self.training), looks


def _places(module: nn.Module) -> Tensor:
    """One bias per head and pair of places [1, H, T, T], out of a table over distances."""
    index = module.relative_position_index
    tokens = math.isqrt(index.numel())
    return module.relative_position_bias_table[index.flatten()].view(tokens, tokens, -1).permute(2, 0, 1)[None]


def stand_in(network: nn.Module, module: str, kind: str) -> None:
    """Turns `network`'s module of that name into its stand-in, in place: parameters, buffers, flags, mode and hooks stay."""
    if kind not in KINDS:
        raise ValueError(f"unknown stand-in {kind!r}; there are {', '.join(KINDS)}")
    one = network.get_submodule(module)
    if getattr(one, "stands_in", False):
        return
    KINDS[kind](network, module, one)


def _multihead(network: nn.Module, name: str, module: nn.Module) -> None:
    module.__class__ = MultiheadAttention
    module._qkv_same_embed_dim = False  # what nn.TransformerEncoderLayer asks before it goes round the module
    for above, owner in network.named_modules():
        if isinstance(owner, nn.TransformerEncoder) and name.startswith(f"{above}." if above else ""):
            owner.use_nested_tensor = False


def _fused(network: nn.Module, name: str, module: nn.Module) -> None:
    if not hasattr(module, "num_heads"):
        module.num_heads = module.heads
    module.head_dim = module.qkv.out_features // (3 * module.num_heads)
    module.__class__ = FusedAttention


def _window(network: nn.Module, name: str, module: nn.Module) -> None:
    module.head_dim = module.qkv.out_features // (3 * module.num_heads)
    module.__class__ = WindowAttention


def _grid(network: nn.Module, name: str, module: nn.Module) -> None:
    module.__class__ = GridAttention


def _sloped(network: nn.Module, name: str, module: nn.Module) -> None:
    device = module.query_key_value.weight.device
    module.register_buffer("heads_left", torch.arange(module.num_heads, device=device), persistent=False)
    module.__class__ = SlopedAttention


KINDS = {
    "multihead_attention": _multihead, "fused_attention": _fused, "window_attention": _window, "grid_attention": _grid,
    "sloped_attention": _sloped,
}  # fmt: skip
