"""Arrays of numbers in an .npz file. Their headers are read as text, never as Python; pickles are never read at all."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pruneviz.engine.sources import files, sniff, zip_file
from pruneviz.engine.sources.limits import LOCAL, Limits, room
from pruneviz.engine.sources.refusal import printable
from pruneviz.engine.sources.zip_file import Archive, Member

_ADVICE = "write it with numpy.savez"
_LONGEST_HEADER = 10_000
_DESCR = re.compile(r"""['"]descr['"]\s*:\s*(?:['"]([<>|=]?[A-Za-z?]\d*)['"]|(.{1,64}))""", re.ASCII)
_ORDER = re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)\b""", re.ASCII)
_SHAPE = re.compile(r"""['"]shape['"]\s*:\s*\(((?:\s*\d{1,19}L?\s*,)*(?:\s*\d{1,19}L?\s*)?)\)""", re.ASCII)


def arrays(path: Path, wanted: Iterable[str], limits: Limits = LOCAL) -> tuple[dict[str, np.ndarray], str]:
    """Those of the `wanted` arrays that an .npz file holds, and the file's SHA-256. Pickles are never read."""
    family = sniff.family(path, limits)
    if family not in ("npz", "zip", "unknown"):
        raise sniff.refusal(family, files.shown(path), _ADVICE)
    with files.opened(path, limits.data_bytes) as (stream, size):
        archive = Archive(stream, size, files.shown(path), _ADVICE, limits, limits.members)
        members = {member.name: member for member in _members(archive)}
        chosen = {key: members[f"{key}.npy"] for key in wanted if f"{key}.npy" in members}
        room(archive.name, sum(member.size for member in chosen.values()), limits)
        found = {key: _array(archive, key, member) for key, member in chosen.items()}
        stream.seek(0)
        return found, hashlib.file_digest(stream, "sha256").hexdigest()


def names(path: Path, limits: Limits = LOCAL) -> list[str]:
    """What an .npz file calls its arrays, made safe to show."""
    with files.opened(path, limits.data_bytes) as (stream, size):
        archive = Archive(stream, size, files.shown(path), _ADVICE, limits, limits.members)
        return [printable(member.name.removesuffix(".npy"), 64) for member in _members(archive)]


def _members(archive: Archive) -> list[Member]:
    members = zip_file.directory(archive)
    zip_file.check(archive, members)
    return members


def _array(archive: Archive, key: str, member: Member) -> np.ndarray:
    """One array, if its own header says numbers, and as many bytes of them as the archive holds."""
    pieces = zip_file.pieces(archive, member)
    header, first = _header(archive, key, pieces)
    descr, order, shape = _DESCR.search(header), _ORDER.search(header), _SHAPE.search(header)
    if not descr or not order or not shape:
        raise archive.refused(f"has no header of plain numbers at {key}", "array")
    dtype = _dtype(archive, key, descr[1] or descr[2])
    sizes = tuple(int(one.strip().rstrip("L")) for one in shape[1].split(",") if one.strip())
    held = member.size - first.start
    if len(sizes) > archive.limits.dimensions or math.prod(one or 1 for one in sizes) >= 1 << 62:
        raise archive.refused(f"says a shape of {key} that nothing can have", "array")
    if math.prod(sizes) * dtype.itemsize != held:
        shown = " × ".join(map(str, sizes)) or "()"
        raise archive.refused(f"says the shape {shown} of {key} but holds {held:,} bytes", "array")
    numbers = _filled(np.empty(held, np.uint8), first.data, pieces).view(dtype)
    if dtype.kind == "b":
        numbers = numbers.view(np.uint8) != 0
    return numbers.reshape(sizes, order="F" if order[1] == "True" else "C")


@dataclass(frozen=True, slots=True)
class _First:
    """What came with the header: where the numbers start in the member, and the first of their bytes."""

    start: int
    data: bytes


def _header(archive: Archive, key: str, pieces: Iterator[bytes]) -> tuple[str, _First]:
    """An array's header as text. It is Python's syntax, and only what numpy.save writes of it is understood."""
    data = b""
    while len(data) < 12 + _LONGEST_HEADER and (piece := next(pieces, b"")):
        data += piece
    if data[:6] != b"\x93NUMPY" or len(data) < 12 or data[6] not in (1, 2, 3):
        raise archive.refused(f"holds {key}, which is no array", "array")
    length, start = (
        (struct.unpack_from("<H", data, 8)[0], 10) if data[6] == 1 else (struct.unpack_from("<I", data, 8)[0], 12)
    )
    if length > _LONGEST_HEADER or start + length > len(data):
        raise archive.refused(f"has no header of plain numbers at {key}", "array")
    start += length
    return data[start - length : start].decode("latin-1"), _First(start, data[start:])


def _dtype(archive: Archive, key: str, said: str) -> np.dtype:
    if re.fullmatch(r"[<>|=]?(b1|[iu][1248]|f[248])", said) is None:
        raise archive.refused(
            f"has {key} hold {'object' if 'O' in said else printable(said, 40)!r}; possible are whole numbers, floats and "
            "booleans",
            "array-kind",
        )
    return np.dtype(said)


def _filled(room: np.ndarray, first: bytes, pieces: Iterator[bytes]) -> np.ndarray:
    place = 0
    for piece in itertools.chain((first,), pieces):
        room[place : place + len(piece)] = np.frombuffer(piece, np.uint8)
        place += len(piece)
    return room
