"""A model's folder as the transformers library writes it and the hub keeps it: what a card needs to say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruneviz.engine.sources.gate import LOCAL, Limits, SubjectError
from pruneviz.engine.sources.shelf import timm, transformers

# The files of weights, the one to be read first.
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model")
_MIXED = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in a folder: names relative to it. `task` is None where the configuration names a bare encoder."""

    config: Mapping[str, Any]
    task: str | None
    weights: str
    tokenizer: str
    preparation: Mapping[str, Any]
    classes: tuple[str, ...]

    def table(self) -> dict[str, Any]:
        """The beginning of a card; the data are still to be named."""
        said = {"task": self.task} if self.task else {}
        said |= {"classes": list(self.classes)} if self.classes else {}
        wanted = {"build": "transformers", "config": "config.json"}
        data = {"tokenizer": self.tokenizer} if self.tokenizer and self.task != "image_classification" else {}
        return {**said, "weights": self.weights, "architecture": wanted, "data": {**data, **self.preparation}}


def read(folder: Path, limits: Limits = LOCAL) -> Folder:
    """What the folder holds, its configuration checked; no weight is read."""
    config = transformers.read(folder / "config.json", limits)
    task = transformers.task_of(config)
    tokenizer = "." if any(_is_file(folder / name) for name in TOKENIZERS) else ""
    shown = preparation(folder, limits) if task == "image_classification" else {}
    return Folder(config, task, weights(folder), tokenizer, shown, _classes(config) if task != "language_modelling" else ())


def weights(folder: Path) -> str:
    """Which of the folder's files holds its weights, or names those that do."""
    found = next((name for name in WEIGHTS if _is_file(folder / name)), "")
    if not found:
        raise SubjectError(f"the folder holds no weights; it takes {', '.join(WEIGHTS)}: put one there", "no-file")
    return found


def preparation(folder: Path, limits: Limits = LOCAL) -> dict[str, Any]:
    """The [data] keys that a preprocessor_config.json says; none where there is none."""
    path = folder / "preprocessor_config.json"
    return prepared(transformers.json_table(path, limits)) if _is_file(path) else {}


def prepared(said: Mapping[str, Any]) -> dict[str, Any]:
    """A preprocessor's words as [data] keys: to 0..1 or whatever it scales to, normalised, resized, cropped."""
    found: dict[str, Any] = {"scale": 1.0}
    factor = said.get("rescale_factor", 1 / 255)
    if said.get("do_rescale", True) and _number(factor) and factor > 0:
        found["scale"] = 255.0 if abs(factor * 255 - 1) < 1e-6 else 1 / factor
    for key, name in (("mean", "image_mean"), ("std", "image_std")):
        value = said.get(name)
        if said.get("do_normalize", True) and isinstance(value, list) and value and all(map(_number, value)):
            found[key] = [float(one) for one in value]
    size, crop = _side(said.get("size")), _side(said.get("crop_size"))
    if size and said.get("do_resize", True):
        found["resize"] = size
    if crop and said.get("do_center_crop", False):
        found["crop"] = crop
        found.setdefault("resize", crop)
    elif size and isinstance(said.get("size"), Mapping) and "shortest_edge" in said["size"]:
        found["crop"] = size
    mixed = _MIXED.get(said.get("resample", 2)) if type(said.get("resample", 2)) is int else None
    return found | ({"interpolation": mixed} if mixed else {})


def build_of(folder: Path, limits: Limits = LOCAL) -> Mapping[str, Any]:
    """The configuration of a folder of timm's or of transformers', whichever it is: what `recognise` takes."""
    config = transformers.json_table(folder / "config.json", limits)
    named = config.get("architecture")
    return config if isinstance(named, str) and not timm.missing() else transformers.checked(config)


def _classes(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the outputs in their order, unless they are only LABEL_0, LABEL_1, …"""
    said = config.get("id2label")
    if not isinstance(said, Mapping):
        return ()
    names = tuple(said.get(str(at)) for at in range(len(said)))
    if not names or not all(isinstance(one, str) and one.strip() for one in names):
        return ()
    return () if names == tuple(f"LABEL_{at}" for at in range(len(names))) else names


def _side(size: Any) -> int | None:
    """The side of a square, however it is said."""
    if isinstance(size, Mapping):
        size = next((size[key] for key in ("shortest_edge", "height") if key in size), None)
    return size if type(size) is int and 1 <= size <= 4096 else None


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e6


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
