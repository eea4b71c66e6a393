"""A few seconds of fuzzing for each format; `make fuzz` does a hundred thousand files of each.

Together under a minute on one core; every format is a test of its own, so that they run beside each other.
"""

from __future__ import annotations

import random

import pytest

from tests.fuzz import run
from tests.fuzz.formats import FORMATS
from tests.fuzz.mutate import mutated

SECONDS = 1.2
FEWEST = 10


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_are_read_or_refused(name, tmp_path):
    outcome = run.run(name, 2_000, SECONDS, tmp_path, seed=1)
    if outcome.executions < FEWEST:  # a busy machine, or a format that bears a child for each file
        outcome = run.run(name, FEWEST, 60, tmp_path, seed=1)
    assert not outcome.findings, outcome.findings[0]
    assert outcome.executions >= FEWEST
    assert not any(code.startswith(("ended -11", "lost")) for code in outcome.codes), outcome.codes


def test_the_good_seeds_are_read():
    """A fuzzer whose seeds are refused at the door would never get in."""
    for name in ("safetensors", "npz", "tar.gz", "csv", "text", "tokenizer.bin", "llama2c", "link", "tokenizer.json"):
        form = FORMATS[name]
        outcome = run.run(name, len(form.seeds()), 30)
        assert outcome.read == len(form.seeds()), f"{name}: {outcome.codes} {outcome.findings}"


def test_what_is_wrong_is_found(tmp_path, monkeypatch):
    """A door that falls over, one that hangs and one that starts a program are findings."""
    import os
    from dataclasses import replace

    def door(path):
        kind = path.read_bytes()[:1]
        if kind == b"a":
            raise KeyError("foreign")
        if kind == b"b":
            os.system("true")
        while kind == b"c":
            pass

    form = replace(FORMATS["csv"], seeds=lambda: [b"a", b"b", b"c", b"d"], bring=door, hostile=())
    monkeypatch.setitem(FORMATS, "csv", form)
    monkeypatch.setattr(run, "SECONDS", 0.2)
    monkeypatch.setattr(run, "_warm", lambda *_: None)
    outcome = run.run("csv", 4, 30, tmp_path)
    assert outcome.read == 2 and len(outcome.findings) == 3
    assert [("KeyError" in one, "tried" in one, "Hang" in one) for one in outcome.findings] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_the_same_seed_gives_the_same_files():
    data = bytes(range(256))
    one, other = ([mutated(data, random.Random(s), (b"word",), (data,)) for s in range(50)] for _ in range(2))
    assert one == other and len(set(one)) > 40 and sum(len(x) != 256 for x in one) > 10
