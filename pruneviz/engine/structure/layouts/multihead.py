"""torch's own attention: queries, keys and values under each other in one matrix, or in three of different widths."""

from __future__ import annotations

from torch import nn

from pruneviz.engine.structure.attention import HEADS, Attention, Slab
from pruneviz.engine.structure.matrices import joined

_SIDES = (("q_proj_weight", "query"), ("k_proj_weight", "key"), ("v_proj_weight", "value"))
_ALL = ("query", "key", "value")


def read(network: nn.Module, name: str, module: nn.Module) -> tuple[Attention, ...]:
    """It has parameters where others have matrices; only a stand-in can have fewer heads than its width holds."""
    if not isinstance(module, nn.MultiheadAttention):
        return ()
    if module.in_proj_weight is not None:
        slabs = [Slab(joined(name, "in_proj_weight"), 0, "makes", _ALL)]
    else:
        slabs = [Slab(joined(name, key), 0, "makes", (side,)) for key, side in _SIDES]
    if module.in_proj_bias is not None:
        slabs.append(Slab(joined(name, "in_proj_bias"), 0, "follows", _ALL))
    if module.bias_k is not None:
        slabs += [Slab(joined(name, f"bias_{side[0]}"), 2, "follows", (side,)) for side in ("key", "value")]
    slabs.append(Slab(joined(name, "out_proj.weight"), 1, "reads", ("out",)))
    size = module.head_dim
    slim = "" if getattr(module, "stands_in", False) else "multihead_attention"
    heads = module.num_heads
    return (Attention(name, name, "torch", heads, heads, size, size, tuple(slabs), repaired=HEADS, slim=slim),)
