"""`python -m tests.fuzz`: mutated files of every format, two processes, a fixed seed; exit status 1 if there is a finding.

A finding is anything but «read» or one `SubjectError` in one sentence: another exception, a warning, two seconds on the
processor, an attempt to start a program or to open a connection, an end of the process itself.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz import run
from tests.fuzz.formats import FORMATS

PROCESSES = 2


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--executions", type=int, default=100_000, help="files of each format")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="at most so many seconds for each format")
    parser.add_argument("--formats", default=",".join(FORMATS), help="which, with commas between them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "pruneviz-findings")
    said = parser.parse_args(arguments)
    wrong = 0
    print(f"{'format':16} {'files':>9} {'read':>9} {'refused':>9} {'seconds':>8} {'slowest':>8}  findings", flush=True)
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        names = sorted(said.formats.split(","), key=lambda name: name not in SLOW)
        asked = {pool.submit(_apart, name, said): name for name in names}
        for done in concurrent.futures.as_completed(asked):
            outcome, trouble = done.result()
            if outcome is not None:
                print(_line(outcome), flush=True)
                trouble += [f"FINDING: {one.strip()[-1500:]}" for one in dict.fromkeys(outcome.findings)]
                trouble += ["stopped early"] * (outcome.executions < said.executions and said.seconds == float("inf"))
            for one in trouble:
                print(f"{asked[done]}: {one}", flush=True)
            wrong += bool(trouble)
    print(f"{'no finding' if not wrong else f'{wrong} formats with findings, their files in {said.keep}'}")
    return 1 if wrong else 0


SLOW = ("config", "torch-child", "image-zip", "parquet", "card", "tokenizer.json")
"""These begin first, so that both processes end at about the same time."""


def _apart(name: str, said: argparse.Namespace) -> tuple[run.Outcome | None, list[str]]:
    """One format in a process of its own: a file that ends the process is a finding, too."""
    words = (name, said.executions, said.seconds, said.keep, said.seed)
    command = [sys.executable, "-m", "tests.fuzz.run", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        return None, [f"the process ended with {done.returncode}: {done.stderr[-1500:]}"]
    table = json.loads(lines[-1])
    return run.Outcome(**{**table, "codes": Counter(table["codes"])}), []


def _line(one: run.Outcome) -> str:
    refused = sum(one.codes.values())
    common = ", ".join(f"{code} {count:,}" for code, count in one.codes.most_common(3))
    return (
        f"{one.name:16} {one.executions:9,} {one.read:9,} {refused:9,} {one.seconds:8.1f} {one.slowest:8.2f}  "
        f"{len(one.findings)}  ({common})"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
