"""Folders: where the library's files lie. One folder a process, which nobody else can read; it goes when the process goes,
and what a killed process left behind goes when the next one starts."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

_STEM = "pruneviz-library-"
_LOCK = "in-use"
_making = threading.Lock()
_made: list[tuple[Path, BinaryIO, int]] = []
_OLD = 7 * 24 * 3600.0


def root() -> Path:
    """This process's folder. Those of processes that have ended are removed first."""
    with _making:
        return _made[0][0] if _made else _begun()


def sweep() -> None:
    """Removes the folders of processes that have ended without doing it themselves."""
    for left in Path(tempfile.gettempdir()).glob(f"{_STEM}*"):
        with contextlib.suppress(OSError):
            if not left.is_symlink() and left.is_dir() and _is_abandoned(left):
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def arriving() -> Iterator[tuple[BinaryIO, Path]]:
    """A file to write to; what was not settled is removed."""
    descriptor, name = tempfile.mkstemp(dir=root() / "arriving")
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def settle(path: Path, sha256: str) -> Path:
    """Moves a file that has arrived to its content's name."""
    target = root() / "files" / sha256
    os.replace(path, target)
    target.chmod(0o400)
    return target


@contextlib.contextmanager
def furnished(files: Mapping[str, Path]) -> Iterator[Path]:
    """A new folder with links to files, by the places they are to have in it. It goes, unless it was moved meanwhile."""
    new = Path(tempfile.mkdtemp(dir=root() / "arriving"))
    try:
        for place, path in files.items():
            (new / place).parent.mkdir(parents=True, exist_ok=True)
            _link(path, new / place)
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def move(folder: Path, target: Path) -> None:
    """Puts a folder in its place, all at once, whatever was there before."""
    remove(target)
    os.replace(folder, target)


def remove(path: Path) -> None:
    """Removes a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _begun() -> Path:
    sweep()
    made = Path(tempfile.mkdtemp(prefix=_STEM))
    lock = (made / _LOCK).open("wb")
    _locked(lock)
    for part in ("files", "models", "arriving"):
        (made / part).mkdir()
    # With the process that made it: a child that was forked from it leaves, too, and must not take the folder along.
    _made.append((made, lock, os.getpid()))
    return made


def _link(path: Path, place: Path) -> None:
    try:
        os.link(path, place)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or a file system without hard links
        place.symlink_to(path)


def _is_abandoned(folder: Path) -> bool:
    """Whether nobody holds the lock of a folder. A folder without a lock is just being made, unless it is old."""
    try:
        lock = (folder / _LOCK).open("rb")
    except OSError:
        return time.time() - folder.stat().st_mtime > _OLD
    with lock:
        return _locked(lock, folder)


def _locked(lock: BinaryIO, folder: Path | None = None) -> bool:
    """Takes the lock of a folder, if nobody has it. Where there are no such locks, age decides."""
    try:
        import fcntl
    except ImportError:
        return folder is not None and time.time() - folder.stat().st_mtime > _OLD
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@atexit.register
def close() -> None:
    """The process goes, and its folder with it. A server that is told to stop never comes to its exit: it calls this."""
    for folder, lock, maker in _made:
        if os.getpid() == maker:
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()
