"""Run arguments: what a command line says about a run, as a Recipe: a file, a link or a lab's own, and what is set in it."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from urllib.parse import parse_qsl, urlsplit

from pruneviz import course, recipe_file
from pruneviz.course import Course
from pruneviz.query import SHORT, from_query
from pruneviz.recipe import Recipe

CHOICES = (
    "subject", "criterion", "granularity", "scope", "amount", "pool", "floor", "calibration", "nonfinite", "seed", "device",
)  # fmt: skip
"""What can be set beside the course."""
MOST = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the Recipe comes from, what is set in it, and which model it is about."""
    one = parser.add_mutually_exclusive_group(required=True)
    one.add_argument("--lab", default="", metavar="NAME", help="the lab, as it opens: lottery, schedule, …")
    one.add_argument("--recipe", default="", metavar="FILE", help="a recipe.json with a course in it")
    one.add_argument("--link", default="", metavar="LINK", help="a link of the app with a run in it")
    said = "a choice of the run, such as steps=2000, rate=0.0012 or seed=3; may be given again"
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=said)
    add_subject_arguments(parser)


def add_subject_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, where it is not the Recipe's own; and JSON, for scripts."""
    parser.add_argument("--subject", default="", metavar="MODEL", help="another model than the recipe's; as of evaluate")
    parser.add_argument("--weights", default="", metavar="FILE", help="a file of weights for an architecture")
    parser.add_argument("--data", default="", metavar="FILE", help="its data, as of evaluate")
    parser.add_argument("--say", action="append", default=[], metavar="KEY=VALUE", help="a line of its card")
    parser.add_argument("--json", action="store_true", help="print JSON (the default; kept for scripts)")


def recipe(chosen: argparse.Namespace, opens: Callable[[str], Recipe]) -> Recipe:
    """The Recipe of a command line; `opens` is the one that a lab opens with."""
    found = opens(chosen.lab) if chosen.lab else _written(chosen)
    if not found.course.lab:
        raise ValueError("this recipe trains nothing: give one with a course, or --lab NAME for what a lab opens with")
    for said in chosen.set:
        found = put(found, *_pair(said))
    return replace(found, subject=chosen.subject) if chosen.subject else found


def put(found: Recipe, name: str, value: str) -> Recipe:
    """The Recipe with one choice put to what a word says."""
    if name in CHOICES:
        try:
            put_anew = {name: float(value) if name == "amount" else _choice(name, value)}
            return replace(found, **put_anew, **(_pattern(value) if name == "granularity" else {}))
        except ValueError as problem:
            raise ValueError(f"{name}={value[:40]} cannot be: {problem}") from None
    known = [field.name for field in fields(Course) if field.name != "lab"]
    if name not in known:
        raise ValueError(f"unknown choice {name[:40]!r}; there are {', '.join([*CHOICES, *known])}")
    said = course.from_text(f"{found.course.lab}~{name}:{value}")
    return replace(found, course=replace(found.course, **{name: getattr(said, name)}))


def varied(found: Recipe, seeds: Sequence[int], vary: Sequence[str]) -> Iterator[tuple[dict[str, str], Recipe]]:
    """Every combination of what varies, with the choices that tell it from others; for each, every seed."""
    ways = [[(name, value) for value in said.split(",") if value] for name, said in map(_pair, vary)]
    count = len(seeds)
    for values in ways:
        count *= len(values)
    if not 0 < count <= MOST:
        raise ValueError(f"this is a sweep of {count:,} runs: give at least one value of each, and {MOST:,} runs at most")
    for chosen in itertools.product(*ways):
        one = found
        for name, value in chosen:
            one = put(one, name, value)
        for seed in seeds:
            yield dict(chosen), replace(one, seed=seed)


def seeds(text: str) -> tuple[int, ...]:
    """«0..7» or «0,3,5» as seeds."""
    found: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        if not (first.isascii() and first.isdigit()) or (dots and not (last.isascii() and last.isdigit())):
            raise argparse.ArgumentTypeError(f"{text[:40]!r} names no seeds; write for example 0..7, or 0,3,5")
        low, high = int(first), int(last or first)
        if not low <= high < low + MOST or high >= 2**63:
            raise argparse.ArgumentTypeError(f"{part[:40]!r} is no range of seeds; write for example 0..7")
        found += range(low, high + 1)
    return tuple(dict.fromkeys(found))


def _written(chosen: argparse.Namespace) -> Recipe:
    if chosen.recipe:
        return recipe_file.load(chosen.recipe).recipe
    query = urlsplit(chosen.link).query or chosen.link.lstrip("?")
    found, words = from_query(dict(parse_qsl(query)))
    if words:
        raise ValueError(" ".join(words))
    return found


def _choice(name: str, value: str) -> object:
    found, words = from_query({SHORT[name]: value})
    if words:
        raise ValueError("give a value that it can have")
    return getattr(found, name)


def _pattern(granularity: str) -> dict[str, float]:
    """The amount that a pattern N:M leaves no choice of, as the app puts it."""
    n, _, m = granularity.partition(":")
    return {"amount": 1 - int(n) / int(m)} if n.isdecimal() and m.isdecimal() and 0 < int(n) < int(m) else {}


def _pair(said: str) -> tuple[str, str]:
    name, equals, value = said.partition("=")
    if not equals or not name or not value:
        raise ValueError(f"{said[:60]!r} is not NAME=VALUE; write for example rate=0.0012")
    return name, value
