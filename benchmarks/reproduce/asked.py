"""Asked: one run that a table asks for, and the table itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pruneviz.recipe import Recipe

if TYPE_CHECKING:
    from benchmarks.reproduce.found import Found


@dataclass(frozen=True, slots=True)
class Asked:
    """A run in a lane of a table: runs of one lane differ in their seed only. With a `parent` it starts from the network
    that came of that run, and not from the card's own."""

    lane: str
    recipe: Recipe
    parent: Asked | None = None

    @property
    def seed(self) -> int:
        return self.recipe.seed


@dataclass(frozen=True, slots=True)
class Table:
    """What is asked for, and how what came of it is told: lines of Markdown."""

    key: str
    title: str
    text: str
    asked: tuple[Asked, ...]
    told: Callable[[Found], Iterator[str]]

    def every(self) -> list[Asked]:
        """All runs, each once, parents before what starts from them."""
        found: dict[Asked, None] = {}
        for one in self.asked:
            line = [one]
            while line[0].parent is not None:
                line.insert(0, line[0].parent)
            found |= dict.fromkeys(line)
        return list(found)


def seeded(lane: str, recipe: Recipe, seeds: Iterable[int], parent: Callable[[int], Asked] | None = None) -> list[Asked]:
    """A lane's runs, one for each seed, each from its own parent where they have one."""
    return [Asked(lane, replace(recipe, seed=seed), parent(seed) if parent else None) for seed in seeds]
