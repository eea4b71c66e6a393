"""Built: the network of a card with its weights in it, cut as the card's removal says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from pruneviz.engine.export import removal
from pruneviz.engine.export.replay import replay
from pruneviz.engine.sources import architecture, checkpoint, download, filling, gate, llama2c, matching, recognise, shelf
from pruneviz.engine.sources.fetching import Fetch
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.sources.offer import Offer
from pruneviz.engine.sources.shelf import transformers


@dataclass(frozen=True, slots=True)
class Card:
    """A card that was read and checked: its table, where it lies, what the subject is called, how much it may take, and
    what is published of its weights."""

    table: dict[str, Any]
    folder: Path
    name: str
    limits: gate.Limits
    fetch: Fetch
    offer: Offer | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """A network with its weights in it, the file's SHA-256, what was removed from it, and what there is to say."""

    network: nn.Module
    sha256: str
    record: removal.Record | None
    words: tuple[str, ...]


def filled(card: Card) -> Filled:
    """The network that the card names, cut as the card's removal says, its weights in it."""
    table, limits = card.table, card.limits
    wanted, file = table["architecture"], table["weights"]
    record = _removed(card)
    path = download.weights(file, card.fetch) if card.offer else card.folder / file
    found = checkpoint.read(path, limits, trusted=card.offer is not None)
    if record is not None and found.sha256 != record.weights_sha256:
        raise SubjectError(f"{file} is not the file that {table['removal']} was written for: export it again", "changed")
    network = architecture.build(wanted["build"], wanted.get("arguments"), card.folder)
    if record is not None:
        network = replay(network, record.steps)
    llama2c.check(path.name, found.config, network)
    tensors, words = matching.fitted(network, found.tensors)
    other = recognise.headed(wanted["build"], wanted.get("arguments") or {}, matching.compared(network, tensors), tensors)
    if other is not None and record is None and _unsaid(wanted):
        table["architecture"] = {**wanted, "arguments": other.arguments}
        network = architecture.build(wanted["build"], other.arguments, card.folder)
        words = (*words, f"The head has {other.classes:,} classes, read from its shape.")
    filling.fill(network, tensors, path.name)
    return Filled(network, found.sha256, record, (*found.words, *words))


def _unsaid(wanted: Mapping[str, Any]) -> bool:
    """Does the card leave the number of classes to the head? One that it says itself stays, and will not fit."""
    source = shelf.find(shelf.split(wanted["build"])[0])
    return source is transformers or source.argument not in (wanted.get("arguments") or {})


def _removed(card: Card) -> removal.Record | None:
    """What an exported network lost, where the card names it."""
    if "removal" not in card.table:
        return None
    record = removal.read(card.folder / card.table["removal"], card.limits)
    wanted = card.table["architecture"]
    if (record.architecture, record.arguments) != (wanted["build"], wanted.get("arguments", {})):
        raise SubjectError(f"{card.table['removal']} was written for another architecture than the card's: export it again")
    return record
