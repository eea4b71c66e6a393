"""A card, `subject.toml`, describes a subject: its architecture, its weights, its data, its words.

A card anywhere on disk works just as one in `sample_models/`. It never runs code: it names an architecture that the app
ships or torchvision's, and files that pass the gate. Whatever is wrong, the answer is one `SubjectError`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.engine import prunable, tasks
from pruneviz.engine.export import removal
from pruneviz.engine.export.replay import replay
from pruneviz.engine.sources import architecture, data, gate, llama2c, schema, text
from pruneviz.engine.sources.architecture import SHIPPED
from pruneviz.engine.sources.gate import SubjectError, brief
from pruneviz.engine.subject import Origin, Subject

__all__ = ["SubjectError", "load", "samples"]

CARD = "subject.toml"
_DATA = {"language_modelling": text.read}  # tasks whose data are no arrays
LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class _Card:
    """A card that was read and checked: its table, where it lies, and what the subject is called."""

    table: dict[str, Any]
    folder: Path
    name: str


def samples() -> list[str]:
    """The names of the samples that the app ships with weights."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CARD}") if (path.parent / "weights.safetensors").is_file())


def load(reference: str | Path, limits: gate.Limits = gate.LOCAL) -> Subject:
    """The subject of that name, or of the card at that path (the card itself, or the folder it lies in)."""
    card = _read(reference, limits)
    table = card.table
    wanted = table.get("architecture", {})
    # Small things first: a card with a wrong word in it is answered before any weight is read.
    task = _task(table.get("task", "image_classification"))
    found = _DATA.get(task, data.read)(table["data"], card.folder, limits)
    network = architecture.build(wanted["build"], wanted.get("arguments"))
    record = _removed(card, limits)
    if record is not None:
        network = replay(network, record.steps)
    weights, sha256 = llama2c.weights(card.folder / table["weights"], network, limits)
    if record is not None and sha256 != record.weights_sha256:
        raise SubjectError(f"{table['weights']} is not the file that {table['removal']} was written for: export it again")
    _fill(network, weights, table["weights"])
    network.eval().requires_grad_(False)
    layers, skipped = prunable.find(network)
    if not layers:
        raise SubjectError(f"{wanted['build']} has no matrix and no kernel to prune: name another architecture")
    subject = Subject(
        name=card.name,
        title=table.get("name", card.folder.name),
        words=table.get("words", ""),
        licence=table.get("licence", ""),
        task=task,
        network=network,
        layers=layers,
        skipped=skipped,
        held_out=found.held_out,
        training=found.training,
        classes=(),
        calibration=table["data"].get("calibration", "training"),
        sha256=sha256,
        data_sha256=found.sha256,
        nonfinite=_nonfinite(network),
        origin=Origin(table, str(card.folder), record.steps if record is not None else ()),
    )
    return _with_classes(subject, _classes(table.get("classes"), card.folder, limits) or found.classes or None)


def _read(reference: str | Path, limits: gate.Limits) -> _Card:
    path, name = _locate(reference)
    try:
        table = tomllib.loads(gate.text(path, limits))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SubjectError(f"{path.name} is not TOML ({brief(error)}): correct it there") from None
    schema.check(table)
    return _Card(table, path.parent, name)


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
        shown = given[:LONGEST_NAME]
        raise SubjectError(f"unknown subject {shown!r}; there are {', '.join(samples())}, or give the path of a {CARD}")
    resolved = path.resolve()
    sample = resolved.parent.name if resolved.parent.parent == SHIPPED and resolved.name == CARD else None
    return resolved, sample if sample in samples() else given


def _removed(card: _Card, limits: gate.Limits) -> removal.Record | None:
    """What an exported network lost, where the card names it."""
    if "removal" not in card.table:
        return None
    record = removal.read(card.folder / card.table["removal"], limits)
    wanted = card.table["architecture"]
    if (record.architecture, record.arguments) != (wanted["build"], wanted.get("arguments", {})):
        raise SubjectError(f"{card.table['removal']} was written for another architecture than the card's: export it again")
    return record


def _task(name: str) -> str:
    try:
        tasks.find(name)
    except ValueError as error:
        raise SubjectError(str(error)) from None
    return name


def _fill(network: nn.Module, weights: dict[str, Tensor], file: str) -> None:
    """Load the weights, all of them and no others, each in its own shape."""
    own = network.state_dict()
    # A counter of batches that nothing reads after training; older files do not have it.
    optional = {key for key in own if key.endswith("num_batches_tracked")}
    missing = sorted(set(own) - set(weights) - optional - _tied(network, weights))
    extra = sorted(set(weights) - set(own))
    if missing or extra:
        parts = [f"lacks {_some(missing)}"] * bool(missing) + [f"has {_some(extra)} too many"] * bool(extra)
        raise SubjectError(f"{file} {' and '.join(parts)}: check [architecture] build and arguments")
    wrong = [key for key in weights if weights[key].shape != own[key].shape]
    if wrong:
        key = wrong[0]
        shapes = f"{tuple(weights[key].shape)} where the network has {tuple(own[key].shape)}"
        raise SubjectError(f"{file} has {len(wrong)} tensors of another shape ({key[:64]} is {shapes}): check the arguments")
    packed = [key for key in weights if own[key].is_floating_point() and not weights[key].is_floating_point()]
    if packed:
        kind = str(weights[packed[0]].dtype).removeprefix("torch.")
        raise SubjectError(f"{file} keeps {_some(packed)} as {kind}: quantised weights are not read, save them as floats")
    _refuse_two(network, weights, file)
    network.load_state_dict(weights, strict=False)


def _tied(network: nn.Module, weights: dict[str, Tensor]) -> set[str]:
    """The names of tensors that the network has under another name too, which the weights do hold: stored once."""
    places = _places(network)
    present = {places[name] for name in weights if name in places}
    return {name for name, place in places.items() if place in present}


def _refuse_two(network: nn.Module, weights: dict[str, Tensor], file: str) -> None:
    """One tensor cannot hold two: weights that the network ties must be the same in the file."""
    first: dict[object, str] = {}
    for name, place in _places(network).items():
        other = first.setdefault(place, name) if name in weights else name
        if other != name and not _same(weights[name], weights[other]):
            raise SubjectError(
                f"{file} holds different numbers for {other} and {name}, which are one tensor in the network: "
                "check [architecture] arguments"
            )


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one.double(), other.double(), rtol=0, atol=0, equal_nan=True)


def _places(network: nn.Module) -> dict[str, object]:
    """Where each tensor lies: tied ones lie in one place."""
    return {
        name: (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else name
        for name, tensor in network.state_dict().items()
    }


def _some(keys: list[str]) -> str:
    """«3 tensors (a, b, c)»: how many, and a few names."""
    few = ", ".join(repr(key[:64])[1:-1] for key in keys[:3])
    return f"{len(keys)} tensor{'s' * (len(keys) != 1)} ({few}{', …' * (len(keys) > 3)})"


def _nonfinite(network: nn.Module) -> tuple[tuple[str, int], ...]:
    """(name, how many) of every parameter or buffer that holds NaN or infinities."""
    counts = (
        (name, int((~tensor.isfinite()).sum())) for name, tensor in (*network.named_parameters(), *network.named_buffers())
    )
    return tuple((name, count) for name, count in counts if count)


def _classes(given: list[str] | str | None, folder: Path, limits: gate.Limits) -> tuple[str, ...] | None:
    """The card's class names, from its list or from the lines of its file."""
    if given is None:
        return None
    lines = gate.text(folder / given, limits).splitlines() if isinstance(given, str) else given
    names = tuple(line.strip()[:LONGEST_NAME] for line in lines if line.strip())
    if not names:
        raise SubjectError("the card's classes are empty: name every class, or leave the key out")
    return names


def _with_classes(subject: Subject, names: tuple[str, ...] | None) -> Subject:
    """The subject with its class names, once one sample has shown that network, classes and labels fit together."""
    task = tasks.find(subject.task)
    found = _tried(subject, task.remedy)
    try:
        outputs = task.classes(found, subject.held_out.labels[:1])
        if names is not None and len(names) != outputs:
            raise SubjectError(task.mismatch.format(outputs=outputs, names=len(names)))
        for split in filter(None, (subject.held_out, subject.training)):
            task.check(split.labels, outputs)
    except ValueError as error:
        raise SubjectError(str(error)) from None
    return replace(subject, classes=names or tuple(map(str, range(outputs))))


def _tried(subject: Subject, remedy: str) -> object:
    """What the network gives for one held-out sample."""
    inputs = subject.held_out.inputs(slice(0, 1))
    try:
        with torch.inference_mode():
            return subject.skeleton()(inputs)
    except Exception as error:  # whatever a network does when its input has another shape
        shape = " × ".join(map(str, inputs.shape[1:]))
        raise SubjectError(f"the network does not take inputs of {shape} ({brief(error)}): check {remedy}") from None
