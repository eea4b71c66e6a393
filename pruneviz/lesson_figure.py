"""Figures: what a lesson may quote of the runs that ship with a model, each a number that every seed has.

A figure is written as a word, where in the run, and which choices differ from the lesson's own start: «ticket at 7»,
«before at 95% with penalty:l1 strength:0.0003». Two figures are held against each other seed by seed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pruneviz import course, shipped_runs
from pruneviz.lesson_condition import number
from pruneviz.lesson_run import COUNTS, FALLS, NUMBERS, PLACED, SHARES, WHAT, Where
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.traced import Spread, Traced, judged_on, paired, spread

PLACE = re.compile(r"\{([a-z][a-z0-9_]*)(\.mean| - [a-z][a-z0-9_]*)?\}")
"""A place in a sentence: a figure with its interval, its mean alone, or one minus another."""
OWN = ("criterion", "granularity", "scope")
"""What a figure may name of the Recipe itself, beside the amount."""
WRITTEN = re.compile(r"([a-z-]+)(?: at ([0-9.%-]+))?(?: with (.+))?")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of every run of a setting, whatever its seed; `where` is a share, a round, or the first and last of some."""

    runs: Recipe
    what: str
    where: Where = ()


def read(text: object, start: Recipe) -> Figure:
    """The figure that a lesson's file writes, of the runs of its start; a ValueError says what is wrong with it."""
    found = WRITTEN.fullmatch(" ".join(str(text).split()))
    if not found or found[1] not in WHAT:
        raise ValueError(
            f"«{str(text)[:60]}» is no figure of a run: write such as «ticket at 7»; there are {', '.join(WHAT)}"
        )
    if not start.course.lab:
        raise ValueError("a figure is of runs, and the lesson's start names none: give it a lab's link, with run=…")
    if (found[1] in PLACED) != bool(found[2]):
        need = "a place, as «at 7», «at 7-14» or «at 95%»" if found[1] in PLACED else "no place: leave its «at …» out"
        raise ValueError(f"the figure «{found[1]}» wants {need}")
    first, dash, last = (found[2] or "").partition("-")
    where = tuple(number(one) for one in ([first, last] if dash else [first] if first else []))
    return Figure(_with(start, (found[3] or "").split()), found[1], where)


def _with(start: Recipe, choices: list[str]) -> Recipe:
    """The lesson's start, with other choices of its course, or of those of the Recipe that a run may vary."""
    told = dict(one.partition(":")[::2] for one in choices)
    start = replace(start, **{name: told.pop(name) for name in OWN if name in told})
    amount = number(told.pop("amount")) if "amount" in told else start.amount
    other = course.from_text("~".join([start.course.lab, *(f"{name}:{said}" for name, said in told.items())]))
    return replace(start, amount=amount, course=replace(start.course, **{name: getattr(other, name) for name in told}))


def known(figure: Figure) -> dict[int, float]:
    """The figure of each seed that ships with the model; empty where no such run does."""
    found = {run.recipe.seed: WHAT[figure.what](run, figure.where) for run in _runs(figure)}
    return {seed: value for seed, value in sorted(found.items()) if value is not None}


def _runs(figure: Figure) -> list[Traced]:
    there = shipped_runs.read(figure.runs.subject, figure.runs.course.lab)
    return [run for run in there if run.done and _plain(run.recipe) == _plain(figure.runs)]


def _plain(recipe: Recipe) -> Recipe:
    default = Recipe()
    return replace(recipe, seed=0, **{name: getattr(default, name) for name in LOOKS})


def apart(first: Figure, then: Figure) -> Spread:
    """The second figure minus the first, seed by seed: equal seeds start alike and see the same samples."""
    one, two = known(first), known(then)
    n = judged_on(_runs(first)) if {first.what, then.what} <= SHARES else None
    return paired([two[seed] - one[seed] for seed in one if seed in two], n)


def value(what: str, figures: Sequence[Figure]) -> float:
    """What a question has runs say, in the unit of its choices: percent or a count of one figure («figure»), points from
    the first to the last («apart»), or on which side of zero these surely are («sure»)."""
    if what == "figure":
        mean = spread([*known(figures[-1]).values()]).mean
        return mean if figures[-1].what in (*COUNTS, *NUMBERS) else 100 * mean
    found = apart(figures[0], figures[-1])
    return float(sure(found)) if what == "sure" else 100 * found.mean


def said(what: str, figures: Sequence[Figure]) -> str:
    """The same in words."""
    if what == "figure":
        return told(figures[-1], spread([*known(figures[-1]).values()]))
    return difference(apart(figures[0], figures[-1]))


def fill(sentence: str, figures: Mapping[str, Figure]) -> str:
    """The sentence with its places filled from runs."""

    def word(found: re.Match[str]) -> str:
        figure, how = figures[found[1]], found[2] or ""
        if how.startswith(" - "):
            return difference(apart(figures[how.removeprefix(" - ")], figure))
        return told(figure, spread([*known(figure).values()]), bare=bool(how))

    return PLACE.sub(word, sentence)


def told(figure: Figure, found: Spread, *, bare: bool = False) -> str:
    """«97.7% (97.4 to 98)», «41.11 (40.9 to 41.3)»; a count as it is. `bare` leaves the interval out."""
    if figure.what in COUNTS:
        return f"{round(found.mean):,}"
    if figure.what in NUMBERS:
        alike = found.low == found.high
        span = "the same for every seed" if alike else f"{found.low:.2f} to {found.high:.2f}"
        sure_ = "" if bare or not found.known else f" ({span})"
        return f"{found.mean:.2f}{sure_}"
    mean = f"{_number(100 * found.mean)}{' points' if figure.what in FALLS else '%'}"
    if bare or not found.known or found.low == found.high:
        return mean
    return f"{mean} ({_number(max(0.0, 100 * found.low))} to {_number(min(100.0, 100 * found.high))})"


def difference(found: Spread) -> str:
    """«+1.3 points (+0.2 to +2.5)»; where the interval holds zero, that nobody can tell."""
    if not found.known:
        return f"{_signed(found.mean)} points (one seed, which proves nothing)"
    open_ = ": nobody can tell" if sure(found) == 0 else ""
    return f"{_signed(found.mean)} points ({_signed(found.low)} to {_signed(found.high)}{open_})"


def sure(found: Spread) -> int:
    """On which side of zero a difference surely is: −1, 1, or 0 where its interval holds zero or there is none."""
    return (found.low > 0) - (found.high < 0) if found.known else 0


def footing(figures: Sequence[Figure]) -> str:
    """What a sentence about runs rests on; empty where one of them has no run."""
    counts = [len(known(one)) for one in figures]
    if not counts or not min(counts):
        return ""
    n = judged_on(_runs(figures[0]))
    many = f"{min(counts)} seeds, 95% intervals" if min(counts) > 1 else "one seed, which proves nothing"
    samples = f", on {n:,.0f} held-out samples" if n else ""
    return f"means over {many}{samples}; runs shipped with the model"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0").replace("-", "−")


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")
