"""What a card may say: every key, and what kind of value it takes. An unknown key is an error, not a shrug."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pruneviz.engine.sources.gate import SubjectError


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a card: what fits it, in words and as a test."""

    words: str
    fits: Callable[[Any], bool]
    required: bool = False


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _numbers(value: Any) -> bool:
    return _number(value) or (isinstance(value, list) and bool(value) and all(map(_number, value)))


def _from(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value < 1 << 31


def _names(value: Any) -> bool:
    return _text(value) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


TOP = {
    "name": Key("a text", _text),
    "task": Key("a text", _text),
    "weights": Key("a file name", _text, required=True),
    "removal": Key("the name of an export's removal.json", _text),
    "architecture": Key("a table", lambda value: isinstance(value, dict), required=True),
    "data": Key("a table", lambda value: isinstance(value, dict), required=True),
    "classes": Key("a list of texts or a file name", _names),
    "licence": Key("a text", _text),
    "words": Key("a text", _text),
}
ARCHITECTURE = {
    "build": Key("a name such as 'cifar_resnet' or 'torchvision:mobilenet_v2'", _text, required=True),
    "arguments": Key("a table", lambda value: isinstance(value, dict)),
}
DATA = {
    "file": Key("a file name", _text),
    "set": Key("'digits'", _text),
    "split": Key("a text such as 'test'", _text),
    "mean": Key("a number or a list of them", _numbers),
    "std": Key("a number or a list of them", _numbers),
    "scale": Key("a number above 0", _number),
    "layout": Key("'NHWC', 'NCHW' or 'NHW'", _text),
    "resize": Key("a whole number of pixels from 1 to 4096", lambda value: type(value) is int and 1 <= value <= 4096),
    "calibration": Key("'training' or 'held-out'", lambda value: value in ("training", "held-out")),
    "labels": Key("the name before '_test' of the label arrays, or an .npz file that holds them", _text),
}
TEXT = {
    "file": Key("a file name", _text, required=True),
    "tokenizer": Key("the name of a tokenizer file of llama2.c", _text, required=True),
    "training_file": Key("a file name", _text),
    "window": Key("a whole number of characters from 1", _from(1)),
    "windows": Key("a whole number of windows from 2", _from(2)),
    "context": Key("a whole number of tokens from 2", _from(2)),
    "calibration": DATA["calibration"],
}
"""What [data] may say where the task is language_modelling."""


def check(table: Mapping[str, Any]) -> None:
    """Refuse a card that says what no card can say, or leaves out what every card must."""
    _check(table, TOP, "the card")
    _check(table["architecture"], ARCHITECTURE, "[architecture]")
    if table.get("task") == "language_modelling":
        _check(table["data"], TEXT, "[data]")
        return
    _check(table["data"], DATA, "[data]")
    if ("file" in table["data"]) == ("set" in table["data"]):
        raise SubjectError('[data] needs either file = "….npz" or set = "digits": give one of the two')


def _check(table: Mapping[str, Any], keys: Mapping[str, Key], where: str) -> None:
    for key, value in table.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            meant = f", did you mean {near[0]!r}" if near else ""
            raise SubjectError(f"{where} has an unknown key {key[:64]!r}{meant}; there are {', '.join(keys)}")
        if not keys[key].fits(value):
            raise SubjectError(f"{where}: {key} = {repr(value)[:64]} is not {keys[key].words}: correct it")
    missing = [key for key, rule in keys.items() if rule.required and key not in table]
    if missing:
        raise SubjectError(f"{where} lacks {missing[0]!r}: add {missing[0]} = {keys[missing[0]].words}")
