"""Progress: a measurement on ever more samples, in steps short enough that whoever drags on is heard at once.

Every step runs the next samples of a fixed shuffle, through the masked network and, where it has not seen them yet, through
the dense one, so that both are compared on the same samples. The last step has run all, and says to the bit what a
measurement in one go says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pruneviz.engine.measure import Run, Workspace, never
from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.standing import Standing, asked
from pruneviz.recipe import Recipe

STEP = 0.3
"""Seconds that a step is to take. One batch is the least."""


@dataclass(frozen=True, eq=False)
class Partial:
    """What is known on the samples at `at` [n], places among the `of` measured ones: with what stays, and of the dense
    network on the same."""

    measured: Measurement
    dense: Measurement
    at: np.ndarray
    of: int

    @property
    def n(self) -> int:
        return len(self.at)

    @property
    def done(self) -> bool:
        return self.n == self.of


def measured(
    workspace: Workspace, standing: Standing, recipe: Recipe, stop: Callable[[], bool] = never
) -> Iterator[Partial]:
    """One setting, step by step. Where `stop` says so, between batches, it ends without the step that it was in."""
    run = workspace.run(standing.ranking, recipe.amount, *asked(recipe, standing))
    while not run.done:
        workspace.advance(run, STEP, stop)
        if stop():
            return
        yield partial(workspace, run)


def partial(workspace: Workspace, run: Run) -> Partial:
    """What is known of a run by now, beside the dense network on the same samples."""
    at = workspace.paired(run)
    return Partial(run.outcomes.measurement(at), workspace.dense_at(at), at, workspace.n)


def seconds(workspace: Workspace) -> float:
    """How long one whole measurement takes, from the first batches of the dense network, which are not run in vain."""
    if workspace.pace is None:
        workspace.advance(None, 0.0)
        workspace.advance(None, 0.0)
    return workspace.pace * workspace.n
