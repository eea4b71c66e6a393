"""One shot: a subject and a Recipe become a walk. The criterion says what is least worth, the scope who competes and which
share each matrix gives, the granularity whether N of M stay, and the course's method what becomes of the survivors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from pruneviz.engine import criterion as criteria
from pruneviz.engine import device, granularity, reconstruct
from pruneviz.engine.batches import Inputs, at, rows, split, unpadded
from pruneviz.engine.fitting import check, refuse_nonfinite
from pruneviz.engine.mask import Mask
from pruneviz.engine.pattern import PatternRanking, fits
from pruneviz.engine.reconstruct import chain, walk
from pruneviz.engine.reconstruct.problem import Solved
from pruneviz.engine.reconstruct.seats import Seat, seat
from pruneviz.engine.reconstruct.watching import silent
from pruneviz.engine.splits import Split
from pruneviz.engine.splits import split as split_data
from pruneviz.engine.standing import stand
from pruneviz.engine.subject import Layer, Subject, Windows
from pruneviz.recipe import Recipe

BY_ROWS = ("row", "owl")
"""Under these scopes the rows of a matrix give equally; under others all its weights compete."""
EVEN = ("layer", "row")
"""Under these every matrix gives the same share."""
WHOLE = "is outside of the blocks, which are all that one shot goes through"
SILENT = "is not called, or is multiplied with where nothing can be watched"
UNFIT = "has no whole groups of {} inputs"
WINDOWS, SAMPLES = 8, 64
"""Windows of text, or other samples, that a block is run on at a time."""
MOST = 1024
"""Samples that a walk looks at, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """All that a walk takes, and `whole`: the layers that stay as they are, and why."""

    network: nn.Module
    seats: tuple[Seat, ...]
    batches: tuple[Inputs, ...]
    plan: walk.Plan
    samples: int
    whole: tuple[tuple[str, str], ...]

    @property
    def matrices(self) -> int:
        """How many matrices the walk will tell of."""
        return len(self.seats)

    def steps(self, known: Mapping[str, Solved] = walk.NOTHING) -> Iterator[walk.Done]:
        """The walk. The network is pruned block by block as it is followed."""
        return walk.walk(self.network, self.seats, self.batches, self.plan, known)


def prepare(
    subject: Subject, recipe: Recipe, network: nn.Module, *, weighed: bool = False, data: Windows | None = None
) -> Work:
    """The walk of a Recipe over `network`, a private one of the subject's, on the device where it lies. `data` calibrates in
    place of the subject's own.

    Raises ValueError, one sentence, where the Recipe cannot be walked.
    """
    plan = asked(recipe)
    check(subject, recipe)
    if recipe.nonfinite == "refuse":
        refuse_nonfinite(subject)
    where = next(network.parameters()).device
    batches = tuple(device.batch(one, where) for one in calibration(subject, recipe, data))
    inside, whole = _inside(subject, recipe, network, at(batches[0], slice(0, 1)))
    shares = _shares(subject, recipe, [one.name for one in inside], data)
    plan = replace(plan, shares=shares, weighed=weighed)
    return Work(network, inside, batches, plan, sum(map(rows, batches)), tuple(whole))


def asked(recipe: Recipe) -> walk.Plan:
    """What a Recipe asks of each matrix, but for its share. ValueError, one sentence, where no matrix can be treated so."""
    method, chosen = reconstruct.find(recipe.course.method or "keep"), criteria.find(recipe.criterion)
    pattern = granularity.pattern(recipe.granularity)
    if recipe.granularity != "weight" and pattern is None:
        raise ValueError(
            f"one shot removes single weights, or N of every M, not {recipe.granularity}s: choose weight, 2:4 or 4:8; whole "
            "units go on the slider"
        )
    if pattern is not None and recipe.scope not in (*EVEN, Recipe().scope):
        raise ValueError(
            f"{recipe.granularity} takes as much of every matrix, so there is nothing to share by {recipe.scope}: choose row"
        )
    return walk.Plan(chosen, method, {}, pattern, recipe.scope in BY_ROWS, recipe.seed)


def only(pattern: tuple[int, int], layers: Sequence[Layer] = ()) -> PatternRanking:
    """The rule of amounts that a pattern has on the slider, too: its own or none, of all layers and of each; no mask."""
    return PatternRanking(*pattern, tuple(layers), Mask(np.ones(0, dtype=bool), (), ()), ())


def matrices(subject: Subject, recipe: Recipe) -> int:
    """How many matrices a walk of this Recipe goes through."""
    asked(recipe)
    look = subject.held_out.inputs(torch.zeros(1, dtype=torch.int64))
    return len(_inside(subject, recipe, subject.skeleton().eval(), look)[0])


def calibration(subject: Subject, recipe: Recipe, data: Windows | None = None) -> tuple[Inputs, ...]:
    """The samples that are looked at, `course.batch` of them at most, drawn by the Recipe's seed: in batches, without
    padding, so that nothing is fitted to what no text says."""
    samples = data if data is not None else _samples(subject, recipe)
    many = min(recipe.course.batch, MOST, len(samples))
    drawn = torch.randperm(len(samples), generator=torch.Generator().manual_seed(recipe.seed))[:many].sort().values
    size = WINDOWS if isinstance(subject.held_out, Windows) else SAMPLES
    alike = unpadded(samples.inputs(drawn), samples.labels[drawn])
    return tuple(part for one in alike for part in split(one, size))


def measured(subject: Subject, recipe: Recipe) -> torch.Tensor | None:
    """The held-out samples that may judge what came of it, by their places; None: all, for none of them was looked at."""
    if recipe.calibration != "held-out":
        return None
    return _parts(subject, recipe).measured


def _inside(subject: Subject, recipe: Recipe, network: nn.Module, look: Inputs) -> tuple[tuple[Seat, ...], list]:
    """The matrices that are gone through, and (name, why) of the layers that stay whole."""
    pattern = granularity.pattern(recipe.granularity)
    found = {layer.name: seat(network, layer.name) for layer in subject.layers}
    if pattern is not None:
        unfit = {layer.name for layer in subject.layers if not fits(layer, pattern[1])}
        found |= {name: UNFIT.format(pattern[1]) for name, one in found.items() if name in unfit and isinstance(one, Seat)}
    seats = tuple(one for one in found.values() if isinstance(one, Seat))
    unheard = silent(network, look, seats) if seats else set()
    found |= dict.fromkeys(unheard, SILENT)
    seats = tuple(one for one in seats if one.name not in unheard)
    listed = chain.blocks(network, look, seats) if seats else ()
    inside = tuple(one for one in seats if not listed or one.name.startswith(tuple(f"{name}." for name in listed)))
    whole = [(name, one) for name, one in found.items() if isinstance(one, str)]
    whole += [(one.name, WHOLE) for one in seats if one not in inside]
    if not inside:
        why = _reasons(tuple(whole), most=2)
        raise ValueError(f"{subject.title} has no matrix that one shot can go through ({why}): prune it on the slider")
    return inside, whole


def left_whole(work: Work) -> str:
    """What stays as it is, and why, in one sentence; empty where nothing does."""
    return _reasons(work.whole, most=6)


def _reasons(whole: tuple[tuple[str, str], ...], most: int) -> str:
    """Layers and why they stay whole, of each reason `most` by name."""
    reasons: dict[str, list[str]] = {}
    for name, reason in whole:
        reasons.setdefault(reason, []).append(name.removesuffix(".weight"))
    return "; ".join(
        f"{', '.join(names[:most])}{f' and {len(names) - most} more' * (len(names) > most)} stay whole: each {why}"
        if len(names) > 1
        else f"{names[0]} stays whole: it {why}"
        for why, names in reasons.items()
    )


def _samples(subject: Subject, recipe: Recipe):
    """The training split, or the quarter of the held-out data that is set aside."""
    if recipe.calibration == "held-out":
        return _Some(subject.held_out, _parts(subject, recipe).calibration)
    if subject.training is None or not len(subject.training):
        raise ValueError(
            f"one shot looks at data and {subject.title} has no training split: choose calibration = held-out, which sets a "
            "quarter of the held-out data aside for it, or give a text"
        )
    return subject.training


def _parts(subject: Subject, recipe: Recipe) -> Split:
    """Who sees which of the held-out samples, as under any criterion that looks at inputs."""
    return split_data(subject, criteria.find("wanda"), calibration=recipe.calibration, seed=recipe.seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Some:
    """Some of the samples, by their places."""

    samples: object
    places: torch.Tensor

    def __len__(self) -> int:
        return len(self.places)

    @property
    def labels(self) -> torch.Tensor:
        return self.samples.labels[self.places]

    def inputs(self, index: torch.Tensor) -> Inputs:
        return self.samples.inputs(self.places[index])


def _shares(subject: Subject, recipe: Recipe, names: list[str], data: Windows | None) -> dict[str, float]:
    """Which fraction of each matrix goes: the same of all, or what the scope's competition in the dense network takes."""
    own, pattern = recipe.own_amounts(), granularity.pattern(recipe.granularity)
    if pattern is not None:
        rule = only(pattern, subject.layers)
        whole = {*names} if not rule.applies(recipe.amount) else {*rule.names_of(own)}
        shares = {name: rule.amount for name in names if name not in whole}
    elif recipe.scope in EVEN:
        shares = {name: own.get(name, recipe.amount) for name in names}
    else:
        held = tuple(layer.name for layer in subject.layers if layer.name not in names and layer.name not in own)
        here = replace(recipe, spared=(*recipe.spared, *held))
        if data is not None:  # what looks at data looks at these, and at no held-out sample
            subject, here = replace(subject, training=data), replace(here, calibration="training")
        counts = stand(subject, here).ranking.counts(here.amount, here.own_amounts())
        sizes = {layer.name: layer.size for layer in subject.layers}
        shares = {
            layer.name: count / sizes[layer.name]
            for layer, count in zip(subject.layers, counts.tolist(), strict=True)
            if layer.name in names
        }
    return {name: share for name, share in shares.items() if share > 0}
