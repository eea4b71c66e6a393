"""Telling: what a measurement says in a moment, under the names that every chart of a run reads."""

from __future__ import annotations

from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.training.loop import Tick


def measured(found: Measurement) -> dict[str, float]:
    """What the held-out data say: accuracy, correct of n and the mean loss; where nothing is right or wrong, the value."""
    told = {"n": float(found.n), "held_loss": found.loss}
    if found.correct is None:
        return {"value": found.value, **told}
    return {"accuracy": found.value, "correct": float(found.correct.sum()), **told}


def trained(tick: Tick) -> dict[str, float]:
    """What the loop says: the mean training loss since the tick before, and the rate."""
    return {"loss": tick.loss, "rate": tick.rate}
