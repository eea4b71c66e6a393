"""Images in an archive: class folders, or files and a list of their labels; read into bytes at the size a network takes.

`test/airplane/0001.jpg`: the first folder may be a split, the next is the class. A `labels.tsv` or `labels.csv` in the
archive says each file's label instead, as a number or as a class's name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pruneviz.engine.sources import archive, class_names, files, found, pixels
from pruneviz.engine.sources.found import Data, Wants
from pruneviz.engine.sources.limits import LOCAL, Limits
from pruneviz.engine.sources.refusal import SubjectError, printable
from pruneviz.engine.subject import Preparation, Samples

SPLITS = {
    "test": "test", "testing": "test", "val": "val", "valid": "val", "validation": "val", "dev": "val", "eval": "val",
    "train": "train", "training": "train",
}  # fmt: skip
HELD_OUT = ("test", "val")
LABELS = ("labels.tsv", "labels.csv")
KEPT_BYTES = 64 << 20
"""Packed images up to so many bytes are kept from the first look; of larger archives a second look reads them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of an archive: the file's whole name, the split and the class folder that it lies in ("" for none)."""

    name: str
    split: str
    folder: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive holds: its images, the text of its list of labels, and the images' files where they are few."""

    names: tuple[str, ...]
    labels: tuple[str, str] | None
    kept: dict[str, bytes] | None


def read(path: Path, table: Mapping[str, Any], wants: Wants, limits: Limits = LOCAL) -> Data:
    """The images of an archive as samples, their classes as the network's outputs."""
    contents = _look(path, limits)
    entries = _entries(contents)
    labels, classes, said = _labels(contents, entries, table, wants)
    held, training, words = _splits(entries, table.get("split"))
    chosen = {split: _chosen(entries, labels, split, limits.samples) for split in (held, training) if split is not None}
    wanted = [entry.name for one in chosen.values() for entry in one]
    stored = _stored(path, contents, wanted, _how(table), (wants.channels, limits))
    parts, start = {}, 0
    for split, some in chosen.items():
        told = torch.tensor([labels[entry.name] for entry in some], dtype=torch.int64)
        how = found.preparation(table, stored.shape[1])
        parts[split], start = Samples(stored[start : start + len(some)], told, how), start + len(some)
    held_out, train = parts[held], parts.get(training) if training is not None else None
    counts = [(len(chosen[split]), sum(entry.split == split for entry in entries)) for split in chosen]
    notes = (*said, *words, *(one for kept, of in counts for one in found.thinning(kept, of, "images")))
    notes = (*notes, *found.remarks(held_out, train, "images"))
    return Data(held_out, train, found.drawn(files.sha256(path, limits.data_bytes), *counts), classes, notes)


def _how(table: Mapping[str, Any]) -> Preparation:
    """The card's preparation as far as sizes go; numbers per channel wait until it is known how many there are."""
    sizes = {key: table[key] for key in ("resize", "crop", "interpolation") if key in table}
    return found.preparation(sizes, 1)


def _look(path: Path, limits: Limits) -> Contents:
    names, labels, kept, size = [], None, {}, 0
    for name, data in archive.members(path, limits):
        if _hidden(name):
            continue
        if name.rpartition("/")[2].lower() in LABELS:
            if labels is not None:
                raise SubjectError(f"{files.shown(path)} holds two lists of labels: leave one of them out", "labels")
            labels = name, _text(name, data)
        elif pixels.is_image(name, data):
            names.append(name)
            size += len(data)
            if kept is not None:
                kept[name] = data
                kept = kept if size <= KEPT_BYTES else None
    if not names:
        raise SubjectError(
            f"{files.shown(path)} holds no image: give class folders with {', '.join(pixels.FORMATS)} files", "empty"
        )
    return Contents(tuple(names), labels, kept)


def _hidden(name: str) -> bool:
    """What systems leave in archives for themselves."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SubjectError(f"{printable(name, 64)} is not text in UTF-8: save it as UTF-8", "not-utf-8") from None


def _entries(contents: Contents) -> list[Entry]:
    """Each image with its split and its class folder, whatever folder all of them lie in together left out."""
    paths = [name.split("/") for name in contents.names]
    listed = contents.labels is not None
    while all(len(path) > (1 if listed else 2) for path in paths) and len({path[0] for path in paths}) == 1:
        if paths[0][0].lower() in SPLITS:
            break
        paths = [path[1:] for path in paths]
    split = {path[0] for path in paths} <= {path[0] for path in paths if path[0].lower() in SPLITS and len(path) > 1}
    if not split and not listed and any(len(path) < 2 for path in paths):
        name = next(name for name, path in zip(contents.names, paths, strict=True) if len(path) < 2)
        raise SubjectError(
            f"{printable(name, 64)} lies in no class folder and there is no labels.tsv: give each class a folder, or a list "
            "of files and labels",
            "labels",
        )
    entries = []
    for name, path in zip(contents.names, paths, strict=True):
        inner = path[1:] if split else path
        entries.append(Entry(name, SPLITS[path[0].lower()] if split else "", inner[0] if len(inner) > 1 else ""))
    return entries


def _labels(
    contents: Contents, entries: Sequence[Entry], table: Mapping[str, Any], wants: Wants
) -> tuple[dict[str, int], tuple[str, ...], tuple[str, ...]]:
    """The output that each image's label means, the classes' names where the card's order brings them, and a word."""
    if contents.labels is None:
        named = {entry.name: entry.folder for entry in entries}
        what = "folders"
        if missing := next((name for name, folder in named.items() if not folder), None):
            raise SubjectError(f"{printable(missing, 64)} lies in no class folder: give each class a folder", "labels")
    else:
        named, what = _listed(contents), "labels"
    places = class_names.outputs(named.values(), wants.classes, table.get("folders"), what)
    order = tuple(table["folders"]) if "folders" in table else ()
    by_number = what == "folders" and not order and not wants.classes and all(name.isdecimal() for name in places)
    said = ("The folders' names are numbers, which were taken as the numbers of the network's outputs.",) * by_number
    return {name: places[label] for name, label in named.items()}, order, said


def _listed(contents: Contents) -> dict[str, str]:
    """The label of each image, as the archive's list has it."""
    name, text = contents.labels
    separator = "\t" if name.lower().endswith(".tsv") else ","
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if row]
    except csv.Error as error:
        raise SubjectError(
            f"{printable(name, 64)} cannot be read ({error}): write one file and label a line", "labels"
        ) from None
    known = _by_name(contents.names)
    told = {known[row[0].strip()]: row[1].strip() for row in rows if len(row) > 1 and row[0].strip() in known}
    missing = [one for one in contents.names if one not in told]
    if missing:
        raise SubjectError(
            f"{printable(name, 64)} has no label for {len(missing):,} of {len(contents.names):,} images "
            f"({printable(missing[0].rpartition('/')[2], 64)}): write one file and label a line",
            "labels",
        )
    return {one: told[one] for one in contents.names}


def _by_name(names: Sequence[str]) -> dict[str, str]:
    """Each image by its whole name, by the end of it, and by its own name where no other has that."""
    found_: dict[str, str | None] = {}
    for name in names:
        parts = name.split("/")
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            found_[tail] = None if tail in found_ and found_[tail] != name else name
    return {tail: name for tail, name in found_.items() if name is not None} | {name: name for name in names}


def _splits(entries: Sequence[Entry], asked: str | None) -> tuple[str, str | None, tuple[str, ...]]:
    """The split that is held out, the one to calibrate on, and what there is to say."""
    there = {entry.split for entry in entries}
    if there == {""}:
        return "", None, ()
    if asked is not None:
        wanted = SPLITS.get(asked.lower(), asked)
        if wanted not in there:
            raise SubjectError(f"the archive has no split {asked[:64]!r}; it has {', '.join(sorted(there))}", "split")
    else:
        wanted = next((split for split in HELD_OUT if split in there), "train")
    only = ("The archive has training images only: the network may know them by heart.",) * (there == {"train"})
    return wanted, "train" if "train" in there and wanted != "train" else None, only


def _chosen(entries: Sequence[Entry], labels: Mapping[str, int], split: str, most: int) -> list[Entry]:
    mine = [entry for entry in entries if entry.split == split]
    return [mine[place] for place in found.thinned(np.array([labels[entry.name] for entry in mine]), most)]


def _stored(
    path: Path, contents: Contents, wanted: Sequence[str], how: Preparation, bounds: tuple[int | None, Limits]
) -> torch.Tensor:
    """The wanted images as one array [N, C, H, W] of bytes, in that order."""
    return pixels.grown(len(wanted), lambda how: _decoded(path, contents, wanted, how, bounds), how, bounds[1])


def _decoded(
    path: Path, contents: Contents, wanted: Sequence[str], how: Preparation, bounds: tuple[int | None, Limits]
) -> Iterator[tuple[int, np.ndarray]]:
    """The wanted images with their places, in the archive's order."""
    channels, limits = bounds
    places = {name: place for place, name in enumerate(wanted)}
    for name, data in _packed(path, contents, limits):
        if name in places:
            image = pixels.decoded(name, data, channels, how)
            # Grey or colour: what the first image is, all are, where the network does not say.
            channels = image.shape[2]
            yield places[name], image


def _packed(path: Path, contents: Contents, limits: Limits) -> Iterator[tuple[str, bytes]]:
    yield from archive.members(path, limits) if contents.kept is None else contents.kept.items()
