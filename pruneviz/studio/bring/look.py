"""Look: what a model that somebody put together is, before it is used: its layers, its examples, how long it will take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pruneviz.studio import curves, kitchen, larder

LONG = 20.0
"""Seconds from which it is worth saying when the curve is there roughly, and when exactly."""
SECONDS = 3.0
"""How long a first look runs the model: enough to tell guessing from knowing, short enough to be waited for."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A model at a glance. `sanity` is the engine's: examples, accuracy against chance, likely causes."""

    parameters: int
    weights: int
    layers: tuple[tuple[str, str, int], ...]
    skipped: tuple[tuple[str, str], ...]
    sanity: Any
    classes: tuple[str, ...]
    task: str
    preparation: Any
    notes: tuple[str, ...]
    hashes: tuple[str, str]
    samples: int


@larder.kept(1)
def at(reference: str) -> Look:
    """What the model of that reference is: it is loaded, and looks at a few of its held-out samples."""
    from pruneviz.engine.sources import sanity

    subject = kitchen.subject(reference)
    return Look(
        parameters=sum(one.numel() for one in subject.network.parameters()),
        weights=subject.weights,
        layers=tuple((one.label, "×".join(map(str, one.shape)), one.size) for one in subject.layers),
        skipped=subject.skipped,
        sanity=sanity.look(subject, seconds=SECONDS),
        classes=subject.classes,
        task=subject.task,
        preparation=getattr(subject.held_out, "preparation", None),
        notes=tuple(getattr(subject.origin, "notes", ())),
        hashes=(subject.sha256, subject.data_sha256),
        samples=len(subject.held_out),
    )


def duration(reference: str, found: Look) -> str:
    """How long the curve will take, in words: its first points, and all of it."""
    # A first, single sample is slow on a machine that has other things to do; the look ran whole batches, and is believed
    # where it was quicker. What is measured is never quicker than the machine can be.
    quicker = min(1.0, found.sanity.each * found.samples / max(kitchen.pace(reference), 1e-9))
    coarse, whole = (quicker * one for one in curves.seconds(reference))
    first = f"; all its points are there, roughly, after {spoken(coarse)}" if whole > LONG and coarse < 0.7 * whole else ""
    return f"The curve takes about {spoken(whole)}{first}: 0, 50, 80, 90 and 95% come first."


def spoken(seconds: float) -> str:
    """A time for a sentence."""
    if seconds < 1.5:
        return "a second"
    if seconds < 90:
        return f"{seconds:.0f} seconds" if seconds < 10 else f"{5 * round(seconds / 5)} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.0f} hours"


def summary(look: Look) -> str:
    """What was recognised, in one sentence."""
    prunable = f"{len(look.layers):,} layers with {look.weights:,} weights can be pruned"
    answers = "tokens to choose from" if look.task == "language_modelling" else "classes"
    return f"{look.parameters:,} parameters; {prunable}; {look.samples:,} held-out samples, {len(look.classes):,} {answers}."
