"""The JSON of a Truth: written by `python -m pruneviz time`, read where it is shown beside others.

A file may come from anywhere. It is read field by field against the records of `truths`: nothing may be missing, nothing
may be too much, numbers are finite and in range, and texts hold no sign that a screen could take for an instruction.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields, is_dataclass
from itertools import pairwise
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from pruneviz.truths import WAYS, Crossing, Machine, Spread, Stored, Timed, Truth, plain

KIND, VERSION = "pruneviz time", 1
LARGEST = 2**20
"""No file of ours comes near this many bytes."""
MOST = 64
LONGEST = 200
_SHARES = {"amount", "sparsity", "smaller_amount"}
_AT_LEAST_ONE = {"batch", "cores", "threads", "n"}
_LATER = {"tokens"}
"""What files of earlier days do not say."""


def to_table(truth: Truth) -> dict[str, Any]:
    """The Truth as plain tables and lists, ready for JSON."""
    return {"kind": KIND, "version": VERSION, **asdict(truth)}


def read(data: bytes) -> Truth:
    """The Truth of a file. Whatever is wrong with it, the answer is one ValueError with one sentence."""
    if len(data) > LARGEST:
        raise ValueError(
            f"the file has {len(data):,} bytes; at most {LARGEST:,} are read: give the JSON of one `time` command"
        )
    try:
        table = json.loads(data.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _wrong("it is not JSON with distinct names and finite numbers") from None
    return from_table(table)


def from_table(table: Any) -> Truth:
    """The Truth that `to_table` made a table of."""
    if not isinstance(table, dict) or table.get("kind") != KIND:
        raise _wrong(f"it does not say that it is a {KIND!r} file")
    if table.get("version") != VERSION:
        raise _wrong(f"it has version {str(table.get('version'))[:16]!r}, and this app reads version {VERSION}")
    return _record(Truth, {key: value for key, value in table.items() if key not in ("kind", "version")}, "the file")


def _record(kind: type, table: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise _wrong(f"{where} is no table")
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    for name in ({*names} ^ {*table}) - ({*names} & _LATER):
        said = "is missing" if name in names else "is not known"
        raise _wrong(f"{plain(str(name))[:40]!r} of {where} {said}")
    found = kind(**{name: _value(hints[name], table[name], name) for name in names if name in table})
    _check(found, where)
    return found


def _value(hint: Any, value: Any, name: str) -> Any:
    if isinstance(hint, UnionType):
        return None if value is None else _value(get_args(hint)[0], value, name)
    if get_origin(hint) is tuple:
        return _list(get_args(hint), value, name)
    if is_dataclass(hint):
        return _record(hint, value, name)
    if hint is float:
        return _number(value, name)
    fits = {int: _is_count, str: _is_text, bool: lambda one: isinstance(one, bool)}[hint]
    if not fits(value) or name in _AT_LEAST_ONE and value < 1:
        raise _wrong(f"{name} is {plain(repr(value))[:40]!r}, which cannot be")
    return value


def _list(inner: tuple, value: Any, name: str) -> tuple:
    if not isinstance(value, list) or len(value) > MOST:
        raise _wrong(f"{name} is no list of at most {MOST}")
    if inner[-1] is Ellipsis:
        return tuple(_value(inner[0], one, name) for one in value)
    if len(value) != len(inner):
        raise _wrong(f"{name} does not hold lists of {len(inner)}")
    return tuple(_value(hint, one, name) for hint, one in zip(inner, value, strict=True))


def _number(value: Any, name: str) -> float:
    if (
        type(value) not in (int, float)
        or not math.isfinite(value)
        or not 0 <= value <= 1e18
        or name in _SHARES
        and value > 1
    ):
        raise _wrong(f"{name} is {plain(repr(value))[:40]!r}, which cannot be")
    return float(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST and value == plain(value)


def _check(found: Any, where: str) -> None:
    """What one field alone cannot tell."""
    if isinstance(found, Spread) and not found.low <= found.median <= found.high:
        raise _wrong(f"{where} has quartiles that do not enclose the median")
    if isinstance(found, Stored | Timed) and found.way not in WAYS:
        raise _wrong(f"{where} is about {found.way[:40]!r}; there are {', '.join(WAYS)}")
    if isinstance(found, Stored) and not (
        found.nonzero <= found.parameters and found.useful_macs <= found.macs * (1 + 1e-9)
    ):
        raise _wrong(f"{where} has more that is not zero than there is")
    if isinstance(found, Timed) and not (found.ratio.low > 0 and found.peer.low > 0 and found.milliseconds.low > 0):
        raise _wrong(f"{where} took no time")
    if isinstance(found, Timed) and found.device not in ("cpu", "cuda"):
        raise _wrong(f"{where} ran on {found.device[:40]!r}; there are cpu, cuda")
    if isinstance(found, Crossing):
        _check_crossing(found, where)
    if isinstance(found, Machine) and not (found.processor and found.torch):
        raise _wrong("it does not say on which machine it was measured")


def _check_crossing(found: Crossing, where: str) -> None:
    columns = (found.ratios, found.lows, found.highs)
    if not found.sparsities or any(len(one) != len(found.sparsities) for one in columns):
        raise _wrong(f"{where} has not one ratio for each sparsity")
    if any(left >= right for left, right in pairwise((0, *found.sparsities, 1))):
        raise _wrong(f"{where} has sparsities that do not rise between 0 and 1")
    if any(not 0 < low <= middle <= high for low, middle, high in zip(found.lows, found.ratios, found.highs, strict=True)):
        raise _wrong(f"{where} has ratios that cannot be")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice")
    return table


def _no_number(text: str) -> float:
    raise ValueError(text)


def _wrong(what: str) -> ValueError:
    return ValueError(f"this file cannot be shown: {what}. Give what `python -m pruneviz time --json` printed, unchanged")
