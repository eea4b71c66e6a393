"""Floors: the oldest versions that are safe to read files with. Older ones let a file run code, or leave its folder.

Asked at start, by the server and by the command line, and told by the doctor. It looks at what is installed, offline.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Floor:
    """The first version of a package that is safe, and what the versions before it let happen."""

    name: str
    least: str
    why: str


FLOORS = (
    Floor("torch", "2.10.0", "CVE-2026-24747: a file of weights can run code"),
    Floor("streamlit", "1.54.0", "CVE-2026-33682: a visitor can make the server call others"),
    Floor("starlette", "1.1.0", "CVE-2026-48818: a visitor can make the server call others"),
    Floor("python-multipart", "0.0.22", "CVE-2026-24486: an uploaded file's name can leave its folder"),
    Floor("onnx", "1.21.0", "CVE-2026-27489: a file can read others beside it"),
)
UNSAFE_SWITCH = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
"""An environment variable with which torch would run what stands in a file, whatever the program asks for."""


def installed(name: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def below(version: Callable[[str], str | None] | None = None) -> list[tuple[Floor, str]]:
    """What is installed and older than is safe: each floor with the version found. What is not installed harms nobody."""
    found = [(floor, (version or installed)(floor.name)) for floor in FLOORS]
    return [(floor, had) for floor, had in found if had is not None and not _reaches(had, floor.least)]


def sentence(low: list[tuple[Floor, str]]) -> str:
    """What is too old, what that lets happen, and what to do: one sentence."""
    named = " and ".join(f"{floor.name} {had} is too old to be safe ({floor.why})" for floor, had in low)
    wanted = " ".join(f"'{floor.name}>={floor.least}'" for floor, _ in low)
    return f"{named}: run `make setup`, or pip install {wanted}"


def hold(version: Callable[[str], str | None] | None = None, environment: MutableMapping[str, str] | None = None) -> None:
    """Before anything is read: takes torch's unsafe switch away, and refuses with one sentence what is too old."""
    (os.environ if environment is None else environment).pop(UNSAFE_SWITCH, None)
    low = below(version)
    if low:
        raise ValueError(sentence(low))


def _reaches(had: str, least: str) -> bool:
    """Whether a version is at least the floor; one that was made before the floor's release (2.10.0rc1) is not."""
    numbers = re.match(r"v?(?:\d+!)?(\d+(?:\.\d+)*)", had)
    if numbers is None:
        return False
    left, right = (_numbers(text) for text in (numbers[1], least))
    before = re.match(r"[._-]?(a|b|c|rc|alpha|beta|pre|preview|dev)\d*", had[numbers.end() :], re.IGNORECASE)
    return left > right or (left == right and not before)


def _numbers(text: str) -> tuple[int, ...]:
    parts = [int(part) for part in text.split(".")]
    return tuple(parts + [0] * (4 - len(parts)))
