"""A card's [data]: from stored arrays to samples that a network can take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pruneviz.engine.sources import digits, gate
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.subject import Preparation, Samples, Windows

LAYOUTS = ("NHWC", "NCHW", "NHW")
CHANNELS = (1, 3, 4)
LARGEST_SIDE = 4096


@dataclass(frozen=True, slots=True)
class Data:
    """Held-out samples, training samples where there are any, the name of what they were read from, and the classes'
    names where the data bring them: a text's are its tokenizer's pieces."""

    held_out: Samples | Windows
    training: Samples | Windows | None
    sha256: str
    classes: tuple[str, ...] = ()


def digit_samples(split: str, preparation: Preparation) -> Samples:
    """The digits of that split, as [N, 1, 8, 8]."""
    found = digits.split()
    return Samples(torch.tensor(found[f"x_{split}"])[:, None], torch.tensor(found[f"y_{split}"]), preparation)


def read(table: Mapping[str, Any], folder: Path, limits: gate.Limits = gate.LOCAL) -> Data:
    """The data that a card names, checked; `folder` is where the card lies."""
    split = table.get("split", "test")
    found, sha256 = _digits(table, split) if "set" in table else _file(table, folder, split, limits)
    layout = _layout(table.get("layout"), found[f"x_{split}"])
    held_out = _samples(found, split, layout, table)
    training = _samples(found, "train", layout, table) if split != "train" and "x_train" in found else None
    if training is not None and training.stored.shape[1:] != held_out.stored.shape[1:]:
        shapes = f"{_words(training.stored.shape[1:])} and {_words(held_out.stored.shape[1:])}"
        raise SubjectError(f"training and held-out samples have different shapes, {shapes}: give both one shape")
    return Data(held_out, training, sha256)


def _digits(table: Mapping[str, Any], split: str) -> tuple[dict[str, np.ndarray], str]:
    if table["set"] != "digits":
        raise SubjectError(f'unknown data set {table["set"][:64]!r}; there is digits; or name a file = "….npz"')
    if split not in ("train", "test"):
        raise SubjectError(f"the digits have no split {split[:64]!r}; there are train and test")
    return digits.split(), digits.sha256()


def _file(table: Mapping[str, Any], folder: Path, split: str, limits: gate.Limits) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of the .npz file; labels come from the same file, or from the one that `labels` names."""
    labels = table.get("labels", "y")
    path, apart = folder / table["file"], folder / labels if labels.endswith(".npz") else None
    prefix = "y" if apart else labels
    splits = dict.fromkeys((split, "train"))
    images, sha256 = gate.arrays(path, [f"x_{part}" for part in splits], limits)
    targets, targets_sha256 = gate.arrays(apart or path, [f"{prefix}_{part}" for part in splits], limits)
    for found, key, where in ((images, f"x_{split}", path), (targets, f"{prefix}_{split}", apart or path)):
        if key not in found:
            held = ", ".join(gate.names(where)[:12]) or "nothing"
            raise SubjectError(f"{where.name} holds no {key}; it holds {held}: add it, or choose another split")
    renamed = {f"y_{key.removeprefix(f'{prefix}_')}": part for key, part in targets.items()}
    return images | renamed, f"{sha256}+{targets_sha256}" if apart else sha256


def _samples(found: dict[str, np.ndarray], split: str, layout: str, table: Mapping[str, Any]) -> Samples:
    if f"y_{split}" not in found:
        raise SubjectError(f"the data holds no labels for x_{split}: add y_{split}, or leave x_{split} out")
    images, labels = found[f"x_{split}"], found[f"y_{split}"]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or len(labels) != len(images):
        raise SubjectError(f"y_{split} has shape {_words(labels.shape)} for {len(images):,} samples: give one label each")
    if not len(images):
        raise SubjectError(f"the split {split!r} is empty: give at least one sample, or choose another split")
    if labels.dtype.kind not in "ui":
        raise SubjectError(f"y_{split} holds {labels.dtype}: labels are whole numbers that count classes from 0")
    stored = _stored(images, split, layout)
    return Samples(stored, torch.from_numpy(labels.astype(np.int64)), _preparation(table, stored.shape[1]))


def _stored(images: np.ndarray, split: str, layout: str) -> torch.Tensor:
    """The images as [N, C, H, W], in a type that torch can index."""
    if images.ndim != len(layout) or not all(images.shape[1:]):
        raise SubjectError(f"x_{split} has shape {_words(images.shape)}, which is not {layout}: correct [data] layout")
    kinds = {"b": np.uint8, "u": np.uint8 if images.dtype.itemsize == 1 else np.int64}
    plain = images.astype(kinds.get(images.dtype.kind, images.dtype.newbyteorder("=")), copy=False)
    if plain.dtype.kind == "f" and (wrong := int(np.count_nonzero(~np.isfinite(plain)))):
        raise SubjectError(f"x_{split} holds {wrong:,} values that are not finite numbers: clean the data first")
    ordered = {"NHW": lambda x: x[:, None], "NHWC": lambda x: x.transpose(0, 3, 1, 2), "NCHW": lambda x: x}[layout](plain)
    ordered = np.ascontiguousarray(ordered)
    return torch.from_numpy(ordered if ordered.flags.writeable else ordered.copy())


def _layout(given: str | None, images: np.ndarray) -> str:
    """The card's layout, else the one that the shape leaves no doubt about."""
    if given is not None:
        if given not in LAYOUTS:
            raise SubjectError(f"unknown layout {given[:64]!r}; there are {', '.join(LAYOUTS)}")
        return given
    if images.ndim == 3:
        return "NHW"
    if images.ndim == 4:
        first, last = images.shape[1] in CHANNELS, images.shape[3] in CHANNELS
        if first != last:
            return "NCHW" if first else "NHWC"
    raise SubjectError(
        f"images of shape {_words(images.shape)} could be read in several ways or in none: "
        f"say [data] layout = {' or '.join(map(repr, LAYOUTS))}"
    )


def _preparation(table: Mapping[str, Any], channels: int) -> Preparation:
    scale = table.get("scale", digits.SCALE if "set" in table else 255.0)
    values = {key: table.get(key, default) for key, default in (("mean", 0.0), ("std", 1.0))}
    lists = {key: tuple(map(float, one if isinstance(one, list) else [one])) for key, one in values.items()}
    for key, one in lists.items():
        if len(one) not in (1, channels):
            raise SubjectError(f"[data] {key} has {len(one)} numbers for {channels} channels: give one, or one per channel")
    if not scale > 0 or not all(one > 0 for one in lists["std"]):
        raise SubjectError(f"[data] scale {scale} and std {list(lists['std'])} divide: give numbers above 0")
    return Preparation(float(scale), lists["mean"], lists["std"], table.get("resize"))


def _words(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "()"
