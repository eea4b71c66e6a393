"""Writes a card: the standard library reads TOML and does not write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def text(table: Mapping[str, Any]) -> str:
    """The table as TOML, in its own order: plain keys first, then one section for each table in it."""
    plain = [f"{_key(key)} = {value(one)}" for key, one in table.items() if not isinstance(one, Mapping)]
    sections = [
        "\n".join([f"\n[{_key(name)}]", *(f"{_key(key)} = {value(one)}" for key, one in section.items())])
        for name, section in table.items()
        if isinstance(section, Mapping)
    ]
    return "\n".join([*plain, *sections]) + "\n"


def value(one: Any) -> str:
    """One value: a text, a number, true or false, a list, or a table in one line."""
    if isinstance(one, bool):
        return "true" if one else "false"
    if isinstance(one, int | float):
        return repr(one)
    if isinstance(one, str):
        return _text(one)
    if isinstance(one, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {value(each)}" for key, each in one.items()) + " }" if one else "{}"
    if isinstance(one, list | tuple):
        return "[" + ", ".join(map(value, one)) + "]"
    raise TypeError(f"a card holds texts, numbers, lists and tables, no {type(one).__name__}")


def _key(key: str) -> str:
    plain = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if plain else _text(key)


def _text(text: str) -> str:
    # JSON's strings are TOML's, but for the delete character, which TOML wants spelt out.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
