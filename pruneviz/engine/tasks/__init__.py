"""The shelf of tasks: what a batch of outputs means. One file is one task, found by its name.

A task file has `metric` (its name on screen and in JSON), `losses(outputs, targets) -> [n]`,
`correct(outputs, targets) -> [n] bool`, and `chance(classes) -> float`.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def find(name: str) -> ModuleType:
    """The task of that name."""
    offered = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in offered:
        raise ValueError(f"unknown task {name!r}; there are {', '.join(offered)}")
    return importlib.import_module(f"{__name__}.{name}")
