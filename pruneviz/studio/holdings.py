"""Holdings: what one visitor has brought, and how much of it there may be. Nobody fills the server alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pruneviz import plain
from pruneviz.caps import Caps


@dataclass(frozen=True, slots=True)
class File:
    """A file that somebody brought: what they call it, its content's sha256, its size, and where it lies.

    A file that was uploaded lies with us; one that was named by its path stays where it is and is only pointed at. Whoever
    gives the same content twice has two claims to one file: each is let go of by itself.
    """

    name: str
    sha256: str
    bytes: int
    path: Path
    ours: bool = True
    claim: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Held:
    """A model in the library: its card as a table, its files by the places that the card gives them, and the hashes that
    its Subject says of itself once it was read."""

    reference: str
    table: Mapping[str, Any]
    files: Mapping[str, File]
    sha256: str = ""
    data_sha256: str = ""

    @property
    def title(self) -> str:
        return plain.one_line(self.table.get("name", self.reference), 80)


@dataclass
class Visitor:
    """What one visitor has: models from the one used longest ago to the latest, the one they are trying, the files of each
    as this visitor calls them, claims to files that are in no model yet (with the tab that gave them), open tabs, and when
    the last tab went."""

    models: OrderedDict[str, None] = field(default_factory=OrderedDict)
    trial: str = ""
    files: dict[str, Mapping[str, File]] = field(default_factory=dict)
    drafts: dict[int, tuple[str, str]] = field(default_factory=dict)
    tabs: set[str] = field(default_factory=set)
    gone: float = 0.0


def share(caps: Caps) -> int:
    """Bytes that one visitor's models may fill, and again what is in none of them yet."""
    return caps.models * caps.upload_bytes


def loose_bytes(here: Visitor, files: Mapping[str, File]) -> int:
    """Bytes of what a visitor gave that is in no model that they took."""
    drafts = {sha256 for sha256, _ in here.drafts.values()} | _hashes(here, [here.trial])
    return _bytes(drafts - _hashes(here, here.models), files)


def make_room(here: Visitor, caps: Caps, files: Mapping[str, File]) -> list[str]:
    """Lets go of the models used longest ago, until the others are few and small enough. The latest always stays."""
    dropped = []
    while len(here.models) > caps.models or (
        len(here.models) > 1 and _bytes(_hashes(here, here.models), files) > share(caps)
    ):
        dropped.append(here.models.popitem(last=False)[0])
    return dropped


def drop_claims(here: Visitor, files: Mapping[str, File]) -> None:
    """A visitor's drafts need these files no longer."""
    for one in files.values():
        here.drafts.pop(one.claim, None)


def _bytes(hashes: Iterable[str], files: Mapping[str, File]) -> int:
    return sum(files[one].bytes for one in set(hashes) if one in files)


def _hashes(here: Visitor, references: Iterable[str]) -> set[str]:
    return {one.sha256 for reference in references for one in here.files.get(reference, {}).values()}
