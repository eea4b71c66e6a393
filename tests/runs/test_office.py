"""The office: sixty who ask for one run get one run, Cancel is true, and whoever asks again goes on where it ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pruneviz.caps import LOCAL
from pruneviz.moment import Moment
from pruneviz.runs import keeping, listing, performed
from pruneviz.runs.office import Asked, Office, Wanted
from pruneviz.runs.perform import enter, perform
from pruneviz.runs.queue import QueueFull
from pruneviz.runs.store import Store
from tests.runs import tiny_lab
from tests.test_nursery import gone


@pytest.fixture
def office(request, tmp_path, monkeypatch):
    """An office; a test may name caps of its own."""
    monkeypatch.setattr(performed, "KIND", "tests.runs.tiny_performed:perform")
    made = Office(Store(tmp_path / "store"), caps=replace(LOCAL, **getattr(request, "param", {})))
    yield made
    pids = made.pids()
    made.close()
    assert gone(*pids)


def capped(**caps):
    return pytest.mark.parametrize("office", [caps], indirect=True)


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
    with pytest.raises(Wanted, match="^1 other still wants this run, so it goes on without you$"):
        office.cancel(run.key, "one/tab")
    assert office.watch(run.key).run.state == "running"
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
    office.gone("one/tab")  # it goes on, and is nobody else's to cancel
    with pytest.raises(Wanted, match="somebody else asked for this run"):
        office.cancel(second.key, "other/tab")
    assert office.watch(second.key).run.state == "waiting"
    assert office.cancel(second.key, "one/after a reload").state == "cancelled" and not office.watch(first.key).run.over
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


def test_what_another_process_performs_is_ended_by_the_machines_owner_alone(office, asked):
    run = office.store.enter(asked().recipe, *asked().hashes)
    office.store.claim(run.key, "another server")
    with pytest.raises(Wanted, match="performed elsewhere"):
        office.cancel(run.key, "one/tab")
    assert not office.store.find(run.key).cancelling
    assert office.cancel(run.key, "one/tab", owner=True).cancelling


def test_whoever_starts_a_run_while_another_cancels_it_gets_it(office, asked, monkeypatch):
    """The other's cancelling has begun when the start comes: it ends, and then the run goes on."""
    run = office.start(asked(times=51), "one/tab")
    until(lambda: office.watch(run.key).run.moments >= 2)
    begun, real = threading.Event(), office.store.cancel

    def slow(key):
        begun.set()
        time.sleep(0.3)
        return real(key)

    monkeypatch.setattr(office.store, "cancel", slow)
    with ThreadPoolExecutor(2) as two:
        ending = two.submit(office.cancel, run.key, "one/tab")
        assert begun.wait(10)
        starting = two.submit(office.start, asked(times=51), "two/tab")
        ended = ending.result(30)
        starting.result(30)
    assert ended.state == "cancelled"
    assert until(lambda: office.watch(run.key).run.over) and office.watch(run.key).run.state == "done"


def test_visitors_take_turns(office, asked):
    """One asks for four, the other for one: it is the next. What is left of the four goes on after it."""
    many = [office.start(asked(seed, times=31), "many/tab") for seed in range(4)]
    until(lambda: office.watch(many[0].key).run.moments)
    single = office.start(asked(9, times=31), "single/tab")
    assert [office.watch(run.key).position for run in (single, *many[1:])] == [1, 2, 3, 4]
    assert until(lambda: office.watch(single.key).run.state == "done")
    assert not office.watch(many[2].key).run.over


@capped(runs_each=2)
def test_nobody_has_more_than_a_few_and_what_is_refused_is_not_stored(office, asked):
    for seed in range(2):
        office.start(asked(seed, times=101), "one/tab")
    with pytest.raises(QueueFull, match="one visitor may have 2"):
        office.start(asked(2, times=101), "one/another tab")
    assert len(office.past()) == 2
    office.start(asked(2, times=101), "two/tab")


@capped(run_seconds=300)
@pytest.mark.parametrize(("took", "goes_on"), [(70.0, True), (80.0, False), (50.0, True)])
def test_a_run_that_takes_too_long_is_not_gone_on_with(office, asked, took, goes_on):
    """3 of its 12 steps took so long. What took less than a minute tells nothing yet, be it one step."""
    key, done = office.store.enter(asked().recipe, *asked().hashes).key, 1 if took == 50 else 3
    claim = office.store.claim(key, "before")
    office.store.add(claim, [Moment(done, 12, "train", {})], {}, took)
    office.store.end(claim, "paused")
    if goes_on:
        assert office.start(asked(), "one/tab").state == "waiting"
        assert office._queue.caps.job_seconds == 300, "and then it is ended where it is"
        return
    with pytest.raises(RuntimeError, match="takes about 320 seconds, and a run here may take 300: what came of it is kept"):
        office.start(asked(), "one/tab")


def test_what_was_over_first_makes_room_but_nothing_that_somebody_looks_at(office, asked, monkeypatch):
    done = []
    for seed in range(3):
        done.append(office.start(asked(seed), "one/tab").key)
        assert until(lambda: office.watch(done[-1]).run.state == "done")
    assert keeping.too_many(office.store, 10**9) == 0 and keeping.to_go(office.store, 1, ()) == done[:1]
    office.seen(done[0])
    filled = keeping.too_many(office.store, 0)
    office._caps = replace(LOCAL, store_bytes=filled - 1)
    office.start(asked(3), "one/tab")
    assert {run.key for run in office.past()} >= {done[0], done[2]} and done[1] not in {run.key for run in office.past()}
    office._caps = replace(LOCAL, store_bytes=1)
    with pytest.raises(RuntimeError, match="none of them can make room now"):
        for key in done:
            office.seen(key)
        office.start(asked(4), "one/tab")


def test_what_is_over_is_forgotten_here(office, asked):
    run = office.start(asked(), "one/tab")
    assert until(lambda: office.watch(run.key).run.over and not office._hands)
    assert office.watch(run.key).run.state == "done"


def test_only_what_fits_is_listed_the_latest_first(office, asked, monkeypatch):
    for seed in range(6):
        office.store.enter(asked(seed).recipe, *asked().hashes)
    made: list[str] = []
    monkeypatch.setattr(listing, "_run", lambda row: made.append(row.key) or listing.run_of(row))
    odd = listing.Wanting(asked().hashes, lambda recipe: recipe.seed % 2 == 1)
    assert [run.recipe.seed for run in office.past("tiny", odd, 2)] == [5, 3] and len(made) == 2
    assert office.past("tiny", listing.Wanting(("other", "other"))) == []
