"""Killed at any instant, and on a full disk: nothing acknowledged is lost. `make crash` kills a hundred times."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash import full, lives

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def expected(tmp_path):
    with lives.shelf():
        yield lives.uninterrupted(tmp_path / "whole")


def test_a_run_that_is_killed_four_times_is_the_run_uninterrupted(places, expected):
    tally = lives.killed(places, 4, random.Random(1), expected)
    assert tally.kills >= 4 and tally.runs >= 1
    assert (tally.lost, tally.broken, tally.different) == (0, [], 0)


@pytest.mark.disk
def test_a_full_disk_pauses_the_run_and_says_so(tmp_path, expected, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_FREE_BYTES", "0")  # else no run begins on so small a disk
    with full.disk(tmp_path / "disk") as mounted:
        if not mounted:
            pytest.skip("this account may mount no small disk")
        paused, stored, there, done, moments, said = full.paused_and_resumed(tmp_path / "disk")
    assert paused.state == stored.state == "paused" and "full" in stored.trouble and 3 <= there < len(expected[0])
    assert done.state == "done" and done.memory == expected[1] and said == "ok"
    assert all(one.same(other) for one, other in zip(moments, expected[0], strict=True))


@pytest.mark.parametrize(("needed", "good"), [("", True), ("browser,disk", False)])
def test_a_disk_that_was_not_tried_is_no_success_where_it_has_to_be(tmp_path, monkeypatch, capsys, needed, good):
    @contextmanager
    def none(_folder):
        yield False

    monkeypatch.setattr(full, "disk", none)
    monkeypatch.setenv("PRUNEVIZ_NO_SKIP", needed)
    monkeypatch.setenv("PRUNEVIZ_FREE_BYTES", "0")
    assert full.told(tmp_path, None) is good and "not tried" in capsys.readouterr().out


def test_a_machine_says_whether_it_lets_a_disk_be_mounted():
    """What `.ci/run` asks: where nobody can mount, as without the command, the answer is no."""
    environment = {name: value for name, value in os.environ.items() if name != "PATH"} | {"PATH": "/nowhere"}
    asked = [sys.executable, "-m", "tests.crash.full"]
    assert subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True).returncode == 1


def test_ci_takes_a_skip_of_whatever_needs_something_for_a_failure():
    marks = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]["markers"]
    said = (ROOT / ".ci" / "run").read_text("utf-8")
    named = {one for line in said.splitlines() if "needed=" in line for one in line.partition("=")[2].split(",")}
    assert {mark.partition(":")[0] for mark in marks if ": needs " in mark} <= named
