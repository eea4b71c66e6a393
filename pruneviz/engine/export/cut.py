"""Cut: what a Recipe makes of a subject's network, ready to be written. Units are really removed, weights become zeros.

A removal is proven before anybody gets it: copies of the masked and of the smaller network are compared in float64, to 1e-9.
Compared in their own precision are networks too large for two such copies, networks that came from no card and may not
compute in float64 throughout, and folded ones, whose new biases are rounded. The proof says by its noise which it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz import came_of
from pruneviz.engine import evaluate
from pruneviz.engine.export.removal import Step
from pruneviz.engine.structure import surgery
from pruneviz.engine.structure.surgery import Proof
from pruneviz.engine.subject import Subject
from pruneviz.query import to_query
from pruneviz.recipe import Recipe

PROBED = 8
"""On so many held-out samples the smaller network is compared with the masked one, and everything written with it."""

EXACT = 30_000_000
"""A network of up to so many parameters is compared in float64: two copies of 8 bytes each, 480 MB at most."""

FOLDED = 256
"""A unit counts as constant if it is on so many samples."""


@dataclass(frozen=True, eq=False)
class Cut:
    """The network as it will be written. `step` is what was removed; `mask` says which weights became zeros instead."""

    network: nn.Module
    step: Step | None = None
    proof: Proof | None = None
    mask: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = field(default=())


def cut(subject: Subject, recipe: Recipe, standing: evaluate.Standing, *, fold: bool = False) -> Cut:
    """The subject's network without what the Recipe takes. Raises SurgeryError where a removal fails its proof."""
    if standing.structure is None:
        if fold:
            raise ValueError("only units can be folded: choose a granularity such as filter or neuron, or leave folding out")
        return _zeroed(subject, recipe, standing)
    kept = evaluate.kept(recipe, standing)
    network = subject.skeleton().eval()
    inputs = several(subject) if fold else probe(subject)
    exact = not fold and subject.origin is not None and parameters(network) <= EXACT
    remove = surgery.remove_exactly if exact else surgery.remove
    smaller, removal, proof = remove(network, standing.structure, kept, inputs, fold=fold)
    recipe = named(recipe)
    step = Step(removal, dataclasses.asdict(recipe), link(recipe), parameters(smaller))
    return Cut(smaller.eval().requires_grad_(False), step, proof, None, _notes(removal, fold, exact))


def probe(subject: Subject) -> Tensor | dict[str, Tensor]:
    """The inputs on which networks are compared: the first held-out samples."""
    return subject.held_out.inputs(slice(0, PROBED))


def several(subject: Subject) -> Tensor | dict[str, Tensor]:
    """The inputs on which a unit has to be constant to be folded: training samples, where there are any."""
    return (subject.training or subject.held_out).inputs(slice(0, FOLDED))


def parameters(network: nn.Module) -> int:
    """How many parameters a network has, tied ones counted once."""
    return sum(one.numel() for one in network.parameters())


def named(recipe: Recipe) -> Recipe:
    """The Recipe with its subject's bare name: in which folder it lies here is nobody's business elsewhere."""
    return dataclasses.replace(recipe, subject=bare(recipe.subject))


def bare(name: str) -> str:
    """The last part of a subject's name, which may be a path."""
    if (run := came_of.run(name)) is not None:
        return came_of.name(dataclasses.replace(run, subject=bare(run.subject)))
    path = Path(name)
    return (path.parent.name if path.suffix == ".toml" else path.name) or name


def link(recipe: Recipe) -> str:
    """The Recipe as the end of a link to the app."""
    from urllib.parse import urlencode

    return "?" + urlencode(to_query(recipe))


def _notes(removal: surgery.Removal, fold: bool, exact: bool) -> tuple[str, ...]:
    notes = [] if removal.slices or removal.blocks else ["Nothing was removed: the network is as large as before."]
    if fold:
        notes.append(f"Folded into the next bias: {len(removal.folded):,} constant units of those that went.")
    if not exact:
        notes.append("The smaller network was compared with the masked one in its own precision, not in float64.")
    return tuple(notes)


def _zeroed(subject: Subject, recipe: Recipe, standing: evaluate.Standing) -> Cut:
    mask, recipe = evaluate.mask(recipe, standing), named(recipe)
    network = subject.skeleton().eval()
    parts = mask.layers()
    for layer in subject.layers:
        weight = subject.parameter(layer)
        # Chosen, not multiplied: NaN × 0 is NaN.
        kept = torch.where(torch.tensor(parts[layer.name]), weight, torch.zeros((), dtype=weight.dtype))
        parameter = nn.Parameter(kept, requires_grad=False)
        for name in (layer.name, *layer.aliases):
            owner, _, key = name.rpartition(".")
            setattr(network.get_submodule(owner), key, parameter)
    said = {"sha256": mask.sha256(), "kept": mask.kept, "removed": mask.removed}
    said |= {"recipe": dataclasses.asdict(recipe), "link": link(recipe)}
    note = "Nothing became smaller: removed weights are stored as zeros, in matrices as large as before."
    return Cut(network, None, None, said, (note,))
