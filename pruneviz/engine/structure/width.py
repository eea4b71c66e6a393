"""Width: whether the rest of a network computes with the number of its own units. One removal, proven, tells.

A forward that divides by the root of its width runs with any width, and computes something else. So one unit of each group
is silenced in one copy and removed from another, and where these differ the groups that are to blame must stay.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from pruneviz.engine.structure import halves, hanging, surgery
from pruneviz.engine.structure.proof import SurgeryError, doubled, in_float64, prove
from pruneviz.engine.structure.silence import finite
from pruneviz.engine.structure.units import Group, Structure

WIDTH = "the rest of the network depends on its width"
DEPTH = "the rest of the network depends on how many there are"


def proven(network: nn.Module, structure: Structure, inputs: Tensor | dict) -> Structure:
    """The same structure; groups whose size the rest of the network computes with have a reason to stay."""
    source = np.random.default_rng(0)
    loose = [group for group in structure.removable if group.units > 1]
    kept = {group.name: np.arange(group.units) != source.integers(group.units) for group in loose}
    if not loose or any(one.is_meta for one in network.parameters()):
        return structure
    network = _sound(network)

    def equal(some: list[Group]) -> bool:
        return _equal(network, structure, {one.name: kept[one.name] for one in some}, inputs)

    if equal(loose) or not _equal(network, structure, {}, inputs):  # nothing can be proven of what differs from itself
        return structure
    guilty = {group.name for group in halves.guilty(loose, equal)}
    reason = DEPTH if structure.granularity == "layer" else WIDTH
    groups = tuple(replace(one, reason=reason) if one.name in guilty else one for one in structure.groups)
    return replace(structure, groups=groups)


def _equal(network: nn.Module, structure: Structure, kept: dict[str, np.ndarray], inputs: Tensor | dict) -> bool:
    """Whether silenced and removed is the same; what looks different is looked at again in double precision."""
    try:
        silent = surgery.masked(network, structure, kept)
        smaller = surgery.cut(network, surgery.plan(network, structure, kept))
        if prove(silent, smaller, inputs).holds:
            return True
        return prove(in_float64(silent), in_float64(smaller), doubled(inputs)).holds
    except (SurgeryError, RuntimeError):
        return False


def _sound(network: nn.Module) -> nn.Module:
    """The network; a copy with zeros in place of NaN and infinity, where it has them: these would hide every difference."""
    bad = [one for one in (*network.parameters(), *network.buffers()) if not finite(one)]
    if not bad:
        return network
    sound = hanging.skeleton(network)
    places = hanging.places(sound)
    for one in bad:
        if hanging.place(one) in places:
            hanging.replace(places, one, one.detach().nan_to_num(nan=0, posinf=0, neginf=0))
    return sound
