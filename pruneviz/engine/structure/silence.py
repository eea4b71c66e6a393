"""Silence: a network that is as large as before, and computes without the units that go, because nobody reads them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.structure import blocks, hanging
from pruneviz.engine.structure.units import NOBODY, Kept, Role, Structure, gone_blocks

OWN: tuple[Role, ...] = ("makes", "follows")
"""What a unit is made of itself."""


def masked(network: nn.Module, structure: Structure, kept: Kept) -> nn.Module:
    """A private copy of `network` that computes without the units that go, and is as large as before: nobody reads them.

    The makers are left as they are: what a BatchNorm's shift puts into a silenced channel must not matter, and this shows
    that it does not. Only what is NaN or infinite in them becomes zero, because NaN · 0 would be heard all the same. The
    copy shares the tensors that are not silenced: run it, do not write to it.
    """
    silent = hanging.skeleton(network)
    places = hanging.places(silent)
    for (name, axis), lost in out_of(structure, kept, ("reads",)).items():
        before = hanging.tensor(silent, name)
        at = lost.nonzero().flatten().to(before.device)
        hanging.replace(places, before, before.detach().clone().index_fill_(axis, at, 0))
    for (name, axis), lost in out_of(structure, kept, OWN).items():
        before = hanging.tensor(silent, name)
        if not finite(before):
            at = lost.nonzero().flatten().to(before.device)
            rows = before.detach().index_select(axis, at).nan_to_num(nan=0, posinf=0, neginf=0)
            hanging.replace(places, before, before.detach().clone().index_copy_(axis, at, rows))
    blocks.bypass(silent, gone_blocks(structure, kept))
    return silent


def broken(network: nn.Module, structure: Structure) -> dict[str, np.ndarray]:
    """Per removable group which units have a NaN or an infinite number of their own, bool [U]."""
    found = {}
    for group in structure.removable:
        mine = found[group.name] = np.zeros(group.units, dtype=bool)
        for part in (*group.of("makes"), *group.of("follows")):
            values = hanging.tensor(network, part.tensor).detach()
            if not finite(values):
                along = [axis for axis in range(values.ndim) if axis != part.axis]
                bad = (~torch.isfinite(values)).sum(along).numpy() > 0 if along else ~torch.isfinite(values).numpy()
                mine[part.owner[bad & (part.owner != NOBODY)]] = True
    return found


def finite(tensor: Tensor) -> bool:
    """Whether all its numbers are. The sum says so at the speed of memory, unless it overflows by itself."""
    if tensor.is_meta or not tensor.is_floating_point() or bool(torch.isfinite(tensor.sum())):
        return True
    return bool(torch.isfinite(tensor).all())


def out_of(structure: Structure, kept: Kept, roles: tuple[Role, ...]) -> dict[tuple[str, int], Tensor]:
    """Per (tensor, axis) that has such a role: which positions belong to units that go, bool [size]."""
    gone: dict[tuple[str, int], Tensor] = {}
    for group in structure.groups:
        mine = kept.get(group.name)
        for part in group.parts if mine is not None and not mine.all() else ():
            if part.role in roles:
                now = torch.from_numpy(~part.stays(mine))
                before = gone.get((part.tensor, part.axis))
                gone[part.tensor, part.axis] = now if before is None else before | now
    return gone
