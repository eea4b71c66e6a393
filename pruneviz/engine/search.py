"""Search: from the best start to the smallest network that keeps what is asked, on the half of the data that chooses.

Three stages, all of them by real evaluation of the network pruned everywhere at once. First every start (uniform, global,
ERK, LAMP, least distortion …) is pushed as far as it goes, by halving. Then what is left falls in steps: after each the
budget moves from layer to layer, one exchange at a time, and an exchange stays where the mean loss falls; it is the finer
measure of the same thing as accuracy. Last, exchanges at the budget that was reached. An exchange lets one layer keep more
or less and all others in proportion, so the budget is met to within one weight or unit all along. Nothing is random.

Keeping what is asked for means by one standard error of what was lost (the rule of Breiman et al. 1984 for trees): of
hundreds of allocations some are lucky on the half that chooses, and it would be those that a search ends with.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pruneviz.allocation import Half
from pruneviz.engine.budget import Budget
from pruneviz.engine.halves import Judge, error, half
from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.starts import Start

HALVINGS = 7
PUSHED = 0.6
"""The share of the evaluations after which the budget is not pushed any further; the rest makes the loss smaller there."""
STEP, LEAST_STEP = 0.08, 0.004
"""By which share of what may still go the target falls at a time, at first and at last."""
PATIENCE, LEAST_MOVES = 0.25, 8
"""The share of the evaluations left, and the least of them, after which a target is given up for a nearer one."""
FACTOR, LEAST_FACTOR = 1.7, 1.04
"""By which factor a layer keeps more or less, at first and at last."""


@dataclass(frozen=True, eq=False)
class Tried:
    """One allocation, measured. `keeps` says whether it keeps what is asked for."""

    counts: np.ndarray
    left: float
    half: Half
    keeps: bool
    name: str = ""

    @property
    def order(self) -> tuple[bool, float]:
        """Small is better: first who keeps what is asked for, then by the loss."""
        return not self.keeps, self.half.loss


Trying = Generator[None, None, Tried | None]
Working = Generator[None, None, None]


class Stopped(Exception):
    """Somebody asked the search to end."""


class Search:
    """The state of one search. `best` is the allocation that leaves least of those that keep what is asked for."""

    def __init__(self, budget: Budget, judge: Judge, starts: Mapping[str, Start], most: int) -> None:
        self.budget, self.judge, self.starts, self.most = budget, judge, starts, most
        self.best: Tried | None = None
        self.tried, self.started, self.words = 0, "", ""
        self._known: dict[bytes, Tried] = {}
        self._allowed, self._dense = 0.0, None
        self._turn, self._factor = 0, FACTOR
        self._lean = np.ones(len(budget.players))

    def run(self, dense: Measurement, allowed: float) -> Working:
        """Searches; `best` grows all along, so whoever stops has something."""
        self._dense, self._allowed = dense, allowed
        nothing = np.zeros_like(self.budget.sizes)
        self.best = self._known[nothing.tobytes()] = Tried(nothing, self.budget.whole, half(dense), True, "nothing")
        try:
            yield from self._push_starts()
            yield from self._push()
            yield from self._settle()
            yield from self._polish()
        except Stopped:
            return

    def _push_starts(self) -> Working:
        """Halves between what keeps and what does not, asking those first that did best so far."""
        self.words = "pushing every start as far as it goes"
        everything = yield from self._try(self.budget.most.copy(), "everything")
        if everything.keeps:
            self.best, self.started = everything, "everything"
            return
        good, bad, order = self.budget.whole, everything.left, list(self.starts)
        for _ in range(HALVINGS):
            middle, found = (good + bad) / 2, []
            for name in order:
                found.append((yield from self._try(self.starts[name](middle), name)))
                if found[-1].keeps:
                    break
            if found[-1].keeps:
                good, self.best, self.started = middle, found[-1], found[-1].name
                order.sort(key=lambda name: name != self.started)
            else:
                bad = middle
                order = [one.name for one in sorted(found, key=lambda one: one.order)]

    def _push(self) -> Working:
        """Asks for less and less, and moves the budget between layers until that keeps what is asked for, too."""
        step, shape = STEP, None
        while self.tried < PUSHED * self.most and step >= LEAST_STEP and self.best.left > self.budget.least:
            target = self.budget.least + (self.best.left - self.budget.least) * (1 - step)
            self.words = "moving budget between layers"
            here = yield from self._openings(target, shape)
            patience = max(LEAST_MOVES, int((PUSHED * self.most - self.tried) * PATIENCE))
            here = yield from self._exchange(here, target, until=True, most=self.tried + patience)
            shape = here.counts
            if here.keeps:
                self._take(here)
            else:
                step /= 2

    def _openings(self, target: float, shape: np.ndarray | None) -> Trying:
        """The best shape known, brought to a new target: the best so far, the last that failed, starts, and mixtures."""
        kept = [self._keeps(self.best.counts)] + ([] if shape is None else [self._keeps(shape)])
        found = yield from self._try_all([(self.budget.fit(one, target), self.started) for one in kept])
        if shape is None:
            ranked = yield from self._try_all([(start(target), name) for name, start in self.starts.items()])
            ranked.sort(key=lambda one: one.order)
            pairs = [pair for pair in ((0, 1), (0, 2), (1, 2)) if pair[1] < len(ranked)]
            means = [np.sqrt(self._keeps(ranked[one].counts) * self._keeps(ranked[other].counts)) for one, other in pairs]
            mixed = yield from self._try_all([(self.budget.fit(mean, target), "mixture") for mean in means])
            found += [*ranked, *mixed]
        return min(found, key=lambda one: one.order)

    def _exchange(self, here: Tried, target: float, *, until: bool, most: int) -> Trying:
        """Moves budget between layers while the loss falls; `until` it keeps what is asked for, or to the end."""
        players, failed = len(self.budget.players), 0
        if players < 2:
            return here
        while not (until and here.keeps) and self.tried < most:
            at = self._turn = (self._turn + 1) % players
            after = yield from self._move(here, at, target)
            failed = 0 if after is not here else failed + 1
            here = after
            if failed >= players:
                self._factor, failed = self._factor**0.5, 0
                if self._factor < LEAST_FACTOR:
                    self._factor = FACTOR**0.5
                    return here
        return here

    def _move(self, here: Tried, at: int, target: float) -> Trying:
        """One layer keeps more, or else less, and the others pay or gain; what helped the layer last is tried first."""
        for direction in (self._lean[at], -self._lean[at]):
            wanted = self._keeps(here.counts)
            wanted[at] *= self._factor**direction
            counts = self.budget.fit(wanted, target)
            if counts.tobytes() in self._known and self._known[counts.tobytes()].order >= here.order:
                continue
            found = yield from self._try(counts, here.name)
            if found.order < here.order:
                self._lean[at] = direction
                return found
        return here

    def _settle(self) -> Working:
        """No start is better at the budget that was reached: one that is takes the place."""
        self.words = "comparing with every start at the same budget"
        target = self.best.left
        for name, start in self.starts.items():
            found = yield from self._try(start(target), name)
            if found.order < self.best.order and found.left <= target:
                self.best, self.started = found, name

    def _polish(self) -> Working:
        """The rest of the evaluations: a smaller loss at the budget that was reached."""
        self.words = "moving budget between layers"
        self._factor = max(self._factor, FACTOR**0.5)
        target = self.best.left
        here = yield from self._exchange(self.best, target, until=False, most=self.most)
        if here.order < self.best.order:
            self.best = here

    def _take(self, found: Tried) -> None:
        if found.keeps and found.left < self.best.left:
            self.best = found

    def _keeps(self, counts: np.ndarray) -> np.ndarray:
        """What a layer keeps, at least half a weight or unit, so that it can be asked for more."""
        return np.maximum(0.5, (self.budget.sizes - counts).astype(np.float64))

    def _try_all(self, offered: Sequence[tuple[np.ndarray, str]]) -> Generator[None, None, list[Tried]]:
        found = []
        for counts, name in offered:
            found.append((yield from self._try(counts, name)))
        return found

    def _keeps_it(self, measured: Measurement) -> bool:
        """Whether it keeps what is asked for, by one standard error: who chooses among many finds those that were lucky."""
        slack = error(measured, self._dense)
        if self.judge.higher:
            return bool(measured.value - slack >= self._allowed)
        return bool(measured.value + slack <= self._allowed)

    def _try(self, counts: np.ndarray, name: str) -> Trying:
        """Measures an allocation once."""
        key = counts.tobytes()
        if key not in self._known:
            measured = yield from self.judge.counts(counts)
            if measured is None:
                raise Stopped
            self._known[key] = Tried(counts, self.budget.left(counts), half(measured), self._keeps_it(measured), name)
            self.tried += 1
            yield
        return self._known[key]
