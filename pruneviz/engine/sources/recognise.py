"""Recognising: which architecture do these tensors belong to? Every source proposes, and what fits best comes first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pruneviz.engine.sources import architecture, checkpoint, filling, gate, matching, shelf, wrapping
from pruneviz.engine.sources.checkpoint import Checkpoint
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.sources.matching import Match
from pruneviz.engine.sources.shelf import transformers

# The app's own are few and small: they are tried first, and an exact fit among them ends the search.
ORDER = ("transformers", "shipped", "timm", "torchvision")
LEAST = 0.3
"""Who fits less than this is not worth a person's attention."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An architecture that a file may belong to, how its weights fit, and what a card says of it."""

    build: str
    arguments: Mapping[str, Any]
    title: str
    match: Match
    task: str
    classes: int | None


@dataclass(frozen=True, slots=True)
class Headed:
    """An architecture's arguments with another number of classes, and how the weights fit then."""

    arguments: dict[str, Any]
    match: Match
    classes: int


def recognise(tensors: Mapping[str, Tensor], *, config: Mapping[str, Any] | None = None, build: str = "") -> list[Candidate]:
    """The architectures that the tensors may belong to, the best fit first; only those of `build` where one is named.

    `config` is what lies beside the weights: a configuration of transformers' or timm's, or llama2.c's own numbers.
    """
    shapes = {name: tuple(one.shape) for name, one in tensors.items()}
    found: list[Candidate] = []
    for name, arguments in _named(build, shapes, config) if build else _proposed(shapes, config):
        candidate = _candidate(name, arguments, tensors)
        if candidate is not None:
            found.append(candidate)
            if candidate.match.ok and not build:
                break
    found.sort(key=lambda one: -one.match.share)
    return [one for one in found if build or one.match.share >= LEAST]


def file(
    path: Path, limits: gate.Limits = gate.LOCAL, *, config: Mapping[str, Any] | None = None, build: str = ""
) -> tuple[Checkpoint, list[Candidate]]:
    """What a file of weights holds, and the architectures that it may belong to."""
    found = checkpoint.read(path, limits)
    return found, recognise(found.tensors, config=config or found.config, build=build)


def architecture_table(candidate: Candidate) -> dict[str, Any]:
    """A card's [architecture]."""
    return {"build": candidate.build} | ({"arguments": dict(candidate.arguments)} if candidate.arguments else {})


def _proposed(
    shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    others = [name for name in shelf.offered() if name not in ORDER]
    for source in (*(one for one in ORDER if one in shelf.offered()), *others):
        yield from _of(source, shapes, config)


def _of(
    source: str, shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a source proposes, for the names as they are and without what all of them lie under."""
    seen = []
    for prefix in ("", *wrapping.outer(shapes)):
        bare = {name.removeprefix(prefix): shape for name, shape in shapes.items()}
        for proposal in shelf.find(source).proposals(bare, config):
            if proposal not in seen:
                seen.append(proposal)
                name, arguments = proposal
                yield (name if source == shelf.SHIPPED else f"{source}:{name}" if name else source), arguments


def _named(
    build: str, shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was named, with the arguments that its source reads off the shapes; bare where it reads none."""
    source, _ = shelf.split(build)
    architecture.found(build)
    yield next((one for one in _of(source, shapes, config) if one[0] == build), (build, {}))


def _candidate(build: str, arguments: dict[str, Any], tensors: Mapping[str, Tensor]) -> Candidate | None:
    try:
        network = architecture.outline(build, arguments)
    except SubjectError:
        return None  # an architecture that refuses such sizes is none to propose
    fitted, _ = matching.fitted(network, tensors)
    found = matching.compared(network, fitted)
    other = headed(build, arguments, found, fitted)
    if other is not None:
        arguments, found = other.arguments, other.match
    title, task = _words(build, arguments)
    return Candidate(build, arguments, title, found, task, _classes(network, fitted))


def headed(build: str, arguments: Mapping[str, Any], found: Match, fitted: Mapping[str, Tensor]) -> Headed | None:
    """The same architecture with as many classes as the file's head has, where it lacks nothing else."""
    other = filling.head_only(found)
    if other is None:
        return None
    source = shelf.find(shelf.split(build)[0])
    given = source.resized(arguments, other) if source is transformers else {**arguments, source.argument: other}
    try:
        again = matching.compared(architecture.outline(build, given), fitted)
    except SubjectError:
        return None  # what differs is no head
    return Headed(given, again, other) if again.ok else None


def _words(build: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """What it is called on screen, and its task."""
    source, name = shelf.split(build)
    if source == "transformers":
        config = arguments.get("config", {})
        return f"{config.get('model_type', name)} (transformers)", arguments.get("task", "text_classification")
    if name == "llama":
        return f"Llama, {arguments.get('layers', '?')} layers", "language_modelling"
    sizes = ", ".join(f"{key} {one}" for key, one in arguments.items() if type(one) is int)
    return f"{name} ({shelf.find(source).title}{f'; {sizes}' if sizes else ''})", "image_classification"


def _classes(network: nn.Module, fitted: Mapping[str, Tensor]) -> int | None:
    """How many outputs the last matrix or kernel has, as the file has it."""
    heads = [name for name, one in network.state_dict().items() if one.ndim >= 2]
    last = fitted.get(heads[-1]) if heads else None
    return None if last is None or not last.ndim else int(last.shape[0])
