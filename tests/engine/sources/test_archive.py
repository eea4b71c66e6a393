"""Archives give their files one by one, and nothing that leads elsewhere."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile

import pytest

from pruneviz.engine.sources import archive
from pruneviz.engine.sources.gate import Limits, SubjectError
from tests.hostile.forge import DEFLATED, Part, block, tarred, zipped

FILES = {"cat/1.txt": b"one" * 100, "cat/é.txt": b"", "dog/" + "long" * 30 + "/3.txt": bytes(range(256)) * 9}
FORMATS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT}


def as_zip(how: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as held:
        held.writestr("cat/", b"")
        for name, data in FILES.items():
            held.writestr(name, data)
    return stream.getvalue()


def as_tar(form: int = tarfile.PAX_FORMAT, before: str = "") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as held:
        folder = tarfile.TarInfo("cat")
        folder.type = tarfile.DIRTYPE
        held.addfile(folder)
        for name, data in FILES.items():
            entry = tarfile.TarInfo(before + name)
            entry.size, entry.mtime = len(data), 1_700_000_000.5
            held.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def streamed() -> bytes:
    """A zip written to a pipe: the sizes follow the bytes."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_):
            raise io.UnsupportedOperation("a pipe")

    stream = Pipe()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as held:
        for name, data in FILES.items():
            held.writestr(name, data)
    return stream.getvalue()


WRITTEN = {
    "zip": as_zip,
    "stored zip": lambda: as_zip(zipfile.ZIP_STORED),
    "zip from a pipe": streamed,
    **{f"tar of {name}": lambda form=form: as_tar(form) for name, form in FORMATS.items()},
    "tar of a folder": lambda: as_tar(before="./"),
    "tar.gz": lambda: gzip.compress(as_tar()),
    "tar.gz in two": lambda: gzip.compress(as_tar()[:1000]) + gzip.compress(as_tar()[1000:]) + bytes(512),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_was_packed_comes_out(kind, tmp_path):
    (tmp_path / "a").write_bytes(WRITTEN[kind]())
    assert dict(archive.members(tmp_path / "a")) == FILES


@pytest.mark.parametrize("kind", ["zip", "tar of pax", "tar.gz"])
def test_limits_are_exact(kind, tmp_path):
    (tmp_path / "a").write_bytes(WRITTEN[kind]())
    total, largest = sum(map(len, FILES.values())), max(map(len, FILES.values()))
    folders = 1 if kind == "zip" else 0  # a zip's directory counts its folders

    def code(**limits: int) -> str:
        try:
            assert dict(archive.members(tmp_path / "a", Limits(**limits))) == FILES
        except SubjectError as error:
            return error.code
        return "read"

    assert code(unpacked_bytes=total, member_bytes=largest, files=3 + folders) == "read"
    assert code(unpacked_bytes=total - 1) == "unpacked-too-large"
    assert code(member_bytes=largest - 1) == "member-too-large"
    assert code(files=2 + folders) == "too-many-members"
    assert code(data_bytes=10) == "too-large"


def test_ratio_is_watched_for_each_member(tmp_path):
    """Zeros shrink a thousandfold; a limit of 5,000 lets them in, one of 100 does not."""
    held = [Part("a.txt", bytes(100_000), DEFLATED), Part("b.txt", b"short")]
    (tmp_path / "a.zip").write_bytes(zipped(held))
    assert len(dict(archive.members(tmp_path / "a.zip", Limits(ratio=5_000)))) == 2
    with pytest.raises(SubjectError, match="over 100 times its size") as caught:
        list(archive.members(tmp_path / "a.zip", Limits(ratio=100)))
    assert caught.value.code == "zip-ratio"


def test_what_browsers_of_files_leave_behind_is_passed_over(tmp_path):
    litter = ("__MACOSX/cat/._1.txt", ".DS_Store", "cat/Thumbs.db", "cat/._2.txt")
    (tmp_path / "a.zip").write_bytes(zipped([Part("cat/1.txt", b"x"), *(Part(name, b"PK\3\4") for name in litter)]))
    assert [name for name, _ in archive.members(tmp_path / "a.zip")] == ["cat/1.txt"]


def test_other_files_say_what_they_are(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"7z\xbc\xaf\x27\x1c")
    with pytest.raises(SubjectError, match="is a 7z archive: pack the folder"):
        list(archive.members(tmp_path / "a.zip"))


@pytest.mark.parametrize("kind", ["zip", "stored zip", "zip from a pipe", "tar of pax", "tar of gnu", "tar.gz"])
def test_an_archive_cut_anywhere_is_refused_or_whole(kind, tmp_path):
    """A tar archive may lose the padding behind its end, and nothing else."""
    whole, path = WRITTEN[kind](), tmp_path / "a"
    read = 0
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        try:
            assert dict(archive.members(path)) == FILES
            read += 1
            assert kind.startswith("tar of") and not whole[cut:].strip(b"\0")
        except SubjectError as error:
            assert "\n" not in str(error)
    assert read <= 10_240


@pytest.mark.parametrize("kind", ["zip", "stored zip", "tar of pax", "tar.gz"])
def test_flipped_bits_never_end_in_a_traceback(kind, tmp_path):
    whole, chance, path = WRITTEN[kind](), random.Random(0), tmp_path / "a"
    unnoticed = 0
    for _ in range(200):
        changed = bytearray(whole)
        changed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        try:
            unnoticed += dict(archive.members(path)) != FILES
        except SubjectError as error:
            assert "\n" not in str(error)
    # Checksums guard the bytes of all but a plain tar, which has them for its headers only.
    assert kind == "tar of pax" or unnoticed == 0


def test_an_empty_archive_is_no_error_here(tmp_path):
    (tmp_path / "a").write_bytes(zipped([]))
    assert list(archive.members(tmp_path / "a")) == []
    (tmp_path / "a").write_bytes(tarred(block("cat/", b"5")))
    assert list(archive.members(tmp_path / "a")) == []
