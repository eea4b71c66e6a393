"""A disk with little room: no run begins there, and one that goes on pauses; one sentence says why, and what to do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pruneviz.runs import perform as performing
from pruneviz.runs.office import Asked, Office
from pruneviz.runs.perform import enter, perform
from pruneviz.runs.store import Store, space

SAID = "has 120 MB free, and a run needs 500 MB: make room there, set PRUNEVIZ_STORE to a folder on another disk"


@pytest.fixture
def disk(monkeypatch):
    """A disk whose room a test says; `looked` are the folders that were asked about."""
    made = SimpleNamespace(free=120_000_000, looked=[])

    def usage(path):
        made.looked.append(Path(path))
        return SimpleNamespace(free=made.free)

    monkeypatch.delenv("PRUNEVIZ_FREE_BYTES", raising=False)
    monkeypatch.setattr(space.shutil, "disk_usage", usage)
    return made


def test_little_room_is_one_sentence_and_how_little_is_a_setting(disk, tmp_path, monkeypatch):
    assert SAID in space.short(tmp_path) and "\n" not in space.short(tmp_path)
    disk.free = 500_000_000
    assert space.short(tmp_path) == ""
    disk.free = 0
    monkeypatch.setenv("PRUNEVIZ_FREE_BYTES", "0")
    assert space.short(tmp_path) == ""


def test_a_folder_that_is_not_there_yet_is_asked_about_where_it_will_lie(disk, tmp_path):
    space.short(tmp_path / "none" / "yet")
    assert disk.looked == [tmp_path]


def test_a_disk_that_nobody_can_ask_stops_nothing(tmp_path, monkeypatch):
    def refuses(path):
        raise PermissionError(path)

    monkeypatch.setattr(space.shutil, "disk_usage", refuses)
    assert space.short(tmp_path) == ""


def test_a_run_does_not_begin_and_begins_when_there_is_room(disk, tmp_path, digits, tiny):
    store = Store(tmp_path)
    run = enter(store, digits, tiny)
    (paused,) = perform(store, run.key, digits)
    assert paused.state == "paused" and paused.moments == 0 and SAID in paused.trouble
    disk.free = 10**12
    *_, done = perform(store, run.key, digits)
    assert done.state == "done" and done.trouble == ""
    disk.free = 0
    assert [one.state for one in perform(store, run.key, digits)] == ["done"], "what is done asks for no room"
    store.close()


def test_a_run_that_goes_on_pauses_and_keeps_what_it_has(disk, tmp_path, digits, tiny, monkeypatch):
    monkeypatch.setattr(performing, "OFTEN", 0.0)
    disk.free, store = 10**12, Store(tmp_path)
    seen = []
    for run in perform(store, enter(store, digits, tiny).key, digits):
        seen.append(run)
        disk.free = 10**12 if run.moments < 3 else 120_000_000
    assert run.state == "paused" and SAID in run.trouble and run.moments == len(store.moments(run.key)) == 4
    disk.free = 10**12
    *_, done = perform(store, run.key, digits)
    assert done.state == "done" and done.moments == 12
    store.close()


def test_whoever_asks_for_a_run_is_told_and_nothing_is_entered(disk, tmp_path, digits, tiny):
    desk = Office(Store(tmp_path))
    with pytest.raises(RuntimeError, match="has 120 MB free"):
        desk.start(Asked(tiny, "digits_mlp", (digits.sha256, digits.data_sha256)), "ann/1")
    assert desk.past() == [] and desk.pids() == []
    disk.free = 10**12
    run = enter(desk.store, digits, tiny)
    *_, done = perform(desk.store, run.key, digits)
    disk.free = 0
    assert desk.start(Asked(tiny, "digits_mlp", (digits.sha256, digits.data_sha256)), "ann/1").state == "done"
    desk.close()
