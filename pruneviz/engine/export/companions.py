"""What goes with the weights so that the folder can be loaded: a card for this app, and Python for plain PyTorch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from pruneviz.engine.export import carried, rebuild, removal, toml
from pruneviz.engine.export.replay import replay
from pruneviz.engine.sources import architecture, gate
from pruneviz.engine.structure import dropping, slim
from pruneviz.engine.subject import Subject

CARD, REBUILD, WEIGHTS = "subject.toml", "rebuild.py", "weights.safetensors"
_NO_PATHS = ("set", "split", "layout", "calibration", "name", "words", "licence", "task", "weights", "removal", "classes")
_NO_PATHS += ("metric", "interpolation", "text_column", "second_column", "label_column")


def write(subject: Subject, record: removal.Record, place: Path, target: Path | None) -> list[str]:
    """Writes them to `place`, which will be `target`; answers with what a reader should know."""
    if subject.origin is None:
        return ["No card and no rebuild.py: this network was not built from a card, so the folder cannot say how."]
    table, notes = _card(subject, place, target)
    (place / CARD).write_text(toml.text(table), encoding="utf-8")
    shutil.copyfile(rebuild.__file__, place / REBUILD)
    if record.architecture in architecture.offered():
        shutil.copyfile(architecture.SHIPPED / record.architecture / "model.py", place / "model.py")
    if any(step.removal.slims for step in record.steps):
        shutil.copyfile(slim.__file__, place / "slim.py")
    if any(step.removal.blocks for step in record.steps):
        shutil.copyfile(dropping.__file__, place / "dropping.py")
    return notes


def load(place: Path) -> nn.Module:
    """The network of a folder that was just written, built by this app's own hands."""
    record = removal.read(place / removal.NAME)
    network = architecture.build(record.architecture, record.arguments)
    network = replay(network, record.steps)
    weights, _ = gate.tensors(place / WEIGHTS)
    network.load_state_dict(weights, strict=False)
    return network.requires_grad_(False)


def _card(subject: Subject, place: Path, target: Path | None) -> tuple[dict[str, Any], list[str]]:
    """The subject's card. What a text model needs is copied to `place` and goes by plain names; other files' paths are as
    they look from `target`, and without a target these files go by their bare names."""
    origin, notes = subject.origin, []
    start, data = Path(origin.folder), origin.card["data"]
    table = {key: one for key, one in origin.card.items() if key not in ("architecture", "data", "weights", "removal")}
    if isinstance(table.get("classes"), str):
        table["classes"] = list(subject.classes)
    table |= {"weights": WEIGHTS, "removal": removal.NAME, "architecture": origin.card["architecture"]}
    table = _moved(table, start, target, notes)
    names: dict[str, str | None] = {}
    if subject.task in carried.TASKS:
        names, said = carried.carry(data, start, place)
        notes += said
    moved = _moved({key: one for key, one in data.items() if key not in names}, start, target, notes)
    moved |= {key: one for key, one in names.items() if one is not None}
    return table | {"data": {key: moved[key] for key in data if key in moved}}, notes


def _moved(table: Mapping[str, Any], start: Path, target: Path | None, notes: list[str]) -> dict[str, Any]:
    moved = dict(table)
    for key, one in table.items():
        # A tokenizer may be a folder.
        if isinstance(one, str) and key not in _NO_PATHS and (_is_file(start / one) or key == "tokenizer"):
            path = (start / one).resolve()
            moved[key] = _relative(path, target) if target else path.name
            if target is None:
                notes.append(f"Put {path.name} beside {CARD}: the card's data is read from there.")
    return moved


def _relative(path: Path, target: Path) -> str:
    try:
        return Path(os.path.relpath(path, target)).as_posix()
    except ValueError:  # another drive
        return str(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
