"""One shot: what a Recipe takes from a network at once. It is held while the rest is trained, or cut out of the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.fitting import structure_of
from pruneviz.engine.standing import kept, mask, stand
from pruneviz.engine.structure import surgery
from pruneviz.engine.structure.proof import SurgeryError
from pruneviz.engine.subject import Subject
from pruneviz.engine.training.memory import Memory
from pruneviz.recipe import Recipe

PROBED = 8
"""On so many held-out samples a smaller network is proven equal to the masked one."""


@dataclass(frozen=True, slots=True, eq=False)
class OneShot:
    """What stays of each prunable weight (bool, True: kept), and which units do, by group, where units go."""

    weights: dict[str, Tensor]
    units: dict[str, np.ndarray]


def one_shot(inside: Subject, recipe: Recipe) -> OneShot:
    """What the Recipe leaves of the subject's network, exactly as the slider does."""
    standing = stand(inside, recipe)
    weights = {name: torch.tensor(part) for name, part in mask(recipe, standing).layers().items()}
    return OneShot(weights, dict(kept(recipe, standing)))


def remembered(memory: Memory, make: Callable[[], OneShot], name: str = "one-shot") -> OneShot:
    """The same, made once in a run: where a run goes on, it is what it was."""
    if not memory.under(name):
        made = make()
        memory.put(f"{name}/weights", made.weights)
        memory.put(f"{name}/units", {group: torch.from_numpy(stay) for group, stay in made.units.items()})
    groups = memory.under(f"{name}/units")
    return OneShot(memory.under(f"{name}/weights"), {group: stay.numpy() for group, stay in groups.items()})


def smaller(inside: Subject, granularity: str, left: Mapping[str, np.ndarray]) -> nn.Module:
    """The network of `inside` without the units that go: really smaller, proven equal to the masked one."""
    structure, inputs = structure_of(inside, granularity), inside.held_out.inputs(slice(0, PROBED))
    network = inside.skeleton().eval()
    try:
        return surgery.remove(network, structure, left, inputs)[0]
    except SurgeryError as problem:
        raise ValueError(f"{inside.title} cannot be made smaller: {problem}; hold the mask instead") from None
