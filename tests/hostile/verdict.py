"""Brings one hostile file to its door, and says what was answered, how fast, and what it cost."""

from __future__ import annotations

import gc
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pruneviz.engine.sources.gate import SubjectError
from tests.hostile.case import INERT, Hostile
from tests.hostile.doors import DOORS

MOST_SECONDS = 2.0
MOST_GROWTH = 50 << 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one file: the code of the refusal or «inert», its sentence, and what it took."""

    name: str
    code: str
    sentence: str
    seconds: float
    growth: int | None
    canary: bool
    expected: bool

    @property
    def faults(self) -> list[str]:
        """What must not be, in words; of a file that is let in, memory is what it holds and no fault."""
        said = []
        if self.canary:
            said.append("RAN")
        if not self.expected:
            said.append("unexpected verdict")
        if "\n" in self.sentence or "Traceback" in self.sentence or not 20 < len(self.sentence or " " * 21) < 900:
            said.append("no sentence")
        if self.seconds >= MOST_SECONDS:
            said.append("slow")
        if self.code != INERT and (self.growth or 0) >= MOST_GROWTH:
            said.append("memory")
        return said


def judge(case: Hostile, folder: Path | None = None) -> Verdict:
    """Makes the file in a folder of its own, and brings it to its door."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        canary = Path(place) / "canary"
        inside = Path(place) / "brought"
        inside.mkdir()
        path = case.make(inside, canary)
        gc.collect()
        before = _reset_peak()
        start = time.perf_counter()
        code, sentence = _answer(case, path)
        seconds = time.perf_counter() - start
        peak = _memory("VmHWM")
        growth = peak - before if before is not None and peak is not None else None
        return Verdict(case.name, code, sentence, seconds, growth, canary.exists(), code in case.codes)


def _answer(case: Hostile, path: Path) -> tuple[str, str]:
    try:
        DOORS[case.door](path)
    except SubjectError as error:
        return error.code, str(error)
    except Exception as error:  # a foreign exception is what must never come
        return f"{type(error).__name__}!", str(error)[:300]
    return INERT, ""


def _reset_peak() -> int | None:
    """Sets the peak of this process's memory back to what it holds now; that many bytes, where the system tells."""
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    except OSError:
        return None
    return _memory("VmRSS")


def _memory(what: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{what}:")), None)


def fence(gigabytes: int = 4) -> None:
    """From now on this process may take only so much more: what eats memory ends in an error, not with the machine."""
    import resource

    held = _memory("VmSize")
    if held is not None:
        resource.setrlimit(resource.RLIMIT_AS, (held + (gigabytes << 30), resource.getrlimit(resource.RLIMIT_AS)[1]))
