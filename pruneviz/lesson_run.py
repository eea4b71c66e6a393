"""Numbers of a run that a lesson may quote, by the words that a lesson's file has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pruneviz.traced import Traced

ROUND, LEFT, RIGHT = 0, 1, 2
"""What is read of an array `rounds:<lane>`: its columns for the round, the share that is left, and what is right."""
BEFORE, AFTER = 3, 4
"""What is read of an array `cuts`: accuracy right before each cut and right after it."""
Where = tuple[float, ...]
"""A share, a round, or the first and last of some rounds; nothing where a number is of the whole run."""
Read = Callable[[Traced, Where], float | None]


def _of_lane(lane: str, column: int) -> Read:
    """A column of a lane of tickets: at one round, or its mean over several."""

    def value(run: Traced, where: Where) -> float | None:
        table = run.array(f"rounds:{lane}")
        rows = [row[column] for row in table if where[0] <= row[ROUND] <= where[-1]] if table is not None else []
        return float(np.mean(rows)) if rows else None

    return value


def _pruned(when: str) -> Read:
    """Accuracy after a penalty and one cut at a sparsity, before retraining or after it."""

    def value(run: Traced, where: Where) -> float | None:
        amounts, values = run.array("amounts"), run.array(when)
        found = [] if amounts is None or values is None else values[np.abs(amounts - where[0]) < 1e-9]
        return float(found[0]) if len(found) and found[0] == found[0] else None

    return value


def _fall(run: Traced, _: Where) -> float | None:
    """How far the worst of a run's cuts throws it back."""
    cuts = run.rows("cuts")
    return None if cuts is None or not len(cuts) else float(np.max(cuts[:, BEFORE] - cuts[:, AFTER]))


def _swapped(run: Traced, _: Where) -> float | None:
    """Of what a run keeps, the share that magnitude would have removed."""
    table = run.array("mosaic")
    return None if table is None or not table[0].sum() else float(table[0, 1] / table[0].sum())


PLACED: Mapping[str, Read] = {
    "left": _of_lane("ticket", LEFT),
    **{lane: _of_lane(lane, RIGHT) for lane in ("ticket", "reinit", "random", "shuffled", "one-shot", "transfer")},
    "before": _pruned("before"),
    "after": _pruned("after"),
}
"""What is of rounds, or of a sparsity, and how it is read of a run: shares."""
ENDS: Mapping[str, Read] = {
    "accuracy": lambda run, _: run.last("accuracy"),
    "sparsity": lambda run, _: run.last("sparsity"),
    "swapped": _swapped,
}
"""What is of a whole run: shares, too."""
FALLS: Mapping[str, Read] = {"fall": _fall}
"""What is a difference of two shares."""
COUNTS: Mapping[str, Read] = {"parameters": lambda run, _: run.last("parameters"), "steps": lambda run, _: float(run.of)}
"""What is a count."""
NUMBERS: Mapping[str, Read] = {"perplexity": lambda run, _: run.last("value")}
"""What is a number with decimals: no share of anything."""
SHARES = {*PLACED, "accuracy"} - {"left"}
"""What is a share of the held-out samples."""
WHAT = {**PLACED, **ENDS, **FALLS, **COUNTS, **NUMBERS}
