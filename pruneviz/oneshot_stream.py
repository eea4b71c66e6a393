"""One shot, streamed: a folder of transformers that is larger than memory goes block by block into another."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz import oneshot_said
from pruneviz.course import Course
from pruneviz.recipe import Recipe

if TYPE_CHECKING:
    from pruneviz.engine.reconstruct import streamed

TOKENS = 512
"""Tokens of a window where nothing else is said."""
WHOLE = ("recipe", "spare", "own", "data", "weights", "say", "nonfinite")
"""Flags that ask for what a model in memory can be given alone."""


def recipe(chosen: argparse.Namespace) -> Recipe:
    """The Recipe of the command line. What --stream cannot do is refused in one sentence."""
    from pruneviz.engine import granularity
    from pruneviz.engine.reconstruct import oneshot

    oneshot_said.check(chosen)
    why = "asks for more than --stream can: it takes a folder as it is, and as much of every matrix in its blocks"
    oneshot_said.refuse(chosen, WHOLE, why)
    if chosen.scope not in oneshot.EVEN:
        raise ValueError(f"--scope {chosen.scope} compares layers, and --stream sees one at a time: choose row or layer")
    name = oneshot_said.granularity(chosen)
    pattern = granularity.pattern(name)
    amount = oneshot_said.amount(chosen, pattern)
    if pattern:
        oneshot.only(pattern).check(amount)
    course = Course(method=chosen.method, batch=chosen.samples)
    return Recipe(chosen.subject, chosen.criterion, name, chosen.scope, amount, seed=chosen.seed, course=course)


def perform(chosen: argparse.Namespace) -> dict[str, Any]:
    """Prunes a folder of transformers into another, block by block. Nothing is measured: the model is never whole."""
    from pruneviz.engine.export import folder
    from pruneviz.engine.reconstruct import oneshot, streamed

    found = recipe(chosen)
    plan, text = oneshot.asked(found), _text(chosen)
    share = streamed.Share(found.amount, plan.pattern)
    target, started, done = folder.check(chosen.out), time.perf_counter(), []
    with folder.replacing(target) as place:
        for one in streamed.prune(Path(chosen.subject).expanduser(), place, text, share, plan):
            oneshot_said.shown(one)
            done.append(oneshot_said.matrix(one))
    return {
        **oneshot_said.asked(found),
        "matrices": done,
        "seconds": time.perf_counter() - started,
        "out": str(target),
        "value": None,
        "notes": ["nothing was measured: the model was never whole in memory; where it fits, `evaluate` does"],
    }


def _text(chosen: argparse.Namespace) -> streamed.Text:
    """Which text is looked at, how much of it, and where."""
    from pruneviz.engine.reconstruct import streamed

    if chosen.calibration in (None, "training", "held-out") or not chosen.out:
        raise ValueError("--stream takes a text with --calibration FILE, and writes a new folder: give it with --out DIR")
    length = chosen.length or TOKENS
    if not 2 <= length <= 65_536:
        raise ValueError(f"--length {length} is out of range: give a number of tokens from 2 to 65536")
    return streamed.Text(Path(chosen.calibration), chosen.samples, length, chosen.device)
