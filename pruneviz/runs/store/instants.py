"""Instants: moments as rows and as a file of their arrays, and back, to the bit."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Row

from pruneviz.moment import Moment

if TYPE_CHECKING:
    from torch import Tensor

AND = " and "
"""Between the versions of a run that was performed with several."""


def rows(run: str, first: int, found: Sequence[Moment], artifact: str | None) -> list[dict]:
    """Moments as rows, counted from `first`; those with arrays name the file that has them."""
    return [
        {
            "run": run, "number": number, "step": one.step, "of": one.of, "stage": one.stage,
            "measured": json.dumps({name: float(value) for name, value in one.values.items()}),
            "artifact": artifact if one.arrays else None,
        }
        for number, one in enumerate(found, first)
    ]  # fmt: skip


def pack(run: str, first: int, found: Sequence[Moment]) -> bytes:
    """The arrays of all these moments as the content of one file; nothing where none has any."""
    from safetensors.numpy import save

    arrays = {
        f"{number}/{name}": np.array(array, order="C")
        for number, one in enumerate(found, first)
        for name, array in one.arrays.items()
    }
    about = json.dumps({"run": run, "moments": first}, sort_keys=True)
    return save(arrays, metadata={"pruneviz": about}) if arrays else b""


def read(found: Sequence[Row], file: Callable[[str], Mapping[str, Tensor]] | None) -> list[Moment]:
    """The moments of such rows; `file` reads their arrays, which are left out where there is none."""
    files: dict[str, Mapping[str, Tensor]] = {}
    if file is not None:
        files = {name: file(name) for name in dict.fromkeys(row.artifact for row in found) if name}
    return [_moment(row, files.get(row.artifact, {})) for row in found]


@cache
def versions() -> str:
    """What a run is performed with here, as JSON: its last digits depend on it."""
    found = {name: importlib.metadata.version(name) for name in ("torch", "numpy")}
    return json.dumps({**found, "python": platform.python_version(), "machine": platform.machine()}, sort_keys=True)


def also(before: str) -> str:
    """What a run was performed with that goes on here: where that is not the same, each that it was, as in «2.1 and 2.2»."""
    had, now = json.loads(before), json.loads(versions())
    seen = {name: [*had.get(name, "").split(AND), now.get(name, "")] for name in had | now}
    return json.dumps({name: AND.join(dict.fromkeys(filter(None, ones))) for name, ones in seen.items()}, sort_keys=True)


def _moment(row: Row, tensors: Mapping[str, Tensor]) -> Moment:
    start = f"{row.number}/"
    arrays = {name[len(start) :]: one.numpy() for name, one in tensors.items() if name.startswith(start)}
    return Moment(row.step, row.of, row.stage, json.loads(row.measured), arrays)
