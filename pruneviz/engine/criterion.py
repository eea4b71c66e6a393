"""Criterion: an opinion about which weights matter least. One file in `criteria/` is one criterion; nothing else is needed.

Shapes, everywhere in the engine: O outputs, I inputs, K kernel extents, N samples. A weight is [O, I, *K].

A criterion file has a docstring (the text in the app), `formula` (LaTeX), `paper`, `needs`, and
`saliency(evidence) -> Tensor [O, I, *K]`: small means «goes first». `name` may give the words on screen; `in_loss = True`
says that the saliency is itself a predicted size of the change of the loss.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Need = Literal["weight", "gradient", "absolute_gradient", "hessian_diagonal"]
"""weight: always there. gradient: mean over samples of ∂ℓ/∂w. absolute_gradient: mean over samples of |∂ℓ/∂w|.
hessian_diagonal: ∂²L/∂w² of the mean loss L. All but `weight` need calibration data."""


@dataclass(frozen=True, slots=True)
class Paper:
    """Where a formula comes from."""

    cite: str
    where: str
    url: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a criterion may look at, of one layer: only what it asked for is there, the rest is None."""

    name: str
    weight: Tensor
    seed: int = 0
    gradient: Tensor | None = None
    absolute_gradient: Tensor | None = None
    hessian_diagonal: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One opinion: its words, its formula, what it needs to see, and `saliency(Evidence)`, of the weight's shape."""

    key: str
    name: str
    text: str
    formula: str
    paper: Paper
    needs: tuple[Need, ...]
    saliency: Callable[[Evidence], Tensor]
    in_loss: bool = False

    @property
    def needs_data(self) -> bool:
        return any(need != "weight" for need in self.needs)


@cache
def shelf() -> dict[str, Criterion]:
    """Every criterion in `criteria/`, found by looking, by key."""
    package = importlib.import_module("pruneviz.engine.criteria")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: _criterion(name, importlib.import_module(f"{package.__name__}.{name}")) for name in names}


def find(key: str) -> Criterion:
    """The criterion of that name."""
    if key not in shelf():
        raise ValueError(f"unknown criterion {key!r}; there are {', '.join(shelf())}")
    return shelf()[key]


def _criterion(key: str, module: ModuleType) -> Criterion:
    text = inspect.getdoc(module)
    if not text:
        raise ValueError(f"criteria/{key}.py has no docstring: it is the text that visitors read, so write one")
    return Criterion(
        key, getattr(module, "name", key), text, module.formula, module.paper, tuple(module.needs), module.saliency
    )
