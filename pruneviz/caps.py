"""Caps: how much a visitor may bring and ask for. Every cap is a setting, and each says what it protects.

Caps bind what is uploaded to a shared server. On one's own machine, and for cards named on the command line, memory alone is
the limit. A setting is an environment variable, `PRUNEVIZ_` and the cap's name in capitals: `PRUNEVIZ_PARAMETERS=200000000`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

PREFIX = "PRUNEVIZ_"


@dataclass(frozen=True, slots=True)
class Caps:
    """What a shared server lets in and works on, and for how long."""

    upload_bytes: int = 100_000_000
    """Bytes of one uploaded file."""
    unpacked_bytes: int = 1_000_000_000
    """Bytes that an uploaded archive may unpack to."""
    parameters: int = 60_000_000
    """Parameters of a model."""
    tensors: int = 20_000
    """Tensors in a file of weights."""
    samples: int = 10_000
    """Images, texts or windows of a data set."""
    models: int = 3
    """Models that one visitor keeps at a time; the one looked at longest ago makes room."""
    held_bytes: int = 1_500_000_000
    """Bytes that all visitors' models and data may fill together, in memory and on disk."""
    jobs: int = 1
    """Heavy jobs that run at a time."""
    queue: int = 20
    """Heavy jobs that wait."""
    job_seconds: int = 1_800
    """Seconds after which a heavy job is ended."""
    run_steps: int = 200_000
    """Training steps that one run of a lab may take."""
    run_samples: int = 20_000_000
    """Samples that one run may train on, each as often as it comes: its steps times its batch."""
    run_moments: int = 2_000
    """Moments that one run may store: each has what its charts draw."""
    run_seconds: int = 7_200
    """Seconds after which a run is ended; what came of it until then is kept."""
    runs_each: int = 6
    """Runs of one visitor that wait or are performed at a time; visitors take turns."""
    store_bytes: int = 20_000_000_000
    """Bytes that runs may fill in the store; the run that was over first makes room."""
    forgotten_seconds: int = 120
    """Seconds after a visitor has gone, until what they brought is forgotten."""
    nice: int = 10
    """How far the processes that work on heavy jobs and runs stand back for pages, 0 to 19."""
    free_bytes: int = 500_000_000
    """Bytes that have to be free on the disk of the store of runs, for a run to begin or to go on."""


MONTH = 10**6
"""Seconds: longer than that no process is waited for, the system refuses."""
LOCAL = replace(
    Caps(),
    upload_bytes=1 << 40,
    unpacked_bytes=1 << 40,
    parameters=1 << 40,
    samples=1 << 31,
    models=16,
    held_bytes=1 << 40,
    run_steps=1 << 40,
    run_samples=1 << 50,
    run_moments=1 << 40,
    run_seconds=MONTH,
    runs_each=60,
    store_bytes=1 << 60,
)
"""On one's own machine: memory alone is the limit, and whoever fills it is asked first (`engine.sources.gate`)."""

BOUNDS = {"nice": (0, 19), "free_bytes": (0, None), "run_seconds": (1, MONTH)}
"""From and to which number a cap goes, where that is not from 1 to any."""


def read(own: bool, environment: Mapping[str, str] | None = None) -> Caps:
    """The caps of this server: its defaults, `own` machine or shared, with every setting of the environment applied."""
    environment = os.environ if environment is None else environment
    caps = LOCAL if own else Caps()
    found = {}
    for field in fields(Caps):
        name = f"{PREFIX}{field.name.upper()}"
        if environment.get(name, "").strip():
            found[field.name] = _whole(name, environment[name], *BOUNDS.get(field.name, (1, None)))
    return replace(caps, **found)


def downloads(own: bool, environment: Mapping[str, str] | None = None) -> bool:
    """Whether models and data may be fetched by name: on one's own machine yes, elsewhere only where `PRUNEVIZ_DOWNLOADS`
    says so."""
    environment = os.environ if environment is None else environment
    said = environment.get(f"{PREFIX}DOWNLOADS", "").strip().lower()
    if said in ("1", "on", "yes", "true"):
        return True
    if said in ("0", "off", "no", "false"):
        return False
    if said:
        raise ValueError(f"PRUNEVIZ_DOWNLOADS is {said[:40]!r}; possible are on and off")
    return own


def _whole(name: str, text: str, low: int, high: int | None) -> int:
    try:
        value = int(text.replace("_", ""))
    except ValueError:
        value = low - 1
    if value < low or (high is not None and value > high):
        to = "" if high is None else f" to {high}"
        raise ValueError(f"{name} is {text[:40]!r}; give a whole number from {low}{to}") from None
    return value
