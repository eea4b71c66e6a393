"""Archives of samples: every file of a .zip, a .tar or a .tar.gz, handed out one by one, checked as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pruneviz.engine.sources import files, sniff, tar_file, zip_file
from pruneviz.engine.sources.limits import LOCAL, Limits, room
from pruneviz.engine.sources.refusal import printable
from pruneviz.engine.sources.zip_file import Archive

KINDS = ("zip", "npz", "tar", "gzip")
_ADVICE = "pack the folder of samples as .zip, .tar or .tar.gz"
_OF_MODELS = frozenset(("torch-zip", "npz"))
_LITTER = frozenset((".DS_Store", "Thumbs.db", "desktop.ini"))


def members(path: Path, limits: Limits = LOCAL, *, model: bool = False) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of every file in an archive, in its own order; what file browsers leave behind is passed over.

    A zip archive's directory is checked whole before the first file; a tar archive is checked as it comes. No archive may
    hold another, but for a `model`'s folder: PyTorch's weights and .npz files, each of which the gate will check by itself.
    """
    family = sniff.family(path, limits)
    if family not in KINDS:
        raise sniff.refusal(family, files.shown(path), _ADVICE)
    with files.opened(path, limits.data_bytes) as (stream, size):
        archive = Archive(stream, size, files.shown(path), _ADVICE, limits, limits.files)
        found = _zipped(archive) if family in ("zip", "npz") else tar_file.members(archive, family == "gzip")
        for name, data in found:
            if _litter(name):
                continue
            if sniff.packed(data) and not (model and sniff.of_bytes(data, limits) in _OF_MODELS):
                raise archive.refused(f"holds another archive ({printable(name, 60)!r})", "nested")
            yield name, data


def _zipped(archive: Archive) -> Iterator[tuple[str, bytes]]:
    held = zip_file.directory(archive)
    zip_file.check(archive, held)
    for member in held:
        if member.size > archive.limits.member_bytes:
            most = archive.limits.member_bytes
            raise archive.refused(
                f"holds a file of {member.size:,} bytes; at most {most:,} are read of one", "member-too-large"
            )
    for member in held:
        if not member.folder:
            room(archive.name, member.size, archive.limits)
            yield member.name, b"".join(zip_file.pieces(archive, member))


def _litter(name: str) -> bool:
    path = PurePosixPath(name)
    return path.name in _LITTER or path.name.startswith("._") or "__MACOSX" in path.parts
