"""Forges archives byte by byte, so that each can lie in one place: what no library would write."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np

STORED, DEFLATED = 0, 8


@dataclass(frozen=True, slots=True)
class Part:
    """One member of a zip archive. What is None is told truly."""

    name: str
    data: bytes = b""
    method: int = STORED
    size: int | None = None
    crc: int | None = None
    flags: int = 0
    inside: str | None = None  # the name in front of the bytes, where it differs from the directory's
    shared: int | None = None  # the number of an earlier part whose bytes these are, too
    wide: bool = False  # the sizes stand in a field for large files


def zipped(
    parts: list[Part], *, before: bytes = b"", after: bytes = b"", comment: bytes = b"", count: int | None = None
) -> bytes:
    """A zip archive of those parts."""
    body, central, starts = bytearray(before), bytearray(), []
    for part in parts:
        packed, name = _packed(part), part.name.encode()
        size = len(part.data) if part.size is None else part.size
        crc = zlib.crc32(part.data) if part.crc is None else part.crc
        flags = part.flags | 0x800
        start = len(body) - len(before) if part.shared is None else starts[part.shared]
        starts.append(start)
        narrow = (min(len(packed), 0xFFFFFFFF), min(size, 0xFFFFFFFF))
        extra = b""
        if part.wide or size > 0xFFFFFFFE:
            narrow, extra = (0xFFFFFFFF, 0xFFFFFFFF), struct.pack("<2H2Q", 1, 16, size, len(packed))
        if part.shared is None:
            inside = name if part.inside is None else part.inside.encode()
            body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, flags, part.method, 0, 0, crc, *narrow, len(inside), len(extra))
            body += inside + extra + packed
        central += struct.pack(
            "<4s6H3L5H2L",
            b"PK\1\2",
            20,
            20,
            flags,
            part.method,
            0,
            0,
            crc,
            *narrow,
            len(name),
            len(extra),
            0,
            0,
            0,
            0,
            start,
        )
        central += name + extra
    told = len(parts) if count is None else count
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, told, told, len(central), len(body) - len(before), len(comment))
    return bytes(body + central + end + comment + after)


def _packed(part: Part) -> bytes:
    if part.method == STORED or part.data == b"":
        return part.data
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(part.data) + packer.flush()


def zeros(megabytes: int) -> bytes:
    """A deflate stream of so many megabytes of zeros, made without ever holding them: the same kilobyte again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * megabytes + b"\x03\x00"


def bomb(name: str, megabytes: int, said: int | None = None) -> bytes:
    """A zip archive with one member of zeros, which says it unpacks to `said` bytes."""
    packed, size = zeros(megabytes), (megabytes << 20) if said is None else said
    crc = 0
    for _ in range(megabytes):
        crc = zlib.crc32(_MEGABYTE, crc)
    stored = zipped([Part(name, packed, STORED, size=size, crc=crc, wide=size != len(packed))])
    # The method stands at one place in each header: 8 bytes into the first, 10 into the second.
    second = stored.rindex(b"PK\1\2")
    forged = bytearray(stored)
    forged[8:10] = forged[second + 10 : second + 12] = struct.pack("<H", DEFLATED)
    return bytes(forged)


_MEGABYTE = bytes(1 << 20)


def block(name: str, kind: bytes = b"0", size: int = 0, link: str = "", said: bytes | None = None) -> bytes:
    """One header of a tar archive, its checksum right."""
    head = bytearray(512)
    head[:100] = name.encode()[:100].ljust(100, b"\0")
    head[100:108] = head[108:116] = head[116:124] = b"0000644\0"
    head[124:136] = (b"%011o\0" % size) if said is None else said.ljust(12, b"\0")
    head[136:148] = b"00000000000\0"
    head[148:156] = b" " * 8
    head[156:157] = kind
    head[157:257] = link.encode()[:100].ljust(100, b"\0")
    head[257:265] = b"ustar\x0000"
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def tarred(*blocks: bytes) -> bytes:
    """A tar archive of headers and contents, each filled up to its block, and the end."""
    return b"".join(one + bytes(-len(one) % 512) for one in blocks) + bytes(1024)


def record(key: str, value: str) -> bytes:
    """One line of a PAX header: «length key=value»."""
    rest = f" {key}={value}\n".encode()
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def npy(array: np.ndarray) -> bytes:
    """An array as numpy.save writes it."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=array.dtype.hasobject)
    return stream.getvalue()


def npy_header(text: str) -> bytes:
    """The start of an .npy file with any text where its header belongs."""
    data = text.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(data)) + data
