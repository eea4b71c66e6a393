"""Tar archives, read as they come: plain files and folders only, and no header believed that names more than there is.

Links, devices, sparse files and headers that contradict each other are refused. The stream may be packed with gzip.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pruneviz.engine.sources.refusal import printable
from pruneviz.engine.sources.zip_file import Archive, check_name, inflated

BLOCK = 512
_PIECE = 1 << 20
_LONGEST_NOTE = 1 << 16  # bytes of a header that only names the next file
_PACKED = 1 << 12  # bytes of a gzip stream that are unpacked at a time: they can become four megabytes
_SLACK = 1 << 16  # bytes that a gzip stream may give before its ratio is looked at
_HEADERS = 16 << 20  # bytes that a tar archive may spend on other things than its files
_OTHERS = {b"1": "a hard link", b"2": "a link", b"3": "a device", b"4": "a device", b"6": "a pipe", b"S": "a sparse file"}
_NUMBER = re.compile(rb"[ \0]*([0-7]{1,12})[ \0]*")
_LENGTH = re.compile(rb"(\d{1,5}) ")


@dataclass(frozen=True, slots=True)
class _Header:
    """What one block of 512 bytes says about the file that follows it."""

    name: bytes
    kind: bytes
    size: int


def looks_like(block: bytes) -> bool:
    """Whether a file that starts with these bytes is a tar archive: its first block's own checksum says so."""
    return len(block) >= BLOCK and _checksum(block[:BLOCK])


def members(archive: Archive, packed: bool) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of every file, in the order in which they lie there; everything is checked before it is handed out."""
    reader = _Reader(archive, _unpacked(archive) if packed else _plain(archive))
    seen: set[str] = set()
    total, notes = 0, {}
    while header := _header(archive, reader.take(BLOCK)):
        if header.kind in (b"x", b"g", b"L"):
            notes |= _notes(archive, header, reader)
            continue
        name, notes = _named(archive, header, notes), {}
        if header.kind == b"5" or name.endswith("/"):
            if header.size:
                raise archive.refused("holds a folder with bytes of its own", "tar")
            continue
        total += header.size
        _check(archive, name, header.size, total)
        if name in seen:
            raise archive.refused("holds two files of one name", "duplicate")
        seen.add(name)
        if len(seen) > archive.most:
            raise archive.refused(
                f"holds more than {archive.most:,} files, which is the most that are read", "too-many-members"
            )
        data = reader.take(header.size)
        reader.take(-header.size % BLOCK)
        yield name, data
    reader.finish()


def _check(archive: Archive, name: str, size: int, total: int) -> None:
    check_name(archive, name)
    limits = archive.limits
    if total > limits.unpacked_bytes:
        most = f"{limits.unpacked_bytes:,}"
        raise archive.refused(f"unpacks to {total:,} bytes or more; at most {most} are read", "unpacked-too-large")
    if size > limits.member_bytes:
        raise archive.refused(
            f"holds a file of {size:,} bytes; at most {limits.member_bytes:,} are read of one", "member-too-large"
        )


def _named(archive: Archive, header: _Header, notes: dict[str, bytes]) -> str:
    """The name of what follows, from its own header or from the notes before it."""
    if header.kind not in (b"0", b"\0", b"7", b"5"):
        what = _OTHERS.get(header.kind, f"something of the kind {printable(repr(header.kind)[1:], 12)}")
        raise archive.refused(f"holds {what}, and only plain files are read", "link" if header.kind in b"12" else "special")
    if "size" in notes and notes["size"] != str(header.size).encode():
        raise archive.refused("says two different sizes for one file", "tar-size")
    try:
        name = notes.get("path", header.name).decode("utf-8")
    except UnicodeDecodeError:
        raise archive.refused("holds a file whose name is no text", "path") from None
    # «./cat/1.png» is how `tar -c .` writes it.
    return re.sub(r"^(\./+)+", "", name) or "./"


def _notes(archive: Archive, header: _Header, reader: _Reader) -> dict[str, bytes]:
    """What a header without a file says about the next one: its long name, or a table of such things (PAX)."""
    if header.size > _LONGEST_NOTE:
        raise archive.refused(f"has a header of {header.size:,} bytes; at most {_LONGEST_NOTE:,} are read", "header")
    data = reader.take(header.size)
    reader.take(-header.size % BLOCK)
    if header.kind == b"L":
        return {"path": data.rstrip(b"\0")}
    found = dict(_records(archive, data))
    if header.kind == b"g" and {"path", "size"} & set(found):
        raise archive.refused("gives all its files one name or one size", "tar")
    if any(key == "linkpath" or key.startswith("GNU.sparse") for key in found):
        raise archive.refused("holds a link or a sparse file, and only plain files are read", "special")
    return {key: value for key, value in found.items() if key in ("path", "size")}


def _records(archive: Archive, data: bytes) -> Iterator[tuple[str, bytes]]:
    """PAX: «length key=value\\n», where the length is the whole record's."""
    place = 0
    while place < len(data):
        length = _LENGTH.match(data, place)
        stop = place + int(length[1]) if length else 0
        record = data[length.end() : stop] if length else b""
        key, equals, value = record[:-1].partition(b"=")
        if not equals or stop > len(data) or record[-1:] != b"\n":
            raise archive.refused("has a damaged header", "tar")
        yield key.decode("utf-8", "replace"), value
        place = stop


def _header(archive: Archive, block: bytes) -> _Header | None:
    """The header in that block, or None where the archive ends."""
    if not block.strip(b"\0"):
        return None
    if not _checksum(block):
        raise archive.refused("is no tar archive, or it is damaged", "tar")
    size = _NUMBER.fullmatch(block, 124, 136)
    wide = block[124] == 0x80 and not any(block[125:128])
    if not size and not wide:
        raise archive.refused("has a damaged header", "tar")
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    name = block[:100].partition(b"\0")[0]
    count = int(size[1], 8) if size else int.from_bytes(block[128:136], "big")
    return _Header(prefix + b"/" + name if prefix else name, block[156:157], count)


def _checksum(block: bytes) -> bool:
    said = _NUMBER.fullmatch(block, 148, 156)
    return said is not None and int(said[1], 8) == sum(block[:148]) + 8 * ord(" ") + sum(block[156:])


class _Reader:
    """Pieces of any length, taken in the lengths that are asked for."""

    def __init__(self, archive: Archive, pieces: Iterator[bytes]) -> None:
        self._archive, self._pieces, self._ready = archive, pieces, bytearray()

    def take(self, size: int) -> bytes:
        """Just so many bytes."""
        while len(self._ready) < size:
            piece = next(self._pieces, b"")
            if not piece:
                raise self._archive.refused("is cut short", "truncated")
            self._ready += piece
        found = bytes(memoryview(self._ready)[:size])
        del self._ready[:size]
        return found

    def finish(self) -> None:
        """Refuse anything but zeros after the end."""
        if self._ready.strip(b"\0") or any(piece.strip(b"\0") for piece in self._pieces):
            raise self._archive.refused("goes on after its end", "trailing")


def _plain(archive: Archive) -> Iterator[bytes]:
    archive.stream.seek(0)
    while piece := archive.stream.read(_PIECE):
        yield piece


def _unpacked(archive: Archive) -> Iterator[bytes]:
    """A gzip file's bytes, refused as soon as they are too many for what was read of it."""
    archive.stream.seek(0)
    unpacker, taken, given = None, 0, 0
    most = archive.limits.unpacked_bytes + _HEADERS
    while packed := archive.stream.read(_PACKED):
        taken += len(packed)
        while packed:
            if unpacker is None:
                # Several gzip streams one after another are one file; zeros after the last are padding.
                packed = packed.lstrip(b"\0") if given else packed
                unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS) if packed else None
                continue
            try:
                for piece in inflated(unpacker, packed):
                    given += len(piece)
                    if given > archive.limits.ratio * taken + _SLACK:
                        raise archive.refused(f"unpacks to over {archive.limits.ratio:,} times its size", "zip-ratio")
                    if given > most:
                        raise archive.refused(f"unpacks to more than {most:,} bytes", "unpacked-too-large")
                    yield piece
            except zlib.error:
                raise archive.refused("is damaged: it cannot be unpacked", "damaged") from None
            packed = unpacker.unused_data
            unpacker = None if unpacker.eof else unpacker
    if unpacker is not None:
        raise archive.refused("is cut short", "truncated")
