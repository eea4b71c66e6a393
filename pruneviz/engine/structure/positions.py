"""Positions: in which order the layers of a stack leave when nobody looks at what they compute, only at where they stand.

Sajjad, Dalvi, Durrani & Nakov 2023 call these top, bottom, alternate and symmetric dropping. Each is one order of leaving,
so that a smaller stack is always part of a larger one.
"""

from __future__ import annotations


def top(layers: int) -> list[int]:
    """The last layer first."""
    return list(range(layers - 1, -1, -1))


def bottom(layers: int) -> list[int]:
    """The first layer first."""
    return list(range(layers))


def alternate(layers: int) -> list[int]:
    """Every second layer from the end, the last one kept; when these are gone, the others, from the end too."""
    return [*range(layers - 2, -1, -2), *range(layers - 1, -1, -2)]


def symmetric(layers: int) -> list[int]:
    """From the middle outwards: both ends stay longest. Of two equally far from the middle, the later goes first."""
    return sorted(range(layers), key=lambda at: (abs(2 * at - (layers - 1)), -at))


STRATEGIES = {"alternate": alternate, "bottom": bottom, "symmetric": symmetric, "top": top}


def leaves(name: str, layers: int) -> list[float]:
    """For each layer, which fraction of the stack has left when it goes, in (0, 1): stacks of any length compare fairly."""
    if name not in STRATEGIES:
        raise ValueError(f"unknown strategy {name!r}; there are {', '.join(STRATEGIES)}")
    found = [0.0] * layers
    for place, at in enumerate(STRATEGIES[name](layers)):
        found[at] = (place + 0.5) / layers
    return found
