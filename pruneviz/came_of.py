"""Came of: the name of a network that came of a run, «run:» and the run's Recipe. Who has the name knows how it was made.

The name says all that decides the run, so it needs no list: where the run is stored the network is at hand, elsewhere the
same run makes it again. Strings only; what lies behind a name is `runs/trained`'s business.
"""

from __future__ import annotations

from dataclasses import replace

from pruneviz.query import RUN, run_of, to_pin
from pruneviz.recipe import Recipe

_AT = "@"
"""What stands between a run and the place where the model that it started from lies: no Recipe's text has one."""
_PRUNES = {"schedule": "pruned step by step", "lottery": "a lottery ticket", "movement": "pruned while it was tuned"}
_PRUNES |= {
    "initial": "pruned before training",
    "size": "as small from the start",
    "recover": "recovered",
    "oneshot": "pruned in one shot",
}
_WAYS = {"batchnorm": "BatchNorm counted anew"}
COMPARED = ("global", "std", "lamp")
"""Under these scopes the criterion's scores of all matrices are compared: it decides how much each gives."""
_SHARED = {"layer": "matrix by matrix", "global": "globally", "std": "by deviation", "lamp": "by LAMP"}
_SHARED |= {"erk": "shares by ERK", "owl": "shares by OWL"}


def name(run: Recipe) -> str:
    """The name of the network that comes of this Recipe's run."""
    if not run.course.lab:
        raise ValueError("this recipe trains nothing: its course names no lab, as in run=lottery~rounds:8")
    return RUN + to_pin(run)


def run(subject: str) -> Recipe | None:
    """The Recipe of the run that a network of this name came of; None where it is another model's name."""
    return run_of(subject)


def root(subject: str) -> str:
    """The model that was there before any run: the one that all began with."""
    while (recipe := run(subject)) is not None:
        subject = recipe.subject
    return subject


def all_words(subject: str) -> str:
    """What all its runs did to a model, the first one first; empty where it came of none."""
    recipe = run(subject)
    return "" if recipe is None else ", ".join(filter(None, (all_words(recipe.subject), words(recipe))))


def words(run: Recipe) -> str:
    """What was done to the model, for its title: «recovered at 70%, 200 steps»."""
    course, percent = run.course, f"{100 * run.amount:.4g}%"
    if course.lab == "regularise":
        return f"trained with {'no penalty' if course.penalty == 'none' else course.penalty.upper()}"
    said = _WAYS.get(course.method) or _PRUNES.get(course.lab, course.lab)
    if course.lab == "lottery":
        many = f"{course.rounds} round{'s' if course.rounds > 1 else ''} of {percent}"
        return f"{said}, {many}{_seed(run)}"
    if course.lab == "oneshot":
        return f"{said} at {run.granularity if ':' in run.granularity else percent} by {way(run)}{_seed(run)}"
    steps = f", {course.steps:,} {'batches' if course.method == 'batchnorm' else 'steps'}"
    taught = ", taught" if course.distil else ""
    return f"{said} at {percent}{steps}{taught}{_seed(run)}"


def opened(run: Recipe, sparsity: float) -> Recipe:
    """The Recipe that shows the network as it came of the run: what its run set to zero is what is removed.

    Zeros rank first by magnitude, so of weights it is their share, `sparsity`; of units what the run took; and where the
    run cut units out, nothing is left to remove.
    """
    network = Recipe(subject=name(run), amount=0.0)
    if run.course.method == "fine-tune-removed" or run.granularity == "layer" or run.course.lab == "size":
        return network
    if run.granularity == "weight" or ":" in run.granularity:
        return replace(network, amount=sparsity)
    return replace(network, granularity=run.granularity, scope=run.scope, amount=run.amount, floor=run.floor)


def at(subject: str, place: str) -> str:
    """Where such a network is to be had: the run, and where the model lies that it started from."""
    return f"{subject}{_AT}{place}"


def parts(place: str) -> tuple[str, str] | None:
    """The two of them; None where this is no such place."""
    subject, mark, lies = place.partition(_AT)
    return (subject, lies) if mark and run(subject) is not None else None


def way(run: Recipe) -> str:
    """Who chose what went, what became of the survivors, and who competed where that is not the usual: «sparsegpt», «wanda»,
    «wanda and least squares, shares by OWL», «sparsegpt, shares by magnitude, globally»."""
    method = (run.course.method or "keep").replace("_refit", " and least squares").replace("_", " ")
    if _chooses(run):
        return method + _shared(run)
    return (run.criterion if method == "keep" else f"{run.criterion} and {method}") + _shared(run)


def opinion(run: Recipe) -> str:
    """The criterion of a one-shot run, where it decided anything: which weights go, or how much each matrix gives."""
    compared = run.scope in COMPARED and ":" not in run.granularity
    return run.criterion if compared or not _chooses(run) else ""


def _chooses(run: Recipe) -> bool:
    """Whether a method picks what goes itself."""
    return run.course.method.startswith("sparsegpt")


def _shared(run: Recipe) -> str:
    """How much each matrix gives, and who competes in it, where that is not the usual: as much of each, row by row. A
    pattern's groups compete with nobody, and SparseGPT compares blocks of columns, whatever the scope."""
    if ":" in run.granularity or run.scope == "row" or run.scope == "layer" and _chooses(run):
        return ""
    by = f"shares by {run.criterion}, " if run.scope in COMPARED and _chooses(run) else ""
    return f", {by}{_SHARED.get(run.scope, run.scope)}"


def _seed(run: Recipe) -> str:
    return f", seed {run.seed}" if run.seed else ""
