"""Told: runs as plain tables, ready for JSON; and what several seeds of one setting come to."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pruneviz.moment import Moment
from pruneviz.recipe_file import link
from pruneviz.runs.store.records import Run


def table(run: Run, moments: Sequence[Moment] = ()) -> dict[str, Any]:
    """A run, and what was measured at the last of its moments."""
    return {
        "key": run.key,
        "lab": run.lab,
        "title": run.title,
        "state": run.state,
        "step": run.step,
        "of": run.of,
        "moments": run.moments,
        "seed": run.recipe.seed,
        "link": link(run.recipe),
        "trouble": run.trouble,
        "seconds": round(run.seconds, 3),
        "created": run.created,
        "started": run.started,
        "ended": run.ended,
        "model_sha256": run.model_sha256,
        "data_sha256": run.data_sha256,
        "threads": run.recipe.course.threads,
        "versions": dict(run.versions),
        "result_sha256": run.memory if run.state == "done" else None,
        "last": measured(moments[-1]) if moments else {},
    }


def measured(moment: Moment) -> dict[str, float | None]:
    """A moment's numbers; one that is none is null."""
    return {name: value if math.isfinite(value) else None for name, value in moment.values.items()}


def instant(number: int, moment: Moment) -> dict[str, Any]:
    """A moment without its arrays, of which only the shapes are told."""
    arrays = {name: list(array.shape) for name, array in moment.arrays.items()}
    said = {"number": number, "step": moment.step, "of": moment.of, "stage": moment.stage, "measured": measured(moment)}
    return said | ({"arrays": arrays} if arrays else {})


def settings(found: Iterable[tuple[Mapping[str, str], Mapping[str, float | None]]]) -> list[dict[str, Any]]:
    """For each setting, over the seeds of it that came to an end: mean, standard deviation, lowest and highest."""
    gathered: dict[tuple, list[Mapping[str, float | None]]] = {}
    for chosen, last in found:
        gathered.setdefault(tuple(chosen.items()), []).append(last)
    return [{"set": dict(chosen), "n": len(rows), "measured": _spread(rows)} for chosen, rows in gathered.items()]


def _spread(rows: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    shared = [name for name in rows[0] if all(row.get(name) is not None for row in rows)]
    return {name: _of([row[name] for row in rows]) for name in shared}


def _of(values: Sequence[float]) -> dict[str, float | None]:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "deviation": deviation, "lowest": min(values), "highest": max(values)}
