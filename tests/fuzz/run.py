"""Runs one format: mutated files to its door, and whatever is neither let in nor refused in one sentence is a finding."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pruneviz import nursery
from pruneviz.engine.sources import parquet, pickled, tensor_file
from pruneviz.engine.sources.gate import SubjectError
from tests.fuzz.child import TARGET
from tests.fuzz.formats import FORMATS, Format, torch_file
from tests.hostile.doors import LIMITS
from tests.hostile.verdict import fence

SECONDS = 2.0
A_CHILD = 1_000
IN_CHILDREN = ("torch-child", "parquet")
_LARGEST = 1 << 16  # bytes that the child is told one file has
_OUTWARD = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
    "pty.spawn",
    "ctypes.dlopen",
)


class Hang(BaseException):
    """One file took longer than any may; no Exception, so that nothing on the way catches it."""


@dataclass
class Outcome:
    """What came of one format's files."""

    name: str
    executions: int = 0
    read: int = 0
    codes: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    slowest: float = 0.0
    findings: list[str] = field(default_factory=list)


def run(name: str, executions: int, seconds: float, keep: Path | None = None, seed: int = 0) -> Outcome:
    """So many files of a format, or as many as fit into so many seconds."""
    form, outcome = FORMATS[name], Outcome(name)
    place = Path(tempfile.mkdtemp(prefix="pruneviz-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        seeds = form.corpus()
        files = _files(form, seeds, seed)
        if name not in IN_CHILDREN:
            _warm(form, seeds, place)
        start = time.monotonic()
        work = _in_children if name in IN_CHILDREN else _here
        for _ in work(form, files, place, outcome, keep):
            outcome.seconds = time.monotonic() - start
            if outcome.executions >= executions or outcome.seconds >= seconds:
                break
    finally:
        shutil.rmtree(place)
    return outcome


def _files(form: Format, seeds: list[bytes], seed: int) -> Iterator[bytes]:
    """The seeds themselves, and then changed ones without end."""
    chance = random.Random(f"{form.name} {seed}")
    yield from seeds
    while True:
        yield form.mutate(chance.choice(seeds), chance, form.words, seeds)


def _here(form: Format, files: Iterator[bytes], place: Path, outcome: Outcome, keep: Path | None) -> Iterator[None]:
    """One file after another in this process."""
    path = place / form.file
    with _watched() as outward:
        for data in files:
            path.write_bytes(data)
            start = time.monotonic()
            # Time on the processor: on a busy machine a file may wait without hanging.
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                form.bring(path)
                outcome.read += 1
            except SubjectError as error:
                outcome.codes[error.code] += 1
                if "\n" in str(error) or len(str(error)) > 1000:
                    _found(outcome, data, f"no sentence: {str(error)[:200]!r}", keep)
            except (Exception, Hang):
                _found(outcome, data, traceback.format_exc(limit=-4), keep)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            if outward:
                _found(outcome, data, f"tried {outward[:3]}", keep)
                outward.clear()
            outcome.executions += 1
            outcome.slowest = max(outcome.slowest, time.monotonic() - start)
            yield


def _warm(form: Format, seeds: list[bytes], place: Path) -> None:
    """Libraries are imported on the first use, which takes long and opens files of their own."""
    if form.beside:
        form.beside(place)
    for data in seeds:
        (place / form.file).write_bytes(data)
        with suppress(Exception):
            form.bring(place / form.file)


@contextmanager
def _watched() -> Iterator[list[str]]:
    """Whatever would lead out of this process is noted, and what takes too long is stopped."""
    noted: list[str] = []

    def hang(number: int, frame: object) -> None:
        raise Hang(f"took more than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, hang)
    _HOOKS.append(noted)
    if len(_HOOKS) == 1:
        sys.addaudithook(_hook)
    try:
        yield noted
    finally:
        _HOOKS[-1] = []
        signal.signal(signal.SIGPROF, before)


_HOOKS: list[list[str]] = []


def _hook(event: str, arguments: tuple) -> None:
    if event in _OUTWARD or event.startswith("os.exec"):
        _HOOKS[-1].append(f"{event} {arguments!r:.100}")


def _found(outcome: Outcome, data: bytes, what: str, keep: Path | None) -> None:
    outcome.findings.append(what)
    if keep is not None and len(outcome.findings) <= 20:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{outcome.name}-{len(outcome.findings)}").write_bytes(data)


def _in_children(form: Format, files: Iterator[bytes], place: Path, outcome: Outcome, keep: Path | None) -> Iterator[None]:
    """A thousand files a child. Where one ends its child, the next child goes on after it; what was written is read here."""
    target = place / "weights.safetensors"
    while True:
        data = [torch_file(one) if form.name == "torch-child" else one for one in itertools.islice(files, A_CHILD)]
        pack = place / "pack"
        pack.write_bytes(json.dumps(list(map(len, data))).encode() + b"\n" + b"".join(data))
        done = 0
        while done < len(data):
            for code in _heard(form.name, pack, done, target):
                outcome.executions, done = outcome.executions + 1, done + 1
                outcome.read += code == "ok"
                outcome.codes.update([code] if code != "ok" else [])
                if code.startswith("ended"):
                    break
                if code == "lost":
                    _found(outcome, data[done - 1], "the child neither answered nor ended", keep)
        if target.is_file() and form.name == "torch-child":
            with suppress(SubjectError):
                tensor_file.tensors(target, LIMITS)
        yield


def _heard(name: str, pack: Path, first: int, target: Path) -> Iterator[str]:
    """What a child says of each file; in the end how it ended, if it did so before its time."""
    limits = {**asdict(LIMITS), "file_bytes": _LARGEST, "seconds": SECONDS / 2, "kind": name, "unpacked_bytes": 1 << 25}
    bounds = parquet.bounds(_LARGEST, 1 << 25, target) if name == "parquet" else pickled.bounds(_LARGEST, target)
    # The bound on time is one file's; here a thousand share it.
    bounds = replace(bounds, cpu_seconds=None)
    child = nursery.bear(TARGET, str(pack), first, str(target), limits, bounds=bounds)
    with closing(child.connection):
        try:
            for _ in range(A_CHILD - first):
                if not child.connection.poll(30):
                    yield "lost"
                    return
                yield child.connection.recv_bytes(1000).decode("ascii", "replace")
        except (EOFError, OSError):
            yield f"ended {child.wait(5)}"
        finally:
            child.end(grace=0)


def main(arguments: list[str]) -> None:
    """One format in a process of its own: `name executions seconds folder seed`; the outcome as JSON in one line."""
    name, executions, seconds, keep, seed = arguments
    os.environ.setdefault("RUST_BACKTRACE", "0")
    warnings.simplefilter("error")  # a warning is a finding like any exception
    fence()
    outcome = run(name, int(executions), float(seconds), Path(keep), int(seed))
    print(json.dumps(vars(outcome)))


if __name__ == "__main__":
    main(sys.argv[1:])
