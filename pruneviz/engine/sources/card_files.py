"""A card's files: which it names, whether they lie where they may, and what a card is called whatever its files' names."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pruneviz.engine.sources import checkpoint, gate, shelf
from pruneviz.engine.sources import files as plain
from pruneviz.engine.sources.gate import SubjectError

LENGTH = 24
"""Hexadecimal digits of a card's name."""
_MOST = 64
# Where a data set lies and whether it may be fetched is about a machine, not about the model.
_ELSEWHERE = ("root", "download")


def files(table: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """Every file that a card names, by the key that names it: «weights», «data.file», «data.tokenizer/vocab.txt»."""
    return dict(_files(table, Path(folder)))


def named(table: Mapping[str, Any]) -> dict[str, str]:
    """Every file or folder that a card names, by its key, as the card writes it: nothing is looked up on any disk.

    For cards that somebody else wrote: one that leads out of its own folder is refused.
    """
    found = dict(_said(table))
    for key, name in found.items():
        if not _is_beside(name):
            raise SubjectError(f"the card's {key} leads out of its folder: name a file that lies beside the card", "path")
    return {key: str(PurePosixPath(name)) for key, name in found.items()}


def identity(table: Mapping[str, Any], folder: Path, limits: gate.Limits = gate.LOCAL) -> str:
    """What a card is called, 24 hex digits: made of its words and of what its files hold, wherever they lie."""
    known = {
        key: plain.sha256(path, max(limits.weights_bytes, limits.data_bytes)) for key, path in _files(table, Path(folder))
    }
    said = copy.deepcopy(dict(table))
    for key in known:
        _set(said, key.partition("/")[0].split("."), "file")
    for key in _ELSEWHERE:
        if isinstance(said.get("data"), dict):
            said["data"].pop(key, None)
    canonical = json.dumps([said, known], sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]


def published(weights: str) -> str:
    """The source that publishes these weights, where `weights` is no file: «torchvision:ResNet18_Weights.DEFAULT»."""
    source, colon, name = weights.partition(":")
    return source if colon and name and source in shelf.offered() else ""


def _said(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a card names, by the key that names it."""
    weights = table.get("weights", "")
    if isinstance(weights, str) and weights and not published(weights):
        yield "weights", weights
    for key in ("removal", "classes"):
        if isinstance(table.get(key), str):
            yield key, table[key]
    config = _table(table, "architecture").get("config")
    if isinstance(config, str):
        yield "architecture.config", config
    data = _table(table, "data")
    for key in ("file", "training_file", "tokenizer", "labels"):
        name = data.get(key)
        if isinstance(name, str) and (key != "labels" or name.endswith(".npz")):
            yield f"data.{key}", name


def _is_beside(name: str) -> bool:
    """Whether a name stays in the folder that it starts from, on any system."""
    outside = PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor or PureWindowsPath(name).drive
    return not outside and not set("\0\\") & set(name) and ".." not in PurePosixPath(name).parts


def _files(table: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Path]]:
    for key, name in _said(table):
        if key.startswith("data."):
            yield from _one(key, folder / name)
            continue
        yield key, folder / name
        if key == "weights" and name.endswith(checkpoint.INDEX):
            for shard in sorted(set(checkpoint.shard_names(folder / name).values())):
                yield f"weights/{shard}", (folder / name).parent / shard


def _one(key: str, path: Path) -> Iterator[tuple[str, Path]]:
    """A file, or the files of a folder: a tokenizer may be one."""
    try:
        within = sorted(one for one in path.iterdir() if one.is_file())[:_MOST] if plain.is_folder(path) else None
    except OSError:
        within = None
    if within is None:
        yield key, path
    else:
        yield from ((f"{key}/{one.name}", one) for one in within)


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = table.get(key)
    return found if isinstance(found, Mapping) else {}


def _set(table: dict[str, Any], path: list[str], value: str) -> None:
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
