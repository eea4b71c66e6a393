"""Storage: how many bytes the same numbers take, dense, sparse and compressed. Real files, encoded and counted.

Both sparse encodings give every bit back (`decoded(encoded) == tensors`), −0 and NaN included: only a zero of which all
bits are zero is left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

import safetensors.torch
import torch
from torch import Tensor, nn

LEVEL = 6
_CHUNK = 2**22
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_MASK, _VALUES, _ROWS, _COLUMNS, _SHAPE = "#mask", "#values", "#rows", "#columns", "#shape"

Tensors = Mapping[str, Tensor]


def tensors(network: nn.Module, other: Tensors | None = None) -> dict[str, Tensor]:
    """What a file of this network holds: each storage once. `other` replaces tensors of these names."""
    found, seen = {}, set()
    for name, tensor in network.state_dict(keep_vars=True).items():
        tensor = tensor.detach()
        place = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride())
        if tensor.numel() and place in seen:
            continue
        seen.add(place)
        found[name] = (other or {}).get(name, tensor).contiguous()
    return found


def file(numbers: Tensors) -> bytes:
    """The safetensors file of these tensors."""
    return safetensors.torch.save({name: tensor.clone() for name, tensor in numbers.items()})


def compressed(data: bytes) -> int:
    """How many bytes zlib (level 6, what a .zip does) makes of a file."""
    packer, total, view = zlib.compressobj(LEVEL), 0, memoryview(data)
    for start in range(0, len(view), _CHUNK):
        total += len(packer.compress(view[start : start + _CHUNK]))
    return total + len(packer.flush())


def bitmask(numbers: Tensors) -> dict[str, Tensor]:
    """Matrices as one bit per place and the values that are not zero; all else as it is."""
    found: dict[str, Tensor] = {}
    for name, tensor in numbers.items():
        if not _is_matrix(tensor):
            found[name] = tensor
            continue
        here = _there(tensor).reshape(-1)
        found[name + _MASK] = _packed(here)
        found[name + _VALUES] = tensor.reshape(-1)[here]
        found[name + _SHAPE] = torch.tensor(tensor.shape)
    return found


def csr(numbers: Tensors) -> dict[str, Tensor]:
    """Matrices [O, rest] as compressed sparse rows with 32-bit indices; all else as it is."""
    found: dict[str, Tensor] = {}
    for name, tensor in numbers.items():
        if not _is_matrix(tensor):
            found[name] = tensor
            continue
        here = _there(tensor).flatten(1)
        per_row = here.sum(dim=1)
        found[name + _ROWS] = torch.cat([torch.zeros(1, dtype=torch.int64), per_row.cumsum(0)]).to(torch.int32)
        found[name + _COLUMNS] = here.nonzero()[:, 1].to(torch.int32)
        found[name + _VALUES] = tensor.flatten(1)[here]
        found[name + _SHAPE] = torch.tensor(tensor.shape)
    return found


def decoded(encoded: Tensors) -> dict[str, Tensor]:
    """The tensors that either encoding came from."""
    return {name: tensor for name, tensor in _decode(encoded)}


def _decode(encoded: Tensors) -> Iterator[tuple[str, Tensor]]:
    for key, tensor in encoded.items():
        name = key.rpartition("#")[0]
        if key.endswith((_MASK, _ROWS)):
            shape = encoded[name + _SHAPE].tolist()
            values = encoded[name + _VALUES]
            whole = torch.zeros(shape, dtype=values.dtype).flatten(1)
            if key.endswith(_MASK):
                here = _unpacked(tensor, whole.numel()).view_as(whole)
                whole[here] = values
            else:
                rows = torch.arange(len(whole)).repeat_interleave(tensor.diff().long())
                whole[rows, encoded[name + _COLUMNS].long()] = values
            yield name, whole.view(shape)
        elif "#" not in key:
            yield key, tensor


def _is_matrix(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.ndim >= 2 and tensor.numel() > 0


def _there(tensor: Tensor) -> Tensor:
    """Where any bit is set."""
    return tensor.contiguous().view(_BITS[tensor.element_size()]) != 0


def _packed(here: Tensor) -> Tensor:
    """Booleans [n] as bytes [⌈n / 8⌉], the first in the lowest bit."""
    padded = torch.nn.functional.pad(here.to(torch.uint8), (0, -len(here) % 8)).view(-1, 8)
    return (padded << torch.arange(8, dtype=torch.uint8)).sum(dim=1, dtype=torch.uint8)


def _unpacked(packed: Tensor, n: int) -> Tensor:
    return ((packed[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1).reshape(-1)[:n].bool()
