"""The crash test: a run is killed again and again, and the disk is full; exit 1 where a promise is broken.

`python -m tests.crash` (`make crash`) kills a hundred times; `python -m tests.crash 20` so many.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import torch

from tests.crash import full, lives

RESUME = 5.0
"""Seconds in which a run has to go on."""


def main() -> int:
    """Kills, looks, and says what was found; 0 where all promises hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("kills", nargs="?", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place, lives.shelf():
        began = time.monotonic()
        expected = lives.uninterrupted(Path(place, "whole"))
        tally = lives.killed((Path(place, "store"), None), chosen.kills, random.Random(chosen.seed), expected)
        slowest = max(tally.resumed)
        print(f"{tally.kills} kills in {tally.runs} runs, {time.monotonic() - began:.0f} s")
        print(f"acknowledged moments lost: {tally.lost}; stores broken: {len(tally.broken)} {tally.broken[:3]}")
        print(f"moments or results that differ from the uninterrupted run: {tally.different}")
        print(f"seconds until a run went on: at most {slowest:.2f}, of {len(tally.resumed)}")
        good = not (tally.lost or tally.broken or tally.different) and slowest <= RESUME and tally.kills >= chosen.kills
        good &= full.told(Path(place), expected)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
