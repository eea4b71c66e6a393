"""The shelf of regularisers: every file here pulls on weights while they are trained, found by looking.

A regulariser file has a docstring (the text in the app), `name`, `formula` (LaTeX), `paper`, and three verbs.
`targets(subject, network)` are what it pulls on, `value(target)` is a target's share of the penalty (a tensor that autograd
can follow), and `pull(target, strength)` adds the penalty's slope to the gradients in place (`slope` is where). Where it
jumps, at zero, it is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.course import Course
from pruneviz.engine.criterion import Paper
from pruneviz.engine.looking import look, text
from pruneviz.engine.subject import Subject


@dataclass(frozen=True, slots=True)
class Regulariser:
    """One penalty: its words, its formula, what it pulls on, its value and its pull."""

    key: str
    name: str
    text: str
    formula: str
    paper: Paper
    targets: Callable[[Subject, nn.Module], Sequence[Any]]
    value: Callable[[Any], Tensor]
    pull: Callable[[Any, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Penalty:
    """A regulariser bound to one network, at one strength."""

    regulariser: Regulariser
    targets: Sequence[Any]
    strength: float

    @property
    def pulls(self) -> bool:
        """Whether there is anything to pull on, and with any strength."""
        return bool(self.targets) and self.strength > 0

    def value(self) -> float:
        """What it adds to the loss now."""
        with torch.no_grad():
            return self.strength * float(sum(self.regulariser.value(target) for target in self.targets))

    def pull(self) -> None:
        """Adds its slope to the gradients, in place: what autograd would have added, for a fraction of the time."""
        with torch.no_grad():
            for target in self.targets:
                self.regulariser.pull(target, self.strength)


@cache
def shelf() -> dict[str, Regulariser]:
    """Every regulariser there is, by key: its file's name with hyphens."""
    found = (_regulariser(name.replace("_", "-"), module) for name, module in look(__name__).items())
    return {one.key: one for one in found}


def find(key: str) -> Regulariser:
    """The regulariser of that name."""
    if key not in shelf():
        raise ValueError(f"unknown penalty {key[:40]!r}; there are {', '.join(shelf())}")
    return shelf()[key]


def bind(subject: Subject, network: nn.Module, course: Course) -> Penalty:
    """The course's penalty on this network, which has the subject's architecture.

    Raises
    ------
    ValueError
        Where the network has nothing that this penalty could pull on.
    """
    chosen = find(course.penalty)
    return Penalty(chosen, chosen.targets(subject, network), course.strength)


def slope(parameter: Tensor) -> Tensor:
    """The gradient that a pull is added to. A parameter that the loss does not depend on has none; it is pulled all the
    same, as autograd would."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


def matrices(subject: Subject, network: nn.Module) -> list[Tensor]:
    """Every prunable weight of the network, tied ones once."""
    return [network.get_parameter(layer.name) for layer in subject.layers]


def _regulariser(key: str, module: ModuleType) -> Regulariser:
    verbs = module.targets, module.value, module.pull
    return Regulariser(key, module.name, text(module), module.formula, module.paper, *verbs)
