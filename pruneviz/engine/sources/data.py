"""A card's [data]: one door to every kind, by what the file holds; from stored arrays to samples that a network can take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pruneviz.engine.sources import digits, files, found, gate, sniff
from pruneviz.engine.sources.class_names import ClassOrder
from pruneviz.engine.sources.found import CHANNELS, Data, Wants, wants
from pruneviz.engine.sources.limits import LOCAL, Limits
from pruneviz.engine.sources.pixels import fitted
from pruneviz.engine.sources.refusal import SubjectError
from pruneviz.engine.subject import Preparation, Samples

__all__ = ["ClassOrder", "Data", "Wants", "digit_samples", "read", "wants"]

LAYOUTS = ("NHWC", "NCHW", "NHW")
ARCHIVES = ("zip", "tar", "gzip")


def digit_samples(split: str, preparation: Preparation) -> Samples:
    """The digits of that split, as [N, 1, 8, 8]."""
    held = digits.split()
    return Samples(torch.tensor(held[f"x_{split}"])[:, None], torch.tensor(held[f"y_{split}"]), preparation)


def read(table: Mapping[str, Any], folder: Path, limits: Limits = LOCAL, asked: Wants | None = None) -> Data:
    """The data that a card names, checked; `folder` is where the card lies, `asked` what the network wants of them."""
    asked = asked or Wants()
    if asked.task == "language_modelling" and "set" in table:
        from pruneviz.engine.sources import topics

        return topics.read(table, folder, asked, limits)
    if asked.task == "language_modelling":
        from pruneviz.engine.sources import text

        return text.read(table, folder, limits, asked)
    if asked.task == "text_classification":
        from pruneviz.engine.sources import sentences

        return sentences.read(table, folder, asked, limits)
    if str(table.get("set", "")).startswith("torchvision:"):
        from pruneviz.engine.sources import datasets

        return datasets.read(table, folder, asked, limits)
    if "file" in table and sniff.family(folder / table["file"], limits) in ARCHIVES:
        from pruneviz.engine.sources import images

        return images.read(folder / table["file"], table, asked, limits)
    return _arrays(table, folder, limits)


def _arrays(table: Mapping[str, Any], folder: Path, limits: Limits) -> Data:
    """Images as arrays: an .npz file, or the digits."""
    split = table.get("split", "test")
    arrays, sha256 = _digits(table, split) if "set" in table else _file(table, folder, split, limits)
    layout = _layout(table.get("layout"), arrays[f"x_{split}"])
    held_out, counted = _samples(arrays, split, layout, table, limits)
    training, others = None, (0, 0)
    if split != "train" and "x_train" in arrays:
        training, others = _samples(arrays, "train", layout, table, limits)
    if training is not None and training.stored.shape[1:] != held_out.stored.shape[1:]:
        shapes = f"{_words(training.stored.shape[1:])} and {_words(held_out.stored.shape[1:])}"
        raise SubjectError(f"training and held-out samples have different shapes, {shapes}: give both one shape", "shape")
    notes = (*found.thinning(*counted, "images"), *found.thinning(*others, "images"))
    sha256 = found.drawn(sha256, counted, others)
    return Data(held_out, training, sha256, (), (*notes, *found.remarks(held_out, training, "images")))


def _digits(table: Mapping[str, Any], split: str) -> tuple[dict[str, np.ndarray], str]:
    if table["set"] != "digits":
        raise SubjectError(
            f'unknown data set {table["set"][:64]!r}; there are digits and torchvision:<name>; or name a file = "….npz"',
            "set",
        )
    if split not in ("train", "test"):
        raise SubjectError(f"the digits have no split {split[:64]!r}; there are train and test", "split")
    return digits.split(), digits.sha256()


def _file(table: Mapping[str, Any], folder: Path, split: str, limits: Limits) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of the .npz file; labels come from the same file, or from the one that `labels` names."""
    labels = table.get("labels", "y")
    path, apart = folder / table["file"], folder / labels if labels.endswith(".npz") else None
    prefix = "y" if apart else labels
    splits = dict.fromkeys((split, "train"))
    images, sha256 = gate.arrays(path, [f"x_{part}" for part in splits], limits)
    targets, targets_sha256 = gate.arrays(apart or path, [f"{prefix}_{part}" for part in splits], limits)
    for there, key, where in ((images, f"x_{split}", path), (targets, f"{prefix}_{split}", apart or path)):
        if key not in there:
            held = ", ".join(gate.names(where)[:12]) or "nothing"
            raise SubjectError(
                f"{files.shown(where)} holds no {key}; it holds {held}: add it, or choose another split", "split"
            )
    renamed = {f"y_{key.removeprefix(f'{prefix}_')}": part for key, part in targets.items()}
    return images | renamed, f"{sha256}+{targets_sha256}" if apart else sha256


def _samples(
    arrays: dict[str, np.ndarray], split: str, layout: str, table: Mapping[str, Any], limits: Limits
) -> tuple[Samples, tuple[int, int]]:
    """The samples of one split, and how many of how many they are."""
    if f"y_{split}" not in arrays:
        raise SubjectError(f"the data holds no labels for x_{split}: add y_{split}, or leave x_{split} out", "labels")
    images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or len(labels) != len(images):
        shapes = f"y_{split} has shape {_words(labels.shape)} for {len(images):,} samples"
        raise SubjectError(f"{shapes}: give one label each", "labels")
    if not len(images):
        raise SubjectError(f"the split {split!r} is empty: give at least one sample, or choose another split", "empty")
    if labels.dtype.kind not in "ui":
        raise SubjectError(f"y_{split} holds {labels.dtype}: labels are whole numbers that count classes from 0", "labels")
    labels = labels.astype(np.int64) - table.get("first_label", 0)
    chosen = found.thinned(labels, limits.samples)
    if len(chosen) < len(labels):
        images, labels = images[chosen], labels[chosen]
    stored = _stored(images, split, layout)
    how = found.preparation(table, stored.shape[1], digits.SCALE if "set" in table else 255.0)
    return Samples(_fitted(stored, how), torch.from_numpy(labels), how), (len(chosen), len(arrays[f"y_{split}"]))


def _fitted(stored: torch.Tensor, how: Preparation) -> torch.Tensor:
    """The images, cropped where the preparation says so. Resizing alone is done as they are used, as it always was."""
    if how.crop is None or stored.shape[2:] == (how.crop, how.crop):
        return stored
    if stored.dtype != torch.uint8 or stored.shape[1] not in CHANNELS:
        raise SubjectError("[data] crop is for images of whole bytes in grey or colour: crop such arrays before", "crop")
    cropped = [fitted(image.permute(1, 2, 0).numpy(), how) for image in stored]
    return torch.from_numpy(np.stack(cropped)).permute(0, 3, 1, 2).contiguous()


def _stored(images: np.ndarray, split: str, layout: str) -> torch.Tensor:
    """The images as [N, C, H, W], in a type that torch can index."""
    if images.ndim != len(layout) or not all(images.shape[1:]):
        raise SubjectError(
            f"x_{split} has shape {_words(images.shape)}, which is not {layout}: correct [data] layout", "layout"
        )
    kinds = {"b": np.uint8, "u": np.uint8 if images.dtype.itemsize == 1 else np.int64}
    plain = images.astype(kinds.get(images.dtype.kind, images.dtype.newbyteorder("=")), copy=False)
    if plain.dtype.kind == "f" and (wrong := int(np.count_nonzero(~np.isfinite(plain)))):
        raise SubjectError(
            f"x_{split} holds {wrong:,} values that are not finite numbers: clean the data first", "nonfinite"
        )
    ordered = {"NHW": lambda x: x[:, None], "NHWC": lambda x: x.transpose(0, 3, 1, 2), "NCHW": lambda x: x}[layout](plain)
    ordered = np.ascontiguousarray(ordered)
    return torch.from_numpy(ordered if ordered.flags.writeable else ordered.copy())


def _layout(given: str | None, images: np.ndarray) -> str:
    """The card's layout, else the one that the shape leaves no doubt about."""
    if given is not None:
        if given not in LAYOUTS:
            raise SubjectError(f"unknown layout {given[:64]!r}; there are {', '.join(LAYOUTS)}", "layout")
        return given
    if images.ndim == 3:
        return "NHW"
    if images.ndim == 4:
        first, last = images.shape[1] in CHANNELS, images.shape[3] in CHANNELS
        if first != last:
            return "NCHW" if first else "NHWC"
    raise SubjectError(
        f"images of shape {_words(images.shape)} could be read in several ways or in none: "
        f"say [data] layout = {' or '.join(map(repr, LAYOUTS))}",
        "layout",
    )


def _words(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "()"
