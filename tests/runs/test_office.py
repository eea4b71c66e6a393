"""The office: sixty who ask for one run get one run, Cancel is true, and whoever asks again goes on where it ended."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pruneviz.runs import performed
from pruneviz.runs.office import Asked, Office
from pruneviz.runs.perform import enter, perform
from pruneviz.runs.store import Store
from tests.runs import tiny_lab
from tests.test_nursery import gone


@pytest.fixture
def office(tmp_path, monkeypatch):
    monkeypatch.setattr(performed, "KIND", "tests.runs.tiny_performed:perform")
    made = Office(Store(tmp_path / "store"))
    yield made
    pids = made.pids()
    made.close()
    assert gone(*pids)


@pytest.fixture
def asked(digits):
    def new(seed=0, **course):
        recipe = replace(tiny_lab.RECIPE, seed=seed, course=replace(tiny_lab.COURSE, **course))
        return Asked(recipe, "digits_mlp", (digits.sha256, digits.data_sha256), "Tiny")

    return new


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def test_sixty_who_ask_for_one_run_get_one(office, asked, digits, tmp_path, tiny):
    """However they look at it; and what comes of it is what comes of it in this process."""
    with ThreadPoolExecutor(60) as crowd:
        ways = [replace(asked(times=31), recipe=replace(asked(times=31).recipe, title=f"{at}")) for at in range(60)]
        runs = list(crowd.map(lambda at: office.start(ways[at], f"visitor {at}/tab"), range(60)))
    (key,) = {run.key for run in runs}
    assert len(office.past()) == 1 and len(office.past("tiny")) == 1 and office.past("other") == []
    watched = until(lambda: office.watch(key).run.moments and office.watch(key))
    assert watched.run.state in ("running", "done") and not watched.idle
    assert until(lambda: office.watch(key).run.state == "done")
    here = Store(tmp_path / "here")
    *_, done = perform(here, enter(here, digits, ways[0].recipe).key, digits)
    assert done.memory == office.find(ways[1].recipe, ways[1].hashes).memory
    assert all(one.same(other) for one, other in zip(office.moments(key), here.moments(key), strict=True))
    here.close()
    assert office.start(ways[0], "late/tab").state == "done" and not office.watch(key).idle
    assert office.find(asked(9).recipe, asked(9).hashes) is None


def test_cancel_is_true_and_starting_again_goes_on(office, asked):
    run = office.start(asked(times=101), "one/tab")
    office.start(asked(times=101), "two/tab")
    until(lambda: office.watch(run.key).run.moments >= 2)
    assert office.cancel(run.key, "one/tab").state == "running"  # the other wants it still
    began = time.monotonic()
    ended = office.cancel(run.key, "two/tab")
    assert time.monotonic() - began < 5 and ended.state == "cancelled" and 2 <= ended.moments < 12
    before = ended.moments
    assert office.start(asked(times=101), "one/tab").moments == before
    assert until(lambda: office.watch(run.key).run.state == "done") and office.watch(run.key).run.moments == 12


def test_runs_wait_for_each_other_and_one_that_waits_is_cancelled_at_once(office, asked):
    first, second = (office.start(asked(seed, times=101), "one/tab") for seed in (0, 1))
    until(lambda: office.watch(first.key).run.moments)
    watched = office.watch(second.key)
    assert watched.run.state == "waiting" and watched.position == 1 and not watched.idle
    office.gone("one/tab")  # it goes on
    assert office.cancel(second.key, "other/tab").state == "cancelled" and not office.watch(first.key).run.over
    assert office.watch(first.key).left is None or office.watch(first.key).left < 60
    office.forget(first.key)
    assert [run.key for run in office.past()] == [second.key]


def test_a_worker_that_is_killed_is_said_and_the_run_goes_on(office, asked):
    run = office.start(asked(times=101), "one/tab")
    until(lambda: office.watch(run.key).run.moments >= 2)
    os.kill(office.pids()[0], signal.SIGKILL)
    failed = until(lambda: (now := office.watch(run.key)).run.state == "failed" and now)
    assert "ended the process" in failed.run.trouble and failed.run.moments >= 2 and not failed.idle
    assert office.start(asked(times=101), "one/tab").moments == failed.run.moments
    assert until(lambda: office.watch(run.key).run.state == "done")


def test_what_nobody_performs_is_idle(office, asked):
    run = office.store.enter(asked().recipe, *asked().hashes)
    assert office.watch(run.key).idle
    office.store.claim(run.key, "another server")
    assert not office.watch(run.key).idle
