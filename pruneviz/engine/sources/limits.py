"""How much is let in, and whether there is room for it: asked before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pruneviz.caps import Caps
from pruneviz.engine.sources.refusal import SubjectError

_SMALL = 16 << 20  # bytes that nobody needs to ask for


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is let in. A file on one's own disk is limited by memory; a shared server sets less."""

    weights_bytes: int = 64 << 30
    """Bytes of a file of weights."""
    data_bytes: int = 64 << 30
    """Bytes of a file of data."""
    unpacked_bytes: int = 64 << 30
    """Bytes that an archive unpacks to."""
    member_bytes: int = 1 << 30
    """Bytes of one file in an archive of samples."""
    text_bytes: int = 1 << 20
    """Bytes of a card or another small text."""
    header_bytes: int = 4 << 20
    """Bytes of a header of safetensors."""
    tensors: int = 20_000
    """Tensors in a file of weights."""
    parameters: int = 1 << 40
    """Numbers in all tensors of a file."""
    dimensions: int = 8
    """Sizes of a tensor's shape."""
    members: int = 1_000
    """Arrays in an .npz file."""
    files: int = 1 << 20
    """Files in an archive of samples."""
    samples: int = 1 << 31
    """Images, texts or windows of a data set."""
    ratio: int = 1_000
    """How many times its size a packed file may unpack to."""
    memory: float = 0.6
    """The share of the memory that is free now which one file may ask for."""


LOCAL = Limits()


def limits(caps: Caps) -> Limits:
    """The limits that a server's caps set for what is brought to it."""
    return Limits(
        weights_bytes=caps.upload_bytes,
        data_bytes=caps.upload_bytes,
        unpacked_bytes=caps.unpacked_bytes,
        member_bytes=min(caps.upload_bytes, LOCAL.member_bytes),
        tensors=caps.tensors,
        parameters=caps.parameters,
        files=min(2 * caps.samples + 2_000, LOCAL.files),
        samples=caps.samples,
    )


def room(name: str, needed: int, bounds: Limits = LOCAL) -> None:
    """Refuse what asks for more than its share of the memory that is free, before any of it is taken."""
    if needed <= _SMALL:
        return
    free = available()
    if free is not None and needed > bounds.memory * free:
        raise SubjectError(
            f"{printed(needed)} of memory are needed for {name}, and of the {printed(free)} that are free "
            f"{bounds.memory:.0%} may be used: close other programs, or bring something smaller",
            "memory",
        )


def available() -> int | None:
    """Bytes of memory that a process could still take here: what the machine has, or what its container leaves."""
    found = [_machine(), _container()]
    return min((one for one in found if one is not None), default=None)


def printed(count: int) -> str:
    """A number of bytes for a sentence: «440 MB»."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.3g} {unit}" if count < 1000 * size else f"{count / size:,.0f} {unit}"
    return f"{count:,} bytes"


def _machine() -> int | None:
    for line in _lines("/proc/meminfo"):
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return 1024 * int(rest.split()[0])
    return None


def _container() -> int | None:
    """What is left below the bound of this process's own group, where a group has one."""
    most, used = _lines("/sys/fs/cgroup/memory.max"), _lines("/sys/fs/cgroup/memory.current")
    if not most or not used or not most[0].isdigit() or not used[0].isdigit():
        return None
    # Pages of files that can be given back at once are counted as used there; they are free to us.
    cached = sum(int(line.split()[1]) for line in _lines("/sys/fs/cgroup/memory.stat") if line.startswith("inactive_file "))
    return max(int(most[0]) - int(used[0]) + cached, 0)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("ascii").splitlines()
    except (OSError, ValueError):
        return []
