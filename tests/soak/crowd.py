"""Crowds: many visitors at one link, many who come and go, and ten who work on while somebody's heavy job runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.soak.visitor import enter

LINK = "m=digits_resnet&c=obd&p=layer&s=70"
"""A link that nothing ships an answer for: its numbers have to be measured when the first visitor comes."""


@dataclass(frozen=True)
class Waits:
    """Seconds that visitors waited: for the first chart, for the whole page, for what a released thumb came to."""

    chart: tuple[float, ...]
    page: tuple[float, ...]
    commit: tuple[float, ...]


def arrive(address: str, visitors: int, within: float, commits: Sequence[int] = (55, 85), link: str = LINK) -> Waits:
    """So many visitors open one link, spread over a while; each lets the thumb go at each of the percents."""

    def come(at: int) -> tuple[float, float, list[float]]:
        time.sleep(within * at / visitors)
        tab, page = enter(address, query=link)
        try:
            return tab.charted, page, [tab.drag(percent) for percent in commits]
        finally:
            tab.leave()

    with ThreadPoolExecutor(visitors) as crowd:
        found = list(crowd.map(come, range(visitors)))
    commit = tuple(seconds for *_, waits in found for seconds in waits)
    return Waits(tuple(one[0] for one in found), tuple(one[1] for one in found), commit)


def come_and_go(address: str, cycles: int, act: Callable | None = None) -> None:
    """Opens the app, does something, leaves; again and again, each time as somebody new."""
    for cycle in range(cycles):
        tab, _ = enter(address, query=f"s={20 + cycle % 60}")
        if act:
            act(tab, cycle)
        tab.leave()


def quantile(values: Sequence[float], share: float) -> float:
    """The value that a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def family(process: int) -> list[int]:
    """A process and all that came of it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(folder.name))
        if fields:  # else it has just ended
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, ahead = [], [process]
    while ahead:
        one = ahead.pop()
        found.append(one)
        ahead += children.get(one, [])
    return found


def memory(process: int) -> float:
    """Megabytes that a process and all that came of it hold for themselves; what forked pages share counts once."""
    return sum(_share(one) for one in family(process)) / 1024


def _share(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")), 0)


def used(process: int) -> float:
    """Processor seconds that a process itself has used; none where it has ended."""
    fields = _stat(process)
    return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def niceness(process: int) -> int:
    """How far a process steps back for others."""
    fields = _stat(process)
    return int(fields[16]) if fields else 0


def _stat(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
