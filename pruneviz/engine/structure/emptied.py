"""Emptied groups: what it means for a network that no unit of a group is left. Looked at only where that happens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.engine.structure import halves, surgery
from pruneviz.engine.structure.proof import SurgeryError, logits, output
from pruneviz.engine.structure.units import Group, Kept, Structure

SAME = 1e-5
"""Outputs on different inputs that are no further apart than this, of the largest output, are the same output."""


def groups(structure: Structure, kept: Kept) -> list[Group]:
    """The groups of which no unit is left."""
    return [one for one in structure.removable if one.name in kept and not kept[one.name].any()]


def impossible(network: nn.Module, structure: Structure, kept: Kept, inputs: Tensor | dict) -> list[Group]:
    """The emptied groups without which no smaller network runs: it can be looked at with their units silent only."""

    def runs(some: list[Group]) -> bool:
        try:
            output(
                surgery.cut(network, surgery.plan(network, structure, {one.name: kept[one.name] for one in some})), inputs
            )
        except (SurgeryError, RuntimeError, AttributeError, IndexError, TypeError, KeyError, ValueError):
            return False
        return True

    return halves.guilty(groups(structure, kept), runs)


def blocks_all(network: nn.Module, structure: Structure, kept: Kept, inputs: Tensor | dict) -> bool:
    """Whether the emptied groups let nothing of the input pass: different samples get the same output."""
    silent = surgery.masked(network, structure, {one.name: kept[one.name] for one in groups(structure, kept)}).eval()
    with torch.inference_mode():
        said = logits(silent(**inputs) if isinstance(inputs, dict) else silent(inputs))
    return len(said) > 1 and float((said - said[:1]).abs().max()) <= SAME * float(said.abs().max())
