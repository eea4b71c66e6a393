"""The shelf of foresight: every file here is one way to tell, before any training, which weights will not be needed.

A file has a docstring (its first line is read to visitors), `name`, `formula`, `paper`, and `scores(inside, inputs,
labels)`: of each layer of a subject around an untrained network its scores [O, I, *K], small means «goes first». One with
`rounds` is asked again and again, each time with what is left: after round k of n the share (1 − a)^(k/n) stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import torch
from torch import Tensor

from pruneviz.engine.batches import Inputs
from pruneviz.engine.criterion import Paper
from pruneviz.engine.looking import look, text
from pruneviz.engine.ranking import rank
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import private
from pruneviz.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Foresight:
    """One way to choose before training: its words, its formula, its scores, and how many times they are asked for."""

    key: str
    name: str
    text: str
    formula: str
    paper: Paper
    scores: Callable[[Subject, Inputs, Tensor], list[Tensor]]
    rounds: int = 1


@cache
def shelf() -> dict[str, Foresight]:
    """Every way there is, by key."""
    return {name: _foresight(name, module) for name, module in look(__name__).items()}


def cut(
    inside: Subject, recipe: Recipe, way: Foresight, batch: tuple[Inputs, Tensor], kept: Mapping[str, Tensor], at: int
) -> dict[str, Tensor]:
    """What stays after round `at` (from 1) of an untrained network in which `kept` is held, bool by parameter."""

    def so_far(amount: float) -> float:
        return amount if at == way.rounds else 1 - (1 - amount) ** (at / way.rounds)

    with private.measuring(inside.network):
        scores = way.scores(inside, *batch)
    ranking = rank(inside.layers, inside.tensors(), scores, scope=recipe.scope)
    own = {name: so_far(amount) for name, amount in recipe.own_amounts().items()}
    stays = ranking.keep(so_far(recipe.amount), own).layers()
    return {name: torch.from_numpy(one & kept[name].numpy() if name in kept else one.copy()) for name, one in stays.items()}


def _foresight(key: str, module: ModuleType) -> Foresight:
    return Foresight(
        key, module.name, text(module), module.formula, module.paper, module.scores, getattr(module, "rounds", 1)
    )
