"""The shelf of tables: every file here is one, found by looking.

A table's file has a docstring (the text in docs/results.md: what is done and what the paper says), `order`, `title`,
`asked()`, its runs, and `told(found)`, which makes lines of Markdown of those that are done and ends with whether it
holds.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from benchmarks.reproduce.asked import Table


@cache
def shelf() -> dict[str, Table]:
    """Every table there is, by key, in the order in which they are told."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {
        name: Table(name, module.title, inspect.getdoc(module) or "", tuple(module.asked()), module.told)
        for name, module in sorted(modules.items(), key=lambda pair: pair[1].order)
    }


def find(key: str) -> Table:
    """The table of that name."""
    if key not in shelf():
        raise ValueError(f"unknown table {key[:40]!r}; there are {', '.join(shelf())}")
    return shelf()[key]
