"""Halves: who of many is to blame, found by asking about halves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

One = TypeVar("One")


def guilty(ones: list[One], fine: Callable[[list[One]], bool]) -> list[One]:
    """Those with whom it does not go well. Where both halves do well alone and not together, all of them."""
    if not ones or fine(ones):
        return []
    if len(ones) == 1:
        return ones
    middle = len(ones) // 2
    return guilty(ones[:middle], fine) + guilty(ones[middle:], fine) or ones
