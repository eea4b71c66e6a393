"""Silence: a network that is as large as before, and computes without the units that go, because nobody reads them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.engine.structure import blocks, hanging
from pruneviz.engine.structure.units import Kept, Structure, gone_blocks


def masked(network: nn.Module, structure: Structure, kept: Kept) -> nn.Module:
    """A private copy of `network` that computes without the units that go, and is as large as before: nobody reads them.

    The makers are left as they are: what a BatchNorm's shift puts into a silenced channel must not matter, and this shows
    that it does not. The copy shares the tensors that are not silenced: run it, do not write to it.
    """
    silent = hanging.skeleton(network)
    places = hanging.places(silent)
    for (name, axis), silenced in _unread(structure, kept).items():
        before = hanging.tensor(silent, name)
        at = silenced.nonzero().flatten().to(before.device)
        hanging.replace(places, before, before.detach().clone().index_fill_(axis, at, 0))
    blocks.bypass(silent, gone_blocks(structure, kept))
    return silent


def _unread(structure: Structure, kept: Kept) -> dict[tuple[str, int], Tensor]:
    """Per (tensor, axis) of the readers: which positions are to be zero, bool [size]."""
    gone: dict[tuple[str, int], Tensor] = {}
    for group in structure.groups:
        mine = kept.get(group.name)
        for part in group.of("reads") if mine is not None and not mine.all() else ():
            now = torch.from_numpy(~part.stays(mine))
            before = gone.get((part.tensor, part.axis))
            gone[part.tensor, part.axis] = now if before is None else before | now
    return gone
