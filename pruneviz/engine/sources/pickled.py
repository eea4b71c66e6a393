"""PyTorch's .pt and .pth files. They hold a pickle, so they are never opened in this process.

First the archive is checked as it lies there: stored members only, every checksum right, no program inside. Then a child
process that is thrown away afterwards, without environment, network or the right to start anything, and with bounds on its
memory, time and disk, reads it with `weights_only=True` (`state_dict`). It writes safetensors, which alone are read here.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from pruneviz import nursery
from pruneviz.engine.sources import files, tensor_file, throwaway, zip_file
from pruneviz.engine.sources.limits import LOCAL, Limits, room
from pruneviz.engine.sources.refusal import SubjectError
from pruneviz.engine.sources.throwaway import Errand
from pruneviz.engine.sources.zip_file import STORED, Archive

CHILD = "pruneviz.engine.sources.state_dict:read_in_child"
ADVICE = "write it where the model lives with torch.save(model.state_dict(), 'weights.pt'), or as safetensors"
_LARGEST_PICKLE = 16 << 20
_LEAST_ADDRESSES, _MOST_ADDRESSES = 192 << 20, 3 << 30
_SECONDS, _TABLE_RATE, _RATE = 0.3, 1 << 20, 64 << 20
"""Seconds that a child may compute: some, and one for each so many bytes of its table and of the file. A small file that
asks for long asks for something else than to be read: keys of nested tuples, which take 2⁶⁰ steps to tell apart."""


def state(path: Path, limits: Limits = LOCAL, *, trusted: bool = False) -> tuple[dict[str, Tensor], str]:
    """The tensors in a file of PyTorch, the levels of nested tables joined by «/», and the file's SHA-256.

    `trusted` lets in the format from before 1.6, which cannot be checked first: for downloads whose hash was verified.
    """
    with files.opened(path, limits.weights_bytes) as (stream, size):
        name = files.shown(path)
        table = size
        if not trusted or stream.read(2) == b"PK":
            table = check(Archive(stream, size, name, ADVICE, limits, limits.tensors))
        room(name, 2 * size, limits)
        stream.seek(0)
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        before = _identity(os.fstat(stream.fileno()))
        most = {**asdict(limits), "file_bytes": size, "seconds": _SECONDS + table / _TABLE_RATE + size / _RATE}
        found = _converted(path, most, name, limits)
        if _identity(os.stat(path)) != before:
            raise SubjectError(f"{name} was changed while it was read: bring it again once it is whole", "changed")
    return found, sha256


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def check(archive: Archive) -> int:
    """Refuse an archive that torch.save would not have written, before anything in it is understood; answers with the bytes
    of its table of tensors."""
    members = zip_file.directory(archive)
    zip_file.check(archive, members)
    archive.stream.seek(archive.size - 22)
    if archive.stream.read(4) != b"PK\5\6":
        raise archive.refused("holds more than its directory says", "trailing")
    if any(member.method != STORED for member in members):
        raise archive.refused("is packed, which torch.save never does", "zip-method")
    if len({member.name.partition("/")[0] for member in members}) > 1 or any("/" not in one.name for one in members):
        raise archive.refused("has no single folder that holds everything", "zip")
    table = next((member for member in members if member.name.partition("/")[2] == "data.pkl"), None)
    if table is None:
        raise archive.refused("has no table of tensors", "zip")
    if table.size > _LARGEST_PICKLE:
        raise archive.refused(f"has a table of {table.size:,} bytes; at most {_LARGEST_PICKLE:,} are read", "header")
    for member in members:
        for _piece in zip_file.pieces(archive, member):
            pass  # each piece goes into the checksum, which is compared at the end
    return table.size


def bounds(size: int, target: Path) -> nursery.Bounds:
    """What the child may take for a file of that size; it sets itself a shorter time, for what it finds in the file."""
    return nursery.Bounds(
        # Three times the file, at most 3 GB; a large file of one's own needs room for itself at least.
        address_bytes=max(min(3 * size, _MOST_ADDRESSES), size + _LEAST_ADDRESSES),
        cpu_seconds=20 + size // (256 << 20),
        file_bytes=2 * size + (1 << 20),
        alone=True,
        writes=(str(target),),
    )


def _converted(path: Path, most: dict[str, Any], name: str, limits: Limits) -> dict[str, Tensor]:
    """What a child makes of the file; the folder that it writes to is gone afterwards, whatever happened."""
    with tempfile.TemporaryDirectory(prefix="pruneviz-") as folder:
        target = Path(folder) / "weights.safetensors"
        errand = Errand(CHILD, path, target, most, bounds(most["file_bytes"], target))
        answer = throwaway.run(errand, name, ADVICE)
        found, _ = tensor_file.tensors(target, limits, follow=False)
    aliases = answer.get("aliases")
    for alias, first in aliases.items() if isinstance(aliases, dict) else ():
        tensor_file.check_name(name, alias)
        if alias not in found and isinstance(first, str) and first in found:
            found[alias] = found[first]
    return found
