"""Safetensors: the header is checked before a byte is allocated, then every tensor is read to its place, once.

The file is neither held whole in memory nor mapped: a mapped file that somebody cuts would end the process. What is hashed
is what was read.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from pruneviz.engine.sources import files
from pruneviz.engine.sources.limits import LOCAL, Limits, room
from pruneviz.engine.sources.refusal import LONGEST, SubjectError, printable

# Bytes per element of every kind of number that a tensor may be stored as.
DTYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
TORCH = dict(
    zip(
        DTYPES,
        (
            *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
            *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
        ),
        strict=True,
    )
)
_ADVICE = "give a file written by safetensors' save_file"
_PIECE = 16 << 20
_LARGEST = 1 << 63


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one tensor lies among the bytes after the header, [start, stop), and what it is."""

    start: int
    stop: int
    name: str
    dtype: str
    shape: tuple[int, ...]


def tensors(path: Path, limits: Limits = LOCAL, *, follow: bool = True) -> tuple[dict[str, Tensor], str]:
    """The tensors of a safetensors file by name, and the file's SHA-256."""
    with files.opened(path, limits.weights_bytes, follow=follow) as (stream, size):
        name = files.shown(path)
        entries, head = _read_header(stream, size, name, limits)
        room(name, size, limits)
        digest = hashlib.sha256(head)
        found = {}
        try:
            for entry in entries:
                found[entry.name] = _tensor(stream, entry, digest, name)
        except (MemoryError, RuntimeError):  # torch says RuntimeError where no memory is left
            raise SubjectError(f"{name} cannot be held in memory: bring a smaller file", "memory") from None
    return found, digest.hexdigest()


def header(path: Path, limits: Limits = LOCAL) -> list[Entry]:
    """What a safetensors file says it holds, checked against its size; none of its tensors is read."""
    with files.opened(path, limits.weights_bytes) as (stream, size):
        return _read_header(stream, size, files.shown(path), limits)[0]


def check_header(name: str, data: bytes, limits: Limits = LOCAL) -> None:
    """Refuse a safetensors file whose header does not describe exactly the bytes that follow it."""
    length = _length(name, data[:8], len(data), limits)
    _entries(name, data[8 : 8 + length], len(data) - 8 - length, limits)


def _read_header(stream: BinaryIO, size: int, name: str, limits: Limits) -> tuple[list[Entry], bytes]:
    """The header's entries in the order of their bytes, and the bytes of the header itself."""
    first = stream.read(8)
    length = _length(name, first, size, limits)
    text = stream.read(length)
    return _entries(name, text, size - 8 - length, limits), first + text


def _length(name: str, first: bytes, size: int, limits: Limits) -> int:
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
    if not 2 <= length <= size - 8:
        raise SubjectError(f"{name} is not a safetensors file, or it is cut short: {_ADVICE}", "header")
    if length > limits.header_bytes:
        raise SubjectError(
            f"{name} has a header of {length:,} bytes; at most {limits.header_bytes:,} are read: {_ADVICE}", "header"
        )
    return length


def _entries(name: str, text: bytes, size: int, limits: Limits) -> list[Entry]:
    """Every tensor that the header names, in the order of their bytes: no hole, no overlap, nothing after the last."""
    table = _table(name, text)
    if len(table) > limits.tensors:
        raise SubjectError(
            f"{name} names {len(table):,} tensors; at most {limits.tensors:,} are read: {_ADVICE}", "too-many-tensors"
        )
    entries = sorted(
        (_entry(name, key, given, limits) for key, given in table.items()), key=lambda one: (one.start, one.stop)
    )
    end = 0
    for entry in entries:
        if entry.start != end:
            raise SubjectError(f"{name} has tensors that overlap or leave a hole at byte {end:,}: {_ADVICE}", "header")
        end = entry.stop
    if end != size:
        raise SubjectError(f"{name} holds {size:,} bytes of tensors but names {end:,}: {_ADVICE}", "truncated")
    numbers = sum(math.prod(entry.shape) for entry in entries)
    if numbers > limits.parameters:
        raise SubjectError(
            f"{name} holds {numbers:,} numbers; at most {limits.parameters:,} are read: bring a smaller model", "parameters"
        )
    return entries


def _table(name: str, text: bytes) -> dict[str, Any]:
    try:
        table = json.loads(text.decode("utf-8"), object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        raise SubjectError(f"{name} has a header that is not JSON with distinct names: {_ADVICE}", "header") from None
    if not isinstance(table, dict):
        raise SubjectError(f"{name} has a header that is not a table of tensors: {_ADVICE}", "header")
    table.pop("__metadata__", None)
    return table


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice")
    return table


def _entry(name: str, key: str, given: object, limits: Limits) -> Entry:
    """One tensor's place, if its shape and its dtype say the same as its bytes."""
    check_name(name, key)
    what = f"{name}: tensor {key!r}"
    if not isinstance(given, dict) or set(given) != {"dtype", "shape", "data_offsets"}:
        raise SubjectError(
            f"{what} is not described by dtype, shape and data_offsets: write it again with save_file", "header"
        )
    dtype, shape, span = given["dtype"], given["shape"], given["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        kinds = f"{printable(repr(dtype), 32)}; possible are {', '.join(DTYPES)}"
        raise SubjectError(f"{what} is stored as {kinds}: convert it first", "dtype")
    if not _counts(shape) or not _countable(shape, limits.dimensions):
        raise SubjectError(
            f"{what} has no shape of at most {limits.dimensions} sizes: write it again with save_file", "shape"
        )
    if not _counts(span) or len(span) != 2 or span[1] - span[0] != math.prod(shape) * DTYPES[dtype]:
        raise SubjectError(f"{what} does not fill the bytes that it names: {_ADVICE}", "header")
    return Entry(span[0], span[1], key, dtype, tuple(shape))


def check_name(file: str, key: str) -> None:
    """Refuse a tensor's name that nobody could read on a page: too long, or with marks that cannot be seen."""
    if not 0 < len(key) <= LONGEST or not key.isprintable():
        raise SubjectError(
            f"{file} names a tensor {printable(key, 40)!r} in {len(key):,} characters; names have at most {LONGEST}, "
            "all of them visible: save the model's own state_dict",
            "tensor-name",
        )


def _counts(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < _LARGEST for item in value)


def _countable(shape: list[int], most: int) -> bool:
    """Few sizes, whose product can be counted even without the zeros: torch computes strides where nothing is held, too."""
    return len(shape) <= most and math.prod(item or 1 for item in shape) < _LARGEST


def _tensor(stream: BinaryIO, entry: Entry, digest: Any, name: str) -> Tensor:
    """One tensor, read into its own memory and into the digest."""
    tensor = torch.empty(entry.shape, dtype=TORCH[entry.dtype])
    raw = memoryview(tensor.reshape(-1).view(torch.uint8).numpy())
    for start in range(0, len(raw), _PIECE):
        piece = raw[start : start + _PIECE]
        if stream.readinto(piece) != len(piece):
            raise SubjectError(f"{name} was cut while it was read: {_ADVICE}", "truncated")
        digest.update(piece)
    if entry.dtype == "BOOL" and int(tensor.view(torch.uint8).max() if tensor.numel() else 0) > 1:
        raise SubjectError(f"{name}: tensor {entry.name!r} holds truths that are neither 0 nor 1: {_ADVICE}", "damaged")
    return tensor
