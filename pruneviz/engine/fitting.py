"""Fitting: whether a Recipe can be answered by a subject. What cannot is refused in one sentence."""

from __future__ import annotations

from pruneviz.engine import criterion as criteria
from pruneviz.engine import granularity
from pruneviz.engine import scope as scopes
from pruneviz.engine.structure import find, straddling
from pruneviz.engine.structure.units import KINDS, Structure
from pruneviz.engine.subject import Subject
from pruneviz.findings import noun
from pruneviz.recipe import Recipe


def structure_of(subject: Subject, kind: str) -> Structure:
    """The units of a subject, looked for once."""
    return find.of(subject, kind)


def check(subject: Subject, recipe: Recipe) -> None:
    """Refuses, in one sentence, a Recipe that this subject cannot answer."""
    granularity.check(recipe.granularity)
    kind = recipe.granularity if recipe.granularity in KINDS else ""
    chosen = criteria.find(recipe.criterion)
    if chosen.units and kind not in chosen.units:
        here = noun(recipe.granularity)
        raise ValueError(
            f"{recipe.criterion.replace('_', ' ')} scores {_listed([noun(one) for one in chosen.units])}, not "
            f"{here}; choose one of {', '.join(criteria.offered(recipe.granularity))}"
        )
    scopes.find(recipe.scope, units=bool(kind))
    if recipe.calibration not in ("training", "held-out"):
        raise ValueError(f"unknown calibration {recipe.calibration!r}; there are training, held-out")
    if not subject.layers:
        raise ValueError(f"{subject.title} has no weight that can be pruned: it needs a linear or convolutional layer")
    known = {layer.name for layer in subject.layers}
    if kind:
        known |= _check_units(subject, recipe, kind)
    for name in recipe.own_amounts():
        if name not in known:
            raise ValueError(f"{subject.title} has no layer {name!r}; there are {', '.join(sorted(known))}")
    if pattern := granularity.pattern(recipe.granularity):
        _check_heads(subject, recipe, pattern[1])


def _check_heads(subject: Subject, recipe: Recipe, m: int) -> None:
    """Refuses a pattern whose groups would mix heads, unless the matrices where they would stay whole."""
    whole = {name for name, amount in recipe.own_amounts().items() if not amount}
    here = {name for layer in subject.layers if layer.name not in whole for name in (layer.name, *layer.aliases)}
    found = {name: size for name, size in straddling.straddled(subject.network, m).items() if name in here}
    if found:
        said = straddling.sentence(subject.title, found, recipe.granularity)
        raise ValueError(
            f"{said}; keep {'those layers' if len(found) > 1 else 'that layer'} whole, or choose single weights"
        )


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _check_units(subject: Subject, recipe: Recipe, kind: str) -> set[str]:
    """Refuses units that there are not; returns the names of groups, which amounts of their own may name."""
    from pruneviz.engine import unit_evidence

    granularity.find_pool(recipe.pool)
    structure = structure_of(subject, kind)
    if not structure.units:
        reasons = "; ".join(dict.fromkeys(f"{group.label}: {group.reason}" for group in structure.groups))
        raise ValueError(f"{subject.title} has no {kind} that can go{f' ({reasons[:400]})' if reasons else ''}")
    unit_evidence.refuse(subject, structure, criteria.find(recipe.criterion))
    sizes = {group.name: group.units for group in structure.removable}
    for unit in (*recipe.gone, *recipe.back):
        name, _, index = unit.rpartition(":")
        if not (index.isascii() and index.isdigit() and int(index) < sizes.get(name, 0)):
            there = f"{name}:0 to {name}:{sizes[name] - 1}" if name in sizes else f"units of {', '.join(sizes)}"
            raise ValueError(f"{subject.title} has no {kind} {unit!r} that can go; there are {there}")
    return {group.name for group in structure.groups}


def nonfinite(subject: Subject) -> dict[str, int]:
    """Prunable weights that are NaN or infinite, per layer; other parameters have no rank and do not count here."""
    prunable = {layer.name for layer in subject.layers}
    return {name: count for name, count in subject.nonfinite if name in prunable}


def refuse_nonfinite(subject: Subject) -> None:
    found = nonfinite(subject)
    if found:
        where = ", ".join(f"{name}: {count}" for name, count in found.items())
        raise ValueError(
            f"{subject.title} has weights that are NaN or infinite ({where}), which have no rank; "
            "use --nonfinite remove to have them removed first, or repair the file"
        )
