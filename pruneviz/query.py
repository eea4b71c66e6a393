"""Query: a Recipe as the parameters of a link, and back. Whatever stands in a link, the answer is a Recipe.

Old links keep working: a short name is never given a second meaning (tests/test_query.py pins the strings).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl, urlencode

from pruneviz.course import from_text as course_from_text
from pruneviz.course import to_text as course_to_text
from pruneviz.recipe import HIGHEST, LIMITS, LOOKS, PINS, TRAVEL, WHOLE, Recipe

# A choice of at most this many characters: longer strings in a link are nonsense, and never reach the screen.
LONGEST = 256
LONGEST_CARD = 4096
LONGEST_PIN = 4096
RUN = "run:"
"""How the name of a network begins that came of a run: behind it stands that run's Recipe, as a pin (`came_of`)."""

# The short names of a link, in the order in which a link shows them.
SHORT = {
    "subject": "m",
    "criterion": "c",
    "granularity": "g",
    "scope": "p",
    "amount": "s",
    "spared": "keep",
    "overrides": "own",
    "calibration": "cal",
    "nonfinite": "nf",
    "seed": "seed",
    "pool": "pool",
    "floor": "floor",
    "gone": "gone",
    "back": "back",
    "device": "dev",
    "course": "run",
    "layer": "layer",
    "shape": "w",
    "axis": "y",
    "apart": "apart",
    "unlinked": "each",
    "against": "vs",
    "pick": "pick",
    "sampled": "k",
    "guess": "guess",
    "batch": "batch",
    "length": "len",
    "threads": "threads",
    "pins": "pin",
    "marked": "sel",
    "held_against": "cost",
    "example": "x",
    "group": "cls",
    "attribution": "attr",
    "tolerance": "tol",
    "budget": "bud",
    "limits": "lim",
    "title": "title",
    "author": "by",
    "contact": "ask",
    "untested": "nt",
    "slide": "slide",
    "lesson": "lesson",
    "hidden": "hide",
    "model_sha": "mh",
    "data_sha": "dh",
    "files": "need",
    "card": "card",
}
_OFFERED = {
    "calibration": ("training", "held-out"),
    "nonfinite": ("refuse", "remove"),
    "pool": ("mean", "l1", "l2", "max"),
    "shape": ("signed", "absolute"),
    "axis": ("linear", "log"),
    "attribution": ("saliency", "integrated-gradients", "occlusion"),
    "budget": ("parameters", "macs", "ms"),
    "held_against": ("parameters", "macs", "ms"),
}

_LISTS = ("spared", "gone", "back", "files", "pins", "marked", "hidden")
_TEXTS = ("title", "author", "contact", "untested")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def to_query(recipe: Recipe) -> dict[str, str]:
    """The link's parameters: only what differs from the defaults, amounts in percent with all their digits."""
    default = Recipe()
    return {
        SHORT[field.name]: _write(getattr(recipe, field.name), field.name)
        for field in fields(recipe)
        if getattr(recipe, field.name) != getattr(default, field.name)
    }


def from_query(query: Mapping[str, str]) -> tuple[Recipe, list[str]]:
    """The Recipe of a link, and a word about each part that could not be read: those keep their default."""
    long = {short: name for name, short in SHORT.items()}
    chosen: dict[str, object] = {}
    words: list[str] = []
    for short, text in query.items():
        if short not in long:
            words.append(f"«{_shown(short)}» in the link is unknown here and was left out.")
            continue
        try:
            chosen[long[short]] = _read(text, long[short])
        except (ValueError, InvalidOperation):
            words.append(f"«{short}={_shown(text)}» in the link could not be read; the default was taken.")
    return Recipe(**chosen), words


def _shown(text: str) -> str:
    """The beginning of a stranger's text, in one line, without marks that cannot be seen."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text[:40])


def _write(value: object, name: str) -> str:
    if name in ("amount", "tolerance"):
        return _percent(value)
    if name == "course":
        return course_to_text(value)
    if name == "limits":
        return "~".join(f"{key}:{_plain_number(limit)}" for key, limit in value)
    if name in _LISTS:
        return "~".join(_escape(one) for one in value)
    if name in ("overrides", "unlinked"):
        return "~".join(f"{_escape(key)}:{_percent(amount)}" for key, amount in value)
    return str(value)


def _read(text: str, name: str) -> object:
    if len(text) > 64 * LONGEST:
        raise ValueError(name)
    if name in ("amount", "tolerance"):
        return _fraction(text)
    if name == "course":
        return course_from_text(text)
    if name == "limits":
        return tuple(_limits(text.split("~")))
    if name == "pins":
        return _pins(text)
    if name in _LISTS:
        return tuple(_word(_unescape(part)) for part in text.split("~") if part)
    if name in ("overrides", "unlinked"):
        return tuple(_pairs(text.split("~")))
    if name in WHOLE:
        return _whole(text, name)
    if name in TRAVEL:
        return _plain(text, name)
    if name == "device" and not re.fullmatch(r"cpu|mps|cuda:\d{1,2}", text, re.ASCII):
        raise ValueError(name)
    if name in _TEXTS and not text.strip():
        raise ValueError(name)
    if name == "subject" and text.startswith(RUN):
        return _came_of(text)
    word = _word(text)
    if word not in _OFFERED.get(name, (word,)) or not word:
        raise ValueError(name)
    return word


def _pins(text: str) -> tuple[str, ...]:
    """The pinned settings of a link: each must be the query of a Recipe, or it is none."""
    found = tuple(_unescape(part) for part in text.split("~") if part)
    if len(found) > PINS or any(len(one) > LONGEST_PIN or from_pin(one) is None for one in found):
        raise ValueError(text)
    return found


def _came_of(text: str) -> str:
    """The name of a network that came of a run, in its one spelling: the run's Recipe has to be one."""
    run = run_of(text)
    if run is None:
        raise ValueError(text)
    return RUN + to_pin(run)


def _limits(parts: Iterable[str]) -> Iterable[tuple[str, float]]:
    for part in parts:
        key, _, number = part.partition(":")
        limit = float(Decimal(number.strip()))
        if key not in LIMITS or not 0.0 <= limit <= HIGHEST:
            raise ValueError(part)
        yield key, limit


def _plain_number(value: float) -> str:
    """A number with all its digits and no exponent."""
    return format(Decimal(repr(float(value))), "f")


def to_pin(recipe: Recipe) -> str:
    """A setting to be pinned, as the query of its link: only what measured numbers depend on."""
    plain = replace(recipe, **{name: getattr(Recipe(), name) for name in LOOKS})
    return urlencode({SHORT["subject"]: recipe.subject} | to_query(plain))


def from_pin(pin: str) -> Recipe | None:
    """The Recipe of a pinned setting; None where the text is none, or says what a pin does not hold."""
    try:
        recipe, words = from_query(dict(parse_qsl(pin, strict_parsing=bool(pin))))
    except ValueError:
        return None
    return recipe if not words and to_pin(recipe) == pin else None


def run_of(name: str) -> Recipe | None:
    """The Recipe of the run that a network of this name came of, however its signs are written; None where it is no such
    name."""
    if not name.startswith(RUN) or len(name) > LONGEST_PIN:
        return None
    try:
        recipe, words = from_query(dict(parse_qsl(name.removeprefix(RUN), strict_parsing=True)))
    except ValueError:
        return None
    return recipe if recipe.course.lab and not words else None


def _pairs(parts: Iterable[str]) -> Iterable[tuple[str, float]]:
    for part in parts:
        key, colon, percent = part.rpartition(":")
        if not colon or not key:
            raise ValueError(part)
        yield _word(_unescape(key)), _fraction(percent)


def _escape(name: str) -> str:
    """A name as part of a list: the list's own signs are spelt out."""
    return name.replace("%", "%25").replace("~", "%7E")


def _unescape(text: str) -> str:
    return text.replace("%7E", "~").replace("%25", "%")


def _word(text: str) -> str:
    if len(text) > LONGEST or not text.isprintable():
        raise ValueError(text)
    return text


def _plain(text: str, name: str) -> str:
    """A hash or a packed card: a few plain letters, and not too many."""
    most, letters = (LONGEST_CARD, _BASE64) if name == "card" else (16, frozenset("0123456789abcdef"))
    if not text or len(text) > most or not letters.issuperset(text):
        raise ValueError(name)
    return text


def _whole(text: str, name: str) -> int:
    value = int(text)
    low, high = WHOLE[name]
    if not low <= value <= high:
        raise ValueError(text)
    return value


def _percent(amount: float) -> str:
    """Shifts the decimal point instead of multiplying, so that no digit of the amount is lost on the way."""
    text = format(Decimal(repr(float(amount))).scaleb(2), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _fraction(percent: str) -> float:
    amount = float(Decimal(percent.strip()).scaleb(-2))
    if not 0.0 <= amount <= 1.0:
        raise ValueError(percent)
    return amount
