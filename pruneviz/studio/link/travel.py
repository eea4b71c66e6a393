"""Travel: what a link says about the files it was made with, and whether they are what lies here.

A link carries hashes and names, never a file. The card travels along, packed: whoever has the same files gets the same model
from them. What comes in a link is a stranger's: it is unpacked within bounds, checked as any card, and leads nowhere.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pruneviz import plain
from pruneviz.query import LONGEST_CARD
from pruneviz.recipe import TRAVEL, Recipe
from pruneviz.studio.library import File, Held, is_own

SHORT = 16
"""How many letters of a sha256 travel: enough that nobody finds other files with the same by looking."""
_NEED = re.compile(r"((?:model|data|tokenizer)/[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}):(.+):([0-9a-f]{16})")
_MOST = 256_000


@dataclass(frozen=True, slots=True)
class Needed:
    """A file that a link was made with: its place in the model's folder, what it was called, and how its sha256 begins."""

    place: str
    name: str
    sha256: str

    def fits(self, file: File) -> bool:
        return file.sha256.startswith(self.sha256)


def sealed(recipe: Recipe, hashes: tuple[str, str] | None, held: Held | None) -> Recipe:
    """The Recipe as a link carries it: with the hashes of what it was measured on, and what a stranger would need."""
    model, data = (one[:SHORT] for one in hashes or ("", ""))
    if held is None:
        return replace(recipe, model_sha=model, data_sha=data)
    files = tuple(_needed(place, one) for place, one in sorted(held.files.items()))
    return replace(recipe, model_sha=model, data_sha=data, files=files, card=pack(held.table))


def bare(recipe: Recipe) -> Recipe:
    """The Recipe without what only a link has."""
    return replace(recipe, **{name: getattr(Recipe(), name) for name in TRAVEL})


def difference(recipe: Recipe, hashes: tuple[str, str] | None) -> str | None:
    """What a link was made with that is something else here, in one sentence; None where nothing is known to differ."""
    if hashes is None:
        return None
    for what, wanted, here in zip(("another model", "other data"), (recipe.model_sha, recipe.data_sha), hashes, strict=True):
        if wanted and here and not here.startswith(wanted):
            return (
                f"This link was made with {what} than «{plain.one_line(recipe.subject, 80)}» is here "
                f"(sha256 {wanted[:12]}…, here {here[:12]}…), so its numbers cannot be shown: bring those files with "
                "«Bring your own», or go on with what is here."
            )
    return None


def needed(recipe: Recipe) -> list[Needed]:
    """The files that a link was made with, as far as it says so."""
    found = [_NEED.fullmatch(one) for one in recipe.files] if is_own(recipe.subject) else []
    return [Needed(one[1], plain.file_name(one[2]), one[3]) for one in found if one]


def pack(table: Mapping[str, Any]) -> str:
    """A card as letters that fit in a link; empty where it is too long for one."""
    letters = json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    packed = base64.urlsafe_b64encode(zlib.compress(letters, 9)).decode("ascii").rstrip("=")
    return packed if len(packed) <= LONGEST_CARD else ""


def unpack(letters: str) -> dict[str, Any] | None:
    """The card that a link carries; None where there is none, or none that can be read."""
    try:
        packed = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
        opened = zlib.decompressobj()
        table = json.loads(opened.decompress(packed, _MOST).decode("utf-8"))
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        return None
    return table if isinstance(table, dict) and opened.eof else None


def _needed(place: str, file: File) -> str:
    return f"{place}:{plain.one_line(file.name, 96)}:{file.sha256[:SHORT]}"
