"""Peak memory of one shot: a Llama of a billion random parameters is built and walked in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch

SIZES = {"vocabulary": 32_000, "width": 2048, "hidden": 5632, "layers": 22, "heads": 32, "key_value_heads": 4}
SAMPLES, TOKENS = 8, 256


def rows() -> list[dict]:
    found = json.loads(subprocess.run([sys.executable, "-m", __name__], check=True, capture_output=True, text=True).stdout)
    weights, peak, before, built = (found[key] / 2**20 for key in ("weights", "peak", "before", "built"))
    note = (
        f"{found['parameters']:,} parameters in float32, {weights:,.0f} MiB; {SAMPLES} × {TOKENS} tokens, SparseGPT at "
        f"50 %, all {SIZES['layers']} blocks; peak {peak:,.0f} MiB of the whole process, {built:,.0f} when it was "
        f"built, {before:,.0f} before; {found['seconds'] / SIZES['layers']:.0f} s per block, "
        f"{torch.get_num_threads()} threads"
    )
    return [
        {
            "name": "Llama of 1.1 billion: peak memory of the process, against its weights",
            "ours_ms": None,
            "peer": "weights",
            "peer_ms": None,
            "ratio": round(peak / weights, 3),
            "unit": "× its weights",
            "note": note,
        }
    ]


def _child() -> None:
    from pruneviz.engine.criterion import find as criterion
    from pruneviz.engine.reconstruct import find, walk
    from pruneviz.engine.reconstruct.seats import seat
    from pruneviz.engine.sources import architecture

    before, network = _peak(), architecture.build("llama", {**SIZES, "tied": False}).requires_grad_(False)
    source = torch.Generator().manual_seed(0)
    for one in network.parameters():
        one.fill_(1.0) if one.ndim == 1 else one.normal_(0, 0.02, generator=source)
    seats = [seat(network, name) for name, one in network.named_parameters() if one.ndim == 2 and ".layers." in name]
    tokens = torch.randint(SIZES["vocabulary"], (SAMPLES, TOKENS), generator=source)
    built, started = _peak(), time.perf_counter()
    plan = walk.Plan(criterion("magnitude"), find("sparsegpt"), {one.name: 0.5 for one in seats})
    for one in walk.walk(network, seats, tokens.split(1), plan):
        print(f"{one.at} of {one.of}, peak {_peak() / 2**20:,.0f} MiB", file=sys.stderr, flush=True)
        del one  # what is told is not kept
    weights = {one.data_ptr(): one.numel() * one.element_size() for one in network.parameters()}
    told = {
        "parameters": sum(one.numel() for one in network.parameters()),
        "weights": sum(weights.values()),
        "before": before,
        "built": built,
        "peak": _peak(),
        "seconds": time.perf_counter() - started,
    }
    print(json.dumps(told))


def _peak() -> int:
    """The most bytes that this process ever had in memory; Linux counts what its parent had into `ru_maxrss`."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    _child()
