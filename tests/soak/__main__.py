"""The soak: a real server under many hands, for a while; one table, and exit 1 where a promise does not hold.

`python -m tests.soak` runs all of it (`make soak`); `python -m tests.soak memory heavy` some; `--quick` a tenth of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.soak.lines import LINES, Size

QUICK = Size(steps=20, runs=1, worker_steps=8, cycles=20, cancels=4, crowd=20, within=15.0)


def main() -> int:
    """Runs the lines that were asked for; 0 where all of them hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("lines", nargs="*", help=f"which of {', '.join(LINES)}; all unless said")
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.lines) - set(LINES))
    if unknown:
        parser.error(f"unknown line {unknown[0]!r}; there are {', '.join(LINES)}")
    good = True
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start", flush=True)
    for name in chosen.lines or LINES:
        began = time.monotonic()
        for line in LINES[name](QUICK if chosen.quick else Size()):
            good &= line.holds
            print(f"{'ok  ' if line.holds else 'FAIL'} {line.what} | {line.promised} | {line.found}", flush=True)
        print(f"     {name}: {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
