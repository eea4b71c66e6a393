"""Lesson files: one lesson is one Markdown file whose front matter (TOML between two lines of +++) says all but the text.

A lesson is data: reading it runs nothing, and whoever wrote it can neither reach a file nor put markup on the screen.
docs/lessons.md has the format.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from pruneviz import lesson_condition, lesson_figure
from pruneviz.lesson import Choice, Claim, Lesson, Question, Step
from pruneviz.lesson_fields import FIELD, FIELDS
from pruneviz.lesson_figure import PLACE, Figure
from pruneviz.query import from_query
from pruneviz.recipe import Recipe

LONGEST = 64_000
"""Bytes of a lesson's file."""
STEPS, CLAIMS, CHOICES = 12, 12, 6
"""So many of each are the most."""
NAME = re.compile(r"(?:\d+-)?([a-z0-9][a-z0-9-]{0,59})")
OF_RUNS = ("figure", "apart", "sure")
"""What a question may have shipped runs say: a number, how far two are apart, whether that is more than chance."""
KINDS = ("points", "accuracy", "wrong", "sparsity", "energy", "parameters", "macs", "cliff", "most", *OF_RUNS)
"""What a question may have measured."""


def named(file: str) -> str:
    """The name of a lesson in links: its file's, without the number that orders the list and without its ending."""
    stem = file.removesuffix(".md")
    found = NAME.fullmatch(stem)
    if not found:
        raise ValueError("its name is none for a lesson: write a number, letters a to z and hyphens, as in 03-magnitude.md")
    return found[1]


def parse(text: str, name: str) -> Lesson:
    """The lesson that a file's text describes; a ValueError says in one sentence what is wrong with it."""
    head, body = _parted(text)
    known = ("title", "section", "minutes", "start", "page", "step", "claim", "question")
    _only(head, known, "the front matter")
    idea, _, rest = body.partition("\n\n")
    if not idea:
        raise ValueError("it has no text after its front matter: begin with the idea in one short paragraph")
    start = _recipe(head, "start", "the lesson")
    return Lesson(
        name=name,
        title=_text(head, "title", "the lesson", 120),
        section=_text(head, "section", "the lesson", 120),
        minutes=_minutes(head),
        start=start,
        page=_page(head, "the lesson"),
        steps=tuple(_step(one, f"step {at}") for at, one in _tables(head, "step", 1, STEPS)),
        claims=tuple(_claim(one, f"claim {at}", start) for at, one in _tables(head, "claim", 0, CLAIMS)),
        question=_question(head.get("question"), start),
        idea=idea.strip(),
        text=rest.strip(),
    )


def _parted(text: str) -> tuple[dict[str, Any], str]:
    """The front matter as a table, and the Markdown below it."""
    found = re.match(r"\ufeff?\+\+\+[ \t]*\n(.*?)\n\+\+\+[ \t]*(?:\n|$)(.*)", text.replace("\r\n", "\n"), re.DOTALL)
    if not found:
        raise ValueError("it does not begin with a front matter: write TOML between two lines of +++ before the text")
    try:
        return tomllib.loads(found[1]), found[2].strip()
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise ValueError(f"its front matter cannot be read as TOML: {problem}") from None


def _step(table: Any, where: str) -> Step:
    table = _table(table, where, ("say", "page", "done"))
    done = table.get("done")
    if not isinstance(done, Mapping) or not done:
        raise ValueError(f'{where} does not say when it is done: write such as done = {{ amount = ">= 90%" }}')
    try:
        conditions = tuple(
            lesson_condition.read(field, one)
            for field, said in done.items()
            for one in (said if isinstance(said, list) else [said])
        )
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None
    return Step(_text(table, "say", where, 400), conditions, _page(table, where) if "page" in table else "")


def _claim(table: Any, where: str, start: Recipe) -> Claim:
    table = _table(table, where, ("often", "paper", "source", "url", "here", "recipe", "other", "figures"))
    often = _text(table, "often", where, 1000)
    if "figures" in table:
        return _of_runs(table, where, start, often)
    if "here" in table:
        here = _text(table, "here", where, 1000)
        other = _recipe(table, "other", where) if "other" in table else None
        for second, field in FIELD.findall(here):
            if field not in FIELDS or (second and other is None):
                raise ValueError(f"{where} asks for «{second}{field}», which is not measured: there are {', '.join(FIELDS)}")
        return Claim(often, here=here, recipe=_recipe(table, "recipe", where), other=other)
    url = _text(table, "url", where, 300) if "url" in table else ""
    if url and not re.fullmatch(r"https://[^\s<>()\"\[\]]+", url):
        raise ValueError(f"{where} has «{url[:60]}» as its url: give an address that begins with https://, or leave it out")
    return Claim(often, _text(table, "paper", where, 1000), _text(table, "source", where, 300), url)


def _of_runs(table: Mapping[str, Any], where: str, start: Recipe, often: str) -> Claim:
    """A claim whose sentence is filled from shipped runs."""
    here, written = _text(table, "here", where, 1000), table["figures"]
    if not isinstance(written, Mapping) or not written:
        raise ValueError(f'{where} has no figures that can be used: write such as figures = {{ a = "accuracy" }}')
    figures = {name: _figure(one, where, start) for name, one in written.items()}
    quoted = {name for one, how in PLACE.findall(here) for name in (one, *([how[3:]] if how.startswith(" - ") else []))}
    if unknown := sorted(quoted - figures.keys()):
        raise ValueError(f"{where} quotes «{unknown[0]}», which is none of its figures: {', '.join(figures)}")
    return Claim(often, here=here, figures=tuple(figures.items()))


def _figure(said: Any, where: str, start: Recipe) -> Figure:
    try:
        return lesson_figure.read(said, start)
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None


def _question(table: Any, start: Recipe) -> Question:
    where = "the question"
    table = _table(table, where, ("ask", "measure", "choices", "after"))
    measure = _table(table.get("measure"), "the question's measure", ("what", "first", "then"))
    what = measure.get("what")
    if what not in KINDS:
        raise ValueError(f"the question measures «{what}», which is unknown: there are {', '.join(KINDS)}")
    choices = tuple(_choice(one, f"choice {at}", what) for at, one in _tables(table, "choices", 2, CHOICES))
    _check_bounds(choices, what)
    of_runs = what in OF_RUNS
    ends = ("then",) if what == "figure" else ("first", "then")
    return Question(
        ask=_text(table, "ask", where, 400),
        what=what,
        choices=choices,
        first=_recipe(measure, "first", where) if what == "points" else None,
        then=_recipe(measure, "then", where) if what != "most" and not of_runs else None,
        after=_text(table, "after", where, 1000) if "after" in table else "",
        figures=tuple(_figure(measure.get(end), where, start) for end in ends) if of_runs else (),
    )


def _choice(table: Any, where: str, what: str) -> Choice:
    table = _table(table, where, ("say", "recipe" if what == "most" else "below"))
    say = _text(table, "say", where, 200)
    if what == "most":
        return Choice(say, recipe=_recipe(table, "recipe", where))
    below = table.get("below")
    if below is not None and (isinstance(below, bool) or not isinstance(below, int | float)):
        raise ValueError(f"{where} has below = {below!r}: give a number")
    return Choice(say, None if below is None else float(below))


def _check_bounds(choices: tuple[Choice, ...], what: str) -> None:
    """The bounds rise, and only the last choice has none: so every measured value makes exactly one choice right."""
    bounds = [one.below for one in choices]
    if what != "most" and (bounds[-1] is not None or None in bounds[:-1] or bounds[:-1] != sorted(set(bounds[:-1]))):
        raise ValueError("the choices must rise: give each a larger «below» than the one before, and the last one none")


def _tables(table: Mapping[str, Any], key: str, least: int, most: int) -> list[tuple[int, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not least <= len(found) <= most:
        count = len(found) if isinstance(found, list) else "one that is no list of them"
        raise ValueError(f"{key}: there are {count}, and a lesson has {least} to {most}")
    return list(enumerate(found, 1))


def _table(found: Any, where: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise ValueError(f"{where} is missing: write {', '.join(known)}")
    _only(found, known, where)
    return found


def _only(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    unknown = next((key for key in table if key not in known), None)
    if unknown is not None:
        raise ValueError(f"{where} has «{unknown[:60]}», which is unknown: there are {', '.join(known)}")


def _text(table: Mapping[str, Any], key: str, where: str, most: int) -> str:
    found = table.get(key)
    if not isinstance(found, str) or not found.strip() or len(found) > most:
        raise ValueError(f"{where} has no {key} that can be used: give a text of 1 to {most:,} characters in quotes")
    return " ".join(found.split())


def _minutes(head: Mapping[str, Any]) -> int:
    found = head.get("minutes")
    if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= 120:
        raise ValueError(f"minutes is {found!r}: give a whole number from 1 to 120")
    return found


def _page(table: Mapping[str, Any], where: str) -> str:
    found = table.get("page")
    if not isinstance(found, str) or not re.fullmatch(r"[a-z]{1,30}", found):
        raise ValueError(f'{where} names no page: give its address, such as page = "slider"')
    return found


def _recipe(table: Mapping[str, Any], key: str, where: str) -> Recipe:
    found = table.get(key)
    try:
        recipe, words = from_query(dict(parse_qsl(found, strict_parsing=True)))
    except (ValueError, TypeError, AttributeError):
        raise ValueError(f"{where} has no {key} that can be used: give a link's parameters, as m=digits_mlp&s=90") from None
    if words:
        raise ValueError(f"{where} has a {key} that cannot be read: {words[0]}")
    return recipe
