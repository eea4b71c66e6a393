"""What a card may say: every key, and what kind of value it takes. An unknown key is an error, not a shrug."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruneviz import language_reference
from pruneviz.engine.sources import shelf
from pruneviz.engine.sources.gate import Limits, SubjectError
from pruneviz.engine.sources.shelf import transformers


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
    "metric": Key("'accuracy', 'macro_f1' or 'matthews'", _text),
    "classes": Key("a list of texts or a file name", _names),
    "licence": Key("a text", _text),
    "words": Key("a text", _text),
}
ARCHITECTURE = {
    "build": Key("a name such as 'cifar_resnet' or 'torchvision:mobilenet_v2'", _text, required=True),
    "arguments": Key("a table", lambda value: isinstance(value, dict)),
    "config": Key("the name of a config.json", _text),
}
_PIXELS = Key("a whole number of pixels from 1 to 4096", lambda value: type(value) is int and 1 <= value <= 4096)
_COLUMN = Key("a column's name, or its place from 0", lambda value: _text(value) or _from(0)(value))
_ORDER = Key("a list of names in the order of the outputs", lambda value: isinstance(value, list) and all(map(_text, value)))
_BOOLEAN = Key("true or false", lambda value: isinstance(value, bool))

DATA = {
    "file": Key("a file name", _text),
    "set": Key("'digits' or 'torchvision:<name>'", _text),
    "root": Key("the folder of a torchvision data set", _text),
    "download": _BOOLEAN,
    "split": Key("a text such as 'test'", _text),
    "mean": Key("a number or a list of them", _numbers),
    "std": Key("a number or a list of them", _numbers),
    "scale": Key("a number above 0", _number),
    "layout": Key("'NHWC', 'NCHW' or 'NHW'", _text),
    "resize": _PIXELS,
    "crop": _PIXELS,
    "interpolation": Key("'nearest', 'bilinear', 'bicubic' or 'lanczos'", _text),
    "calibration": Key("'training' or 'held-out'", lambda value: value in ("training", "held-out")),
    "labels": Key("the name before '_test' of the label arrays, or an .npz file that holds them", _text),
    "first_label": Key("the number of the first label, 0 or 1", lambda value: type(value) is int and value in (0, 1)),
    "folders": _ORDER,
}
"""What [data] may say where the task is image_classification."""

SENTENCES = {
    "file": Key("a file name", _text, required=True),
    "tokenizer": Key("a tokenizer.json, or a folder with a tokenizer of Hugging Face", _text, required=True),
    "training_file": Key("a file name", _text),
    "text_column": _COLUMN,
    "second_column": _COLUMN,
    "label_column": _COLUMN,
    "header": _BOOLEAN,
    "context": Key("a whole number of tokens from 2", _from(2)),
    "first_label": DATA["first_label"],
    "folders": _ORDER,
    "calibration": DATA["calibration"],
}
"""What [data] may say where the task is text_classification."""

TEXT = {
    "file": Key("a file name", _text),
    "set": Key(f"'{language_reference.NAME}'", _text),
    "sha256": Key("the SHA-256 of the held-out text that the card's figures are of", _text),
    "tokenizer": Key("a tokenizer file of llama2.c, or one of Hugging Face", _text, required=True),
    "training_file": Key("a file name", _text),
    "window": Key("a whole number of characters from 1", _from(1)),
    "windows": Key("a whole number of windows from 2", _from(2)),
    "context": SENTENCES["context"],
    "calibration": DATA["calibration"],
}
"""What [data] may say where the task is language_modelling."""

TASKS = {"language_modelling": TEXT, "text_classification": SENTENCES}


def with_configuration(table: Mapping[str, Any], folder: Path, limits: Limits) -> dict[str, Any]:
    """The same card with the configuration file that its architecture names read into the arguments, and with the task
    that the configuration says, where the card says none."""
    wanted = table.get("architecture")
    if not isinstance(wanted, Mapping) or not _text(wanted.get("config")):
        return dict(table)
    source, _ = shelf.split(wanted["build"]) if _text(wanted.get("build")) else ("", "")
    if source != "transformers":
        raise SubjectError("[architecture] config goes with build = 'transformers': leave it out, or name that", "config")
    arguments = transformers.arguments(transformers.read(folder / wanted["config"], limits), table.get("task"))
    task = arguments["task"]
    return {**table, "task": task, "architecture": {"build": wanted["build"], "arguments": arguments}}


def check(table: Mapping[str, Any]) -> None:
    """Refuse a card that says what no card can say, or leaves out what every card must."""
    _check(table, TOP, "the card")
    _check(table["architecture"], ARCHITECTURE, "[architecture]")
    if table.get("task") in TASKS:
        _check(table["data"], TASKS[table["task"]], "[data]")
        if table["task"] == "language_modelling":
            _check_text(table["data"])
        return
    _check(table["data"], DATA, "[data]")
    if ("file" in table["data"]) == ("set" in table["data"]):
        raise SubjectError('[data] needs either file = "…" or set = "digits": give one of the two')


def _check_text(table: Mapping[str, Any]) -> None:
    """A text comes from a file, or from the running Python; then it has its own training text and no characters to count."""
    if "file" not in table and "set" not in table:
        raise SubjectError(f"[data] lacks 'file': add file = a file name, or set = '{language_reference.NAME}'")
    other = next((key for key in ("file", "training_file", "window") if "set" in table and key in table), None)
    if other is not None:
        raise SubjectError(f"[data] {other} does not go with set = {table['set'][:64]!r}: leave one of the two out")


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
