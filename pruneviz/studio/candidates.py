"""Candidates: the pinned settings and the live one, measured, and how each was made, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pruneviz import came_of, findings
from pruneviz.candidates import LETTERS, LIVE, Candidate, Paired, cost, paired, same_samples, surely
from pruneviz.charts.candidate_words import points_between
from pruneviz.recipe import Recipe
from pruneviz.report import Report
from pruneviz.studio import bench, catalogue, choices, kitchen, library, orders, reality, titles, visitor
from pruneviz.truths import SMALLER, ZEROS, Spread

TRAINED, ITSELF = 1, "as it is"
"""Where in a way stands what a run did to the model, and what is said there, beside others, of one that no run changed."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A pinned setting that has no numbers here, or none yet, and why."""

    letter: str
    recipe: Recipe
    why: str


def candidates(recipe: Recipe) -> tuple[Candidate, ...]:
    """The pinned settings that can be measured here, A first, then the live one. Each Report is the kitchen's, whole: what a
    heavy model's worker has found of it so far."""
    return tuple(one for one in looked(recipe) if isinstance(one, Candidate))


def looked(recipe: Recipe) -> list[Candidate | Absent]:
    """Every pinned setting in its order, then the live one: with its numbers, or why there are none."""
    found = [_pinned(letter, one, recipe) for letter, one in zip(LETTERS, bench.pins(), strict=False)]
    return [*found, Candidate(LIVE, recipe, kitchen.report(recipe), milliseconds(recipe))]


def baseline(recipe: Recipe) -> Report | Absent | None:
    """The Report of A, as soon as the strip can have it; None where nothing is pinned."""
    first = next(iter(bench.pins()), None)
    if first is None:
        return None
    why = _trouble(first)
    if why:
        return Absent(LETTERS[0], first, why)
    report = _heavy_report(first, LETTERS[0]) if kitchen.heavy(first.subject) else kitchen.first_report(first)
    return report or Absent(LETTERS[0], first, "it is being measured.")


def _pinned(letter: str, one: Recipe, live: Recipe) -> Candidate | Absent:
    why = _trouble(one)
    if why:
        return Absent(letter, one, why)
    report = _heavy_report(one, letter) if kitchen.heavy(one.subject) else kitchen.report(one)
    if report is None:
        return Absent(letter, one, "it is being measured.")
    how = {"batch": live.batch, "length": live.length, "threads": live.threads}
    return Candidate(letter, one, report, milliseconds(replace(one, **how)))


def _trouble(one: Recipe) -> str | None:
    """Why a pinned setting cannot be measured beside the live one."""
    if library.is_own(one.subject) and library.folder(one.subject, visitor.name()) is None:
        return "its model is not here: bring the same files."
    why = kitchen.trouble(one)
    if why:
        return f"{why}."
    if not kitchen.known(one):
        return "its criterion measures unit by unit: return to it once, and its numbers are known."
    return None


def _heavy_report(one: Recipe, letter: str) -> Report | None:
    """What the worker has found so far, asked for beside the live setting. A page is not held up for it."""
    found = orders.look(kitchen.job_part(one), "measure", panel=f"pin-{letter}").latest
    return found if isinstance(found, Report) else None


def milliseconds(recipe: Recipe) -> Spread | None:
    """One input's forward pass, where this machine has measured it: really smaller where units went, else with zeros."""
    truth = reality.known(recipe)
    way = SMALLER if recipe.granularity in catalogue.UNITS else ZEROS
    timed = truth.time(way, 1) if truth else None
    return timed.milliseconds if timed else None


def way(recipe: Recipe) -> tuple[str, ...]:
    """How a setting was made, choice by choice, in words: always as many, so that candidates can be told apart."""
    kind, by = catalogue.kind(recipe.granularity), catalogue.criteria().get(recipe.criterion)
    units = recipe.granularity in catalogue.UNITS
    pooled = f", pooled by {choices.POOLS[recipe.pool]}" if units and by and not by.units else ""
    criterion = f"{_named(catalogue.criteria(), recipe.criterion)}{pooled}"
    compared = "" if ":" in recipe.granularity else _named(catalogue.scopes(recipe.granularity), recipe.scope)
    return (
        titles.title(came_of.root(recipe.subject)), came_of.all_words(recipe.subject), f"{kind.name}", criterion, compared,
        findings.percent(recipe.amount), _by_hand(recipe), _looked_at(recipe),
    )  # fmt: skip


def _named(offered: Mapping[str, Any], key: str) -> str:
    """The name of a choice; one of a stranger's pin that nobody offers here is called what the pin calls it."""
    return offered[key].name if key in offered else key


def told_apart(known: Sequence[Candidate]) -> dict[str, tuple[str, ...]]:
    """How each was made, by its letter. Where words cannot tell two apart (each has layers of its own, say), letters do."""
    ways = {one.letter: way(one.recipe) for one in known}
    if any(made[TRAINED] for made in ways.values()):
        ways = {key: (*made[:TRAINED], made[TRAINED] or ITSELF, *made[TRAINED + 1 :]) for key, made in ways.items()}
    alike = [letter for letter, one in ways.items() if list(ways.values()).count(one) > 1]
    return {letter: (*one, f"as in {letter}" if letter in alike else "") for letter, one in ways.items()}


def _by_hand(recipe: Recipe) -> str:
    """What was said layer by layer or unit by unit; empty where nothing was."""
    said = [(len(recipe.own_amounts()), "layer", "of its own", "of their own")]
    said += [(len(recipe.gone), "unit", "taken out", "taken out"), (len(recipe.back), "unit", "put back", "put back")]
    return ", ".join(f"{many} {one}{'s' * (many != 1)} {single if many == 1 else several}"
                     for many, one, single, several in said if many)  # fmt: skip


def _looked_at(recipe: Recipe) -> str:
    """Seed, calibration and device, where they are not the usual ones."""
    usual, said = Recipe(), []
    if recipe.seed != usual.seed:
        said.append(f"seed {recipe.seed}")
    if recipe.calibration != usual.calibration:
        said.append(f"calibrated on {recipe.calibration} data")
    if recipe.floor != usual.floor:
        said.append("no unit must stay")
    if recipe.device != usual.device:
        said.append(recipe.device)
    return ", ".join(said)


def setting(recipe: Recipe, *, beside: Recipe | None = None) -> str:
    """A setting in one line; without the model where it is the same as `beside`'s."""
    said = way(recipe)
    return " · ".join(filter(None, said[2:] if beside is not None and beside.subject == recipe.subject else said))


def sentence(live: Candidate, first: Candidate) -> str:
    """The live setting against A, in one sentence."""
    if kitchen.measured_part(live.recipe) == kitchen.measured_part(first.recipe):
        return "The live setting is A itself: change something, and the two are compared everywhere."
    if not same_samples(live.report, first.report):
        return "The live setting was measured on other samples than A: their accuracies cannot be held against each other."
    pair = paired(live.report, first.report)
    words = f"The live setting {_worth(live.report, first.report, pair)}{_price(live, first)}"
    if pair is None:
        return f"{words}."
    return f"{words}: {pair.newly_wrong:,} of {pair.n:,} {pair.noun} newly wrong, {pair.newly_right:,} newly right."


def _worth(live: Report, first: Report, pair: Paired | None) -> str:
    """What it is worth beside A: as a difference only where the 95 % interval leaves out that there is none."""
    here, there, sure = live.score, first.score, surely(live, first)
    if here.correct is None:
        unsure = "" if sure else ", which could be chance,"
        return f"has {here.value / there.value:.2f} × A's {here.metric}{unsure}"
    points = 100 * (here.value - there.value)
    said = f"{abs(points):.1f} points {'above' if points > 0 else 'below'} A"
    if pair is None:
        return f"is {said}" if sure else f"has {here.metric} that cannot be told from A's"
    if not (pair.newly_wrong or pair.newly_right):
        return f"is right on the same {pair.noun} as A"
    between = f"95% interval of the difference {points_between(*pair.interval)} points"
    return f"is {said} ({between})" if sure else f"cannot be told from A by {here.metric} ({between})"


def _price(live: Candidate, first: Candidate) -> str:
    """What it has fewer or more of than A: parameters, where both are known."""
    here, there = cost(live, "parameters"), cost(first, "parameters")
    if not here or not there:
        return ""
    if here == there:
        return " with as many parameters left"
    less = here < there
    return f" with {findings.percent(abs(1 - here / there))} {'fewer' if less else 'more'} parameters left"
