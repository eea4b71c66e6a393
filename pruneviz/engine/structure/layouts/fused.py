"""One matrix for queries, keys and values, side by side (timm, GPT-2, Swin, MaxViT) or head by head (GPT-NeoX, BLOOM)."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from pruneviz.engine.structure.attention import EMBEDDING, HEADS, SIZE, Attention, Slab, size_of
from pruneviz.engine.structure.matrices import beside, child, joined, made, outputs
from pruneviz.engine.structure.matrices import read as columns

FUSED = ("qkv", "c_attn", "to_qkv", "query_key_value", "qkv_proj", "in_proj", "Wqkv")
OUT = ("proj", "c_proj", "out_proj", "o_proj", "dense", "to_out", "to_out.0", "merge", "wo", "out")
TABLE = "relative_position_bias_table"
SLIM = {
    ("qkv", "proj", False): "fused_attention",
    ("qkv", "proj", True): "window_attention",
    ("to_qkv", "merge", True): "grid_attention",
}
"""Which stand-in may serve where the module itself cannot have fewer heads, by the names it has."""
SLOPED, LEFT = "sloped_attention", "heads_left"
"""The stand-in for a module that is handed a slope for each head there was at first, and where it says which are left."""

_ALL = ("query", "key", "value")


def read(network: nn.Module, name: str, module: nn.Module) -> tuple[Attention, ...]:
    """Three times as many outputs as the output matrix reads, split into heads by the module's own count."""
    fused, out = child(module, FUSED), child(module, OUT)
    if not fused or not out:
        return ()
    into, outof = module.get_submodule(fused), module.get_submodule(out)
    width = into.weight.shape[outputs(into)] // 3
    size, heads = size_of(module, SIZE), size_of(module, HEADS)
    heads = heads or (width // size if size else None)
    if not heads or into.weight.shape[outputs(into)] != 3 * width or outof.weight.shape[1 - outputs(outof)] != width:
        return ()
    if width % heads or (size and size * heads != width):
        return ()
    size = width // heads
    slabs = made(network, joined(name, fused), _ALL) + columns(network, joined(name, out))
    slabs += beside(module, name, {"q_bias": "query", "k_bias": "key", "v_bias": "value"})
    gate = child(module, ("gate",))
    if gate and module.get_submodule(gate).weight.shape[0] == width:
        slabs += made(network, joined(name, gate), ("out",))
    table = module._parameters.get(TABLE)
    if table is not None and table.dim() == 2 and table.shape[1] == heads:
        slabs += (Slab(joined(name, TABLE), 1, "follows", ("head",)),)
    asks, window = joined(name, fused), tuple(getattr(module, "window_size", ())) if table is not None else ()
    plain = Attention(name, name, "fused", heads, heads, size, size, slabs, asks, asks, window=window)
    mixed = made(network, asks, _ALL, by_head=True) + columns(network, joined(name, out))
    slim = SLIM.get((fused, out, table is not None))
    left = (Slab(joined(name, LEFT), 0, "numbers", ("head",)),)
    sloped = replace(plain, kind="sloped", slabs=mixed + left, slim="" if LEFT in module._buffers else SLOPED)
    return (
        plain,
        replace(plain, kind="fused by head", slabs=mixed),
        replace(plain, repaired=plain.repaired + EMBEDDING),
        *([replace(plain, slim=slim)] if slim else []),
        *([sloped] if hasattr(module, "inv_norm_factor") else []),
    )
