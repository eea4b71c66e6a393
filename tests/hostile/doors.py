"""How each kind of hostile file comes in: just as a visitor of a shared server would bring it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from pruneviz import query, recipe
from pruneviz.caps import Caps
from pruneviz.engine.sources import architecture, card, checkpoint, data, encoder, gate, tabular
from pruneviz.engine.sources.shelf import transformers

LIMITS = gate.limits(Caps())


def weights(path: Path) -> None:
    checkpoint.read(path, LIMITS)


def trusted(path: Path) -> None:
    checkpoint.read(path, LIMITS, trusted=True)


def arrays(path: Path) -> None:
    gate.arrays(path, ["x_test", "y_test"], LIMITS)


def samples(path: Path) -> None:
    data.read({"file": path.name, "folders": ["cat", "dog"]}, path.parent, LIMITS)


def table(path: Path) -> None:
    tabular.read(path, {}, LIMITS)


def tokenizer(path: Path) -> None:
    """The vocabulary, and a text that backtracking expressions do not like."""
    encoder.read(path, LIMITS).pairs([("a" * 30 + "b",)], 16)


def whole_card(path: Path) -> None:
    card.load(path, LIMITS)


def config(path: Path) -> None:
    """The network that a configuration describes, without its numbers."""
    architecture.outline("transformers", {"config": transformers.read(path, LIMITS)})


def link(path: Path) -> None:
    found, words = query.from_query(json.loads(path.read_text("utf-8")))
    assert found == recipe.Recipe() or words or found.subject, "a hostile link gives defaults and a word about it"


DOORS: dict[str, Callable[[Path], None]] = {
    "weights": weights,
    "trusted": trusted,
    "arrays": arrays,
    "samples": samples,
    "table": table,
    "tokenizer": tokenizer,
    "card": whole_card,
    "config": config,
    "link": link,
}
