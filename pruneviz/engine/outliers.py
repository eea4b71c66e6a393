"""Outliers: how much of itself each layer gives where blocks with more outliers give less (OWL)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pruneviz.engine.criterion import Evidence

OUTLIER, SPREAD = 5.0, 0.08
"""OWL's M and λ: what is so many times the mean is an outlier, and shares may lie 2λ apart."""


def by_outliers(evidence: Sequence[Evidence]) -> np.ndarray:
    """Blocks with more outliers give less: what stands out is what a language model leans on.

    A weight counts as an outlier where |W|·‖X‖ is more than five times its block's mean. A block's share of outliers sets
    its place between two ends that lie 16 points of sparsity apart; inside a block, all output rows give the same share.
    Published for the blocks of a transformer: layers outside of them give the average. Elsewhere each layer is a block.
    """
    named = [block_of(one.name) for one in evidence]
    numbered = len(set(named) - {""}) > 1
    blocks: dict[str, list[int]] = {}
    for at, (one, block) in enumerate(zip(evidence, named, strict=True)):
        if block or not numbered:
            blocks.setdefault(block if numbered else one.name, []).append(at)
    shares = {block: _outliers([evidence[at] for at in members]) for block, members in blocks.items()}
    low, high = min(shares.values(), default=0.0), max(shares.values(), default=0.0)
    later = np.full(len(evidence), np.nan)
    for block, members in blocks.items():
        later[members] = 2 * SPREAD * (shares[block] - low) / (high - low) if high > low else 0.0
    sizes = np.array([one.weight.numel() for one in evidence], dtype=np.float64)
    inside = ~np.isnan(later)
    return np.where(inside, later, np.sum(sizes * later, where=inside) / max(1.0, np.sum(sizes, where=inside)))


def block_of(name: str) -> str:
    """The block that a parameter belongs to: its name up to the first number («model.layers.3.mlp.up.weight» is of
    «model.layers.3»); empty where there is none."""
    parts = name.split(".")
    numbers = [at for at, part in enumerate(parts) if part.isdecimal()]
    return ".".join(parts[: numbers[0] + 1]) if numbers else ""


def _outliers(block: Sequence[Evidence]) -> float:
    """Which share of a block's weights are outliers; a pass for the mean and one for the count, a layer at a time."""
    n = sum(one.weight.numel() for one in block)
    mean = sum(float((one.weight.abs() * one.input_norm).double().sum()) for one in block) / max(1, n)
    return sum(int((one.weight.abs() * one.input_norm > OUTLIER * mean).sum()) for one in block) / max(1, n)
