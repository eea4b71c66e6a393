"""The shelf of tasks: what a batch of outputs means. One file is one task, found by its name.

A task file has `metric` (its name on screen and in JSON), `better` ("higher" or "lower"), `noun` (what its samples are),
and these verbs, n samples each:

`losses(outputs, targets) -> [n]` nats, summed over all that a sample predicts; `counts(targets) -> [n]` how much that is;
`correct(outputs, targets) -> [n] bool`, only where a sample is right or wrong as a whole;
`value(losses, counts, correct) -> float` and `interval(losses, counts, correct) -> (low, high)`, 95 %, over all samples;
`chance(classes) -> float`, what guessing gets; `classes(outputs, labels) -> int`, how many classes the outputs tell apart,
and `check(labels, classes)`, both of which refuse in one sentence what does not fit the task.

Two texts help a card: `remedy`, what to look at when the network does not take its inputs, and `mismatch`, what to say of
class names that are too many or too few.
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
