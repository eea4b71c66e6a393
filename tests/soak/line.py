"""One line of the soak's table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """What was promised, what was found, and whether it holds."""

    what: str
    promised: str
    found: str
    holds: bool
