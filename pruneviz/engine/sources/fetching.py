"""Fetching: what every download has in common: who may, who hears how far it is, and how long anybody waits."""

from __future__ import annotations

import queue
import threading
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pruneviz.engine.sources.limits import printed
from pruneviz.engine.sources.refusal import SubjectError, brief

PATIENCE = 8.0
"""Seconds without a byte, after which the network counts as absent."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Whether anything may be fetched, who hears how far it is, `progress(done, all)` in bytes, and how much may come."""

    allowed: bool = False
    progress: Callable[[int, int], None] | None = None
    most: int | None = None

    def told(self, done: int, every: int) -> None:
        """Says how far it is, where somebody listens; ends what brings more than it may, whatever it announced."""
        refuse_over(self, "what is being fetched", done)
        if self.progress is not None:
            self.progress(done, max(done, every))


NEVER = Fetch()


def refuse_unless(fetch: Fetch, name: str, size: int | None = None) -> None:
    """One sentence where nothing may be fetched."""
    if not fetch.allowed:
        much = f" ({size / 1e6:,.1f} MB)" if size else ""
        raise SubjectError(
            f"{name[:96]}{much} is not here and downloads are off: put the file there and name it, or set "
            "PRUNEVIZ_DOWNLOADS=on",
            "downloads-off",
        )


def refuse_over(fetch: Fetch, name: str, size: int) -> None:
    """One sentence where more would be fetched than may be, before any of it is."""
    if fetch.most is not None and size > fetch.most:
        raise SubjectError(
            f"{name[:96]} has {printed(size)}, and at most {printed(fetch.most)} may be fetched here: choose a smaller one, "
            "or run PruneViz on your own machine",
            "too-large",
        )


def unreachable(host: str, why: object) -> SubjectError:
    """What is said when the network does not answer."""
    return SubjectError(
        f"{host} does not answer ({brief(str(why))}): check the network, or bring the file yourself", "no-network"
    )


def soon(call: Callable[[], Any], host: str) -> Any:
    """What a call gives, if it gives it within a few seconds. A name that nobody resolves may hang for far longer."""
    answers: queue.Queue[tuple[bool, Any]] = queue.Queue()

    def run() -> None:
        try:
            answers.put((True, call()))
        except BaseException as error:  # whatever it is, the caller hears of it
            answers.put((False, error))

    threading.Thread(target=run, daemon=True, name="pruneviz-fetch").start()
    try:
        good, value = answers.get(timeout=PATIENCE + 1)
    except queue.Empty:
        raise unreachable(host, f"nothing within {PATIENCE:.0f} s") from None
    if good:
        return value
    if isinstance(value, urllib.error.HTTPError):
        raise SubjectError(f"{host} answers {value.code}: bring the file yourself", "not-found") from None
    if isinstance(value, OSError):
        raise unreachable(host, getattr(value, "reason", value)) from None
    raise value
