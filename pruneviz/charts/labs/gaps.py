"""Gaps: in which words a difference between runs may be put. With its interval, and as none where that holds zero. And which
runs stand for it: one that still goes on is drawn as a line of its own, and changes no mean.

The interval is Student's over the seeds, and never narrower than the chance of the held-out samples themselves
(`pruneviz.traced.paired`): where every seed has two more images right, the seeds agree, and of other images nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from pruneviz.traced import Spread, Traced


@dataclass(frozen=True, slots=True)
class Words:
    """How a difference is put: its unit, what it is multiplied by for that, and what it is called on either side of zero."""

    unit: str
    scale: float
    more: str
    less: str
    same: str


POINTS = Words("points", 100, "above", "below", "where nobody can tell it from")


def settled(runs: Sequence[Traced]) -> list[Traced]:
    """The runs that came to their end; while none has, all of them."""
    return [run for run in runs if run.done] or [*runs]


def going(runs: Sequence[Traced]) -> list[Traced]:
    """The others."""
    mean = settled(runs)
    return [run for run in runs if run not in mean]


def thin(trace: go.Scatter, run: Traced) -> go.Scatter:
    """The line of one run beside the means of others."""
    trace.update(name=f"{trace.name}, seed {run.recipe.seed} alone", line_width=1.2, opacity=0.9)
    return trace


def told(found: Spread, other: str, words: Words = POINTS) -> str:
    """«1.2 points above the same mask re-rolled (0.4 to 2.0)», as the middle of a sentence."""
    if not found.n:
        return f"not compared with {other} yet"
    size = f"{abs(words.scale * found.mean):.1f} {words.unit} {words.more if found.mean > 0 else words.less} {other}"
    if not found.known:
        return size
    if not clear(found):
        return f"{words.same} {other} ({interval(found, words)})"
    near, far = sorted((abs(words.scale * found.low), abs(words.scale * found.high)))
    return f"{size} ({near:.1f} to {far:.1f})"


def clear(found: Spread) -> bool:
    """Whether it has an interval that leaves zero out."""
    return found.known and (found.low > 0 or found.high < 0)


def interval(found: Spread, words: Words = POINTS) -> str:
    """«−0.4 to 2.0 points»."""
    low, high = (f"{words.scale * end:.1f}".replace("-", "−") for end in (found.low, found.high))
    return f"{low} to {high} {words.unit}"


def sure(n: int) -> str:
    """What stands behind a sentence of differences, as its end."""
    if n > 1:
        return f": means over {n} seeds, 95% intervals"
    return ": one seed, which proves nothing" if n else ""


def based(said: Sequence[tuple[str, int]]) -> str:
    """Parts of a sentence, each with what stands behind it: those of equally many seeds share it."""
    parts: dict[int, list[str]] = {}
    for words, n in said:
        parts.setdefault(n, []).append(words)
    return "; ".join(f"{listed(words)}{sure(n)}" for n, words in parts.items())


def listed(said: Sequence[str]) -> str:
    """«a, b and c»."""
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
