"""Unit report: what a setting means for each group of units, what hangs on a unit, and what the smaller network costs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
from torch import nn

from pruneviz.engine import cost as costs
from pruneviz.engine.pattern import PatternRanking, inputs_of
from pruneviz.engine.structure import emptied
from pruneviz.engine.structure.units import NOBODY, Group, Kept, Part, Structure
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import NEVER, UnitRanking, groups_of
from pruneviz.findings import many_of
from pruneviz.recipe import Recipe
from pruneviz.report import Cost, GroupReport, LayerReport

_counted: WeakKeyDictionary[Subject, costs.Counted] = WeakKeyDictionary()
_lock = threading.Lock()


def counted(subject: Subject) -> costs.Counted:
    """What the subject's network costs as it is, counted once."""
    with _lock:
        if subject not in _counted:
            _counted[subject] = costs.count(subject.network, subject.held_out.inputs(slice(0, 1)))
        return _counted[subject]


def cost(
    subject: Subject, layers: Sequence[LayerReport], structure: Structure | None, kept: Kept
) -> tuple[Cost | None, tuple[str, ...]]:
    """What the network costs before and after, and a word where that cannot be counted."""
    try:
        before = counted(subject)
    except (RuntimeError, NotImplementedError, TypeError) as problem:
        return None, (f"Its multiply-adds could not be counted: {' '.join(str(problem).split())[:200]}.",)
    if structure is not None:
        parameters, macs = costs.after(before, structure, kept)
        return Cost(before.parameters, parameters, before.macs, macs), ()
    zeros = {layer.name: layer.zeros for layer in layers}
    share = {layer.name: layer.zeros / layer.weights for layer in layers if layer.weights}
    tied = {name: share[one] for names in before.tied for one in names if one in share for name in names}
    macs = sum(use.macs * (1 - tied.get(use.tensor, 0.0)) for use in before.uses)
    return Cost(before.parameters, before.parameters - sum(zeros.values()), before.macs, macs), ()


def groups(subject: Subject, recipe: Recipe, ranking: UnitRanking) -> tuple[GroupReport, ...]:
    """Every group, those that cannot lose units included, in the order in which the network has them."""
    own = recipe.own_amounts(), recipe.gone, recipe.back
    kept = ranking.kept(recipe.amount, *own)
    leaves, scores = ranking.split(ranking.leaves(*own)), ranking.split(ranking.scores)
    return tuple(
        GroupReport(
            name=group.name,
            label=group.label,
            granularity=group.granularity,
            units=group.units,
            kept=kept.get(group.name, np.ones(group.units, dtype=bool)),
            scores=scores.get(group.name, np.zeros(group.units)),
            leaves=leaves.get(group.name, np.full(group.units, NEVER)),
            modules=group.modules,
            coupling=group.coupling,
            hangs=hangs(subject.network, group),
            reason=group.reason,
            blocks=group.blocks,
            heads=group.heads,
        )
        for group in ranking.structure.groups
    )


def hangs(network: nn.Module, group: Group) -> tuple[tuple[str, str, int], ...]:
    """What a unit is made of and what goes with it: (tensor, what it is, numbers per unit). A norm's rows are one thing."""
    found: dict[str, tuple[str, float]] = {}
    for part in (*group.of("makes"), *group.of("follows"), *group.of("reads")):
        place, _, key = part.tensor.rpartition(".")
        module = network.get_submodule(place)
        tensor, word = getattr(module, key), _word(module, place, part, key)
        each = tensor.numel() // max(1, tensor.shape[part.axis]) * int((part.owner != NOBODY).sum()) / max(1, group.units)
        first, before = found.get(word, (part.tensor, 0.0))
        found[word] = first, before + each
    return tuple((tensor, word, round(each)) for word, (tensor, each) in found.items())


def _word(module: nn.Module, place: str, part: Part, key: str) -> str:
    place = place or type(module).__name__
    if part.role == "reads":
        return f"inputs of {place}"
    if part.role == "makes":
        return f"outputs of {place}"
    if "norm" in type(module).__name__.lower():
        kind = "BatchNorm" if "BatchNorm" in type(module).__name__ else type(module).__name__
        return f"rows of its {kind} {place}"
    if "bias" in key:
        return f"bias of {place}"
    return f"own kernel of {place}" if getattr(module, "groups", 1) > 1 else f"{key} of {place}"


def notes(subject: Subject, recipe: Recipe, ranking: object) -> tuple[str, ...]:
    """What a visitor should know about a setting of units, or of a pattern."""
    if isinstance(ranking, PatternRanking):
        return _dense(ranking)
    return _warnings(subject, recipe, ranking) if isinstance(ranking, UnitRanking) else ()


def _dense(ranking: PatternRanking) -> tuple[str, ...]:
    """Which layers stay as they are, the first of them by name, because their inputs come in no whole groups."""
    dense = [layer for layer in ranking.layers if layer.name in ranking.dense]
    if not dense:
        return ()
    first, *rest = (layer.label for layer in dense)
    where = f"{first} and in {len(rest):,} more layers" if len(rest) > 1 else " and ".join((first, *rest))
    sizes = " or ".join(f"{size:,}" for size in sorted({inputs_of(layer) for layer in dense}))
    whole = f"{ranking.kept}:{ranking.of} takes inputs in whole groups of {ranking.of}"
    these = "1 input is" if sizes == "1" else f"{sizes} inputs are"
    return (f"All weights stay in {where}: {whole}, which {these} not.",)


def _warnings(subject: Subject, recipe: Recipe, ranking: UnitRanking) -> tuple[str, ...]:
    structure, own = ranking.structure, recipe.own_amounts()
    many, found = many_of(structure.granularity, structure.groups), []
    one = structure.granularity if all(group.heads == 1 for group in structure.groups) else "group of heads"
    kept = ranking.kept(recipe.amount, own, recipe.gone, recipe.back)
    if emptied.groups(structure, kept):
        found += _emptied(subject, structure, kept)
    held = ranking.held(recipe.amount, own, recipe.gone, recipe.back)
    if held:
        more = f"{held:,} more {many} would have gone" if held > 1 else f"1 more {one} would have gone"
        found.append(f"{more}; one of each group always stays while the floor is 1.")
    without = [name for name, share in own.items() if share and not groups_of(structure, ranking.layers, name)]
    if without:
        found.append(f"{', '.join(without)} has an amount of its own, but makes no {many} that can go.")
    return tuple(found)


AROUND = {
    "filter": "only what goes round them gets past",
    "neuron": "only what goes round them gets past",
    "head": "its attention adds nothing of the input any more",
    "layer": "what comes in goes out as it is",
}
"""What an emptied group means for what comes after it."""


def _emptied(subject: Subject, structure: Structure, kept: Kept) -> list[str]:
    """Which groups are empty, whether anything gets past them, and whether a network without them can be built."""
    network, inputs = subject.skeleton().eval(), subject.held_out.inputs(slice(0, 2))
    without = emptied.impossible(network, structure, kept, inputs)
    others = [one for one in emptied.groups(structure, kept) if one not in without]
    shut = structure.granularity != "layer" and emptied.blocks_all(network, structure, kept, inputs)
    found = []
    if without:
        found.append(
            f"No {structure.granularity} is left in {_labels(without)}: a network without them cannot be built, so this "
            "setting can be looked at but not removed."
        )
    if others and not shut:
        found.append(f"No {structure.granularity} is left in {_labels(others)}: {AROUND[structure.granularity]}.")
    elif others:
        found.append(f"No {structure.granularity} is left in {_labels(others)}.")
    if shut:
        found.append("Nothing of the input gets past: every sample gets the same answer.")
    return found


def _labels(groups: Sequence[Group]) -> str:
    return ", ".join(one.label for one in groups)
