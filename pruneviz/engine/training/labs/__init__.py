"""The shelf of labs: every file here is one way to train and prune, found by looking.

A lab file has a docstring (its first line is what it asks), `title`, `default` (the Recipe that it opens with), and two
verbs. `planned(subject, recipe) -> int` is its bill: the training steps of all its stages. `run(subject, recipe, memory) ->
Iterator[Moment]` trains private networks and hands out moments; everything that the rest depends on is in the memory at
every moment, so that a run goes on, to the bit, where its process ended. When it is done, the network that came of it lies
in the memory below `RESULT` (`conclude`), and `came_of` makes a subject of it again.

Two more verbs where what is usual does not fit: `rebuilt(subject, recipe, state) -> nn.Module` for a network that is not of
the subject's own shapes, and `judged_on(subject, recipe) -> Subject` where it was trained for other data.

Where its bill counts no training steps, `unit` says what it counts, of one and of many.

A lab knows no screen, no thread and no file. It raises ValueError, one sentence, where a subject does not fit it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from torch import Tensor, nn

from pruneviz.engine.looking import look, text
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import private
from pruneviz.engine.training.memory import Memory
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

RESULT = "result"
UNIT = ("training step", "training steps")


def _rebuilt(subject: Subject, _recipe: Recipe, state: Mapping[str, Tensor]) -> nn.Module:
    network = private.trained(subject)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def _judged_on(subject: Subject, _recipe: Recipe) -> Subject:
    return subject


@dataclass(frozen=True, slots=True)
class Lab:
    """One way to train and prune: its words, the Recipe that it opens with, its bill and its run."""

    key: str
    title: str
    text: str
    default: Recipe
    planned: Callable[[Subject, Recipe], int]
    run: Callable[[Subject, Recipe, Memory], Iterator[Moment]]
    rebuilt: Callable[[Subject, Recipe, Mapping[str, Tensor]], nn.Module] = _rebuilt
    judged_on: Callable[[Subject, Recipe], Subject] = _judged_on
    unit: tuple[str, str] = UNIT

    def counted(self, many: int) -> str:
        """So many of what its bill counts, in words."""
        return f"{many:,} {self.unit[many != 1]}"


@cache
def shelf() -> dict[str, Lab]:
    """Every lab there is, by key."""
    return {name: _lab(name, module) for name, module in look(__name__).items()}


def find(key: str) -> Lab:
    """The lab of that name."""
    if key not in shelf():
        raise ValueError(f"unknown lab {key[:40]!r}; there are {', '.join(shelf())}")
    return shelf()[key]


def check(subject: Subject) -> None:
    """Refuses a subject that nothing can be trained on."""
    if subject.training is None or not len(subject.training):
        raise ValueError(f"{subject.title} has no training split, so it cannot be trained: give its card one")


def conclude(memory: Memory, network: nn.Module, kept: Mapping[str, Tensor]) -> None:
    """Notes the network that came of a run, and what stays of each parameter that was pruned (bool, True: kept). Nothing
    else is remembered: the run is over."""
    for name in {name.partition("/")[0] for name in memory.tensors()}:
        memory.forget(name)
    memory.put(f"{RESULT}/network", network.state_dict())
    memory.put(f"{RESULT}/kept", kept)


def concluded(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The network's state, and what stays of each pruned parameter, from what a run remembered at its end."""
    memory = Memory(tensors)
    return memory.under(f"{RESULT}/network"), memory.under(f"{RESULT}/kept")


def came_of(subject: Subject, recipe: Recipe, tensors: Mapping[str, Tensor]) -> Subject:
    """The subject around the network that came of its run, on the data that it was trained for. All else, the layers too,
    is still said of the subject's own network."""
    lab, state = find(recipe.course.lab), concluded(tensors)[0]
    return private.around(lab.judged_on(subject, recipe), lab.rebuilt(subject, recipe, state))


def _lab(key: str, module: ModuleType) -> Lab:
    rebuilt, judged_on = getattr(module, "rebuilt", _rebuilt), getattr(module, "judged_on", _judged_on)
    unit = getattr(module, "unit", UNIT)
    return Lab(key, module.title, text(module), module.default, module.planned, module.run, rebuilt, judged_on, unit)
