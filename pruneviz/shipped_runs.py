"""Shipped runs: the runs that come with a sample, so that a lab tells its story before anything is trained.

One run is one safetensors file beside the sample: the moments' arrays are its tensors, all else is JSON in its metadata. It
is used only while the sample's weights are those that the run started from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from pruneviz.moment import Moment
from pruneviz.query import from_pin, to_pin
from pruneviz.shipped import SAMPLES
from pruneviz.traced import Traced

FOLDER = "runs"
NAMED = 12
"""So many letters of a run's key are in its file's name."""


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """What a shipped run was made of: its key in any store, both files' sha256, and what it was performed with."""

    key: str
    subject_sha256: str
    data_sha256: str
    versions: Mapping[str, str] = field(default_factory=dict)


def paths(subject: str, lab: str) -> list[Path]:
    """The files of a sample's runs of a lab; none where the name is no sample's."""
    if "/" in subject or not subject.isidentifier() or not lab.isidentifier():
        return []
    return sorted((SAMPLES / subject / FOLDER).glob(f"{lab}-*.safetensors"))


def subjects(lab: str) -> list[str]:
    """The samples that come with runs of a lab."""
    return sorted({path.parent.parent.name for path in SAMPLES.glob(f"*/{FOLDER}/{lab}-*.safetensors")})


def read(subject: str, lab: str) -> list[Traced]:
    """The runs of a lab that come with a sample, for exactly the weights that it has."""
    found = [(_read(path, path.stat().st_mtime_ns), path) for path in paths(subject, lab)]
    if not found:
        return []
    weights = SAMPLES / subject / "weights.safetensors"
    own = _sha256(weights, weights.stat().st_mtime_ns) if weights.is_file() else ""
    return [run for (run, origin), _ in found if origin.subject_sha256 == own]


def origin(path: Path) -> Origin:
    """What the run in a file was made of."""
    return _read(path, path.stat().st_mtime_ns)[1]


def write(folder: Path, run: Traced, made: Origin) -> Path:
    """Writes a run into the folder of its sample's runs; equal runs give equal bytes."""
    from safetensors.numpy import save

    about = {
        "recipe": to_pin(run.recipe), "title": run.title, "seconds": round(run.seconds, 1), "key": made.key,
        "subject_sha256": made.subject_sha256, "data_sha256": made.data_sha256, "versions": dict(made.versions),
        "moments": [
            {"step": one.step, "of": one.of, "stage": one.stage, "values": {key: float(x) for key, x in one.values.items()}}
            for one in run.moments
        ],
    }  # fmt: skip
    arrays = {
        f"{at}/{name}": np.ascontiguousarray(array)
        for at, one in enumerate(run.moments)
        for name, array in one.arrays.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.recipe.course.lab}-{made.key[:NAMED]}.safetensors"
    path.write_bytes(save(arrays, metadata={"pruneviz": json.dumps(about, sort_keys=True)}))
    return path


@lru_cache(512)
def _read(path: Path, _changed: int) -> tuple[Traced, Origin]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        about = json.loads(file.metadata()["pruneviz"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dict
    recipe = from_pin(about["recipe"])
    if recipe is None:
        raise ValueError(f"{path.name} was made by another version: make it anew with `make runs`")
    moments = tuple(
        Moment(one["step"], one["of"], one["stage"], one["values"], _of(arrays, at))
        for at, one in enumerate(about["moments"])
    )
    made = Origin(about["key"], about["subject_sha256"], about["data_sha256"], about["versions"])
    end = moments[-1]
    run = Traced(recipe, about["title"], "done", end.step, end.of, moments, "", about["seconds"], made.key, shipped=True)
    return run, made


def _of(arrays: Mapping[str, np.ndarray], at: int) -> dict[str, np.ndarray]:
    start = f"{at}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


@lru_cache(32)
def _sha256(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
