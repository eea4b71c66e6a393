"""A matrix each for queries, keys, values and the output: BERT, ViT, OPT, Llama and most others of `transformers`."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from pruneviz.engine.structure.attention import EMBEDDING, HEADS, SIZE, Attention, size_of
from pruneviz.engine.structure.matrices import beside, child, joined, made, outputs
from pruneviz.engine.structure.matrices import read as columns

TRIPLES = (
    ("q_proj", "k_proj", "v_proj"), ("query", "key", "value"), ("q_lin", "k_lin", "v_lin"), ("to_q", "to_k", "to_v"),
    ("q", "k", "v"), ("wq", "wk", "wv"), ("query_proj", "key_proj", "value_proj"),
)  # fmt: skip
OUT = ("o_proj", "out_proj", "out_lin", "proj", "to_out", "to_out.0", "o", "wo", "c_proj", "dense", "out")
NEIGHBOUR = ("output.dense",)
"""BERT keeps the output matrix in the module beside, which adds the shortcut too."""


def read(network: nn.Module, name: str, module: nn.Module) -> tuple[Attention, ...]:
    """Keys and values may have fewer heads than queries: each then serves as many queries as the quotient says."""
    triple = next((names for names in TRIPLES if all(child(module, (one,)) for one in names)), None)
    if triple is None:
        return ()
    out, within = joined(name, child(module, OUT)), name
    if out == name:
        within = name.rpartition(".")[0]
        beyond = child(network.get_submodule(within), NEIGHBOUR) if name else ""
        if not beyond:
            return ()
        out = joined(within, beyond)
    query, key, value = (_outputs(module.get_submodule(one)) for one in triple)
    last = network.get_submodule(out)
    reads = last.weight.shape[1 - outputs(last)]
    heads, size = size_of(module, HEADS), size_of(module, SIZE)
    if heads is None and size is None:
        return ()
    size = size or query // heads
    heads = query // size
    shared = key // size
    if not shared or query != heads * size or key != shared * size or value % shared or reads * shared != value * heads:
        return ()
    q, k, v = (joined(name, one) for one in triple)
    slabs = made(network, q, ("query",)) + made(network, k, ("key",)) + made(network, v, ("value",)) + columns(network, out)
    slabs += beside(module, name, {"q_bias": "query", "k_bias": "key", "v_bias": "value"})
    plain = Attention(name, within, "separate", heads, shared, size, value // shared, slabs, q, k)
    return (plain, replace(plain, repaired=plain.repaired + EMBEDDING))


def _outputs(module: nn.Module) -> int:
    return module.weight.shape[outputs(module)]
