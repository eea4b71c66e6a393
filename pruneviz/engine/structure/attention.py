"""Attention: how a module lays its heads out in its matrices, as data, and the group of units that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import nn

from pruneviz.engine.structure.units import NOBODY, Group, Part, Repair, Role

Side = Literal["query", "key", "value", "out", "head"]
"""Whose heads lie along an axis. «out» are the values that the queries gathered: what the output matrix reads. «head» is
one number per head."""

HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "heads", "num_q_heads", "num_query_heads")
SHARED = ("num_key_value_heads", "num_kv_heads", "n_kv_heads", "n_kv_head", "kv_heads")
SIZE = ("head_dim", "attention_head_size", "head_size", "dim_head", "dim_per_head", "d_head", "head", "key_value_proj_dim")
SHARING = ("num_key_value_groups", "num_kv_groups", "num_queries_per_kv", "n_rep")
WIDTH = ("all_head_size", "attn_dim", "inner_dim", "split_size")
SHARED_WIDTH = ("kv_dim",)
EMBEDDING = ("embed_dim", "hidden_size", "dim", "d_model", "n_embd")
"""Names that modules give to these numbers. An embedding's width falls only where a forward proves that heads are meant."""

REPAIRED = HEADS + SHARED + SHARING + WIDTH + SHARED_WIDTH + EMBEDDING
"""Every attribute that a repair may lower."""


@dataclass(frozen=True, slots=True)
class Slab:
    """One axis of one tensor that holds heads: of each side in `holds` after another, or `by_head`: all sides of a head."""

    tensor: str
    axis: int
    role: Role
    holds: tuple[Side, ...]
    by_head: bool = False


@dataclass(frozen=True, slots=True)
class Attention:
    """`heads` query heads over `shared` key-value heads of `size` channels (`value_size` for the values).

    `within` is the smallest module that holds all of its tensors. `query` and `key` are the modules that make queries
    and keys; empty where the attention module multiplies by itself. Tokens look at those of their `window` only, where
    there is one. `repaired` are the attributes that would fall, `slim` is the stand-in that fewer heads need.
    """

    name: str
    within: str
    kind: str
    heads: int
    shared: int
    size: int
    value_size: int
    slabs: tuple[Slab, ...]
    query: str = ""
    key: str = ""
    repaired: tuple[str, ...] = HEADS + SHARED + SHARING + WIDTH + SHARED_WIDTH
    slim: str = ""
    window: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Heads that can go: of keys and values with all their queries; of queries where one key serves them all."""
        return self.heads if self.shared == 1 else self.shared

    @property
    def each(self) -> int:
        """Query heads per unit."""
        return self.heads // self.units

    def owner(self, slab: Slab) -> np.ndarray:
        """Which unit each position along a slab's axis belongs to."""
        if slab.by_head:
            return np.repeat(np.arange(self.units), sum(self._size(side) for side in slab.holds))
        return np.concatenate([self._owner(side) for side in slab.holds])

    def _owner(self, side: Side) -> np.ndarray:
        if side in ("query", "out", "head"):
            return np.repeat(np.arange(self.units), self.each * self._size(side))
        if self.shared == self.units:
            return np.repeat(np.arange(self.units), self._size(side))
        return np.full(self.shared * self._size(side), NOBODY)

    def _size(self, side: Side) -> int:
        if side == "head":
            return 1
        return self.value_size if side in ("value", "out") else self.size


def size_of(module: nn.Module, names: tuple[str, ...]) -> int | None:
    """The first plain number among a module's attributes of these names."""
    for name in names:
        value = getattr(module, name, None)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def group(attention: Attention, network: nn.Module, looks: float, reason: str = "") -> Group:
    """The units of an attention module. `looks`: how many (query, key) pairs of tokens there are per input."""
    parts = []
    for slab in attention.slabs:
        owner = attention.owner(slab)
        if (owner != NOBODY).any():
            parts.append(Part(slab.tensor, slab.axis, slab.role, owner))
    one = attention
    return Group(
        name=one.name,
        label=one.name or "attention",
        granularity="head",
        units=one.units,
        parts=tuple(parts),
        modules=(one.name,),
        reason=reason,
        pattern=f"{one.kind} {one.heads}/{one.shared} × {one.size} of {_width(network, one)}",
        repairs=repairs(network.get_submodule(one.name), one),
        slim=(one.name, one.slim) if one.slim else None,
        macs=looks * (one.size + one.value_size) * one.each,
        heads=one.each,
    )


def repairs(module: nn.Module, one: Attention) -> tuple[Repair, ...]:
    """Which numbers the module keeps about its heads, and by how much each falls per unit: only those it has."""
    whose = one.shared == one.units
    rules = (
        (HEADS, one.heads, one.each),
        (SHARED, one.shared, 1 if whose else 0),
        (SHARING, one.heads // one.shared, 0 if whose else 1),
        (WIDTH, one.heads * one.size, one.each * one.size),
        (SHARED_WIDTH, one.shared * one.size, one.size if whose else 0),
        (EMBEDDING, one.heads * one.value_size, one.each * one.value_size),
    )
    return tuple(
        Repair(one.name, name, each)
        for names, value, each in rules
        for name in names
        if each and name in one.repaired and _plain(module, name) == value
    )


def _plain(module: nn.Module, name: str) -> int | None:
    value = vars(module).get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _width(network: nn.Module, one: Attention) -> int:
    """How wide the tokens are that the heads write to."""
    slab = next(slab for slab in one.slabs if slab.role == "reads")
    owner, _, key = slab.tensor.rpartition(".")
    return getattr(network.get_submodule(owner), key).shape[1 - slab.axis]
