"""Checkpoint: from what somebody saved to the tensors of one network.

`unwrap` takes the network out of what was saved with it and says what it left out; `match` is the table of what fits; `read`
does the first for a file of any kind, with floats as float32.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pruneviz.engine.sources import gate, llama2c
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.sources.matching import Match, Row, match
from pruneviz.engine.sources.wrapping import unwrap

__all__ = ["Checkpoint", "Match", "Row", "match", "read", "shard_names", "unwrap"]

PACKED = (".qweight", ".qzeros", ".g_idx", ".absmax", ".quant_map", "._packed_params", ".weight_scale", ".weight_packed")
PACKED += (".SCB", ".zero_point", ".weight_zero_point", ".scale_inv", ".weight_scale_inv")
INDEX = ".index.json"
SHARDS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A network's tensors as a file has them, what was left out or changed, and what the file says of the sizes."""

    tensors: dict[str, Tensor]
    words: tuple[str, ...]
    sha256: str
    config: Mapping[str, Any]


def read(path: Path, limits: gate.Limits = gate.LOCAL, *, trusted: bool = False) -> Checkpoint:
    """The network's tensors in a file of weights of any kind: safetensors, its shards, a state dict, llama2.c's own.

    `trusted` is for downloads whose hash was verified: the gate lets in PyTorch's old format, too.
    """
    config: Mapping[str, Any] = {}
    if path.name.endswith(INDEX):
        found, sha256 = _shards(path, limits)
    elif llama2c.begins(path, limits):
        header, found, sha256 = llama2c.read(path, limits)
        config = header.config
    else:
        found, sha256 = gate.state(path, limits, trusted=trusted)
        config = llama2c.note(path) if llama2c.named(found) else {}
    _refuse_packed(found, path.name)
    tensors, words = unwrap(found)
    tensors, more = _in_float32(tensors)
    return Checkpoint(tensors, (*words, *more), sha256, config)


def shard_names(path: Path, limits: gate.Limits = gate.LOCAL) -> dict[str, str]:
    """Which file holds which tensor, as an index says; every file lies beside it."""
    try:
        table = json.loads(gate.content(path, 16 * limits.text_bytes))["weight_map"]
        good = isinstance(table, dict) and bool(table) and all(isinstance(one, str) for one in table.values())
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, SubjectError):
            raise
        good = False
    if not good or len(table) > limits.tensors or len(set(table.values())) > SHARDS:
        raise SubjectError(
            f"{path.name} is no index of weights (a table weight_map of names to files): save it again", "index"
        )
    bad = [one for one in table.values() if not one or set("/\\\0:") & set(one) or one.startswith(".")]
    if bad:
        shown = gate.printable(bad[0], 64)
        raise SubjectError(f"{path.name} names a file {shown!r} that is not beside it: put all of them there", "index")
    return table


def _shards(path: Path, limits: gate.Limits) -> tuple[dict[str, Tensor], str]:
    """The tensors of all files that an index names, and one SHA-256 for them all."""
    table, found, digest, total = shard_names(path, limits), {}, hashlib.sha256(), 0
    for file in sorted(set(table.values())):
        total += _size(path.parent / file)
        if total > limits.weights_bytes:
            raise SubjectError(
                f"{path.name} names more than {limits.weights_bytes:,} bytes: bring a smaller model", "too-large"
            )
        tensors, sha256 = gate.state(path.parent / file, limits)
        digest.update(f"{file} {sha256}\n".encode())
        wrong = [name for name in tensors if table.get(name) != file]
        if wrong:
            raise SubjectError(f"{file} holds {wrong[0][:64]}, which {path.name} does not say of it: save it again", "index")
        found |= tensors
    lost = sorted(set(table) - set(found))
    if lost:
        raise SubjectError(f"{path.name} names {lost[0][:64]}, which no file holds: save it again", "index")
    return found, digest.hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0  # the gate will say that it is not there


def _in_float32(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The same with every float as float32, and which kinds there were."""
    others = {name: one for name, one in tensors.items() if one.is_floating_point() and one.dtype != torch.float32}
    if not others:
        return dict(tensors), ()
    kinds = sorted({str(one.dtype).removeprefix("torch.") for one in others.values()})
    converted = {name: one.to(torch.float32) if name in others else one for name, one in tensors.items()}
    return converted, (f"Numbers stored as {' and '.join(kinds)} became float32.",)


def _refuse_packed(found: Mapping[str, Tensor], file: str) -> None:
    """Refuse weights that were quantised and packed: their numbers are not the network's."""
    packed = [name for name in found if name.endswith(PACKED)]
    if packed:
        raise SubjectError(
            f"{file} holds {packed[0][:64]}: quantised weights are not read, save them as floats", "quantised"
        )
