"""The shelf of metrics: what labels and predictions say together. One file is one metric, found by its name.

A metric file has `metric` (its name on screen), `method` (how its interval is made), `shares` (whether it is the share of
samples that are right), and these verbs over n samples' labels [n] and predictions [n], whole numbers:

`value(labels, predicted) -> float`, `interval(labels, predicted) -> (low, high)`, 95 %, and `chance(classes) -> float`,
what guessing gets.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from pruneviz.engine import looking


def offered() -> list[str]:
    """The metrics that a classifier can be judged by, by name."""
    return [name for name in looking.names(__name__) if name != "confusion"]


def find(name: str) -> ModuleType:
    """The metric of that name."""
    if name not in offered():
        raise ValueError(f"unknown metric {name[:64]!r}; there are {', '.join(offered())}")
    return importlib.import_module(f"{__name__}.{name}")
