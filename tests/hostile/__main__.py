"""`python -m tests.hostile [part of a name]`: brings every hostile file in, and prints what was answered.

Exit status 1 unless nothing ran, every file was refused with a sentence (or let in where nothing in it does anything), every
verdict took under 2 s, and no refusal made this process grow by 50 MB. Growth is that of this process, the peak since just
before the file was brought; the child that reads PyTorch's files is bounded by its own limits and is gone with the verdict.
"""

from __future__ import annotations

import os
import sys
import warnings

from pruneviz import nursery
from tests.hostile.corpus import CASES, INERT
from tests.hostile.doors import DOORS
from tests.hostile.verdict import Verdict, fence, judge

ENOUGH = 60


def main(arguments: list[str]) -> int:
    warnings.simplefilter("error")
    # A panic of a library in Rust would read its debug information for a trace: memory that no server spends.
    os.environ["RUST_BACKTRACE"] = "0"
    chosen = [case for name, case in CASES.items() if all(part in name for part in arguments)]
    _warm()
    verdicts = []
    print(f"{'file':44} {'verdict':20} {'seconds':>8} {'MB':>6}")
    for case in chosen:
        verdicts.append(judge(case))
        print(_line(verdicts[-1]), flush=True)
    faulty = [one for one in verdicts if one.faults]
    ran = sum(one.canary for one in verdicts)
    inert = sum(one.code == INERT for one in verdicts)
    slowest = max(verdicts, key=lambda one: one.seconds)
    grown = max((one for one in verdicts if one.code != INERT), key=lambda one: one.growth or 0, default=slowest)
    print(
        f"\n{len(verdicts)} hostile files: {ran} ran, {len(verdicts) - inert} refused, {inert} let in and inert; "
        f"slowest {slowest.seconds:.2f} s ({slowest.name}); "
        f"most memory on a refusal {(grown.growth or 0) / 1e6:.0f} MB ({grown.name})"
    )
    for one in faulty:
        print(f"WRONG: {one.name}: {', '.join(one.faults)}: {one.code}: {one.sentence[:200]}")
    return 1 if faulty or (len(chosen) < ENOUGH and not arguments) else 0


def _warm() -> None:
    """What a server has done before anybody comes: the nursery runs, and every door has opened once."""
    nursery.warm()
    import pyarrow.parquet  # noqa: F401
    import torchvision.models  # noqa: F401

    for door in DOORS:
        for case in [case for case in CASES.values() if case.door == door][:: 1 if door in ("card", "config") else 1000]:
            judge(case)
    fence()


def _line(one: Verdict) -> str:
    grown = "" if one.growth is None else f"{one.growth / 1e6:.1f}"
    return f"{one.name:44} {one.code:20} {one.seconds:8.3f} {grown:>6} {' '.join(one.faults).upper()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
