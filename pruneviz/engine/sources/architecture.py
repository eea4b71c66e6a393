"""Architectures that a card may name, from every source on the shelf. A card never brings code."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from pruneviz.engine.sources import shelf
from pruneviz.engine.sources.gate import SubjectError, brief
from pruneviz.engine.sources.outline import MOST_NUMBERS, MOST_TENSORS, unfilled
from pruneviz.engine.sources.outline import outline as _outline
from pruneviz.engine.sources.shelf import shipped

SHIPPED = shipped.SHIPPED
LARGEST = 1 << 24
"""No argument of an architecture is a whole number as large as this."""


def offered() -> list[str]:
    """The architectures that the app ships, by name."""
    return shipped.names()


def build(name: str, arguments: Mapping[str, Any] | None = None, folder: Path | None = None) -> nn.Module:
    """The network of that name, its parameters not filled: load weights into it, or initialise it. `folder` is where the
    card lies that names it."""
    make = _maker(name, dict(arguments or {}), folder)
    with unfilled():
        return _made(name, make, arguments)


def outline(
    name: str, arguments: Mapping[str, Any] | None = None, folder: Path | None = None,
    tensors: int = MOST_TENSORS, numbers: int = MOST_NUMBERS,
) -> nn.Module:  # fmt: skip
    """The same network with no numbers in it: for its names and shapes. More than so many tensors or numbers are refused."""
    _check_sizes(name, arguments or {})
    make = _maker(name, dict(arguments or {}), folder)
    return _made(name, lambda: _outline(make, tensors, numbers), arguments)


def found(name: str) -> tuple[ModuleType, str]:
    """The source that knows this architecture, and what the source calls it."""
    source, model = shelf.split(name)
    if source not in shelf.offered() or name.startswith(f"{shelf.SHIPPED}:"):  # the app's own go by their bare names
        raise SubjectError(_unknown(name), "unknown-architecture")
    module = shelf.find(source)
    if module.missing():
        raise SubjectError(
            f"{name[:64]} needs a package that is not here: {module.missing()}, or name a shipped one", "missing"
        )
    known = module.names()
    if model not in known and (model or not getattr(module, "nameless", False)):
        raise SubjectError(_unknown(name, tuple(known)), "unknown-architecture")
    return module, model


def _maker(name: str, arguments: dict[str, Any], folder: Path | None) -> Callable[[], nn.Module]:
    source, model = found(name)
    return _made(name, lambda: source.maker(model, arguments, folder), arguments)


def _made(name: str, make: Callable[[], Any], arguments: Mapping[str, Any] | None) -> Any:
    try:
        return make()
    except SubjectError:
        raise
    except Exception as error:  # an architecture may refuse its arguments in any way it likes
        why = f"with arguments {brief(repr(dict(arguments or {})))} ({brief(error)})"
        raise SubjectError(f"{name} cannot be built {why}: correct [architecture] arguments", "arguments") from None


def _check_sizes(name: str, arguments: Any) -> None:
    """Refuse whole numbers that no network has as a size."""
    values = arguments.values() if isinstance(arguments, Mapping) else arguments
    for value in values:
        if isinstance(value, Mapping | list | tuple):
            _check_sizes(name, value)
        elif type(value) is int and abs(value) >= LARGEST:
            given = f"{value:,}" if abs(value) < 10**24 else "a number beyond all measure"
            raise SubjectError(f"{name} is given {given} as an argument; at most {LARGEST - 1:,} is taken", "too-large")


def _unknown(name: str, known: tuple[str, ...] = ()) -> str:
    source, model = shelf.split(name)
    near = difflib.get_close_matches(model, known, 3) if source != shelf.SHIPPED else []
    hint = f", such as {' or '.join(f'{source}:{one}' for one in near)}" if near else ""
    others = ", ".join(one for one in shelf.offered() if one not in (shelf.SHIPPED, "torchvision"))
    possible = f"{', '.join(offered())}, and torchvision's classifiers as 'torchvision:<name>'{hint}"
    return f"unknown architecture {name[:64]!r}; there are {possible}" + (f", and what {others} know" if others else "")
