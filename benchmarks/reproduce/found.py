"""Found: what the store has of a table's runs, lane by lane and seed by seed. Nothing is computed here that trains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.reproduce.asked import Asked
from benchmarks.reproduce.cards import Cards
from pruneviz.engine.training import labs
from pruneviz.moment import Moment
from pruneviz.runs.store import Store
from pruneviz.runs.store.records import Run


class Found:
    """The runs of one table that are done."""

    def __init__(self, store: Store, cards: Cards, asked: Sequence[Asked]) -> None:
        self._store, self.asked = store, tuple(asked)
        self._runs: dict[Asked, Run] = {}
        for one in self.asked:
            try:
                run = None if cards.missing(one) else cards.run(one)
            except ValueError:
                continue
            if run is not None and run.state == "done":
                self._runs[one] = run

    @property
    def runs(self) -> list[Run]:
        return list(self._runs.values())

    def lane(self, lane: str) -> dict[int, Run]:
        """A lane's runs by seed."""
        return {one.seed: run for one, run in sorted(self._runs.items(), key=lambda pair: pair[0].seed) if one.lane == lane}

    def moments(self, lane: str, *, arrays: bool = False) -> dict[int, list[Moment]]:
        """All that was told of a lane's runs, by seed."""
        return {seed: self._store.moments(run.key, arrays=arrays) for seed, run in self.lane(lane).items()}

    def last(self, lane: str) -> dict[int, Moment]:
        """The last moment of each, with its arrays."""
        return {seed: self._store.moments(run.key, run.moments - 1)[-1] for seed, run in self.lane(lane).items()}

    def values(self, lane: str, name: str) -> dict[int, float]:
        """A number of the last moment of each, where it was told."""
        return {seed: one.values[name] for seed, one in self.last(lane).items() if name in one.values}

    def kept(self, lane: str) -> dict[int, dict[str, np.ndarray]]:
        """What stays of each pruned parameter in the networks that came of a lane."""
        found = {seed: labs.concluded(self._store.memory(run))[1] for seed, run in self.lane(lane).items()}
        return {seed: {name: one.numpy() for name, one in kept.items()} for seed, kept in found.items()}
