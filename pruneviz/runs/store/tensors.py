"""Tensors: files named by their sha256. Written whole and made to last before anything names them, checked when read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pruneviz.runs.store.lasting import made, settle
from pruneviz.runs.store.records import Full, Rotten, StoreError

if TYPE_CHECKING:
    from torch import Tensor

ENDING, UNFINISHED = ".safetensors", ".part"
WORD = "belongs"
"""The file by which a database knows its folder."""
STALE = 600.0
"""Seconds after which a file that no row names is nobody's any more."""
RESERVE, RESERVED = "reserve", 1 << 20
"""Bytes that are given up when the disk is full, so that there is room to say so."""


def pack(tensors: Mapping[str, Tensor], about: Mapping[str, object]) -> bytes:
    """Tensors as the content of a file; the same tensors about the same give the same bytes."""
    from safetensors.torch import save

    return save(dict(tensors), metadata={"pruneviz": json.dumps(about, sort_keys=True)})


class Tensors:
    """One folder of such files."""

    def __init__(self, folder: Path):
        self.folder = folder

    def reserve(self) -> None:
        """Sets the reserve aside, where there is none, and room for all of it."""
        path = self.folder / RESERVE
        if path.exists():
            return
        try:
            path.write_bytes(bytes(RESERVED))
        except OSError:
            self.give_up_reserve()

    def mark(self, word: str) -> None:
        """Makes the folder, and the word last that says whose it is."""
        try:
            made(self.folder)
        except OSError as problem:
            raise _sentence(problem, self.folder) from problem
        self._put(self.folder / WORD, word.encode("ascii"))

    def word(self) -> str:
        """The word that lies in the folder; empty where there is none, or no folder."""
        try:
            return (self.folder / WORD).read_text("ascii", "replace")
        except FileNotFoundError:
            return ""
        except OSError as problem:
            raise _sentence(problem, self.folder, doing="read") from problem

    def write(self, content: bytes) -> str:
        """Makes the content last under its sha256, which is answered. What fails leaves nothing behind."""
        sha256 = hashlib.sha256(content).hexdigest()
        self._put(self.path(sha256), content)
        return sha256

    def read(self, sha256: str) -> dict[str, Tensor]:
        """The tensors of a file, after it has been compared with its name. FileNotFoundError, where it is not here: whether
        that is damage is for those to say who know whether it has to be."""
        from safetensors.torch import load

        try:
            content = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise
        except OSError as problem:  # too many open files, a disk that does not answer: what is stored is none the worse
            raise _sentence(problem, self.folder, doing="read") from problem
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Rotten(
                f"the file {sha256[:12]}… of the runs' store was damaged on the disk: resume the run, and it is done again"
            )
        return load(content)

    def names(self) -> set[str]:
        """The sha256 of every file that lies here."""
        return {path.stem for path in self._lying() if path.suffix == ENDING}

    def path(self, sha256: str) -> Path:
        """Where a file lies."""
        return self.folder / f"{sha256}{ENDING}"

    def drop(self, hashes: Collection[str]) -> None:
        """Files that nothing names any more. One that cannot go now is swept later."""
        for sha256 in hashes:
            with contextlib.suppress(OSError):
                self.path(sha256).unlink(missing_ok=True)

    def old(self) -> list[Path]:
        """Files that have lain here for a while: whoever wrote them has named them by now, or never will."""
        before = time.time() - STALE
        found = [one for one in self._lying() if one.suffix in (ENDING, UNFINISHED)]
        return [one for one in found if _modified(one) < before]

    def sweep(self, nobodys: Collection[Path]) -> None:
        """Removes what no row names, where it is still as old as it was."""
        before = time.time() - STALE
        for path in nobodys:
            with contextlib.suppress(OSError):
                if _modified(path) < before:
                    path.unlink(missing_ok=True)

    def give_up_reserve(self) -> None:
        """The disk is full: room for a few words."""
        with contextlib.suppress(OSError):
            (self.folder / RESERVE).unlink(missing_ok=True)

    def _put(self, path: Path, content: bytes) -> None:
        unfinished = self.folder / f"{secrets.token_hex(8)}{UNFINISHED}"
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
            settle(self.folder)
        except OSError as problem:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise _sentence(problem, self.folder, len(content)) from problem

    def _lying(self) -> list[Path]:
        try:
            return list(self.folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise _sentence(problem, self.folder, doing="read") from problem


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _sentence(problem: OSError, folder: Path, size: int = 0, doing: str = "write into") -> StoreError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        needed = max(1, -(-2 * size // 10**6))
        return Full(
            f"the disk with the runs' store is full: free at least {needed:,} MB in {folder} and resume; what was stored is "
            "safe"
        )
    said = problem.strerror or type(problem).__name__
    return StoreError(f"the runs' store could not {doing} {folder} ({said}): mend that and resume; what is stored is safe")
