"""The file of a Recipe: what was chosen, what it was measured on, and with which versions; written here, and read again.

A file may come from anywhere: it is read as a link is, field by field, and what is wrong with it is said in one sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pruneviz import course
from pruneviz.plain import one_line
from pruneviz.query import SHORT, from_query, to_query
from pruneviz.recipe import TRAVEL, Recipe

KIND, VERSION = "pruneviz recipe", 1
LARGEST = 2**18
"""No file of ours comes near this many bytes."""
_HASHES = re.compile(r"[0-9a-f]{64}(\+([0-9a-f]{64}|[0-9]{1,12}of[0-9]{1,12})){0,15}")
"""One sha256, or one for each of several files; and of how many samples how many were read."""


@dataclass(frozen=True, slots=True)
class Written:
    """A Recipe as it stood in a file, the sha256 of the model's and of the data's files, and what it was made with.

    `named` are the fields that the file names: what it leaves out keeps its default.
    """

    recipe: Recipe
    named: tuple[str, ...]
    model_sha256: str = ""
    data_sha256: str = ""
    versions: tuple[tuple[str, str], ...] = ()

    def difference(self, model_sha256: str, data_sha256: str) -> str | None:
        """What is something else here than where the file was made, in one sentence; None where nothing is."""
        wanted = (("another model", self.model_sha256, model_sha256), ("other data", self.data_sha256, data_sha256))
        for what, there, here in wanted:
            if there and here and there != here:
                return (
                    f"the recipe was made with {what} (sha256 {there[:12]}…) than lies here ({here[:12]}…), so its numbers "
                    "would differ: give those files, or take the sha256 out of the recipe"
                )
        return None


def to_table(recipe: Recipe, model_sha256: str, data_sha256: str, versions: Mapping[str, str]) -> dict[str, Any]:
    """The Recipe as a plain table: model, amount and all that differs from the defaults, and the link that says the same."""
    default = Recipe()
    chosen = {
        field.name: _as_written(getattr(recipe, field.name))
        for field in fields(recipe)
        if field.name not in TRAVEL
        and (field.name in ("subject", "amount") or getattr(recipe, field.name) != getattr(default, field.name))
    }
    return {
        "kind": KIND,
        "version": VERSION,
        "recipe": chosen,
        "link": link(recipe),
        "model_sha256": model_sha256,
        "data_sha256": data_sha256,
        "versions": dict(sorted(versions.items())),
    }


def link(recipe: Recipe) -> str:
    """The query of the Recipe's link, to be put behind the app's address."""
    return "?" + urlencode({SHORT["subject"]: recipe.subject} | to_query(recipe))


def write(table: Mapping[str, Any]) -> str:
    """The table as the text of a file: the same Recipe gives the same letters."""
    return json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def load(path: str | Path) -> Written:
    """The Recipe of the file at this path."""
    with Path(path).expanduser().open("rb") as file:
        return read(file.read(LARGEST + 1))


def read(data: bytes) -> Written:
    """The Recipe of a file. Whatever is wrong with it, the answer is one ValueError with one sentence."""
    if len(data) > LARGEST:
        raise _wrong(f"it has {len(data):,} bytes, and at most {LARGEST:,} are read")
    try:
        table = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _wrong("it is not JSON") from None
    if not isinstance(table, dict) or table.get("kind") != KIND or not isinstance(table.get("recipe"), dict):
        raise _wrong(f"it does not say that it is a {KIND!r} file with a recipe")
    if table.get("version") != VERSION:
        raise _wrong(f"it has version {one_line(table.get('version'), 16)!r}, and version {VERSION} is read")
    chosen = dict(_field(name, value) for name, value in table["recipe"].items())
    try:
        recipe = Recipe(**chosen)
    except ValueError as problem:
        raise _wrong(str(problem)) from None
    versions = table.get("versions")
    return Written(
        recipe,
        tuple(chosen),
        _text(table, "model_sha256"),
        _text(table, "data_sha256"),
        tuple(sorted((one_line(key, 32), one_line(one, 32)) for key, one in versions.items()))
        if isinstance(versions, dict)
        else (),
    )


def _field(name: str, value: Any) -> tuple[str, Any]:
    """One field, read by the same door as a link's."""
    if name not in SHORT or name in TRAVEL:
        raise _wrong(f"{one_line(name, 40)!r} is no choice that is known here")
    wrong = _wrong(f"{name} is {one_line(json.dumps(value), 60)}, which cannot be")
    try:
        found = _as_chosen(value, getattr(Recipe(), name))
        again, words = from_query(to_query(Recipe(**{name: found})))
    except (ValueError, TypeError, ArithmeticError, AttributeError):
        raise wrong from None
    if words or getattr(again, name) != found:
        raise wrong
    return name, found


def _as_written(value: Any) -> Any:
    """A value as JSON holds it: how a network is trained is one text."""
    return course.to_text(value) if isinstance(value, course.Course) else value


def _as_chosen(value: Any, like: Any) -> Any:
    """A value of JSON as the Recipe holds it: lists are tuples, and a whole number may stand for a fraction."""
    if isinstance(like, course.Course):
        return course.from_text(value)
    if isinstance(like, tuple):
        if not isinstance(value, list):
            raise TypeError(value)
        return tuple(tuple(one) if isinstance(one, list) else one for one in value)
    if isinstance(like, float) and type(value) is int:
        return float(value)
    if type(value) is not type(like):
        raise TypeError(value)
    return value


def _text(table: Mapping[str, Any], name: str) -> str:
    value = table.get(name, "")
    if not isinstance(value, str) or value and not _HASHES.fullmatch(value):
        raise _wrong(f"{name} is no sha256")
    return value


def _wrong(what: str) -> ValueError:
    return ValueError(f"this recipe cannot be read: {what}; give a recipe.json as the app or `report` wrote it")
