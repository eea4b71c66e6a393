"""Commands: a Recipe as the words of a command line, so that whoever reads a number can have it measured again."""

from __future__ import annotations

import shlex

from pruneviz.recipe import Recipe

SINGLE = ("criterion", "granularity", "scope", "pool", "floor", "calibration", "nonfinite", "seed", "device")
"""The fields with an argument of their own name."""


def arguments(verb: str, recipe: Recipe) -> list[str]:
    """What stands behind `python -m pruneviz`: the model always, its amount, and whatever differs from the defaults."""
    default = Recipe()
    said = [verb, f"--subject={recipe.subject}"]
    said += [f"--{name}={getattr(recipe, name)}" for name in SINGLE if getattr(recipe, name) != getattr(default, name)]
    said.append(f"--amount={recipe.amount!r}")
    said += [f"--spare={name}" for name in recipe.spared]
    said += [f"--own={name}={amount!r}" for name, amount in recipe.overrides]
    return said + [f"--gone={unit}" for unit in recipe.gone] + [f"--back={unit}" for unit in recipe.back]


def line(verb: str, recipe: Recipe) -> str:
    """The same as a line for a terminal."""
    return f"python -m pruneviz {shlex.join(arguments(verb, recipe))}"
