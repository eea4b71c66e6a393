"""Recipe: everything a visitor chose, and nothing else.

A Recipe is frozen, hashable and fits in a URL. It holds strings and numbers only, so it can be read without torch and
can travel in a link, a test, a command line or a cache key. What the choices *mean* is the engine's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation

# A choice of at most this many characters: longer strings in a link are nonsense, and never reach the screen.
LONGEST = 256
LONGEST_CARD = 4096
_WHOLE = {"seed": (0, 2**63 - 1), "pick": (-1, 2**40), "sampled": (0, 2000), "guess": (-1, 100), "apart": (0, 1)}
_WHOLE |= {"floor": (0, 1), "batch": (1, 4096), "length": (0, 65536), "threads": (0, 1024)}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the visitor chose. Amounts are fractions in [0, 1]; layers are named by their parameter's name."""

    subject: str = "digits_cnn"
    criterion: str = "magnitude"
    granularity: str = "weight"
    scope: str = "global"
    amount: float = 0.5
    spared: tuple[str, ...] = ()
    overrides: tuple[tuple[str, float], ...] = ()
    calibration: str = "training"
    nonfinite: str = "refuse"
    seed: int = 0
    # Units: how weights' importances become a unit's, how many of each group stay whatever is asked for, and the units
    # («conv1:17») that were removed or restored by hand, whatever their rank says.
    pool: str = "mean"
    floor: int = 1
    gone: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    # Where it is measured: «cpu», «cuda:0», «mps». Who is right is the same to the sample, a loss but for its last digits.
    device: str = "cpu"
    # How it is looked at. No measured number depends on these; they are here so that a link opens the same picture.
    layer: str = ""
    shape: str = "signed"
    axis: str = "linear"
    apart: int = 0
    unlinked: tuple[tuple[str, float], ...] = ()
    against: str = "obd"
    pick: int = -1
    sampled: int = 0
    guess: int = -1
    batch: int = 32
    length: int = 0
    threads: int = 0
    # What a link was made with: the first sixteen characters of the sha256 of the model's and of the data's files, the
    # files that somebody brought («cats.zip:0123456789abcdef»), and the card that tells how they fit together. Only a link
    # has them: they are written last, and compared and put away first.
    model_sha: str = ""
    data_sha: str = ""
    files: tuple[str, ...] = ()
    card: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.amount <= 1.0:
            raise ValueError(f"amount {self.amount!r} is not a fraction: give a number from 0 to 1, such as 0.8")
        for name, (low, high) in _WHOLE.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} {getattr(self, name)!r} is out of range: give a whole number from {low} to {high}")
        for name, amount in (*self.overrides, *self.unlinked):
            if not 0.0 <= amount <= 1.0:
                raise ValueError(f"amount {amount!r} of {name!r} is not a fraction: give a number from 0 to 1")

    def own_amounts(self) -> dict[str, float]:
        """The layers that do not follow the slider: spared layers at 0, overridden ones at their own amount."""
        return {**dict(self.overrides), **dict.fromkeys(self.spared, 0.0)}

    def with_own(self, layer: str, amount: float | None) -> Recipe:
        """The same Recipe with `layer` at an amount of its own, or following the slider again where `amount` is None."""
        rest = tuple(pair for pair in self.overrides if pair[0] != layer)
        own = rest if amount is None else tuple(sorted((*rest, (layer, amount))))
        return replace(self, overrides=own, spared=tuple(name for name in self.spared if name != layer))

    def with_unit(self, unit: str, gone: bool | None) -> Recipe:
        """The same Recipe with one unit forced out or forced to stay, or following its rank again where `gone` is None."""
        out, stay = ({one for one in units if one != unit} for units in (self.gone, self.back))
        if gone is not None:
            (out if gone else stay).add(unit)
        return replace(self, gone=tuple(sorted(out)), back=tuple(sorted(stay)))

    def with_unlinked(self, criterion: str, amount: float) -> Recipe:
        """The same Recipe with one criterion's slider at an amount of its own on the page that compares criteria."""
        rest = tuple(pair for pair in self.unlinked if pair[0] != criterion)
        return replace(self, unlinked=tuple(sorted((*rest, (criterion, amount)))))


# The short names of a link, in the order in which a link shows them. Old links keep working: a name is never given a
# second meaning (tests/test_recipe.py pins the strings).
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
}


LOOKS = (
    "layer",
    "shape",
    "axis",
    "apart",
    "unlinked",
    "against",
    "pick",
    "sampled",
    "guess",
    "batch",
    "length",
    "threads",
    "model_sha",
    "data_sha",
    "files",
    "card",
)
"""The fields that say how it is looked at, or what a link was made with: no measured number depends on them."""
TRAVEL = ("model_sha", "data_sha", "files", "card")
"""The fields that only a link has: what it was made with."""
_LISTS = ("spared", "gone", "back", "files")
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
    if name == "amount":
        return _percent(value)
    if name in _LISTS:
        return "~".join(_escape(one) for one in value)
    if name in ("overrides", "unlinked"):
        return "~".join(f"{_escape(key)}:{_percent(amount)}" for key, amount in value)
    return str(value)


def _read(text: str, name: str) -> object:
    if len(text) > 64 * LONGEST:
        raise ValueError(name)
    if name == "amount":
        return _fraction(text)
    if name in _LISTS:
        return tuple(_word(_unescape(part)) for part in text.split("~") if part)
    if name in ("overrides", "unlinked"):
        return tuple(_pairs(text.split("~")))
    if name in _WHOLE:
        return _whole(text, name)
    if name in TRAVEL:
        return _plain(text, name)
    if name == "device" and not re.fullmatch(r"cpu|mps|cuda:\d{1,2}", text, re.ASCII):
        raise ValueError(name)
    word = _word(text)
    if word not in _OFFERED.get(name, (word,)) or not word:
        raise ValueError(name)
    return word


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
    low, high = _WHOLE[name]
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
