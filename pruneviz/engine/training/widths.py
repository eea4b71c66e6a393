"""Widths: the same architecture wider or narrower, before anything trained it.

An architecture that the app ships is built anew with another `width`, its first layer's. Of any other, filters and neurons
are taken out evenly, so it can only become narrower.
"""

from __future__ import annotations

import inspect
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from pruneviz.engine import prunable
from pruneviz.engine.sources import architecture
from pruneviz.engine.sources.refusal import SubjectError
from pruneviz.engine.structure import find, surgery
from pruneviz.engine.structure.units import everything
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import private

STEPS = 64
"""An architecture that is narrowed unit by unit is offered at so many widths."""
WIDEST = 4096


@dataclass(frozen=True, slots=True)
class _Built:
    """An architecture that takes a width: its name, its other arguments, and the width that the subject has."""

    name: str
    arguments: Mapping[str, Any]
    width: int

    def outline(self, width: int) -> nn.Module | None:
        """The network without its numbers; None where there is none of this width, as heads must divide it."""
        try:
            return architecture.outline(self.name, {**self.arguments, "width": width})
        except SubjectError:
            return None

    def build(self, width: int) -> nn.Module:
        return architecture.build(self.name, {**self.arguments, "width": width})


def wide(subject: Subject, factor: float, generator: torch.Generator) -> Subject:
    """The subject around a fresh network that is `factor` times as wide; at 1 it is the subject's own architecture."""
    if factor == 1:
        return _fresh(subject, subject.network, generator)
    built = _built(subject)
    if built is None:
        if factor > 1:
            raise ValueError(
                f"{subject.title} can be made narrower but not wider, because its architecture takes no width: "
                "give a width of 1 or less"
            )
        return _fresh(subject, _narrowed(subject, factor), generator)
    wanted = max(1, round(built.width * factor))
    near = (wanted + sign * step for step in range(wanted + 1) for sign in (1, -1))
    width = next((one for one in near if one >= 1 and built.outline(one) is not None), built.width)
    return _fresh(subject, built.build(width), generator)


def matched(subject: Subject, parameters: int, generator: torch.Generator) -> Subject:
    """The subject around a fresh dense network with as near to so many parameters as a width can bring it."""
    built = _built(subject)
    if built is None:
        return _fresh(subject, _narrowed(subject, _nearest_share(subject, parameters)), generator)
    return _fresh(subject, built.build(_nearest(built, parameters)), generator)


def count(network: nn.Module) -> int:
    """How many parameters a network has, tied ones counted once."""
    return sum(one.numel() for one in network.parameters())


def around(subject: Subject, network: nn.Module) -> Subject:
    """The same data and task around another network."""
    layers, skipped = prunable.find(network)
    return replace(subject, network=network, layers=layers, skipped=skipped)


def _nearest(built: _Built, parameters: int) -> int:
    """The width whose network comes nearest to so many parameters; the narrower of two that are equally near."""
    sizes: dict[int, int] = {}
    for width in range(1, WIDEST):
        outline = built.outline(width)
        if outline is None:
            continue
        sizes[width] = count(outline)
        if sizes[width] >= parameters:
            break
    return min(sizes, key=lambda width: (abs(sizes[width] - parameters), width))


def _nearest_share(subject: Subject, parameters: int) -> float:
    """The same as a share of the units, one of `STEPS`."""
    sizes: dict[int, int] = {}

    def size(step: int) -> int:
        if step not in sizes:
            sizes[step] = count(_narrowed(subject, step / STEPS))
        return sizes[step]

    after = min(bisect_left(range(1, STEPS + 1), parameters, key=size) + 1, STEPS)
    return min((max(1, after - 1), after), key=lambda step: (abs(size(step) - parameters), step)) / STEPS


def _built(subject: Subject) -> _Built | None:
    """How the subject's architecture is built, where it takes a width."""
    if subject.origin is None or subject.origin.steps:
        return None
    wanted = subject.origin.card.get("architecture", {})
    name, arguments = wanted.get("build", ""), dict(wanted.get("arguments") or {})
    if name not in architecture.offered():
        return None
    source, model = architecture.found(name)
    taken = inspect.signature(source.maker(model, {})).parameters.get("width")
    if taken is None:
        return None
    return _Built(name, arguments, int(arguments.get("width", taken.default)))


def _narrowed(subject: Subject, share: float) -> nn.Module:
    """The subject's architecture with that share of its filters and neurons, at least one of each group."""
    inside, changed = subject, False
    for kind in ("filter", "neuron"):
        structure = find.of(inside, kind)
        if not structure.units:
            continue
        kept = {name: _even(len(all_of), share) for name, all_of in everything(structure).items()}
        inside = around(inside, surgery.apply(inside.network, surgery.plan(inside.network, structure, kept)))
        changed = True
    if not changed:
        raise ValueError(f"{subject.title} has no filters or neurons that can go, so it cannot be made narrower")
    return inside.network


def _even(units: int, share: float) -> np.ndarray:
    """Which units stay when that share of them does, evenly spread, bool [units]."""
    stay = np.zeros(units, dtype=bool)
    stay[np.linspace(0, units - 1, max(1, round(share * units))).round().astype(np.int64)] = True
    return stay


def _fresh(subject: Subject, network: nn.Module, generator: torch.Generator) -> Subject:
    """The subject around that architecture, with fresh values of its own."""
    inside = around(subject, network)
    return replace(inside, network=private.fresh(inside, generator).eval())
