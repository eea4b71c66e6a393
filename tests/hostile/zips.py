"""Zip archives that say two things at once, lead elsewhere, or unpack to more than they should."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np

from tests.hostile.case import add, hostile, written
from tests.hostile.forge import DEFLATED, Part, bomb, npy, zipped
from tests.hostile.pickles import table, text, torch_zip

GOOD = table(text("nothing"))
PIXELS = b"P5 1 1 255\n\x00"


def _parts(*more: Part) -> list[Part]:
    return [Part("archive/data.pkl", GOOD), Part("archive/version", b"3\n"), *more]


@hostile("weights", "zip-method")
def zip_encrypted(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped([Part("archive/data.pkl", GOOD, flags=1)]))


@hostile("weights", "duplicate")
def zip_two_of_one_name(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped(_parts(Part("archive/data.pkl", table(text("other"))))))


@hostile("weights", "path")
def zip_absolute(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped(_parts(Part("/etc/cron.d/canary", b"x"))))


@hostile("weights", "path")
def zip_upwards(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped(_parts(Part("archive/../../canary", b"x"))))


@hostile("weights", "path")
def zip_drive(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped(_parts(Part("C:\\canary", b"x"))))


@hostile("weights", "zip")
def zip_two_names_of_one_file(folder: Path, canary: Path) -> Path:
    """The directory says one name, the header in front of the bytes another."""
    return written(folder, "weights.pt", zipped([Part("archive/data.pkl", GOOD, inside="archive/other.pk"), *_parts()[1:]]))


@hostile("weights", "overlap", "zip")
def zip_shared_bytes(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped(_parts(Part("archive/data.pk2", GOOD, inside="", shared=0))))


@hostile("weights", "zip", "unknown")
def zip_behind_a_script(folder: Path, canary: Path) -> Path:
    script = f"#!/bin/sh\ntouch {canary}\nexit\n".encode()
    return written(folder, "weights.pt", script + b"\n" * 100 + torch_zip(GOOD))


@hostile("weights", "zip", "unknown", "text")
def zip_with_bytes_before(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", b"PK\3\4" + torch_zip(GOOD))


@hostile("weights", "trailing")
def zip_with_a_page_after(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped(_parts(), after=b"<script>alert(1)</script>"))


@hostile("weights", "trailing")
def zip_with_a_page_as_comment(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped(_parts(), comment=b"<script>alert(1)</script>"))


@hostile("weights", "too-many-members")
def zip_of_20002_files(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped(_parts(*(Part(f"archive/data/{i}") for i in range(23_000)))))


@hostile("weights", "too-many-members", "zip64", "zip")
def zip_that_counts_wrong(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped(_parts(), count=65_535))


@hostile("weights", "zip64")
def zip64_end_that_lies(folder: Path, canary: Path) -> Path:
    """The end for small archives names two files, the one for large archives a billion."""
    plain = bytearray(zipped(_parts()))
    end = plain[-22:]
    start = len(plain) - 22
    length, where = struct.unpack_from("<2L", end, 12)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 10**9, 10**9, length, where)
    return written(folder, "weights.pt", bytes(plain[:-22] + wide + struct.pack("<4sLQL", b"PK\6\7", 0, start, 1) + end))


@hostile("weights", "zip64", "truncated", "zip-size")
def zip64_size_that_lies(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped([Part("archive/data.pkl", GOOD, size=1 << 40, wide=True), *_parts()[1:]]))


@hostile("weights", "zip")
def zip_without_a_table(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped([Part("a/data.pkl", GOOD), Part("b/data.pkl", GOOD)]))


@hostile("weights", "truncated")
def zip_cut(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", torch_zip(GOOD)[:-30])


@hostile("weights", "zip")
def zip_of_a_zip(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", zipped([Part("weights.pt", torch_zip(GOOD))]))


@hostile("samples", "nested")
def images_with_an_archive(folder: Path, canary: Path) -> Path:
    return written(folder, "images.zip", zipped([Part("cat/1.pgm", PIXELS), Part("dog/more.zip", zipped([Part("x", b"")]))]))


@hostile("samples", "zip-ratio")
def images_bomb(folder: Path, canary: Path) -> Path:
    return written(folder, "images.zip", bomb("cat/1.png", 1024))


@hostile("samples", "zip-size")
def images_bomb_that_lies(folder: Path, canary: Path) -> Path:
    """Says two megabytes, unpacks to a thousand."""
    return written(folder, "images.zip", bomb("cat/1.png", 1024, said=2 << 20))


@hostile("samples", "unpacked-too-large", "member-too-large")
def images_of_two_gigabytes(folder: Path, canary: Path) -> Path:
    """A hundred megabytes of noise and zeros, below every ratio and over the cap."""
    noise = np.random.default_rng(0).bytes(3 << 20)
    parts = [Part(f"cat/{i}.png", noise, size=600_000_000, method=DEFLATED) for i in range(4)]
    return written(folder, "images.zip", zipped(parts))


@hostile("samples", "too-many-members")
def images_without_end(folder: Path, canary: Path) -> Path:
    return written(folder, "images.zip", zipped([Part(f"cat/{i}.pgm", PIXELS) for i in range(25_000)]))


@hostile("samples", "path")
def images_upwards(folder: Path, canary: Path) -> Path:
    return written(folder, "images.zip", zipped([Part("cat/1.pgm", PIXELS), Part("../../canary", b"x")]))


@hostile("samples", "inert", "empty", "image", "labels")
def images_with_a_link(folder: Path, canary: Path) -> Path:
    """A zip can say that a file is a symbolic link; here it is the few bytes of its target."""
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for name in ("cat/1.png", "dog/1.png"):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o120777 << 16
            archive.writestr(entry, "/etc/passwd")
    return folder / "images.zip"


@hostile("arrays", "array-kind")
def npz_of_objects(folder: Path, canary: Path) -> Path:
    from tests.hostile.pickles import Whole

    objects = np.empty(1, dtype=object)
    objects[0] = Whole(canary)
    return written(folder, "data.npz", zipped([Part("x_test.npy", npy(objects))]))


@hostile("arrays", "array")
def npz_of_a_pickle(folder: Path, canary: Path) -> Path:
    from tests.hostile.pickles import call

    return written(folder, "data.npz", zipped([Part("x_test.npy", table(call("os", "system", text(f"touch {canary}"))))]))


@hostile("arrays", "zip-ratio")
def npz_bomb(folder: Path, canary: Path) -> Path:
    return written(folder, "data.npz", bomb("x_test.npy", 1024))


@hostile("arrays", "overlap", "zip")
def npz_overlapping(folder: Path, canary: Path) -> Path:
    """A thousand arrays in the bytes of one."""
    one = npy(np.zeros(1 << 16))
    parts = [Part("x_test.npy", one, DEFLATED)]
    parts += [Part(f"{i:06d}.npy", one, DEFLATED, inside="x_test.npy", shared=0) for i in range(900)]
    return written(folder, "data.npz", zipped(parts))


HEADERS = {
    "code": "{'descr': __import__('os').system('touch CANARY'), 'fortran_order': False, 'shape': (1,)}",
    "terabyte": "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
    "deep": "{'descr': " + "[" * 9000 + "], 'fortran_order': False, 'shape': (1,), }",
    "negative": "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    "record": "{'descr': [('a', '<f8'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }",
    "thousand_sizes": f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'1,' * 1000}), }}",
    "endless_number": f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'9' * 5000},), }}",
}


def _add_headers() -> None:
    from tests.hostile.forge import npy_header

    for name, header in HEADERS.items():

        def make(folder: Path, canary: Path, header: str = header) -> Path:
            data = npy_header(header.replace("CANARY", str(canary))) + bytes(8)
            return written(folder, "data.npz", zipped([Part("x_test.npy", data)]))

        add(f"npz_header_{name}", "arrays", ("array", "array-kind"), make)


_add_headers()
