"""Anatomy: what the live picture of a network's units draws, as plain arrays, and their compact form for the browser.

Everything a drag and a look need travels once; afterwards the browser redraws alone. U counts the units of a group.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["wall", "matrix", "strip", "chips"]
"""wall: pictures, strongest first · matrix: a row per group, in order · strip: bars, strongest first · chips: named."""
KINDS = ("wall", "matrix", "strip", "chips")
GAP, ZERO, TOP = 0, 128, 127


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """The kernels of a group: cells [U, rows, columns], each unit scaled by its own largest weight to −1 … 1.

    NaN is a gap between slices. A kernel has one slice [high, wide] per input, `across` of them side by side, `gap` cells
    apart; `slices` of its `inputs` are shown, and `note` says so.
    """

    cells: np.ndarray
    high: int
    wide: int
    across: int
    gap: int
    slices: int
    inputs: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Hang:
    """What goes along with each unit: words with «{i}» for its index, and how many numbers. `reads` is the module that uses
    the unit, where this is one, and `group` the group that it makes."""

    words: str
    numbers: int
    group: str = ""
    reads: str = ""


ALONE = ("points", "lost", "won", "fragile")


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """The held-out data without one unit alone: points [U] of accuracy, samples lost [U] and won [U]; NaN = not measured.

    fragile [U]: more samples were lost than won, and more than chance explains; whoever is measured and not fragile is
    robust.
    """

    points: np.ndarray
    lost: np.ndarray
    won: np.ndarray
    fragile: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """One group of units. kept [U], scores [U] and leaves [U] as in a Report; `natural` [U] are the leaves that ranks alone
    would give; forced [U] is 1 where a hand removed, −1 where a hand restored, 0 where the rank decides."""

    name: str
    label: str
    kind: Kind
    kept: np.ndarray
    scores: np.ndarray
    leaves: np.ndarray
    forced: np.ndarray
    natural: np.ndarray | None = None
    coupling: str = ""
    reason: str = ""
    hangs: tuple[Hang, ...] = ()
    names: tuple[str, ...] = ()
    picture: Picture | None = None
    alone: Alone | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of units {self.kind!r}; there are {', '.join(KINDS)}")
        for name in ("scores", "leaves", "forced"):
            count, wanted = len(getattr(self, name)), len(self.kept)
            if count != wanted:
                raise ValueError(f"group {self.name!r} has {wanted} units but {count} {name}: give one for each")


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """All units of a network at one granularity.

    `panel` is the scrubber that moves them, `amount` the committed percent; `noun` and `one` are «filters» and «filter»;
    `formula` is what a score is («mean |w|»); `scope` says whether all groups compete; `floor` units of each always stay.
    """

    amount: float
    noun: str
    one: str
    formula: str
    groups: tuple[Units, ...]
    scope: str = "global"
    floor: int = 1
    panel: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= 100:
            raise ValueError(f"amount {self.amount!r} is not a percent: give a number from 0 to 100")


def payload(anatomy: Anatomy) -> dict[str, object]:
    """The anatomy as JSON-able data. `key` changes where the units are others, so that the browser builds them anew."""
    groups = [_units(units) for units in anatomy.groups]
    shape = [(one["name"], one["units"], one["kind"], one["reason"], one["picture"], anatomy.noun) for one in groups]
    return {
        "panel": anatomy.panel,
        "amount": float(anatomy.amount),
        "noun": anatomy.noun,
        "one": anatomy.one,
        "formula": anatomy.formula,
        "scope": anatomy.scope,
        "floor": int(anatomy.floor),
        "groups": groups,
        "key": hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:16],
    }


def _units(units: Units) -> dict[str, object]:
    natural = units.leaves if units.natural is None else units.natural
    same = np.array_equal(natural, units.leaves)
    return {
        "name": units.name,
        "label": units.label,
        "kind": units.kind,
        "units": len(units.kept),
        "kept": _packed(units.kept, np.uint8),
        "scores": _packed(units.scores, np.float32),
        "leaves": _packed(units.leaves, np.float32),
        "natural": None if same else _packed(natural, np.float32),
        "forced": _packed(units.forced, np.int8),
        "coupling": units.coupling,
        "reason": units.reason,
        "hangs": [{"words": one.words, "numbers": int(one.numbers), "group": one.group} for one in units.hangs],
        "names": list(units.names),
        "picture": units.picture and _picture(units.picture),
        "alone": units.alone and {key: _packed(getattr(units.alone, key), np.float32) for key in ALONE},
    }


def _picture(picture: Picture) -> dict[str, object]:
    _, rows, columns = picture.cells.shape
    cells = np.where(np.isnan(picture.cells), 0.0, picture.cells)
    cells = np.where(np.isnan(picture.cells), GAP, ZERO + np.rint(TOP * np.clip(cells, -1, 1)))
    return {
        "cells": _packed(cells, np.uint8),
        "rows": rows,
        "columns": columns,
        "high": picture.high,
        "wide": picture.wide,
        "across": picture.across,
        "gap": picture.gap,
        "slices": picture.slices,
        "inputs": picture.inputs,
        "note": picture.note,
    }


def _packed(values: np.ndarray, kind: type) -> str:
    """Base64 of little-endian numbers: a quarter of what JSON would take."""
    flat = np.ascontiguousarray(values).astype(np.dtype(kind).newbyteorder("<"))
    return base64.b64encode(flat.tobytes()).decode("ascii")
