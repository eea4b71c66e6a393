"""Records: a run as the store tells of it, the claim of whoever performs it, and what can go wrong, each in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pruneviz.recipe import Recipe

STATES = ("waiting", "running", "paused", "done", "cancelled", "failed")
OVER = ("done", "cancelled", "failed")


class StoreError(RuntimeError):
    """The store could not do what was asked; one sentence. What it said was stored is stored."""


class Full(StoreError):
    """There is no room on the disk."""


class Lost(StoreError):
    """Somebody else performs this run by now, or it was forgotten."""


class Rotten(StoreError):
    """What was stored is not what lies there."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `step` of `of` training steps are stored, as `moments` moments; `memory` names what it goes on from, or what
    came of it. `trouble` says in a sentence why it paused or failed. Times are in seconds since 1970; `seconds` it took."""

    key: str
    recipe: Recipe
    title: str
    model_sha256: str
    data_sha256: str
    state: str
    step: int
    of: int
    moments: int
    memory: str | None
    trouble: str
    cancelling: bool
    holder: str
    until: float
    created: float
    started: float | None
    ended: float | None
    seconds: float
    versions: Mapping[str, str]

    @property
    def lab(self) -> str:
        """The lab that performs it."""
        return self.recipe.course.lab

    @property
    def over(self) -> bool:
        """Whether nothing more will come, unless it is asked for anew."""
        return self.state in OVER

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take at the speed so far; None where nothing tells."""
        return self.seconds / self.step * (self.of - self.step) if self.step and self.state == "running" else None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to perform one run, and to write what comes of it, until the lease is over. Each claim has a token of its
    own: whoever lost theirs writes nothing any more."""

    key: str
    who: str
    token: str
    lease: float
