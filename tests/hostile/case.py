"""A hostile file: what makes it, by which door it comes in, and what must be answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

INERT = "inert"


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file that would leave a canary behind, or eat the machine, if it were believed.

    `codes` are the refusals that count, «inert» among them where the file may be read because nothing in it does anything.
    """

    name: str
    door: str
    codes: tuple[str, ...]
    make: Callable[[Path, Path], Path]


CASES: dict[str, Hostile] = {}


def hostile(door: str, *codes: str, name: str = "") -> Callable:
    """Marks a function (folder, canary) → path as the maker of a hostile file."""

    def mark(make: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        add(name or make.__name__, door, codes, make)
        return make

    return mark


def add(name: str, door: str, codes: tuple[str, ...], make: Callable[[Path, Path], Path]) -> None:
    """One more hostile file, by a name of its own."""
    assert name not in CASES, name
    CASES[name] = Hostile(name, door, codes, make)


def written(folder: Path, name: str, data: bytes) -> Path:
    """A file with those bytes in the folder."""
    path = folder / name
    path.write_bytes(data)
    return path
