"""Lasting: folders that are still there after the power failed, together with what was stored in them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def made(folder: Path) -> None:
    """Makes a folder, and those that it lies in, so that they last."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        with contextlib.suppress(PermissionError):  # a list that this account may add to, and not read
            settle(one.parent)


def settle(folder: Path) -> None:
    """Makes a folder's own list last, where the system can be asked to."""
    if os.name == "nt":
        return
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)
