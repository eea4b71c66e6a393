"""Granularity: what goes at once. Pools the saliencies of weights to units, and spreads what units stay over the weights.

«weight» is every weight by itself; filter, neuron, head and layer are units (`structure`); «2:4» and its like keep N of
every M weights (`pattern`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine.mask import Mask
from pruneviz.engine.structure.units import KINDS, NOBODY, Group, Kept, Structure, gone_blocks, positions
from pruneviz.engine.subject import Layer

NAMES = ("weight", *KINDS)
WIDEST = 32
"""The largest M of a pattern N:M."""


@dataclass(frozen=True, slots=True)
class Pool:
    """How the saliencies s of the n weights that a unit is made of become its score."""

    key: str
    formula: str
    prepare: Callable[[np.ndarray], np.ndarray]
    gather: np.ufunc
    finish: Callable[[np.ndarray, np.ndarray], np.ndarray]


POOLS = {
    pool.key: pool
    for pool in (
        Pool("mean", r"\frac{1}{n} \sum_i s_i", np.asarray, np.add, lambda total, n: total / n),
        Pool("l1", r"\sum_i |s_i|", np.abs, np.add, lambda total, _: total),
        Pool("l2", r"\sqrt{\textstyle\sum_i s_i^2}", np.square, np.add, lambda total, _: np.sqrt(total)),
        Pool("max", r"\max_i s_i", np.asarray, np.maximum, lambda largest, _: largest),
    )
}


def pattern(name: str) -> tuple[int, int] | None:
    """N and M of a name such as «2:4»: N of every M weights stay. None where the name is no pattern."""
    kept, colon, of = name.partition(":")
    if not (colon and kept.isascii() and of.isascii() and kept.isdigit() and of.isdigit()):
        return None
    n, m = int(kept), int(of)
    if not 1 <= n < m <= WIDEST:
        raise ValueError(f"granularity {name!r} is no pattern N:M: give 1 ≤ N < M ≤ {WIDEST}, such as 2:4 or 4:8")
    return n, m


def check(name: str) -> None:
    """Refuses a granularity that there is not."""
    if name not in NAMES and pattern(name) is None:
        raise ValueError(f"unknown granularity {name!r}; there are {', '.join(NAMES)}, or N:M such as 2:4")


def find_pool(key: str) -> Pool:
    """The way of pooling of that name."""
    if key not in POOLS:
        raise ValueError(f"unknown pool {key!r}; there are {', '.join(POOLS)}")
    return POOLS[key]


def named(layers: Sequence[Layer], tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    """One tensor for each prunable weight, under all names that it has: tied weights have several."""
    pairs = zip(layers, tensors, strict=True)
    return {name: tensor for layer, tensor in pairs for name in (layer.name, *layer.aliases)}


def pool(structure: Structure, saliencies: Mapping[str, Tensor], how: str) -> dict[str, np.ndarray]:
    """Weights to units: per removable group the score of each unit, float64 [U].

    A unit is made of the prunable weights in its «makes» parts, of all modules that are coupled in it; where none of these
    has a saliency (an embedding's columns), it is judged by the weights that read it. A layer is made of all prunable
    weights inside it. `saliencies` holds one tensor under each of its names; each weight counts once.
    """
    chosen = find_pool(how)
    return {
        group.name: _blocks(group, saliencies, chosen) if group.blocks else _rows(group, saliencies, chosen)
        for group in structure.removable
    }


def _rows(group: Group, saliencies: Mapping[str, Tensor], how: Pool) -> np.ndarray:
    parts = [part for part in group.of("makes") if part.tensor in saliencies]
    parts = parts or [part for part in group.of("reads") if part.tensor in saliencies]
    found, counts, seen = _empty(group.units, how), np.zeros(group.units), set()
    for part in parts:
        one = saliencies[part.tensor]
        use = (_storage(one), part.axis, part.owner.tobytes())
        if use in seen:  # a tied weight under its second name
            continue
        seen.add(use)
        lines = how.prepare(np.moveaxis(_wide(one), part.axis, 0).reshape(one.shape[part.axis], -1))
        owned = part.owner != NOBODY
        how.gather.at(found, part.owner[owned], how.gather.reduce(lines[owned], axis=1))
        counts += np.bincount(part.owner[owned], minlength=group.units) * lines.shape[1]
    return _finished(found, counts, how)


def _blocks(group: Group, saliencies: Mapping[str, Tensor], how: Pool) -> np.ndarray:
    found, counts = _empty(group.units, how), np.zeros(group.units)
    for at, block in enumerate(group.blocks):
        inside = {_storage(one): one for name, one in saliencies.items() if name.startswith(f"{block}.")}
        for one in inside.values():
            found[at] = how.gather(found[at], how.gather.reduce(how.prepare(_wide(one)), axis=None))
            counts[at] += one.numel()
    return _finished(found, counts, how)


def _empty(units: int, how: Pool) -> np.ndarray:
    return np.full(units, -np.inf if how.gather is np.maximum else 0.0)


def _finished(found: np.ndarray, counts: np.ndarray, how: Pool) -> np.ndarray:
    """The scores; 0 for a unit without a prunable weight."""
    return np.where(counts > 0, how.finish(found, np.maximum(counts, 1)), 0.0)


def _wide(tensor: Tensor) -> np.ndarray:
    return tensor.detach().to(torch.float64).numpy()


def _storage(tensor: Tensor) -> tuple:
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def spread(structure: Structure, kept: Kept, layers: Sequence[Layer]) -> Mask:
    """Units to weights: of all prunable weights, those that the smaller network still has.

    A tied weight is cut wherever one of its names is cut, and is gone when all modules that hold it are.
    """
    stay, gone = positions(structure, kept), _prefixes(structure, kept)
    parts = []
    for layer in layers:
        mask = np.ones(layer.shape, dtype=bool)
        for axis, one in _cuts(layer, stay):
            mask &= one.reshape([-1 if at == axis else 1 for at in range(mask.ndim)])
        if _is_gone(layer, gone):
            mask[...] = False
        parts.append(mask.reshape(-1))
    flat = np.concatenate(parts) if parts else np.ones(0, dtype=bool)
    flat.flags.writeable = False
    return Mask(flat, tuple(layer.name for layer in layers), tuple(layer.shape for layer in layers))


def left(structure: Structure, kept: Kept, layers: Sequence[Layer]) -> np.ndarray:
    """How many weights of each layer `spread` would keep, int64 [L], without making the mask."""
    stay, gone = positions(structure, kept), _prefixes(structure, kept)
    counts = []
    for layer in layers:
        along: dict[int, np.ndarray] = {}
        for axis, one in _cuts(layer, stay):
            along[axis] = along[axis] & one if axis in along else one
        sizes = [int(along[axis].sum()) if axis in along else size for axis, size in enumerate(layer.shape)]
        counts.append(0 if _is_gone(layer, gone) else int(np.prod(sizes, dtype=np.int64)))
    return np.array(counts, dtype=np.int64)


def _cuts(layer: Layer, stay: Mapping[tuple[str, int], np.ndarray]) -> Iterable[tuple[int, np.ndarray]]:
    for name in (layer.name, *layer.aliases):
        for axis in range(len(layer.shape)):
            if (name, axis) in stay:
                yield axis, stay[name, axis]


def _prefixes(structure: Structure, kept: Kept) -> tuple[str, ...]:
    return tuple(f"{block}." for block in gone_blocks(structure, kept))


def _is_gone(layer: Layer, gone: tuple[str, ...]) -> bool:
    return bool(gone) and all(name.startswith(gone) for name in (layer.name, *layer.aliases))
