"""Offer: weights that somebody publishes, with all that a person should know before they are fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Offer:
    """Published weights. `reference` is what a card says under `weights`; `bytes` is None where nobody says how many.

    `accuracy` is a fraction, as its publisher measured it. `sha256` is what the file's sha256 begins with. `preparation`
    has the [data] keys of the images that the weights were trained on, `arguments` what the architecture needs beside its
    name.
    """

    reference: str
    title: str
    bytes: int | None
    licence: str
    host: str
    accuracy: float | None = None
    url: str = ""
    sha256: str = ""
    preparation: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
