"""Pattern: N of every M weights stay, along the input dimension: the sparsity that tensor cores can use (2:4).

The N highest of each aligned M, by any criterion. A layer whose inputs are no multiple of M stays dense: its last group
would be short, and no kernel reads that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine.granularity import pattern
from pruneviz.engine.mask import Mask
from pruneviz.engine.ranking import Nothing, fraction
from pruneviz.engine.subject import Layer, inputs_axis

ROWS = 1 << 13
"""Groups that are looked at at a time, so that the temporary arrays stay in cache."""


def rank_pattern(layers: Sequence[Layer], scores: Sequence[Tensor], name: str) -> PatternRanking:
    """The mask of the pattern `name` («2:4») by scores of the weights' shapes; ties leave by index, NaN first.

    Refused where no layer at all fits it: nothing would go, and nobody would know why.
    """
    n, m = pattern(name) or (0, 0)
    if layers and not any(fits(layer, m) for layer in layers):
        first = layers[0]
        raise ValueError(
            f"{name} takes inputs in whole groups of {m}, and no layer here has them: {first.label} has {inputs_of(first)}; "
            "choose single weights, or a pattern whose groups divide the inputs"
        )
    masks = [
        highest(one.detach().to(torch.float32).numpy(), axis, n, m) if fits(layer, m) else np.ones(layer.shape, bool)
        for layer, one in zip(layers, scores, strict=True)
        for axis in (inputs_axis(layer),)
    ]
    flat = np.concatenate([mask.reshape(-1) for mask in masks]) if masks else np.ones(0, bool)
    flat.flags.writeable = False
    dense = tuple(layer.name for layer in layers if not fits(layer, m))
    return PatternRanking(n, m, tuple(layers), Mask(flat, *_named(layers)), dense)


@dataclass(frozen=True, slots=True, eq=False)
class PatternRanking:
    """One mask and the dense network: a pattern knows no amounts between. `dense` names the layers that it does not fit."""

    kept: int
    of: int
    layers: tuple[Layer, ...]
    mask: Mask
    dense: tuple[str, ...]

    @property
    def n(self) -> int:
        return self.mask.flat.size

    @property
    def amount(self) -> float:
        """What a pattern removes of the layers that it fits."""
        return 1 - self.kept / self.of

    def keep(self, amount: float, own: Mapping[str, float] = Nothing) -> Mask:
        """What stays: everything at amount 0, the pattern at 1 − N/M; a layer with an own amount of 0 stays whole."""
        whole = set(self.names_of(own)) if self.applies(amount) else {layer.name for layer in self.layers}
        if not whole:
            return self.mask
        parts = [
            np.ones(part.size, bool) if name in whole else part.reshape(-1) for name, part in self.mask.layers().items()
        ]
        flat = np.concatenate(parts)
        flat.flags.writeable = False
        return Mask(flat, self.mask.names, self.mask.shapes)

    def removals(self, amount: float, own: Mapping[str, float] = Nothing) -> int:
        """How many weights go."""
        return self.keep(amount, own).removed

    def threshold(self, amount: float, own: Mapping[str, float] = Nothing) -> None:
        """There is no common scale: every M weights have a threshold of their own."""
        return None

    def applies(self, amount: float) -> bool:
        """Whether this amount is the pattern's (True) or 0 (False); any other is refused."""
        if fraction(amount):
            self.check(amount)
        return fraction(amount) > 0

    def check(self, amount: float) -> None:
        """Refuses an amount that is not the pattern's."""
        if abs(fraction(amount) - self.amount) > 1e-9:
            raise ValueError(
                f"{self.kept}:{self.of} removes {self.amount:g} of the weights, not {amount:g}; leave the amount out, or "
                f"give {self.amount:g}"
            )

    def names_of(self, own: Mapping[str, float]) -> tuple[str, ...]:
        """The layers that stay whole; any other amount of their own than 0 or the pattern's is refused."""
        known = {layer.name for layer in self.layers}
        unknown = [name for name in own if name not in known]
        if unknown:
            raise ValueError(f"unknown layer {unknown[0]!r}; there are {', '.join(sorted(known)) or 'none'}")
        return tuple(name for name, amount in own.items() if not self.applies(amount))


def inputs_of(layer: Layer) -> int:
    """How many inputs a layer has."""
    axis = inputs_axis(layer)
    return layer.shape[axis] if len(layer.shape) > axis else 0


def fits(layer: Layer, m: int) -> bool:
    """Whether a layer's inputs come in whole groups of M."""
    return inputs_of(layer) > 0 and inputs_of(layer) % m == 0


def highest(scores: np.ndarray, axis: int, n: int, m: int) -> np.ndarray:
    """Where the `n` highest of every `m` along `axis` are, bool of the same shape; of equal ones the later stay."""
    last = np.moveaxis(scores, axis, -1)
    groups = np.ascontiguousarray(last).reshape(-1, m)
    kept = np.empty(groups.shape, dtype=bool)
    for start in range(0, len(groups), ROWS):
        part = np.ascontiguousarray(groups[start : start + ROWS].T)
        kept[start : start + ROWS] = (places(np.where(np.isnan(part), -np.inf, part)) >= m - n).T
    return np.moveaxis(kept.reshape(last.shape), -1, axis)


def places(columns: np.ndarray) -> np.ndarray:
    """The place of each of columns [M, G] among the M of its group, from 0, of equal ones the earlier first.

    Every pair is compared, of all groups at once: for so few that is much faster than sorting them.
    """
    of = len(columns)
    places = np.zeros(columns.shape, dtype=np.int8)
    for at in range(of - 1):
        later = columns[at + 1 :] >= columns[at]
        places[at + 1 :] += later
        places[at] += of - 1 - at - later.sum(0, dtype=np.int8)
    return places


def _named(layers: Sequence[Layer]) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    return tuple(layer.name for layer in layers), tuple(layer.shape for layer in layers)
