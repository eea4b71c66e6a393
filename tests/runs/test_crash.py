"""Killed at any instant, and on a full disk: nothing acknowledged is lost. `make crash` kills a hundred times."""

from __future__ import annotations

import random

import pytest

from tests.crash import full, lives


@pytest.fixture
def expected(tmp_path):
    with lives.shelf():
        yield lives.uninterrupted(tmp_path / "whole")


def test_a_run_that_is_killed_four_times_is_the_run_uninterrupted(places, expected):
    tally = lives.killed(places, 4, random.Random(1), expected)
    assert tally.kills >= 4 and tally.runs >= 1
    assert (tally.lost, tally.broken, tally.different) == (0, [], 0)


def test_a_full_disk_pauses_the_run_and_says_so(tmp_path, expected):
    with full.disk(tmp_path / "disk") as mounted:
        if not mounted:
            pytest.skip("this account may mount no small disk")
        paused, stored, there, done, moments, said = full.paused_and_resumed(tmp_path / "disk")
    assert paused.state == stored.state == "paused" and "full" in stored.trouble and 3 <= there < len(expected[0])
    assert done.state == "done" and done.memory == expected[1] and said == "ok"
    assert all(one.same(other) for one, other in zip(moments, expected[0], strict=True))
