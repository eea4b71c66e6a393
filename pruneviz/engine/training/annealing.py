"""Annealing: the learning rate at each share of a run, as a share of its height."""

from __future__ import annotations

import math
from collections.abc import Callable

WARM_UP = 0.1
"""The share of all steps over which the cosine's rate rises to its full height before it falls."""


def constant(progress: float) -> float:
    """The same all along."""
    return 1.0


def cosine(progress: float) -> float:
    """Up in a line, down in a cosine (Loshchilov & Hutter 2017, arXiv 1608.03983, eq. 5)."""
    progress = min(max(progress, 0.0), 1.0)
    if progress < WARM_UP:
        return (progress + 0.01) / (WARM_UP + 0.01)
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def steps(progress: float) -> float:
    """A tenth from the half on, a hundredth from three quarters on."""
    return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01


def linear(progress: float) -> float:
    """Down to nothing in a line."""
    return max(0.0, 1.0 - progress)


_KNOWN: dict[str, Callable[[float], float]] = {
    "constant": constant, "cosine": cosine, "steps": steps, "linear": linear,
}  # fmt: skip
NAMES = tuple(_KNOWN)


def find(name: str) -> Callable[[float], float]:
    """The annealing of that name."""
    if name not in _KNOWN:
        raise ValueError(f"unknown annealing {name[:40]!r}; there are {', '.join(NAMES)}")
    return _KNOWN[name]
