"""removal.json: what was taken from an architecture, step by step, so that the same can be taken from it again.

The file is plain data and is read as if a stranger had written it. Here it is checked in itself; `replay` does what it
says to a network, and checks it against that. Whatever is wrong with it, the answer is one `SubjectError`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pruneviz.engine.sources import gate
from pruneviz.engine.sources.gate import SubjectError, brief
from pruneviz.engine.structure.attention import REPAIRED
from pruneviz.engine.structure.surgery import Removal

NAME = "removal.json"
FORMAT = "pruneviz removal"
VERSION = 1
POSITIONS = 4_000_000
"""At most so many positions are read from one file: the vocabulary and all hidden units of a large language model fit."""
STEPS = 1_000

# Numbers that a module keeps beside its tensors and that a removal may lower. Nothing else is ever set on a module.
ATTRIBUTES = frozenset((*REPAIRED, "groups", "num_groups", "num_features", "num_channels"))
_RANGES = re.compile(r"(?:\d{1,9}(?:-\d{1,9})?(?:,\d{1,9}(?:-\d{1,9})?)*)?", re.ASCII)
_KEYS = {"format", "version", "subject", "architecture", "steps", "mask", "parameters", "bytes", "weights", "proof"}
_KEYS |= {"versions", "seal"}
_LISTS = ("stays", "slices", "slims", "repairs", "blocks", "biases", "folded", "unfolded")
_STEP = {"recipe", "link", "parameters", *_LISTS}
_LONGEST = 512
_ADVICE = "export it again"


@dataclass(frozen=True, slots=True)
class Step:
    """One removal, the Recipe and the link that asked for it, and how many parameters it left."""

    removal: Removal
    recipe: Mapping[str, Any] = field(default_factory=dict)
    link: str = ""
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """What a removal.json says: from which architecture, what was removed in which order, and which weights belong to it.

    `facts` is what is there to be read by people: names, sizes, versions, the proof. Nothing is computed from it.
    """

    architecture: str
    arguments: Mapping[str, Any]
    steps: tuple[Step, ...]
    weights_sha256: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def text(record: Record) -> str:
    """The file's text. Its seal is the SHA-256 of everything else in it: a damaged file is noticed."""
    table = {
        "format": FORMAT,
        "version": VERSION,
        "subject": record.facts.get("subject", {}),
        "architecture": {"build": record.architecture, "arguments": dict(record.arguments)},
        "steps": [_written(step) for step in record.steps],
        "mask": record.facts.get("mask"),
        "parameters": record.facts.get("parameters", {}),
        "bytes": record.facts.get("bytes", {}),
        "weights": {"file": "weights.safetensors", "sha256": record.weights_sha256},
        "proof": record.facts.get("proof"),
        "versions": record.facts.get("versions", {}),
    }
    lines = (f" {json.dumps(key)}: {_compact(value)}" for key, value in {**table, "seal": seal(table)}.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def seal(table: Mapping[str, Any]) -> str:
    """The SHA-256 of a removal's table without its seal, written in one way: keys sorted, no spaces."""
    rest = {key: value for key, value in table.items() if key != "seal"}
    plain = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def read(path: Path, limits: gate.Limits = gate.LOCAL) -> Record:
    """The removal that a file describes, checked in itself; `replay` checks it against the network."""
    return parse(gate.text(path, replace(limits, text_bytes=16 * limits.text_bytes)), path.name)


def parse(given: str, name: str = NAME) -> Record:
    """The same from the file's text."""
    try:
        table = json.loads(given, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SubjectError(f"{name} is not JSON ({brief(error)}): {_ADVICE}") from None
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise SubjectError(f"{name} does not say format = {FORMAT!r}: {_ADVICE}")
    if type(table.get("version")) is not int or table["version"] != VERSION:
        version = repr(table.get("version"))[:32]
        raise SubjectError(f"{name} has version {version}; this app reads version {VERSION}: export it again")
    try:
        return _record(table)
    except SubjectError as error:
        raise SubjectError(f"{name}: {error}: {_ADVICE}") from None
    except (RecursionError, ValueError) as error:
        raise SubjectError(f"{name} cannot be read ({brief(error)}): {_ADVICE}") from None


def _record(table: dict[str, Any]) -> Record:
    _need(set(table) == _KEYS, f"it has the keys {sorted(set(table) ^ _KEYS)[:3]} too many or too few")
    _need(table["seal"] == seal(table), "its seal does not match its content, so it was damaged or changed by hand")
    built, weights, steps = table["architecture"], table["weights"], table["steps"]
    _need(_has(built, build=str, arguments=dict), "architecture is not a name and a table of arguments")
    _need(_has(weights, file=str, sha256=str), "weights is not a file and its sha256")
    _need(isinstance(steps, list) and len(steps) <= STEPS, f"steps is not a list of at most {STEPS}")
    left = [POSITIONS]
    facts = {key: table[key] for key in ("subject", "mask", "parameters", "bytes", "proof", "versions")}
    read_steps = tuple(_step(step, left) for step in steps)
    return Record(built["build"], built["arguments"], read_steps, weights["sha256"], facts)


def _step(step: Any, left: list[int]) -> Step:
    _need(isinstance(step, dict) and set(step) == _STEP, "a step does not have just the keys " + ", ".join(sorted(_STEP)))
    _need(isinstance(step["recipe"], dict) and _text(step["link"], 1 << 16), "a step's recipe or link is of another type")
    _need(_count(step["parameters"]), "a step's parameters are no whole number")
    for key in _LISTS:
        _need(isinstance(step[key], list), f"a step's {key} are no list")
    stays = [_positions(one, left) for one in step["stays"]]
    slices = tuple(_slice(one, stays) for one in step["slices"])
    _need(len({one[:2] for one in slices}) == len(slices), "an axis of a tensor is cut twice in one step")
    repairs = tuple(_repair(one) for one in step["repairs"])
    pairs = {key: tuple(_pair(one, key) for one in step[key]) for key in ("slims", "unfolded")}
    for key in ("blocks", "biases", "folded"):
        _need(all(map(_text, step[key])) and len(set(step[key])) == len(step[key]), f"{key} are no distinct names")
    names = {key: tuple(step[key]) for key in ("blocks", "biases", "folded")}
    return Step(Removal(slices, repairs=repairs, **pairs, **names), step["recipe"], step["link"], step["parameters"])


def _pair(one: Any, key: str) -> tuple[str, str]:
    _need(isinstance(one, list) and len(one) == 2 and all(map(_text, one)), f"{key} are not pairs of texts")
    return one[0], one[1]


def _repair(one: Any) -> tuple[str, str, int]:
    whole = isinstance(one, list) and len(one) == 3 and all(map(_text, one[:2])) and _count(one[2])
    _need(whole, "a repair is not a module, an attribute and its new value")
    _need(_may_set(one[1]), f"the attribute {one[1][:64]!r} is not one that a removal may set")
    return one[0], one[1], one[2]


def _slice(one: Any, stays: list[tuple[int, ...]]) -> tuple[str, int, tuple[int, ...]]:
    whole = isinstance(one, list) and len(one) == 3 and _text(one[0]) and _count(one[1]) and _count(one[2])
    _need(whole and one[1] < 64 and one[2] < len(stays), "a slice is not a tensor, an axis and the number of its positions")
    return one[0], one[1], stays[one[2]]


def _positions(ranges: Any, left: list[int]) -> tuple[int, ...]:
    """«0-4,6» → 0, 1, 2, 3, 4, 6. `left` holds how many more positions may be read from this file."""
    _need(isinstance(ranges, str) and _RANGES.fullmatch(ranges) is not None, "positions are not written like 0-4,6")
    found: list[int] = []
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        _need(low <= high and (not found or found[-1] < low), "positions do not increase")
        left[0] -= high - low + 1
        _need(left[0] >= 0, f"it names more than {POSITIONS:,} positions")
        found.extend(range(low, high + 1))
    return tuple(found)


def ranges(positions: Sequence[int]) -> str:
    """0, 1, 2, 3, 4, 6 → «0-4,6»."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][1] + 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def _written(step: Step) -> dict[str, Any]:
    """A step as JSON. Tensors that lose the same positions, as a kernel and its norm do, name them once."""
    removal = step.removal
    numbers: dict[str, int] = {}
    slices = []
    for tensor, axis, stay in removal.slices:
        slices.append([tensor, axis, numbers.setdefault(ranges(stay), len(numbers))])
    return {
        "recipe": dict(step.recipe),
        "link": step.link,
        "parameters": step.parameters,
        "stays": list(numbers),
        "slices": slices,
        **{key: [list(one) for one in getattr(removal, key)] for key in ("slims", "repairs", "unfolded")},
        **{key: list(getattr(removal, key)) for key in ("blocks", "biases", "folded")},
    }


def _may_set(attribute: str) -> bool:
    *path, last = attribute.split(".")
    return last in ATTRIBUTES and path in ([], ["config"])


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice")
    return table


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _has(table: Any, **types: type) -> bool:
    return (
        isinstance(table, dict) and set(table) == set(types) and all(type(table[key]) is kind for key, kind in types.items())
    )


def _text(value: Any, longest: int = _LONGEST) -> bool:
    return isinstance(value, str) and len(value) <= longest and "\0" not in value


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 62


def _need(true: bool, words: str) -> None:
    if not true:
        raise SubjectError(words)
