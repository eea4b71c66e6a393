"""Continuation: how a text goes on, token by token, before and after pruning. Plain words and numbers only."""

from __future__ import annotations

from dataclasses import dataclass

PROMPT, TOKENS = 40, 40
"""So many tokens of a held-out window are given, and so many are asked for."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """The prompt, how the text itself goes on, and what the dense and the pruned network write: tokens as texts. `window` is
    its place in the held-out data."""

    window: int
    prompt: str
    truth: tuple[str, ...]
    dense: tuple[str, ...]
    pruned: tuple[str, ...]

    @property
    def same(self) -> int:
        """How many tokens both networks write before they part."""
        pairs = enumerate(zip(self.dense, self.pruned, strict=True))
        return next((at for at, (one, other) in pairs if one != other), len(self.dense))
