"""Forked: fresh processes without their first seconds. One imports what all of them import, and forks a child per question.

A child knows what a new interpreter knows after the same imports, and nothing of the children before it. That an
interpreter of its own is started and ends as it should is tested with real ones, in test_apart.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Ask = Callable[..., tuple[int, str, str]]
"""At a place, with arguments: the exit status, and what was written to the two outputs."""

PARENT = """
import json, os, sys, traceback
first, then = sys.argv[1:]
exec(first)
for line in sys.stdin:
    place, said, errors, *arguments = json.loads(line)
    if not os.fork():
        code = 1
        try:
            os.dup2(os.pipe()[0], 0)  # held open, and nothing comes
            os.dup2(os.open(said, os.O_WRONLY), 1)
            os.dup2(os.open(errors, os.O_WRONLY), 2)
            os.chdir(place)
            sys.argv = ["-c", *arguments]
            exec(then, {"__name__": "__main__"})
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@contextmanager
def forking(first: str, then: str, *flags: str, environment: Mapping[str, str] | None = None) -> Iterator[Ask]:
    """`first` is done once, `then` by each child, which has its arguments in sys.argv."""
    command = [sys.executable, *flags, "-c", PARENT, first, then]
    with tempfile.TemporaryDirectory() as desk:
        said, errors = Path(desk, "said"), Path(desk, "errors")
        parent = subprocess.Popen(
            command, cwd=desk, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

        def ask(place: Path, *arguments: str) -> tuple[int, str, str]:
            for one in (said, errors):
                one.write_bytes(b"")
            parent.stdin.write(json.dumps([str(place), str(said), str(errors), *map(str, arguments)]) + "\n")
            parent.stdin.flush()
            return int(parent.stdout.readline()), said.read_text("utf-8"), errors.read_text("utf-8")

        try:
            yield ask
        finally:
            parent.communicate()
