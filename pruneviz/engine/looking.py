"""Looking: how a shelf finds what lies on it. A shelf is a package, and every module of it is one thing."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType


def names(shelf: str) -> list[str]:
    """What lies on the shelf of this name, by name; none of it is imported."""
    place = importlib.import_module(shelf).__path__
    return sorted(one.name for one in pkgutil.iter_modules(place) if not one.name.startswith("_"))


def look(shelf: str) -> dict[str, ModuleType]:
    """Every module on the shelf of this name, by its own."""
    return {name: importlib.import_module(f"{shelf}.{name}") for name in names(shelf)}


def text(module: ModuleType) -> str:
    """The docstring of such a module: what visitors read of it."""
    found = inspect.getdoc(module)
    if not found:
        *_, shelf, name = module.__name__.split(".")
        raise ValueError(f"{shelf}/{name}.py has no docstring: it is the text that visitors read, so write one")
    return found
