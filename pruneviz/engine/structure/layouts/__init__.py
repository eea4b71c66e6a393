"""The shelf of attention layouts: every file here knows one way to lay heads out in matrices, found by looking.

A layout file has `read(network, name, module)`: what the module could be, as candidates, likeliest first; none if it is
something else. Layouts are told apart by what a module has, never by its class; a forward decides whether one is right.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

from torch import nn

from pruneviz.engine.looking import look
from pruneviz.engine.structure.attention import Attention


@cache
def shelf() -> dict[str, ModuleType]:
    """Every layout, by name."""
    return look(__name__)


def candidates(network: nn.Module, name: str, module: nn.Module) -> tuple[Attention, ...]:
    """How this module may lay its heads out, likeliest first."""
    return tuple(one for layout in shelf().values() for one in layout.read(network, name, module))
