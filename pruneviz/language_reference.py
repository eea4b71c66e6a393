"""Python's own language reference, as the running interpreter carries it (`pydoc_data.topics`): read where it lies, never
copied, and split once and for all by the topics' names.

Some passages stand in several topics («for» is a part of «compound»). So topics that share eight words in a row were drawn
together, by one fixed lot: nothing that is held out was read in training. A topic that another Python has beside these is
training text.
"""

from __future__ import annotations

import hashlib
import platform
from functools import cache

NAME = "python_reference"
"""What a card calls this text."""

HELD_OUT = frozenset(
    (
        "assert", "atom-identifiers", "atom-literals", "attribute-references", "await", "binary", "bitwise",
        "bltin-ellipsis-object", "bltin-null-object", "booleans", "break", "continue", "conversions", "del", "floating",
        "global", "id-classes", "identifiers", "imaginary", "import", "integers", "lambda", "lists", "objects", "pass",
        "power", "return", "shifting", "slicings", "specialattrs", "strings", "typesmodules", "yield",
    )
)  # fmt: skip
"""An eighth of the letters: what perplexity is measured on."""

WATCHED = frozenset(
    (
        "bltin-type-objects", "dynamic-features", "exceptions", "execmodel", "naming", "nonlocal", "numbers",
        "operator-summary", "truth", "typesfunctions",
    )
)  # fmt: skip
"""A part of the training text from which nothing is learned: it says when to stop."""


@cache
def topics() -> dict[str, str]:
    """The topics that this interpreter carries, in the order of their names; none where it was installed without them."""
    try:
        from pydoc_data.topics import topics as carried
    except ImportError:
        return {}
    return {name: carried[name] for name in sorted(carried)}


def held_out() -> tuple[str, ...]:
    """The topics that perplexity is measured on."""
    return tuple(text for name, text in topics().items() if name in HELD_OUT)


def watched() -> tuple[str, ...]:
    """The topics of the training text that say when to stop."""
    return tuple(text for name, text in topics().items() if name in WATCHED)


def learned() -> tuple[str, ...]:
    """The topics that a network learns from."""
    return tuple(text for name, text in topics().items() if name not in HELD_OUT | WATCHED)


def training() -> tuple[str, ...]:
    """All topics that are not held out."""
    return tuple(text for name, text in topics().items() if name not in HELD_OUT)


@cache
def sha256() -> str:
    """A name for the held-out text, topic by topic; empty where there is none."""
    digest, known = hashlib.sha256(), topics()
    for name in sorted(HELD_OUT & known.keys()):
        digest.update(name.encode() + b"\0" + known[name].encode() + b"\0")
    return digest.hexdigest() if HELD_OUT & known.keys() else ""


def python() -> str:
    """The Python that runs, as its documentation is numbered: «3.11»."""
    return ".".join(platform.python_version_tuple()[:2])
