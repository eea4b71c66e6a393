"""Errands for a child process that is thrown away: it reads a file that nobody trusts, and writes plain data.

The child has no environment, no network and no right to start anything, and bounds on its memory, time and disk. How it went
it says as JSON in bytes, which is believed no more than the file was.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruneviz import nursery
from pruneviz.engine.sources.refusal import SubjectError, printable

_LARGEST_ANSWER = 16 << 20


@dataclass(frozen=True, slots=True)
class Errand:
    """What a child is to call, «module:function»(connection, source, target, most), and what it may take."""

    function: str
    source: Path
    target: Path
    most: dict[str, Any]
    bounds: nursery.Bounds
    seconds: float = 60.0


def run(errand: Errand, name: str, advice: str) -> dict[str, Any]:
    """The child's answer; one sentence where it refuses the file, and where it ends without a word."""
    try:
        child = nursery.bear(
            errand.function, str(errand.source.absolute()), str(errand.target), errand.most, bounds=errand.bounds
        )
    except nursery.NurseryError as error:
        raise SubjectError(f"{name} cannot be opened now ({printable(str(error))})", "no-child") from None
    with closing(child.connection):
        try:
            answer = _heard(child, errand.seconds)
        finally:
            child.end(grace=0)
    if answer is None:
        raise SubjectError(f"{name} could not be read, {_ending(child.status)}: {advice}", "child")
    if "why" in answer:
        why, code = (printable(str(answer.get(key, "")), 300) for key in ("why", "code"))
        raise SubjectError(f"{name} {why}: {advice}", code or "unreadable")
    return answer


def _heard(child: nursery.Child, seconds: float) -> dict[str, Any] | None:
    """What the child says within its time, as plain JSON; None if it says nothing, or nothing that makes sense."""
    try:
        if not child.connection.poll(seconds):
            return None
        answer = json.loads(child.connection.recv_bytes(_LARGEST_ANSWER))
    except (EOFError, OSError, ValueError, RecursionError):
        child.wait(1)
        return None
    return answer if isinstance(answer, dict) else None


def _ending(status: int | None) -> str:
    if status == nursery.FORBIDDEN:
        return "it tried to do something else than hold data"
    return "it took too much time or memory, or is damaged"
