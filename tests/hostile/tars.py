"""Tar archives with links, devices, and headers that name more than there is."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from tests.hostile.case import add, hostile, written
from tests.hostile.forge import Part, block, record, tarred, zipped

PIXELS = b"P5 1 1 255\n\x00"
CAT = (block("cat/1.pgm", size=len(PIXELS)), PIXELS)
KINDS = {
    "symlink": (b"2", "/etc/passwd", "link"),
    "hardlink": (b"1", "/etc/passwd", "link"),
    "character_device": (b"3", "", "special"),
    "block_device": (b"4", "", "special"),
    "pipe": (b"6", "", "special"),
    "gnu_sparse": (b"S", "", "special"),
    "unknown_kind": (b"Z", "", "special"),
    "long_link": (b"K", "", "special"),
}
NAMES = {
    "absolute": ("/etc/cron.d/canary", "path"),
    "upwards": ("cat/../../../canary", "path"),
    "drive": ("C:canary", "path"),
    "backslashes": ("..\\..\\canary", "path"),
}


def _add() -> None:
    for name, (kind, link, code) in KINDS.items():
        data = tarred(*CAT, block("dog/1.png", kind, link=link))
        add(f"tar_{name}", "samples", (code,), lambda folder, canary, data=data: written(folder, "images.tar", data))
    for name, (path, code) in NAMES.items():
        packed = gzip.compress(tarred(*CAT, block(path, size=1), b"x"))
        add(f"targz_{name}", "samples", (code,), lambda folder, canary, data=packed: written(folder, "images.tar.gz", data))


_add()


def _noted(notes: bytes, *after: bytes, size: int | None = None) -> bytes:
    """An archive whose second file has a PAX header."""
    head = block("notes", b"x", size=len(notes) if size is None else size)
    return tarred(*CAT, head, notes, *(after or (block("dog/1.pgm", size=len(PIXELS)), PIXELS)))


@hostile("samples", "tar-size")
def tar_pax_size(folder: Path, canary: Path) -> Path:
    """The table says a terabyte, the header eleven bytes."""
    return written(folder, "images.tar", _noted(record("size", str(1 << 40))))


@hostile("samples", "special")
def tar_pax_sparse(folder: Path, canary: Path) -> Path:
    return written(folder, "images.tar", _noted(record("GNU.sparse.realsize", str(1 << 40))))


@hostile("samples", "special")
def tar_pax_link(folder: Path, canary: Path) -> Path:
    return written(folder, "images.tar", _noted(record("linkpath", "/etc/passwd")))


@hostile("samples", "path")
def tar_pax_path(folder: Path, canary: Path) -> Path:
    return written(folder, "images.tar", _noted(record("path", "../../canary")))


@hostile("samples", "header")
def tar_pax_of_a_gigabyte(folder: Path, canary: Path) -> Path:
    """Whoever reads a table of notes whole would hold a gigabyte."""
    return written(
        folder, "images.tar.gz", _gzipped_zeros(_noted(b"", size=1 << 30)[: len(tarred(*CAT)) - 1024 + 512], 1024)
    )


@hostile("samples", "tar")
def tar_pax_broken(folder: Path, canary: Path) -> Path:
    return written(folder, "images.tar", _noted(b"99999 path=x\n"))


@hostile("samples", "member-too-large", "unpacked-too-large")
def tar_size_of_a_terabyte(folder: Path, canary: Path) -> Path:
    head = block("dog/1.pgm", said=b"\x80\0\0\0" + (1 << 40).to_bytes(8, "big"))
    return written(folder, "images.tar", tarred(*CAT, head, PIXELS))


@hostile("samples", "tar")
def tar_negative_size(folder: Path, canary: Path) -> Path:
    return written(folder, "images.tar", tarred(*CAT, block("dog/1.pgm", said=b"\xff" * 12), PIXELS))


@hostile("samples", "truncated")
def tar_cut(folder: Path, canary: Path) -> Path:
    return written(folder, "images.tar", tarred(*CAT)[:-1500])


@hostile("samples", "duplicate")
def tar_two_of_one_name(folder: Path, canary: Path) -> Path:
    return written(folder, "images.tar", tarred(*CAT, *CAT))


@hostile("samples", "nested")
def tar_with_a_zip(folder: Path, canary: Path) -> Path:
    inside = zipped([Part("x", b"y")])
    return written(folder, "images.tar", tarred(*CAT, block("dog/1.png", size=len(inside)), inside))


@hostile("samples", "trailing")
def tar_with_a_page_after(folder: Path, canary: Path) -> Path:
    return written(folder, "images.tar", tarred(*CAT) + b"<script>alert(1)</script>")


def _gzipped_zeros(start: bytes, megabytes: int) -> bytes:
    """A gzip stream of some bytes and then so many megabytes of zeros, made without ever holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    one = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + one * megabytes


@hostile("samples", "zip-ratio")
def targz_bomb(folder: Path, canary: Path) -> Path:
    head = block("cat/1.png", size=90 << 20)
    return written(folder, "images.tar.gz", _gzipped_zeros(head, 1024))


@hostile("samples", "zip-ratio")
def targz_of_zeros(folder: Path, canary: Path) -> Path:
    return written(folder, "images.tar.gz", _gzipped_zeros(b"", 1024))


@hostile("samples", "tar", "truncated")
def gzip_of_gzip(folder: Path, canary: Path) -> Path:
    return written(folder, "images.tar.gz", gzip.compress(gzip.compress(tarred(*CAT))))


@hostile("samples", "damaged", "truncated", "tar")
def gzip_damaged(folder: Path, canary: Path) -> Path:
    data = bytearray(gzip.compress(tarred(*CAT)))
    data[len(data) // 2] ^= 0xFF
    return written(folder, "images.tar.gz", bytes(data))
