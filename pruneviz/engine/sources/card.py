"""A card, `subject.toml`, describes a subject: its architecture, its weights, its data, its words.

A card anywhere on disk works just as one in `sample_models/`. It never runs code: it names an architecture that a source on
the shelf knows, and files that pass the gate. Whatever is wrong, the answer is one `SubjectError`.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pruneviz.engine import footprint, prunable, tasks
from pruneviz.engine.export import toml
from pruneviz.engine.sources import architecture, built, data, download, gate, schema, shelf
from pruneviz.engine.sources.architecture import SHIPPED
from pruneviz.engine.sources.built import Card
from pruneviz.engine.sources.card_files import files, identity, named, published
from pruneviz.engine.sources.download import NEVER, Fetch
from pruneviz.engine.sources.found import wants
from pruneviz.engine.sources.gate import SubjectError, brief
from pruneviz.engine.structure import calls
from pruneviz.engine.structure.proof import logits
from pruneviz.engine.subject import Origin, Subject

__all__ = ["SubjectError", "files", "from_table", "identity", "load", "named", "samples", "write"]

CARD = "subject.toml"
LONGEST_NAME = 256
_PREPARED = ("scale", "mean", "std", "resize", "crop", "interpolation")


def samples() -> list[str]:
    """The names of the samples that the app ships with weights."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CARD}") if (path.parent / "weights.safetensors").is_file())


def load(reference: str | Path, limits: gate.Limits = gate.LOCAL, fetch: Fetch = NEVER) -> Subject:
    """The subject of that name, or of the card at that path (the card itself, or the folder it lies in)."""
    path, name = _locate(reference)
    text = gate.text(path, limits)
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError of Python's own
        raise SubjectError(f"{path.name} is not TOML ({brief(error)}): correct it there", "toml") from None
    return from_table(table, path.parent, name, limits, fetch)


def from_table(
    table: Mapping[str, Any], folder: Path, name: str, limits: gate.Limits = gate.LOCAL, fetch: Fetch = NEVER
) -> Subject:
    """The subject that a card's table describes; its paths start from `folder`, and it will be called `name`."""
    card = _resolved(dict(table), Path(folder), name, limits, fetch)
    table = card.table
    # Small things first: a card with a wrong word in it is answered before any weight is read.
    task = _task(table.get("task", "image_classification"), table.get("metric", ""))
    names = _classes(table.get("classes"), card.folder, limits)
    found = data.read(table["data"], card.folder, limits, _wants(card, task, names))
    filled = built.filled(card)
    filled.network.eval().requires_grad_(False)
    layers, skipped = prunable.find(filled.network)
    if not layers:
        build = table["architecture"]["build"]
        raise SubjectError(f"{build} has no matrix and no kernel to prune: name another architecture", "nothing-to-prune")
    steps = filled.record.steps if filled.record is not None else ()
    subject = Subject(
        name=name,
        title=table.get("name", card.folder.name),
        words=table.get("words", ""),
        licence=table.get("licence", card.offer.licence if card.offer else ""),
        task=task,
        network=filled.network,
        layers=layers,
        skipped=skipped,
        held_out=found.held_out,
        training=found.training,
        classes=(),
        calibration=table["data"].get("calibration", "training"),
        sha256=filled.sha256,
        data_sha256=found.sha256,
        nonfinite=prunable.nonfinite(filled.network),
        origin=Origin(table, str(card.folder), steps, (*filled.words, *found.notes, *found.caveats), found.caveats),
        metric=table.get("metric", ""),
    )
    gate.room("two samples on their way through this network", 2 * footprint.each(subject), limits)
    return _with_classes(subject, names or found.classes or None, _usual(card))


def write(table: Mapping[str, Any], folder: Path) -> Path:
    """Writes a card's table to `folder`, whole or not at all; answers with the card's path."""
    schema.check(table)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    number, place = tempfile.mkstemp(dir=folder, prefix=".card-")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            stream.write(toml.text(table))
        os.replace(place, folder / CARD)
    except BaseException:
        Path(place).unlink(missing_ok=True)
        raise
    return folder / CARD


def _locate(reference: str | Path) -> tuple[Path, str]:
    """Where the card lies, and the name that the subject goes by: a sample's own, else the path as it was given."""
    given = str(reference)
    if given in samples():
        return SHIPPED / given / CARD, given
    try:
        path = Path(given).expanduser()
        path = path / CARD if path.is_dir() else path
        there = path.is_file()
    except (OSError, ValueError, RuntimeError):
        there = False
    if not there or not given:
        # Where a server keeps what was brought is nobody's business: of a whole path its last name will do.
        shown = (Path(given).name if os.path.isabs(given) else given)[:LONGEST_NAME]
        possible = f"there are {', '.join(samples())}, or give the path of a {CARD}"
        raise SubjectError(f"unknown subject {shown!r}; {possible}", "unknown-subject")
    resolved = path.resolve()
    sample = resolved.parent.name if resolved.parent.parent == SHIPPED and resolved.name == CARD else None
    return resolved, sample if sample in samples() else given


def _resolved(table: dict[str, Any], folder: Path, name: str, limits: gate.Limits, fetch: Fetch) -> Card:
    """The card with all that it leaves to others put in: a configuration's text, and what published weights came with."""
    table = schema.with_configuration(table, folder, limits)
    schema.check(table)
    offer = download.offer(table["weights"]) if published(table["weights"]) else None
    if offer is not None:
        wanted, how = table["architecture"], table["data"]
        table["architecture"] = {**wanted, "arguments": {**offer.arguments, **wanted.get("arguments", {})}}
        if table.get("task", "image_classification") == "image_classification" and not set(_PREPARED) & set(how):
            table["data"] = {**offer.preparation, **how}
    return Card(table, folder, name, limits, fetch, offer)


def _task(name: str, metric: str) -> str:
    try:
        tasks.judged(name, metric)
    except ValueError as error:
        raise SubjectError(str(error), "task") from None
    return name


def _wants(card: Card, task: str, names: tuple[str, ...] | None) -> data.Wants:
    """What the network wants of its data, read off an outline: no weight is read, and no memory taken."""
    wanted, limits = card.table["architecture"], card.limits
    tensors = min(2 * limits.tensors, architecture.MOST_TENSORS)
    network = architecture.outline(wanted["build"], wanted.get("arguments"), card.folder, tensors, 2 * limits.parameters)
    numbers = sum(one.numel() for one in (*network.parameters(), *network.buffers()))
    gate.room(f"a network of {numbers:,} numbers", 4 * numbers, limits)
    return wants(network, task, names or _usual(card), allowed=card.fetch.allowed, told=card.fetch.progress)


def _usual(card: Card) -> tuple[str, ...]:
    """What the outputs are called by whoever published such weights; nothing where the card has another number of them."""
    wanted = card.table["architecture"]
    source, name = shelf.split(wanted["build"])
    if card.offer is not None:
        found = card.offer.classes
    else:
        offers = shelf.find(source).weights(name) if source == "torchvision" else ()
        found = offers[-1].classes if offers else ()
    return found if wanted.get("arguments", {}).get("num_classes", len(found)) == len(found) else ()


def _classes(given: list[str] | str | None, folder: Path, limits: gate.Limits) -> tuple[str, ...] | None:
    """The card's class names, from its list or from the lines of its file."""
    if given is None:
        return None
    lines = gate.text(folder / given, limits).splitlines() if isinstance(given, str) else given
    names = tuple(line.strip()[:LONGEST_NAME] for line in lines if line.strip())
    if not names:
        raise SubjectError("the card's classes are empty: name every class, or leave the key out", "classes")
    return names


def _with_classes(subject: Subject, names: tuple[str, ...] | None, published: tuple[str, ...]) -> Subject:
    """The subject with its class names, once one sample has shown that network, classes and labels fit together."""
    task = tasks.of(subject)
    found = _tried(subject, task.remedy)
    try:
        outputs = task.classes(found, subject.held_out.labels[:2])
        if names is None and len(published) == outputs:
            names = published
        if names is not None and len(names) != outputs:
            raise SubjectError(task.mismatch.format(outputs=outputs, names=len(names)), "class-count")
        splits = [split.labels for split in (subject.held_out, subject.training) if split is not None]
        for labels in splits:
            task.check(labels, outputs)
        if names is None and hasattr(task, "unnamed"):
            task.unnamed(torch.cat(splits), outputs)
    except SubjectError:
        raise
    except ValueError as error:
        raise SubjectError(str(error), "labels") from None
    origin = subject.origin
    if names is not None and names is published:  # an export's card names no published weights any more
        origin = replace(origin, card={**origin.card, "classes": list(names)})
    return replace(subject, classes=names or tuple(map(str, range(outputs))), origin=origin)


def _tried(subject: Subject, remedy: str) -> Tensor:
    """What the network gives for two held-out samples: some networks take one and no more."""
    inputs = subject.held_out.inputs(slice(0, 2))
    try:
        with torch.inference_mode():
            return logits(calls.run(subject.skeleton(), inputs))
    except Exception as error:  # whatever a network does when its input has another shape
        first = next(iter(inputs.values())) if isinstance(inputs, dict) else inputs
        shape = " × ".join(map(str, first.shape[1:]))
        raise SubjectError(
            f"the network does not take inputs of {shape} ({brief(error)}): check {remedy}", "inputs"
        ) from None
