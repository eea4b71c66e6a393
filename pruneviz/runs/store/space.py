"""Space: whether the disk of the store has room for a run. A disk that runs full harms more than this app."""

from __future__ import annotations

import shutil
from pathlib import Path

from pruneviz import caps


def short(folder: Path) -> str:
    """Why no run begins or goes on in the store of this folder, in one sentence; empty where there is room."""
    needed, free = caps.read(own=True).free_bytes, _free(folder)
    if free is None or free >= needed:
        return ""
    return (
        f"the disk that runs are stored on has {_megabytes(free)} free, and a run needs {_megabytes(needed)}: make room "
        "there, set PRUNEVIZ_STORE to a folder on another disk, or PRUNEVIZ_FREE_BYTES to less"
    )


def _free(folder: Path) -> int | None:
    """Bytes that are free where the folder lies, or is going to; None where nobody can tell."""
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return None


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
