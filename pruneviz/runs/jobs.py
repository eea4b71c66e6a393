"""Jobs: what is asked of a worker, and what it says while it works. Plain data on both ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pruneviz.engine.sources.limits import Limits
from pruneviz.recipe import Recipe

URGENCY = {"measure": 0, "breakage": 1, "sweep": 1, "stand": 2, "curve": 3}
"""Which kinds go first, step by step: what somebody waits for at the slider comes before what fills a chart."""
LEAST = max(URGENCY.values())
SHARE = {"measure": 1 / 3}
"""What a step counts where jobs take turns: a setting on screen gets better by three steps for each of a curve."""
AT_ONCE = {"measure": 3}
"""How many jobs of a kind one worker has in hand; one, where nothing else is said. Those with the fewest steps go first."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of heavy work. Equal jobs are one computation. `card` is what `card.load` takes; `nodes` are amounts, or
    whatever else the kind is told. A job to `keep` goes on for a while when everybody who watched it has left.

    `limits` are those that the model was let in with, those of one's own disk where nothing is said; `expects` the SHA-256
    of its weights and of its data, which a worker compares with what it finds there.

    A kind is a name in `kinds`, or `module:function` of a generator like those there.
    """

    kind: str
    recipe: Recipe
    card: str
    nodes: tuple = ()
    keep: bool = field(default=False, compare=False)
    limits: Limits | None = None
    expects: tuple[str, str] | None = None

    @property
    def urgency(self) -> int:
        return URGENCY.get(self.kind, LEAST)

    @property
    def share(self) -> float:
        return SHARE.get(self.kind, 1.0)

    @property
    def at_once(self) -> int:
        return AT_ONCE.get(self.kind, 1)


@dataclass(frozen=True, slots=True)
class Step:
    """What a job says after one small step: `done` of `of`, where that is known, and perhaps a result, which takes the
    `place` of an earlier one or is added behind them."""

    done: float = 0.0
    of: float = 0.0
    result: Any = None
    place: int = 0
