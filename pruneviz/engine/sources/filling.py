"""Filling: weights into a network, all of them and no others, each in its own shape."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pruneviz.engine.sources import matching
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.sources.matching import EXTRA, FITS, KIND, MISSING, SHAPE


def fill(network: nn.Module, weights: Mapping[str, Tensor], file: str) -> None:
    """Puts the weights, which go by the network's own names, into it; refuses in one sentence what does not fit."""
    refuse(matching.compared(network, weights), file, weights)
    _refuse_two(network, weights, file)
    own = network.state_dict()
    # Copied one by one: some networks' load_state_dict asks for a version that only their own files carry.
    with torch.no_grad():
        for name, tensor in weights.items():
            own[name].copy_(tensor)


def refuse(found: matching.Match, file: str, weights: Mapping[str, Tensor]) -> None:
    """One sentence about what does not fit; nothing where all does."""
    rows = {kind: [row for row in found.rows if row.verdict == kind] for kind in (MISSING, EXTRA, SHAPE, KIND)}
    if rows[MISSING] or rows[EXTRA]:
        lacks, has = (_some([row.name for row in rows[kind]]) for kind in (MISSING, EXTRA))
        parts = [f"lacks {lacks}"] * bool(rows[MISSING]) + [f"has {has} too many"] * bool(rows[EXTRA])
        raise SubjectError(f"{file} {' and '.join(parts)}: check [architecture] build and arguments", "mismatch")
    if rows[SHAPE]:
        row = rows[SHAPE][0]
        shapes = f"{row.name[:64]} is {row.stored} where the network has {row.wanted}"
        count = len(rows[SHAPE])
        raise SubjectError(f"{file} has {count} tensors of another shape ({shapes}): check the arguments", "mismatch")
    if rows[KIND]:
        names = [row.name for row in rows[KIND]]
        kind = str(weights[names[0]].dtype).removeprefix("torch.")
        raise SubjectError(
            f"{file} keeps {_some(names)} as {kind}: quantised weights are not read, save them as floats", "quantised"
        )


def head_only(found: matching.Match) -> int | None:
    """How long the file's tensors are along the first axis, where they and the network's differ in that and nothing else."""
    wrong = [row for row in found.rows if row.verdict != FITS]
    if not wrong or any(row.verdict != SHAPE or not row.stored or not row.wanted for row in wrong):
        return None
    counts = {(row.stored[0], row.wanted[0]) for row in wrong if row.stored[1:] == row.wanted[1:]}
    whole = all(row.stored[1:] == row.wanted[1:] for row in wrong)
    return next(iter(counts))[0] if whole and len(counts) == 1 else None


def _refuse_two(network: nn.Module, weights: Mapping[str, Tensor], file: str) -> None:
    """One tensor cannot hold two: weights that the network ties must be the same in the file."""
    first: dict[object, str] = {}
    for name, place in matching.places(network).items():
        other = first.setdefault(place, name) if name in weights else name
        if other != name and not _same(weights[name], weights[other]):
            raise SubjectError(
                f"{file} holds different numbers for {other} and {name}, which are one tensor in the network: "
                "check [architecture] arguments",
                "tied",
            )


def _same(one: Tensor, other: Tensor) -> bool:
    if one.data_ptr() == other.data_ptr() and one.shape == other.shape and one.stride() == other.stride():
        return True
    return torch.allclose(one.double(), other.double(), rtol=0, atol=0, equal_nan=True)


def _some(keys: list[str]) -> str:
    """«3 tensors (a, b, c)»: how many, and a few names."""
    few = ", ".join(repr(key[:64])[1:-1] for key in keys[:3])
    return f"{len(keys)} tensor{'s' * (len(keys) != 1)} ({few}{', …' * (len(keys) > 3)})"
