"""Doctor: what is installed, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
from pathlib import Path

from pruneviz import floors

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "chromium-headless-shell")
"""What the browser tests are content with, by the names under which systems have it; the last is the quickest."""
_OPTIONAL = {
    "numba": "masks are written by the slower torch path; pip install the pinned numba for the fast one",
    "captum": "attributions are not available; pip install the pinned captum",
    "backpack-for-pytorch": "curvature cannot be compared with BackPACK's; pip install the pinned backpack-for-pytorch",
}


def examine() -> dict:
    """A JSON-able account: versions, devices, samples, what is missing and the way out of it."""
    wanted = pins()
    found = {name: _version(name) for name in wanted}
    advice = []
    for name, pin in wanted.items():
        if found[name] is None:
            advice.append(_OPTIONAL.get(name, f"{name} is missing: run `make setup`, or pip install {name}=={pin}"))
        elif found[name].partition("+")[0] != pin:
            advice.append(f"{name} is {found[name]}, tested with {pin}: run `make setup` for the tested one")
    low = floors.below()
    advice += [floors.sentence([one]) for one in low]
    needed = [name for name in wanted if found[name] is None and name not in _OPTIONAL]
    if not any(map(shutil.which, BROWSERS)):
        named = " or ".join(BROWSERS)
        advice.append(f"no chromium: browser tests are skipped; install your system's package {named} to run them")
    return {
        "ok": not needed and not low,
        "python": platform.python_version(),
        "packages": found,
        "devices": _devices(),
        "cores": os.cpu_count(),
        "samples": sorted(path.parent.name for path in (ROOT / "sample_models").glob("*/weights.safetensors")),
        "advice": advice,
    }


def pins() -> dict[str, str]:
    """The exact versions that requirements.txt asks for, by name."""
    path = ROOT / "requirements.txt"
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return dict(match.groups() for line in lines if (match := re.match(r"([\w.-]+)==([\w.+-]+)$", line.strip())))


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _devices() -> list[str]:
    try:
        import torch
    except ImportError:
        return []
    cards = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [f"cpu ({torch.get_num_threads()} threads)", *map(_card, cards), *mps]


def _card(at: int) -> str:
    """A graphics card: its name, and its memory."""
    import torch

    free, whole = (size / 2**30 for size in torch.cuda.mem_get_info(at))
    return f"cuda:{at} ({torch.cuda.get_device_name(at)}, {free:.0f} of {whole:.0f} GiB free)"
