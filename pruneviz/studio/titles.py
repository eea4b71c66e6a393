"""Titles: what each model is called on screen, those that a visitor brought and those that came of a run among them."""

from __future__ import annotations

from pruneviz import came_of
from pruneviz.studio import catalogue, library, visitor


def offered() -> dict[str, str]:
    """The models that this visitor can choose: name → title."""
    return catalogue.subjects() | library.listed(visitor.name())


def title(name: str) -> str:
    """A model's title; one that nobody offers is called what it is named."""
    run = came_of.run(name)
    return f"{title(run.subject)}, {came_of.words(run)}" if run is not None else offered().get(name, name)
