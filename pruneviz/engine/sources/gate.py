"""The gate: files that a card names are read here, sizes and headers first, and nothing in them can run.

Tensors come as safetensors, arrays as `.npz` without pickles. Whatever is wrong with a file, the answer is one
`SubjectError` with one sentence.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np
from torch import Tensor

# Bytes per element of every kind of number that a tensor may be stored as.
DTYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


class SubjectError(ValueError):
    """One clear sentence: what was got, what is possible, a way out. `code` names the hazard for machines: «zip-ratio»."""

    def __init__(self, message: str, code: str = "subject") -> None:
        super().__init__(" ".join(str(message).split()))
        self.code = code


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is let in. A file on one's own disk is limited by memory; a shared server sets less."""

    weights_bytes: int = 64 << 30
    data_bytes: int = 64 << 30
    text_bytes: int = 1 << 20
    header_bytes: int = 4 << 20
    tensors: int = 20_000
    dimensions: int = 8
    members: int = 1_000
    ratio: int = 1_000


LOCAL = Limits()


def content(path: Path, most: int) -> bytes:
    """All of a plain file of at most so many bytes."""
    _check_file(path, most)
    try:
        return path.read_bytes()
    except (OSError, MemoryError) as error:
        raise SubjectError(f"{path.name} cannot be read ({brief(error)}): check the file and its permissions") from None


def text(path: Path, limits: Limits = LOCAL) -> str:
    """A small text file, in UTF-8."""
    try:
        return content(path, limits.text_bytes).decode("utf-8")
    except UnicodeDecodeError:
        raise SubjectError(f"{path.name} is not text in UTF-8: save it as UTF-8") from None


def tensors(path: Path, limits: Limits = LOCAL) -> tuple[dict[str, Tensor], str]:
    """The tensors of a safetensors file by name, and the file's SHA-256."""
    data = content(path, limits.weights_bytes)
    check_header(path.name, data, limits)
    import safetensors.torch

    try:
        loaded = safetensors.torch.load(data)
    except Exception as error:  # the library has one exception for all that can be wrong; numpy and torch add theirs
        raise SubjectError(f"{path.name} cannot be read as safetensors ({brief(error)}): save it again") from None
    return loaded, hashlib.sha256(data).hexdigest()


def check_header(name: str, data: bytes, limits: Limits = LOCAL) -> None:
    """Refuse a safetensors file whose header does not describe exactly the bytes that follow it."""
    advice = "give a file written by safetensors' save_file"
    length = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= length <= len(data) - 8:
        raise SubjectError(f"{name} is not a safetensors file, or it is cut short: {advice}")
    if length > limits.header_bytes:
        raise SubjectError(f"{name} has a header of {length:,} bytes; at most {limits.header_bytes:,} are read: {advice}")
    try:
        header = json.loads(data[8 : 8 + length].decode("utf-8"), object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        raise SubjectError(f"{name} has a header that is not JSON with distinct names: {advice}") from None
    if not isinstance(header, dict):
        raise SubjectError(f"{name} has a header that is not a table of tensors: {advice}")
    header.pop("__metadata__", None)
    if len(header) > limits.tensors:
        raise SubjectError(f"{name} names {len(header):,} tensors; at most {limits.tensors:,} are read: {advice}")
    end = 0
    for start, stop in sorted(_span(name, key, entry, limits) for key, entry in header.items()):
        if start != end:
            raise SubjectError(f"{name} has tensors that overlap or leave a hole at byte {end:,}: {advice}")
        end = stop
    if end != len(data) - 8 - length:
        raise SubjectError(f"{name} holds {len(data) - 8 - length:,} bytes of tensors but names {end:,}: {advice}")


def arrays(path: Path, wanted: Iterable[str], limits: Limits = LOCAL) -> tuple[dict[str, np.ndarray], str]:
    """Those of the `wanted` arrays that an .npz file holds, and the file's SHA-256. Pickles are never read."""
    _check_file(path, limits.data_bytes)
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            with zipfile.ZipFile(stream) as archive:
                _check_members(path.name, archive, limits)
                stored = set(archive.namelist())
                return {key: _array(path.name, archive, key, limits) for key in wanted if f"{key}.npy" in stored}, sha256
    except SubjectError:
        raise
    except (OSError, ValueError, EOFError, RuntimeError, SyntaxError, OverflowError, MemoryError) as error:
        raise _unreadable(path.name, error) from None
    except (zipfile.BadZipFile, zlib.error, struct.error, TokenError, TypeError, KeyError, IndexError) as error:
        raise _unreadable(path.name, error) from None


def names(path: Path) -> list[str]:
    """What an .npz file that the gate has let in calls its arrays, made safe to show."""
    with zipfile.ZipFile(path) as archive:
        return [repr(name.removesuffix(".npy")[:64])[1:-1] for name in archive.namelist()]


def brief(error: BaseException | str) -> str:
    """The first line of somebody else's error, cut to a length that a sentence can hold."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:160]


def _unreadable(name: str, error: BaseException) -> SubjectError:
    return SubjectError(f"{name} cannot be read as .npz ({brief(error)}): write it with numpy.savez")


def _check_file(path: Path, most: int) -> None:
    """Is it there, a plain file (no device, no pipe), and small enough?"""
    try:
        found, size = path.is_file(), path.stat().st_size if path.exists() else 0
    except (OSError, ValueError):
        found, size = False, 0
    if not found:
        raise SubjectError(f"no file {str(path)[:256]!r}: put it there, or correct its name in the card")
    if size > most:
        raise SubjectError(f"{path.name} has {size:,} bytes; at most {most:,} are read: give a smaller file")


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice")
    return table


def _span(name: str, key: str, entry: object, limits: Limits) -> tuple[int, int]:
    """Where one tensor lies, [start, stop), if its shape and its dtype say the same."""
    what = f"{name}: tensor {key[:256]!r}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise SubjectError(f"{what} is not described by dtype, shape and data_offsets: write it again with save_file")
    dtype, shape, span = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise SubjectError(f"{what} is stored as {str(dtype)[:32]!r}; possible are {', '.join(DTYPES)}: convert it first")
    if not _counts(shape) or len(shape) > limits.dimensions:
        raise SubjectError(f"{what} has no shape of at most {limits.dimensions} sizes: write it again with save_file")
    if not _counts(span) or len(span) != 2 or span[1] - span[0] != math.prod(shape) * DTYPES[dtype]:
        raise SubjectError(f"{what} does not fill the bytes that it names: write it again with save_file")
    return span[0], span[1]


def _counts(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 63 for item in value)


def _check_members(name: str, archive: zipfile.ZipFile, limits: Limits) -> None:
    """Refuse an archive that would unpack to more than it should, or to somewhere else."""
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(members) > limits.members or len(set(names)) != len(names):
        raise SubjectError(f"{name} holds {len(members):,} arrays or two of one name: write it with numpy.savez")
    if any(entry.startswith(("/", "\\")) or ".." in entry or ":" in entry for entry in names):
        raise SubjectError(f"{name} holds a file whose name leads elsewhere: write it with numpy.savez")
    for member in members:
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SubjectError(f"{name} is encrypted or packed in an uncommon way: write it with numpy.savez")
        if member.file_size > limits.ratio * max(member.compress_size, 1):
            raise SubjectError(f"{name} unpacks to over {limits.ratio:,} times its size: write it with numpy.savez")
    total = sum(member.file_size for member in members)
    if total > limits.data_bytes:
        raise SubjectError(f"{name} unpacks to {total:,} bytes; at most {limits.data_bytes:,} are read: give less data")


def _array(name: str, archive: zipfile.ZipFile, key: str, limits: Limits) -> np.ndarray:
    """One array, if its own header says numbers, and as many bytes of them as the archive holds."""
    member = f"{key}.npy"
    with archive.open(member) as stream:
        shape, dtype = _array_header(stream)
        body = archive.getinfo(member).file_size - stream.tell()
    if dtype.hasobject or dtype.kind not in "buif" or dtype.itemsize > 8:
        raise SubjectError(f"{name}: {key} holds {str(dtype)[:64]!r}; possible are whole numbers, floats and booleans")
    if len(shape) > limits.dimensions or math.prod(shape) * dtype.itemsize != body:
        raise SubjectError(f"{name}: {key} says shape {shape} but holds {body:,} bytes: write it with numpy.savez")
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _array_header(stream: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    readers: dict[tuple[int, int], Callable] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(stream)
    if version not in readers:
        raise ValueError(f"array format {version} holds no plain numbers")
    shape, _, dtype = readers[version](stream)
    return shape, dtype
