"""Said of one shot: what its command, in memory or streamed, checks of the command line, and what it tells of a matrix."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pruneviz import answers, came_of
from pruneviz.recipe import Recipe

if TYPE_CHECKING:
    from pruneviz.engine.reconstruct.oneshot import Work
    from pruneviz.engine.reconstruct.walk import Done

UNITS = ("pool", "floor", "gone", "back")
"""Flags that mean something of whole units alone."""


def check(chosen: argparse.Namespace) -> None:
    """Refuses, in one sentence, what neither way can take."""
    from pruneviz.engine.reconstruct import oneshot

    if not 1 <= chosen.samples <= oneshot.MOST:
        raise ValueError(f"--samples {chosen.samples} is out of range: give a number from 1 to {oneshot.MOST}")
    refuse(chosen, UNITS, "is about whole units, and one shot removes single weights, or N of every M")


def refuse(chosen: argparse.Namespace, flags: Iterable[str], why: str) -> None:
    """Refuses the first of these flags that was given on the line; what a recipe.json says of other things is no mistake."""
    for name in flags:
        value = getattr(chosen, name)
        value = tuple(value) if isinstance(value, list) else value
        usual = {"", (), 0, None} if not hasattr(Recipe(), name) else {getattr(Recipe(), name)}
        written = getattr(chosen.recipe.recipe, name, None) if chosen.recipe else None
        if value not in usual and value != written:
            raise ValueError(f"--{name} {why}: leave it out")


def granularity(chosen: argparse.Namespace) -> str:
    """What goes at once, by --granularity, or the pattern that --n and --m make."""
    from pruneviz.engine import granularity as granularities

    if bool(chosen.n) != bool(chosen.m):
        raise ValueError(f"--n {chosen.n} and --m {chosen.m} make a pattern together: N of every M stay, as in --n 2 --m 4")
    if not chosen.m:
        return chosen.granularity
    name = f"{chosen.n}:{chosen.m}"
    granularities.check(name)
    if chosen.granularity not in (Recipe().granularity, name):
        raise ValueError(f"--n and --m say {name}, and --granularity says {chosen.granularity}: give one of them")
    return name


def amount(chosen: argparse.Namespace, pattern: tuple[int, int] | None) -> float:
    """The fraction that was asked for: where none was, what the pattern removes, or half."""
    if chosen.amount is not None:
        return chosen.amount
    return 1 - pattern[0] / pattern[1] if pattern else Recipe().amount


def few(work: Work) -> str:
    """That little was looked at, where a matrix has more inputs than the places that came by: then what is known of how its
    inputs hang together is mostly the damping. Empty where there was enough."""
    seen = sum(batch.numel() for batch in work.batches if getattr(batch, "ndim", 0) == 2 and not batch.is_floating_point())
    widest = max(seat.matrix().shape[1] for seat in work.seats)
    if not 0 < seen < widest:
        return ""
    return f"the text gave {seen:,} tokens to look at, and the widest matrix has {widest:,} inputs: give more text"


def asked(found: Recipe) -> dict[str, Any]:
    """What was asked for, in the answer of either way. No criterion where none decided anything."""
    return {
        "subject": found.subject,
        "method": found.course.method,
        "criterion": came_of.opinion(found) or None,
        "scope": found.scope,
        "granularity": found.granularity,
        "amount": found.amount,
    }


def matrix(one: Done) -> dict[str, Any]:
    """What is said of one matrix."""
    return {
        "name": one.name,
        "gone": int((~one.kept).sum()),
        "of": one.kept.numel(),
        "error": answers.number(one.error),
        "error_without_update": answers.number(one.unmoved),
        "seconds": one.seconds,
    }


def shown(one: Done) -> None:
    """Who waits at a terminal sees how far it is."""
    if sys.stderr.isatty():
        print(f"\r{one.at} of {one.of}: {one.name}{' ' * 20}", end="\n" if one.at == one.of else "", file=sys.stderr)
