"""Heavy jobs: started, watched by several, cancelled; and what a model's tensors are."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import quote

from tests.browser.server import Server
from tests.soak import crowd
from tests.soak.visitor import Visitor, open_tab

CANCELS = ("cancel-order", "cancel-waiting")


def fingerprint(subject) -> str:
    """The content of a network: every tensor's name, kind, shape and bytes."""
    found = hashlib.sha256()
    for name, tensor in sorted(subject.network.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def come(address: str, card: str, amount: int = 50) -> Visitor:
    """Opens the model's link and waits until something runs that can be cancelled, or the page stands."""
    tab = open_tab(address, query=f"m={quote(card, safe='')}&s={amount}")
    tab.send()
    tab.listen(lambda: can_cancel(tab))
    return tab


def can_cancel(tab: Visitor) -> bool:
    return any(tab.has(key) for key in CANCELS)


def cancel(tab: Visitor) -> None:
    """Presses Cancel and waits for the page that comes of it."""
    tab.send(tab.button(next(key for key in CANCELS if tab.has(key))))
    tab.listen()


@contextmanager
def running(address: str, card: str) -> Iterator[None]:
    """While somebody's job of this model runs: a visitor opens it and stays, and cancels it at the end."""
    tab = come(address, card)
    try:
        yield
    finally:
        tab.look()
        assert can_cancel(tab), "the heavy job was over too soon to say anything"
        cancel(tab)
        tab.leave()


def busy(process: int) -> float:
    """Processor seconds of the worker processes, which are nicer than the server."""
    return sum(crowd.used(one) for one in crowd.family(process) if crowd.niceness(one) > 0)


def cancels(server: Server, card: str, times: int) -> tuple[list[float], list[int]]:
    """Starts a job, cancels it at some moment, and waits until no worker computes: the seconds of each, and all processes
    that there ever was."""
    draw, found, seen = random.Random(4), [], set(crowd.family(server.process))
    for turn in range(times):
        tab = come(server.address, card, amount=1 + 4 * turn)
        until = time.perf_counter() + draw.uniform(0, 3)
        while time.perf_counter() < until or not can_cancel(tab):
            tab.pump(0.2)
            if tab.stands:
                tab.look()
        seen |= set(crowd.family(server.process))
        with ThreadPoolExecutor(1) as watch:
            ended = watch.submit(_ended, server.process)
            cancel(tab)
            found.append(ended.result())
        tab.leave()
    return found, [*seen]


IDLE = 0.3
"""Seconds for which no worker may compute before it counts as ended."""


def _ended(process: int) -> float:
    """Seconds from now until the workers compute no more."""
    began = last = time.perf_counter()
    spent = busy(process)
    while time.perf_counter() - last < IDLE:
        time.sleep(0.05)
        now = busy(process)
        if now - spent > 0.02:  # less is what it takes to hear that there is nothing to do
            last = time.perf_counter()
        spent = now
        assert last - began < 20, "the worker goes on after it was cancelled"
    return last - began


TOGETHER = "measure 0.53"
"""The job that all ask for at once, as the watched app counts it."""


def once_for_all(server: Server, card: str, visitors: int = 20) -> str:
    """Twenty ask for the same at once: the worker's seconds for one visitor, and for twenty, in words."""
    _seconds(server, card, 1, 42)  # the worker is born and the model loaded
    alone = _seconds(server, card, 1, 47)
    together = _seconds(server, card, visitors, 53)
    return f"{together:.1f} processor seconds of the worker with its curve; {alone:.1f} for one visitor"


def _seconds(server: Server, card: str, visitors: int, amount: int) -> float:
    """The worker's processor seconds until so many visitors, who come at once, have the whole measurement."""
    before = busy(server.process)

    def ask(_) -> Visitor:
        tab = come(server.address, card, amount)
        tab.listen(lambda: tab.stands)
        tab.settle()
        return tab

    with ThreadPoolExecutor(visitors) as crowd_of:
        tabs = list(crowd_of.map(ask, range(visitors)))
    used = busy(server.process) - before
    for tab in tabs:
        tab.look()
        if can_cancel(tab):
            cancel(tab)
        tab.leave()
    _ended(server.process)
    return used
