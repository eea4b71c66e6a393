"""Similarity: how alike the filters of a layer look. Many that look alike say the same thing several times."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

MOST = 128
"""A map has at most so many filters, evenly chosen: more cannot be told apart on a screen."""


def similarity(weight: Tensor) -> np.ndarray:
    """|cos| of each two filters of a kernel or matrix [U, …], float32 [U, U]; a filter that is zero is like no other."""
    flat = weight.detach().to(torch.float64).flatten(1)
    length = flat.norm(dim=1, keepdim=True)
    flat = torch.where(length > 0, flat / length.clamp(min=1e-300), 0.0)
    found = (flat @ flat.T).abs().clamp(max=1.0)
    found.fill_diagonal_(1.0)
    return found.to(torch.float32).numpy()


def clustered(alike: np.ndarray) -> np.ndarray:
    """An order [U] in which filters that look alike stand together: average linkage of 1 − |cos|, leaf by leaf."""
    if len(alike) < 3:
        return np.arange(len(alike))
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    apart = 1.0 - (alike.astype(np.float64) + alike.T) / 2
    np.fill_diagonal(apart, 0.0)
    return leaves_list(linkage(squareform(apart, checks=False), "average")).astype(np.int64)


def twins(alike: np.ndarray, at_least: float = 0.9) -> int:
    """How many filters have another one that is at least so alike."""
    others = alike.copy()
    np.fill_diagonal(others, 0.0)
    return int((others >= at_least).any(axis=1).sum()) if others.size else 0


def picture(weight: Tensor) -> np.ndarray:
    """The map of a layer as it is drawn: in clustered order, |cos| in steps of 1/255, uint8 [U, U]."""
    chosen = weight if len(weight) <= MOST else weight[torch.linspace(0, len(weight) - 1, MOST).round().long()]
    alike = similarity(chosen)
    order = clustered(alike)
    return np.rint(alike[order][:, order] * 255).astype(np.uint8)
