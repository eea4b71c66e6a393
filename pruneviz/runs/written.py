"""Written: what a worker hands over as a file in the queue's folder, whole or not at all, the last few of each ending."""

from __future__ import annotations

import os
from pathlib import Path

from pruneviz.runs import machine
from pruneviz.runs.jobs import Job

FEW = 2
"""Files of one ending that lie there: who reads one has a moment for it while the next is written."""


def keep(folder: str, job: Job, ending: str, content: bytes) -> Path:
    """The content as a file named after its job. The oldest beyond a few go: whoever still wants one of those asks anew."""
    path = Path(folder, f"{machine.name_of(job.card)}-{machine.name_of(repr(job.recipe))}{ending}")
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
    others = sorted((one for one in path.parent.glob(f"*{ending}") if one != path), key=_written, reverse=True)
    for old in others[FEW - 1 :]:
        old.unlink(missing_ok=True)
    return path


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # its model was given back meanwhile
        return 0
