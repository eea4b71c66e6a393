"""The shelf of reconstructions: what becomes of a matrix when some of it goes and the survivors may cover for it.

A file is one method, found by looking. It has a docstring (the text in the app), `name`, `formula`, `paper`, `chooses`
(whether it picks what goes itself, or is told by a criterion) and one verb, `solve(problem) -> Solved`. All of them answer
the same question, layer by layer: which Ŵ with so many zeros gives almost what W gives on the inputs X that were seen,

    E(Ŵ) = ½ Σ over rows of (ŵ − w)ᵀ H (ŵ − w),   H = (2/N) Σ x xᵀ + λI   (Frantar & Alistarh 2023, eq. 1 and §3)

N counts samples, and λ is 0.01 of the mean of H's diagonal, as in the published code: it makes H invertible where fewer
inputs were seen than a matrix has columns. It is part of the objective for all methods, so that they can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from pruneviz.engine import looking
from pruneviz.engine.criterion import Paper
from pruneviz.engine.reconstruct.problem import Problem, Solved


@dataclass(frozen=True, slots=True)
class Method:
    """One way to treat a matrix: its words, its formula, and `solve(problem)`. `chooses`: it picks what goes itself."""

    key: str
    name: str
    text: str
    formula: str
    paper: Paper
    chooses: bool
    solve: Callable[[Problem], Solved]


@cache
def shelf() -> dict[str, Method]:
    """Every method there is, by key, found by looking in `methods/`."""
    return {key: _method(key, module) for key, module in looking.look(f"{__name__}.methods").items()}


def find(key: str) -> Method:
    """The method of that name."""
    if key not in shelf():
        raise ValueError(f"unknown method {key[:40]!r}; there are {', '.join(shelf())}")
    return shelf()[key]


def _method(key: str, module: ModuleType) -> Method:
    return Method(key, module.name, looking.text(module), module.formula, module.paper, module.chooses, module.solve)
