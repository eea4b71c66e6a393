"""Plain files: opened once, checked on what was opened, and known by their SHA-256."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pruneviz.engine.sources.limits import LOCAL, Limits, room
from pruneviz.engine.sources.refusal import SubjectError, brief, printable


@contextmanager
def opened(path: Path, most: int, *, follow: bool = True) -> Iterator[tuple[BinaryIO, int]]:
    """A plain file of at most so many bytes, open for reading, and its size. No device, no pipe, no folder."""
    # Without O_NONBLOCK a pipe that nobody writes to would be waited for.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        number = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        raise _missing(path) from None
    except OSError as error:
        if not is_file(path):
            raise _missing(path) from None
        raise _unreadable(path, error) from None
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode):
        os.close(number)
        raise _missing(path)
    with os.fdopen(number, "rb") as stream:
        if found.st_size > most:
            raise SubjectError(
                f"{shown(path)} has {found.st_size:,} bytes; at most {most:,} are read: give a smaller file", "too-large"
            )
        try:
            yield stream, found.st_size
        except OSError as error:
            raise _unreadable(path, error) from None


def content(path: Path, most: int) -> bytes:
    """All of a plain file of at most so many bytes."""
    with opened(path, most) as (stream, size):
        room(shown(path), size)
        try:
            return stream.read(size)
        except MemoryError as error:
            raise _unreadable(path, error) from None


def text(path: Path, limits: Limits = LOCAL) -> str:
    """A small text file, in UTF-8."""
    try:
        return content(path, limits.text_bytes).decode("utf-8")
    except UnicodeDecodeError:
        raise SubjectError(f"{shown(path)} is not text in UTF-8: save it as UTF-8", "not-utf-8") from None


def sha256(path: Path, most: int = LOCAL.data_bytes) -> str:
    """The SHA-256 of a plain file, read piece by piece."""
    with opened(path, most) as (stream, _):
        return hashlib.file_digest(stream, "sha256").hexdigest()


def same(path: Path, wanted: str) -> None:
    """Refuse a file that is no longer what it was: its SHA-256 is another than the one noted down."""
    found = sha256(path)
    if found != wanted:
        raise SubjectError(
            f"{shown(path)} has changed since it was stored (SHA-256 {found[:12]}…, not {printable(wanted, 12)}…): "
            "bring the file again",
            "changed",
        )


def is_file(path: Path) -> bool:
    """Whether there is a plain file; a name that no system takes is no error, as it is for Path itself."""
    return os.path.isfile(path)


def is_folder(path: Path) -> bool:
    """Whether there is a folder."""
    return os.path.isdir(path)


def shown(path: Path) -> str:
    """A file's own name, safe to show; never where it lies."""
    return printable(path.name)


def _missing(path: Path) -> SubjectError:
    return SubjectError(
        f"no file {shown(path)!r} where it should be: put it there, or correct its name in the card", "no-file"
    )


def _unreadable(path: Path, error: BaseException) -> SubjectError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else brief(error)
    return SubjectError(f"{shown(path)} cannot be read ({reason}): check the file and its permissions", "unreadable")
