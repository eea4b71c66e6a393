"""All benchmarks in one table: each row a ratio against a peer or a floor, measured interleaved in the same process.

`make bench` runs them all and writes benchmarks/latest.json; `python -m benchmarks masks loop` runs some of them anew. One
is run by itself, as it needs the published code beside it: `python -m benchmarks.oneshot`.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

KINDS = ("masks", "loop", "curvature", "truth", "structure", "allocation", "training", "gpu", "browser")
LATEST = Path(__file__).with_name("latest.json")


def main(kinds: list[str]) -> None:
    torch.set_num_threads(os.cpu_count() or 1)
    rows = []
    for kind in kinds or KINDS:
        found = importlib.import_module(f"benchmarks.{kind}").rows()
        rows += [{"kind": kind, **row} for row in found]
        for row in found:
            print(f"{kind:10} {row['name']:58} {row['ratio']:9.2f} {row['unit']:22} {row.get('note', '')}", flush=True)
    keep(rows, kinds or KINDS)


def keep(rows: list[dict], kinds: Sequence[str]) -> None:
    """Puts the rows of these kinds in the place of those that were there."""
    kept = json.loads(LATEST.read_text("utf-8"))["rows"] if LATEST.is_file() else []
    rows = rows + [row for row in kept if row["kind"] not in kinds]
    where = {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
    }
    LATEST.write_text(json.dumps({"machine": where, "rows": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
