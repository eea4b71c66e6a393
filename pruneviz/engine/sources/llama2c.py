"""llama2.c's weights: seven whole numbers, then every tensor's floats in a fixed order; translated to transformers' names.

The two differ in more than names. llama2.c turns the channels 2i and 2i + 1 of a head by a position's angle, transformers
the channels i and i + half: the rows of queries and keys are re-ordered so that the same weights compute the same.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.sources import gate, sniff
from pruneviz.engine.sources.gate import SubjectError

HEADER = struct.Struct("<7i")
NEWER = 0x616B3432  # «ak42»: versions 1 and 2, of which only the quantised one has a use of its own

_WHOLE = {"tok.weight": "model.embed_tokens.weight", "norm": "model.norm.weight", "out.weight": "lm_head.weight"}
_LAYER = {
    "att_norm": "input_layernorm.weight",
    "wq.weight": "self_attn.q_proj.weight",
    "wk.weight": "self_attn.k_proj.weight",
    "wv.weight": "self_attn.v_proj.weight",
    "wo.weight": "self_attn.o_proj.weight",
    "ffn_norm": "post_attention_layernorm.weight",
    "w1.weight": "mlp.gate_proj.weight",
    "w2.weight": "mlp.down_proj.weight",
    "w3.weight": "mlp.up_proj.weight",
}
_TURNED = ("wq.weight", "wk.weight")


@dataclass(frozen=True, slots=True)
class Header:
    """What the file's seven numbers say. `shared`: the output matrix is the embedding, and is stored once."""

    width: int
    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    vocabulary: int
    context: int
    shared: bool

    @property
    def head(self) -> int:
        return self.width // self.heads

    @property
    def config(self) -> dict[str, Any]:
        """What no tensor's shape says, by llama2.c's names."""
        return {
            "dim": self.width,
            "n_heads": self.heads,
            "n_kv_heads": self.key_value_heads,
            "max_seq_len": self.context,
        }

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Every tensor's name and shape in the file's order; of a layer's tensors all layers' lie together."""
        width, hidden, keys = self.width, self.hidden, self.head * self.key_value_heads
        yield "tok.weight", (self.vocabulary, width)
        shapes = {
            "att_norm": (width,), "wq.weight": (width, width), "wk.weight": (keys, width), "wv.weight": (keys, width),
            "wo.weight": (width, width), "ffn_norm": (width,), "w1.weight": (hidden, width), "w2.weight": (width, hidden),
            "w3.weight": (hidden, width),
        }  # fmt: skip
        for name, shape in shapes.items():
            for layer in range(self.layers):
                yield f"layers.{layer}.{name}", shape
        yield "norm", (width,)
        # Cosines and sines of every position's angles, which follow from the positions; nobody reads them any more.
        yield "", (2, self.context, self.head // 2)
        if not self.shared:
            yield "out.weight", (self.vocabulary, width)

    @property
    def floats(self) -> int:
        """How many numbers follow the header, without walking through layers that a broken header may have invented."""
        width, keys = self.width, self.head * self.key_value_heads
        layer = 2 * width + 2 * width * width + 2 * keys * width + 3 * self.hidden * width
        rest = (1 if self.shared else 2) * self.vocabulary * width + width + 2 * self.context * (self.head // 2)
        return self.layers * layer + rest


def weights(path: Path, network: nn.Module, limits: gate.Limits = gate.LOCAL) -> tuple[dict[str, Tensor], str]:
    """A weights file's tensors by the names that `network` has for them, and its SHA-256: llama2.c's `.bin`, or
    safetensors by its names or by any others, which are left as they are."""
    if path.suffix == ".bin":
        header, found, sha256 = read(path, limits)
        check(path.name, header.config, network)
        return translated(found, header.head), sha256
    found, sha256 = gate.tensors(path, limits)
    size = head(network)
    if not size or not named(found):
        return found, sha256
    check(path.name, note(path), network)
    return translated(found, size), sha256


def begins(path: Path, limits: gate.Limits = gate.LOCAL) -> bool:
    """Is it a `.bin` of llama2.c's? Other programs call their files so, too."""
    family = sniff.family(path, limits)
    return family == "llama2c" or (path.suffix == ".bin" and family in ("unknown", "text"))


def named(found: Collection[str]) -> bool:
    """Do the tensors go by llama2.c's names?"""
    return "tok.weight" in found and "layers.0.wq.weight" in found


def read(path: Path, limits: gate.Limits = gate.LOCAL) -> tuple[Header, dict[str, Tensor], str]:
    """The header, the tensors by llama2.c's names, and the SHA-256 of a `.bin` file."""
    data = gate.content(path, limits.weights_bytes)
    header = _header(path.name, data)
    if len(data) != HEADER.size + 4 * header.floats:
        wanted = HEADER.size + 4 * header.floats
        raise SubjectError(
            f"{path.name} has {len(data):,} bytes where its header says {wanted:,}: give a file that llama2.c's "
            "export.py writes as version 0"
        )
    found, place = {}, HEADER.size
    for name, shape in header.tensors():
        count = math.prod(shape)
        if name:
            flat = np.frombuffer(data, "<f4", count, place).astype(np.float32)
            found[name] = torch.from_numpy(flat).view(shape)
        place += 4 * count
    return header, found, hashlib.sha256(data).hexdigest()


def translated(found: Mapping[str, Tensor], head: int) -> dict[str, Tensor]:
    """The same tensors by transformers' names, queries and keys re-ordered; what has no name there keeps its own."""
    renamed = {}
    for name, tensor in found.items():
        start, _, rest = name.partition(".")
        layer, _, part = rest.partition(".")
        if start == "layers" and layer.isdecimal() and part in _LAYER:
            turned = _half_split(tensor, head) if part in _TURNED else tensor
            renamed[f"model.layers.{layer}.{_LAYER[part]}"] = turned
        else:
            renamed[_WHOLE.get(name, name)] = tensor
    return renamed


def _half_split(rows: Tensor, head: int) -> Tensor:
    """[heads · head, W] with the rows of each head in the order 0, 2, 4, …, 1, 3, 5, …"""
    if rows.ndim != 2 or rows.shape[0] % head or head % 2:
        return rows  # fits no network with heads of this size: whoever fills it will say so
    return rows.unflatten(0, (-1, head // 2, 2)).transpose(1, 2).flatten(0, 2)


def _header(name: str, data: bytes) -> Header:
    numbers = HEADER.unpack_from(data) if len(data) >= HEADER.size else (0,) * 7
    if numbers[0] == NEWER:
        raise SubjectError(f"{name} is of llama2.c's newer kind: export it again as version 0, or as safetensors")
    *sizes, vocabulary, context = numbers
    header = Header(*sizes, abs(vocabulary), context, shared=vocabulary > 0)
    whole = min(*sizes, abs(vocabulary), context) > 0
    if not whole or header.width % header.heads or header.head % 2 or header.heads % header.key_value_heads:
        raise SubjectError(
            f"{name} does not begin with the sizes of a Llama (its first numbers are {', '.join(map(str, numbers))}): "
            "give a file that llama2.c's export.py writes as version 0"
        )
    return header


def head(network: nn.Module) -> int | None:
    """The size of the network's heads; None where it has none that says it."""
    return next((module.head_dim for module in network.modules() if hasattr(module, "head_dim")), None)


def check(name: str, config: Mapping[str, Any], network: nn.Module) -> None:
    """The number of heads shows in no tensor's shape, and a wrong one computes nonsense without a word."""
    heads, width, own = config.get("n_heads"), config.get("dim"), head(network)
    if type(heads) is not int or type(width) is not int or heads < 1 or own is None:
        return
    if own != width // heads:
        raise SubjectError(
            f"{name} has {heads} heads of {width // heads} channels where the network has heads of {own}: "
            f"say [architecture] arguments = {{ heads = {heads}, … }}",
            "heads",
        )


def note(path: Path) -> dict[str, Any]:
    """The header's numbers, which safetensors may carry beside the tensors."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        said = (file.metadata() or {}).get("config", "{}")
    try:
        sizes = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return sizes if isinstance(sizes, dict) else {}
