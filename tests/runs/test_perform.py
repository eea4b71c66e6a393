"""Performing: a run interrupted anywhere is the run uninterrupted, it is done once, and what goes wrong is said."""

from __future__ import annotations

import errno
import itertools
import json
import os
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from pruneviz.runs import beating, foreground, performed, told
from pruneviz.runs import perform as performing
from pruneviz.runs.office import Asked, Office
from pruneviz.runs.perform import enter, perform
from pruneviz.runs.store import Store
from pruneviz.runs.store import tensors as files
from pruneviz.runs.store.records import StoreError
from tests.runs import tiny_lab
from tests.test_nursery import gone

SLOW = {"times": 31}
"""Thirty milliseconds a moment."""


def course(recipe, **how):
    return replace(recipe, course=replace(recipe.course, **how))


@pytest.fixture
def often(monkeypatch):
    """Every moment is stored as it comes."""
    monkeypatch.setattr(performing, "OFTEN", 0.0)


@pytest.fixture
def whole(tiny, digits, tmp_path):
    """The run as it is without any interruption: its moments and what came of it."""
    store = Store(tmp_path / "whole")
    run = enter(store, digits, tiny)
    *_, done = perform(store, run.key, digits)
    assert done.state == "done" and (done.step, done.of, done.moments) == (12, 12, 12)
    yield store.moments(run.key), done.memory
    store.close()


def test_a_run_interrupted_after_every_moment_is_the_run_uninterrupted(store, tiny, digits, whole, often):
    run = enter(store, digits, tiny)
    for at in range(1, 13):
        steps = perform(store, run.key, digits)
        now = next(steps)
        assert (now.step, now.state) == (at, "running") and len(store.moments(run.key)) == at
        steps.close()
        assert store.find(run.key).state == "paused" and "resume" in store.find(run.key).trouble
    (done,) = perform(store, run.key, digits)
    moments, result = whole
    assert done.state == "done" and done.memory == result and done.trouble == ""
    assert all(one.same(other) for one, other in zip(store.moments(run.key), moments, strict=True))
    (again,) = perform(store, run.key, digits)
    assert again == done


def test_equal_recipes_are_one_run_whatever_they_look_like(store, tiny, digits):
    keys = {enter(store, digits, replace(tiny, title=title, slide=2)).key for title in ("a", "b")}
    assert len(keys) == 1 and store.list()[0].title.startswith("Tiny: ")
    with pytest.raises(ValueError, match="unknown lab 'none'; there are tiny"):
        enter(store, digits, course(tiny, lab="none"))
    with pytest.raises(ValueError, match="no training split"):
        enter(store, replace(digits, training=None), tiny)


def test_two_who_perform_it_at_once_do_it_once(store, places, tiny, digits, whole, often):
    """Two stores on one place, as two servers have them: one performs, the other is told how far it is, and waits."""
    run, other, heard = enter(store, digits, course(tiny, **SLOW)), Store(*places), []

    def also():
        heard.extend(foreground.all_of(other, [run], lambda _run: digits))

    steps = perform(store, run.key, digits)
    next(steps)
    thread = threading.Thread(target=also)
    thread.start()
    (running,) = perform(other, run.key, digits, who="another")
    assert running.state == "running" and running.holder != "another"
    done = list(steps)[-1]
    thread.join()
    assert done.state == "done" and heard == [done] and len(store.moments(run.key)) == 12
    assert all(one.same(other) for one, other in zip(store.moments(run.key), whole[0], strict=True))
    other.close()


def test_a_performer_that_was_thought_dead_writes_nothing_more(store, tiny, digits, monkeypatch, often):
    """Its lease ends while it stands still: another goes on, and of the two only that one is heard."""
    monkeypatch.setattr("pruneviz.runs.beating.LONGEST", 1000.0)
    monkeypatch.setattr("pruneviz.runs.beating.OFTEN", 0.001)
    run = enter(store, digits, tiny)
    late = perform(store, run.key, digits, who="late", lease=0.2)
    while next(late).step < 3:
        pass
    time.sleep(0.3)
    done = list(perform(store, run.key, digits, who="next"))[-1]
    assert done.state == "done" and list(late) == [done]
    assert [one.step for one in store.moments(run.key)] == list(range(1, 13))


class Gate:
    """Holds the tiny lab's third moment back until the performer has heard that it is to end."""

    def __init__(self, store, monkeypatch):
        self.at, self.heard, self.go = threading.Event(), threading.Event(), threading.Event()
        self._moment, self._beat = tiny_lab._moment, store.beat
        monkeypatch.setattr(beating, "LONGEST", 0.01)
        monkeypatch.setattr(tiny_lab, "_moment", self.moment)
        monkeypatch.setattr(store, "beat", self.beat)

    def moment(self, recipe, stage, step, *more):
        if step == 3 and not self.go.is_set():
            self.at.set()
            assert self.go.wait(60)
        return self._moment(recipe, stage, step, *more)

    def beat(self, claim):
        run = self._beat(claim)
        if run.cancelling:
            self.heard.set()
        return run


def test_cancel_ends_it_after_the_moment_that_it_is_at_and_resume_goes_on(store, tiny, digits, whole, monkeypatch):
    run, gate, ended = enter(store, digits, tiny), Gate(store, monkeypatch), []
    thread = threading.Thread(target=lambda: ended.extend(perform(store, run.key, digits)))
    thread.start()
    assert gate.at.wait(60)
    store.cancel(run.key)
    assert gate.heard.wait(60)
    gate.go.set()
    thread.join()
    assert (ended[-1].state, ended[-1].step, ended[-1].moments) == ("cancelled", 3, 3)
    assert list(perform(store, run.key, digits)) == [ended[-1]]
    store.resume(run.key)
    *_, done = perform(store, run.key, digits)
    assert done.state == "done" and done.moments == 12 and done.memory == whole[1]


def test_a_run_that_is_wanted_again_before_it_has_ended_goes_on(store, tiny, digits, whole, monkeypatch):
    """Its performer has heard that it is to end, and has not ended it yet, when another asks for it."""
    run, gate, told = enter(store, digits, tiny), Gate(store, monkeypatch), []
    thread = threading.Thread(target=lambda: told.extend(perform(store, run.key, digits)))
    thread.start()
    assert gate.at.wait(60)
    store.cancel(run.key)
    assert gate.heard.wait(60)
    assert store.resume(run.key).state == "running"
    gate.go.set()
    thread.join()
    assert told[-1].state == "done" and told[-1].memory == whole[1] and {one.state for one in told[:-1]} <= {"running"}


@pytest.mark.parametrize(("lease", "often"), [(20.0, 1.0), (2.0, 0.5)])
def test_whoever_performs_it_asks_every_second_whether_it_is_to_end(store, tiny, digits, lease, often):
    run, waits = enter(store, digits, tiny), []
    one = beating.Beating(store, store.claim(run.key, lease=lease))
    one._over = SimpleNamespace(wait=lambda seconds: waits.append(seconds) or len(waits) > 2)
    store.cancel(run.key)
    one._run()
    assert one.cancelling and waits == [often] * 3


def test_a_step_that_outlasts_the_cancel_is_ended_by_force(tmp_path, digits, monkeypatch):
    """A moment of ten minutes: whoever cancels does not wait for it, and it does not go on unseen."""
    monkeypatch.setattr(performed, "KIND", "tests.runs.tiny_performed:perform")
    office = Office(Store(tmp_path))
    recipe = course(tiny_lab.RECIPE, method="endless")
    run = office.start(Asked(recipe, "digits_mlp", (digits.sha256, digits.data_sha256)), "one/tab")
    end = time.monotonic() + 60
    while office.store.find(run.key).state != "running" and time.monotonic() < end:
        time.sleep(0.02)
    (pid,) = office.pids()
    ended = office.cancel(run.key, "one/tab")
    assert (ended.state, ended.moments, ended.holder) == ("cancelled", 0, "") and gone(pid)
    assert office.store.claim(run.key) is None
    office.close()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES])
def test_a_memory_that_cannot_be_read_just_now_pauses_the_run_with_all_it_has(
    store, tiny, digits, whole, often, monkeypatch, number
):
    run = enter(store, digits, tiny)
    steps = perform(store, run.key, digits)
    for _ in range(3):
        next(steps)
    steps.close()

    def fail(_path):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(files.Path, "read_bytes", fail)
        (paused,) = perform(store, run.key, digits)
    assert (paused.state, paused.moments) == ("paused", 3) and "could not read" in paused.trouble
    *_, done = perform(store, run.key, digits)
    assert done.memory == whole[1] and len(store.moments(run.key)) == 12


def test_asked_to_stop_it_pauses_with_all_that_it_had(store, tiny, digits):
    run = enter(store, digits, tiny)
    asked = itertools.count(1)
    *_, paused = perform(store, run.key, digits, stop=lambda: next(asked) == 5)
    assert (paused.state, paused.step, paused.moments, paused.holder) == ("paused", 5, 5, "")
    *_, done = perform(store, run.key, digits)
    assert done.state == "done" and done.moments == 12


def test_a_run_that_is_forgotten_while_it_is_performed_ends(store, tiny, digits, often):
    run = enter(store, digits, tiny)
    steps = perform(store, run.key, digits)
    next(steps)
    store.forget(run.key)
    (last,) = steps
    assert (last.state, store.list()) == ("cancelled", []) and "forgotten" in last.trouble


def test_what_the_lab_says_is_the_trouble(store, tiny, digits):
    run = enter(store, digits, course(tiny, method="refuse"))
    (failed,) = perform(store, run.key, digits)
    assert (failed.state, failed.trouble, failed.moments) == ("failed", "this subject does not fit", 0)
    run = enter(store, digits, course(tiny, method="broken"))
    with pytest.raises(KeyError):
        list(perform(store, run.key, digits))
    assert store.find(run.key).state == "failed" and "an error of ours" in store.find(run.key).trouble
    assert store.resume(run.key).state == "waiting"


def test_another_model_is_refused(store, tiny, digits):
    run = enter(store, digits, tiny)
    with pytest.raises(ValueError, match="another model"):
        list(perform(store, run.key, replace(digits, sha256="other")))
    assert store.find(run.key).state == "waiting"


@pytest.mark.parametrize("site", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_pauses_the_run_with_a_word(store, tiny, digits, whole, often, monkeypatch, site, number):
    run = enter(store, digits, tiny)
    steps = perform(store, run.key, digits)
    next(steps)
    with monkeypatch.context() as patch:

        def fail(*_arguments):
            raise OSError(number, os.strerror(number))

        patch.setattr(files.os, site, fail)
        paused = list(steps)[-1]
    assert paused.state == "paused" == store.find(run.key).state and "what" in paused.trouble and "safe" in paused.trouble
    assert paused.moments == 1 == len(store.moments(run.key))
    *_, done = perform(store, run.key, digits)
    assert done.state == "done" and done.memory == whole[1] and done.trouble == ""


def test_a_store_that_cannot_even_say_so_leaves_it_to_the_lease(store, tiny, digits, often, monkeypatch):
    run = enter(store, digits, tiny)
    steps = perform(store, run.key, digits)
    next(steps)

    def fail(*_arguments, **_named):
        raise StoreError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", fail)
        patch.setattr(Store, "end", fail)
        paused = list(steps)[-1]
    assert (paused.state, paused.trouble) == ("paused", "gone") and store.find(run.key).state == "running"


def test_a_memory_that_rotted_begins_anew(store, tiny, digits, whole, often):
    run = enter(store, digits, tiny)
    steps = perform(store, run.key, digits)
    for _ in range(3):
        now = next(steps)
    steps.close()
    path = next(store.folder.rglob(f"{now.memory}*"))
    path.write_bytes(path.read_bytes()[:-1])
    first, *_, done = perform(store, run.key, digits)
    assert first.step == 1 and done.memory == whole[1] and len(store.moments(run.key)) == 12


def test_torch_has_the_courses_threads_while_it_works_and_its_own_otherwise(store, tiny, digits, monkeypatch, often):
    seen, true = [], performing._Performance._stored
    run = enter(store, digits, course(tiny, threads=2))
    monkeypatch.setattr(torch, "set_num_threads", seen.append)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    monkeypatch.setattr(
        performing._Performance, "_stored", lambda *one, **more: (seen.append("stored"), true(*one, **more))[1]
    )
    list(perform(store, run.key, digits))
    assert seen[:6] == [2, 7, "stored", 2, 7, "stored"]


def test_what_is_told_is_ready_for_json(store, tiny, digits):
    run = enter(store, digits, tiny)
    *_, done = perform(store, run.key, digits)
    said = told.table(done, store.moments(run.key))
    json.dumps(said, allow_nan=False)
    assert (
        said["last"]["nothing"] is None and said["result_sha256"] == done.memory and said["link"].startswith("?m=digits_mlp")
    )
    assert told.instant(3, store.moments(run.key)[3])["arrays"] == {"histogram": [4]}


def test_the_spread_over_seeds_by_hand():
    """Of 1, 2 and 6 the mean is 3, the deviation √7; what one of them lacks is left out."""
    rows = [({"a": "1"}, {"x": 1.0, "y": None}), ({"a": "1"}, {"x": 2.0, "y": 1.0}), ({"a": "1"}, {"x": 6.0, "y": 2.0})]
    (one, two) = told.settings([*rows, ({"a": "2"}, {"x": 5.0})])
    assert one == {
        "set": {"a": "1"},
        "n": 3,
        "measured": {"x": {"mean": 3.0, "deviation": 7**0.5, "lowest": 1.0, "highest": 6.0}},
    }
    assert two["measured"]["x"] == {"mean": 5.0, "deviation": None, "lowest": 5.0, "highest": 5.0}
