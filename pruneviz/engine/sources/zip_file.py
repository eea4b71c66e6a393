"""Zip archives, read strictly: the directory at the end is checked whole, against the file, before a member is unpacked.

What different programs would read differently is refused: data before the first member or after the directory, two sizes
for one thing, members that share bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from pruneviz.engine.sources.limits import Limits
from pruneviz.engine.sources.refusal import SubjectError, printable

STORED, DEFLATED = 0, 8
LONGEST_NAME = 1024
PIECE = 1 << 20
_END, _END64, _LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_CENTRAL, _LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
_WIDE, _WIDEST = 0xFFFFFFFF, 1 << 62


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive: its name, where its packed bytes lie, how many they are, and how many they unpack to."""

    name: str
    start: int
    packed: int
    size: int
    crc: int
    method: int

    @property
    def folder(self) -> bool:
        return self.name.endswith("/")


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that is open: its stream and size, its name and the advice in sentences about it, and what is let in."""

    stream: BinaryIO
    size: int
    name: str
    advice: str
    limits: Limits
    most: int

    def refused(self, what: str, code: str) -> SubjectError:
        return SubjectError(f"{self.name} {what}: {self.advice}", code)


def directory(archive: Archive) -> list[Member]:
    """Every member, in the directory's order; the whole archive is refused if anything is wrong with one."""
    count, start, length = _end(archive)
    if count > archive.most:
        raise archive.refused(f"holds {count:,} files; at most {archive.most:,} are read", "too-many-members")
    archive.stream.seek(start)
    raw = [_central(archive) for _ in range(count)]
    if archive.stream.tell() != start + length:
        raise archive.refused("has a directory of another length than it says", "zip")
    if raw and min(member.start for member, _ in raw):
        raise archive.refused("has bytes before its first file", "zip")
    members = [_located(archive, member, flags) for member, flags in raw]
    _check_apart(archive, members, start)
    return members


def check(archive: Archive, members: list[Member]) -> None:
    """Refuse members of one name, names that lead elsewhere, and what unpacks to more than is let in."""
    names = {member.name for member in members}
    if len(names) != len(members):
        raise archive.refused("holds two files of one name", "duplicate")
    for member in members:
        check_name(archive, member.name)
        if member.size > archive.limits.ratio * max(member.packed, 1):
            raise archive.refused(f"unpacks to over {archive.limits.ratio:,} times its size", "zip-ratio")
    total = sum(member.size for member in members)
    if total > archive.limits.unpacked_bytes:
        most = archive.limits.unpacked_bytes
        raise archive.refused(f"unpacks to {total:,} bytes; at most {most:,} are read", "unpacked-too-large")


def check_name(archive: Archive, name: str) -> None:
    """Refuse a name that is no plain path below a folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or ":" in name or "\\" in name:
        raise archive.refused(f"holds a file whose name leads elsewhere ({printable(name, 60)!r})", "path")
    if len(name) > LONGEST_NAME or "\0" in name:
        raise archive.refused(f"holds a file whose name is no name ({printable(name, 60)!r})", "path")


def pieces(archive: Archive, member: Member) -> Iterator[bytes]:
    """The bytes of one member, piece by piece: never more than it says, and in the end just what its checksum says."""
    done, crc = 0, 0
    for piece in _unpacked(archive, member):
        done += len(piece)
        if done > member.size:
            raise archive.refused("unpacks to more bytes than it says", "zip-size")
        crc = zlib.crc32(piece, crc)
        yield piece
    if done != member.size:
        raise archive.refused("unpacks to fewer bytes than it says", "truncated")
    if crc != member.crc:
        raise archive.refused(f"is damaged: the checksum of {printable(member.name, 60)!r} is another", "damaged")


def inflated(unpacker: Any, packed: bytes) -> Iterator[bytes]:
    """What a zlib decompressor makes of some packed bytes, never more than a piece at a time."""
    while True:
        piece = unpacker.decompress(packed, PIECE)
        packed = unpacker.unconsumed_tail
        if piece:
            yield piece
        # A full piece may have left bytes inside the decompressor although nothing is left to feed it.
        if unpacker.eof or (not packed and len(piece) < PIECE):
            return


def _unpacked(archive: Archive, member: Member) -> Iterator[bytes]:
    """The unpacked bytes as they come."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == DEFLATED else None
    place, left = member.start, member.packed
    while left:
        # The caller may have read elsewhere in between.
        archive.stream.seek(place)
        packed = archive.stream.read(min(PIECE, left))
        if not packed:
            raise archive.refused("is cut short", "truncated")
        place, left = place + len(packed), left - len(packed)
        if unpacker is None:
            yield packed
            continue
        try:
            yield from inflated(unpacker, packed)
        except zlib.error:
            raise archive.refused(f"is damaged: {printable(member.name, 60)!r} cannot be unpacked", "damaged") from None
        if unpacker.eof and (left or unpacker.unused_data):
            raise archive.refused("unpacks to another length than it says", "zip-size")
    if unpacker is not None and not unpacker.eof:
        raise archive.refused("is cut short", "truncated")


def _end(archive: Archive) -> tuple[int, int, int]:
    """How many members there are, and where the directory starts and how long it is, as the end of the file says."""
    tail_start = max(archive.size - _END.size - 0xFFFF, 0)
    archive.stream.seek(tail_start)
    tail = archive.stream.read(archive.size - tail_start)
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < _END.size:
        raise archive.refused("is no whole zip archive, it may be cut short", "truncated")
    _, disk, first, here, count, length, start, comment = _END.unpack_from(tail, place)
    if len(tail) - place - _END.size != comment:
        raise archive.refused("goes on after its end", "trailing")
    stop = tail_start + place
    said = (count, length, start)
    if place >= _LOCATOR.size and tail[place - _LOCATOR.size :][:4] == b"PK\6\7":
        count, length, start, stop = _end64(archive, tail, tail_start, place)
        clipped = (min(count, 0xFFFF), min(length, _WIDE), min(start, _WIDE))
        if any(one not in (short, most) for one, short, most in zip(said, clipped, (0xFFFF, _WIDE, _WIDE), strict=True)):
            raise archive.refused("says two different things about its directory", "zip64")
    elif count == 0xFFFF or _WIDE in (length, start):
        raise archive.refused("promises a large directory and has none", "zip64")
    elif disk or first or here != count:
        raise archive.refused("is one part of several", "zip")
    if start + length != stop:
        raise archive.refused("has bytes before its first file or behind its directory", "zip")
    return count, start, length


def _end64(archive: Archive, tail: bytes, tail_start: int, place: int) -> tuple[int, int, int, int]:
    _, disk, start, disks = _LOCATOR.unpack_from(tail, place - _LOCATOR.size)
    limit = tail_start + place - _LOCATOR.size
    if disk or disks > 1 or start + _END64.size > limit:
        raise archive.refused("has no end where it says", "zip64")
    archive.stream.seek(start)
    magic, size, _, _, disk, first, here, count, length, where = _END64.unpack(archive.stream.read(_END64.size))
    if magic != b"PK\6\6" or start + 12 + size != limit or disk or first or here != count or max(length, where) > _WIDEST:
        raise archive.refused("has no end where it says", "zip64")
    return count, length, where, start


def _central(archive: Archive) -> tuple[Member, int]:
    """The next entry of the directory, its `start` still that of its local header, and its flags."""
    raw = archive.stream.read(_CENTRAL.size)
    if len(raw) < _CENTRAL.size or raw[:4] != b"PK\1\2":
        raise archive.refused("has a damaged directory", "zip")
    _, _, _, flags, method, _, _, crc, packed, size, names, extras, comments, disk, _, _, start = _CENTRAL.unpack(raw)
    if names > LONGEST_NAME or disk not in (0, 0xFFFF):
        raise archive.refused("holds a file whose name is no name, or that lies elsewhere", "path")
    named, extra = archive.stream.read(names), archive.stream.read(extras)
    archive.stream.seek(comments, 1)
    if flags & 0x2041 or method not in (STORED, DEFLATED):
        raise archive.refused("is encrypted or packed in an uncommon way", "zip-method")
    size, packed, start = _widened(archive, (size, packed, start), extra)
    try:
        name = named.decode("utf-8" if flags & 0x800 else "cp437")
    except UnicodeDecodeError:
        raise archive.refused("holds a file whose name is no text", "path") from None
    return Member(name, start, packed, size, crc, method), flags


def _widened(archive: Archive, values: tuple[int, ...], extra: bytes) -> tuple[int, ...]:
    """Sizes too large for 32 bits are in a field of their own; it must hold just those."""
    wide = next((body for kind, body in _fields(extra) if kind == 1), b"")
    # Some programs write the field although nothing needs it.
    missing = sum(value == _WIDE for value in values)
    if missing and len(wide) < 8 * missing:
        raise archive.refused("promises large files and does not say how large", "zip64")
    found = iter(struct.unpack_from(f"<{missing}Q", wide))
    values = tuple(next(found) if value == _WIDE else value for value in values)
    if max(values) > _WIDEST:
        raise archive.refused("holds a file larger than any disk", "zip64")
    return values


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        yield kind, extra[place + 4 : place + 4 + length]
        place += 4 + length


def _located(archive: Archive, member: Member, flags: int) -> Member:
    """The member with the place of its bytes, if the header in front of them says the same as the directory."""
    archive.stream.seek(min(member.start, archive.size))
    raw = archive.stream.read(_LOCAL.size)
    if len(raw) < _LOCAL.size or raw[:4] != b"PK\3\4":
        raise archive.refused("names a file that is not there", "zip")
    _, _, local_flags, method, _, _, crc, packed, size, names, extras = _LOCAL.unpack(raw)
    named, extra = archive.stream.read(names), archive.stream.read(extras)
    try:
        name = named.decode("utf-8" if local_flags & 0x800 else "cp437")
    except UnicodeDecodeError:
        name = ""
    if method != member.method or name != member.name or (flags ^ local_flags) & 0x2049:
        raise archive.refused("says two different things about one file", "zip")
    if not flags & 8:
        # Where the flag is set, the sizes follow the bytes; the directory's are the ones that count.
        size, packed, _ = _widened(archive, (size, packed, 0), extra)
        if (crc, packed, size) != (member.crc, member.packed, member.size):
            raise archive.refused("says two different sizes for one file", "zip64")
    if member.method == STORED and member.packed != member.size:
        raise archive.refused("says two different sizes for one file", "zip-size")
    start = member.start + _LOCAL.size + names + extras
    return Member(member.name, start, member.packed, member.size, member.crc, member.method)


def _check_apart(archive: Archive, members: list[Member], directory_start: int) -> None:
    """Refuse members that share bytes, with each other or the directory: how a small file holds a thousand large ones."""
    end = 0
    for member in sorted(members, key=lambda one: one.start):
        if member.start < end + _LOCAL.size:
            raise archive.refused("holds files that share their bytes", "overlap")
        end = member.start + member.packed
    if end > directory_start:
        raise archive.refused("names more bytes than it has, it may be cut short", "truncated")
