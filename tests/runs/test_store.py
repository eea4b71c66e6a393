"""The store keeps what it acknowledged, on SQLite and on PostgreSQL; one performs a run at a time; damage is said."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from pruneviz.__main__ import main
from pruneviz.course import Course
from pruneviz.moment import Moment
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.runs.store import Store, holder, instants, naming, place
from pruneviz.runs.store import tensors as files
from pruneviz.runs.store.records import Full, Lost, Rotten, StoreError
from pruneviz.shipped import SAMPLES
from tests.runs.conftest import POSTGRESQL

RECIPE = Recipe(course=Course(lab="x", steps=9))
FIRST = [
    Moment(1, 9, "train", {"loss": 0.1 + 0.2, "nothing": float("nan"), "far": float("-inf")}, {"a": np.arange(3.0)}),
    Moment(2, 9, "train", {"loss": 1 / 3}),
]
MEMORY = {"train/step": torch.tensor(2), "train/network/w": torch.arange(4.0), "train/held": torch.tensor([True, False])}


def entered(store: Store, seed: int = 0):
    return store.enter(replace(RECIPE, seed=seed), "aa", "bb", "Title")


def lying(store: Store) -> set[str]:
    """The files of tensors that lie in a store's folder."""
    found = {path.name for path in (store.folder / "tensors").rglob("*") if path.is_file()}
    return found - {files.RESERVE, files.WORD}


def test_a_run_is_named_by_what_decides_it():
    """Pinned: keys of stored runs have to be found again by whoever asks for the same."""
    key = naming.key(RECIPE, "aa", "bb")
    assert naming.text(RECIPE) == "m=digits_cnn&run=x~steps%3A9"
    assert key == "415f9da5b8d43bd867bf9ba359f90bc8f5144f5ad0e7a6adf1bed8d7a5116d90"
    looks = {"layer": "a", "slide": 2, "pins": (), "title": "t", "model_sha": "0123456789abcdef"}
    assert set(looks) <= set(LOOKS) and naming.key(replace(RECIPE, **looks), "aa", "bb") == key
    others = [
        replace(RECIPE, seed=1),
        replace(RECIPE, amount=0.6),
        replace(RECIPE, course=replace(RECIPE.course, threads=2)),
    ]
    assert len({key, *(naming.key(one, "aa", "bb") for one in others), naming.key(RECIPE, "b", "abb")}) == 5
    with pytest.raises(ValueError, match="trains nothing"):
        naming.key(Recipe(), "aa", "bb")


def test_a_run_that_goes_on_with_another_cards_data_is_named_by_these_too(tmp_path):
    """The card of 40 digits, then the same card with other digits: another run. With the other half of one's own classes,
    or with nothing, the name is what it always was."""

    def goes_on(second: str) -> Recipe:
        return replace(RECIPE, course=replace(RECIPE.course, second=second))

    def named(seed: int) -> str:
        images = np.random.default_rng(seed).integers(0, 17, (40, 8, 8), dtype=np.uint8)
        np.savez(tmp_path / "data.npz", x_test=images, y_test=np.arange(40) % 10)
        return naming.key(goes_on(str(tmp_path / "subject.toml")), "aa", "bb")

    weights = SAMPLES / "digits_mlp" / "weights.safetensors"
    (tmp_path / "subject.toml").write_text(
        f'name = "Other digits"\ntask = "image_classification"\nweights = "{weights}"\n'
        '[architecture]\nbuild = "digits_mlp"\n[data]\nfile = "data.npz"\n',
        "utf-8",
    )
    assert named(0) == named(0) != named(1)
    halves = naming.key(goes_on("upper-half"), "aa", "bb")
    assert halves == "055d810e0514fb228a23d954e2fa9cf85dc5ee24bf7556491cb93005a8b9d00a"
    with pytest.raises(ValueError):
        naming.key(goes_on("no_such_card"), "aa", "bb")


def test_equal_runs_are_one_and_others_are_others(store):
    run, other = entered(store), entered(store, 1)
    assert entered(store) == run and run.state == "waiting" and run.title == "Title"
    assert run.recipe == RECIPE and run.key != other.key
    assert store.find(run.key[:20]) == run and {one.key for one in store.list()} == {run.key, other.key}
    assert store.list(state="done") == [] and store.list(lab="y") == [] and len(store.list(lab="x")) == 2
    for wrong in ("", "zz", "%"):
        with pytest.raises(ValueError, match="no run"):
            store.find(wrong)


def test_what_is_added_is_read_again_to_the_bit(store, places):
    run = entered(store)
    claim = store.claim(run.key)
    after = store.add(claim, FIRST, MEMORY, 2.0)
    assert (after.state, after.step, after.of, after.moments, after.seconds, after.left) == ("running", 2, 9, 2, 2.0, 7.0)
    again = Store(*places)
    told = again.moments(run.key)
    assert len(told) == 2 and all(one.same(other) for one, other in zip(told, FIRST, strict=True))
    assert [one.step for one in again.moments(run.key, 1)] == [2] and not again.moments(run.key, arrays=False)[0].arrays
    kept = again.memory(again.find(run.key))
    assert kept.keys() == MEMORY.keys() and all(torch.equal(kept[name], MEMORY[name]) for name in MEMORY)
    done = store.add(claim, [Moment(9, 9, "rest")], {"result/network/w": torch.ones(2)}, done=True)
    assert done.state == "done" and done.over and done.holder == "" and done.ended >= done.started >= done.created
    # What it went on from is not needed any more: the arrays and the result are all that lies there.
    assert len(lying(store)) == 2 and store.claim(run.key) is None
    with pytest.raises(Lost):
        store.add(claim, FIRST, MEMORY)
    again.close()


def test_one_claim_at_a_time(store, places):
    """Sixteen who ask at once: one gets it."""
    run, other, got = entered(store), Store(*places), []
    ready = threading.Barrier(16)

    def ask(at):
        ready.wait()
        got.append((store, other)[at % 2].claim(run.key, f"server {at}"))

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(16)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(one is not None for one in got) == 1 and len(got) == 16
    other.close()


def test_a_lease_that_is_over_is_anybodys_and_the_old_holder_writes_nothing(store):
    run = entered(store)
    old = store.claim(run.key, "elsewhere", lease=0.2)
    store.add(old, FIRST, MEMORY)
    assert store.claim(run.key, "another") is None
    time.sleep(0.3)
    new = store.claim(run.key, "another")
    assert new is not None
    for late in (lambda: store.beat(old), lambda: store.add(old, FIRST, MEMORY), lambda: store.end(old, "failed", "late")):
        with pytest.raises(Lost, match="taken over"):
            late()
    assert store.find(run.key).holder == "another" and len(store.moments(run.key)) == 2
    assert store.beat(new).until > time.time() + 10


def test_a_process_of_this_machine_that_has_ended_holds_nothing(store):
    run = entered(store)
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    ended = holder.me().replace(f"/{os.getpid()}/", f"/{child}/")
    assert holder.gone(ended) and not holder.gone(holder.me()) and not holder.gone("another machine/1/2")
    assert store.claim(run.key, ended, lease=1000.0) is not None
    assert store.claim(run.key) is not None and store.claim(run.key) is None


def test_cancel_is_heard_by_whoever_performs_it(store):
    run = entered(store)
    claim = store.claim(run.key)
    assert store.cancel(run.key).state == "running" and store.beat(claim).cancelling
    assert store.add(claim, FIRST, MEMORY).cancelling
    assert store.end(claim, "cancelled").state == "cancelled" and store.claim(run.key) is None
    assert store.cancel(run.key).state == "cancelled"
    assert store.resume(run.key).state == "waiting" and not store.find(run.key).cancelling
    assert store.cancel(entered(store, 1).key).state == "cancelled"  # nobody performs it


def test_a_run_is_settled_when_nobody_performs_it_any_more(store):
    run = entered(store)
    claim = store.claim(run.key, "elsewhere", lease=0.3)
    assert store.settle(run.key, "failed", "it broke off").state == "running"
    time.sleep(0.4)
    settled = store.settle(run.key, "failed", "it broke off")
    assert (
        (settled.state, settled.trouble) == ("failed", "it broke off") == (store.settle(run.key, "x").state, settled.trouble)
    )
    with pytest.raises(Lost):
        store.beat(claim)


def test_forget_leaves_nothing(store):
    run = entered(store)
    claim = store.claim(run.key)
    store.add(claim, FIRST, MEMORY)
    assert len(lying(store)) == 2
    store.forget(run.key)
    assert not lying(store) and store.list() == [] and store.moments(run.key) == [] and store.claim(run.key) is None
    with pytest.raises(Lost):
        store.beat(claim)
    with pytest.raises(ValueError, match="not in the store"):
        store.forget(run.key)


def test_what_no_row_names_is_swept_when_it_is_old(store, places):
    run = entered(store)
    store.add(store.claim(run.key), FIRST, MEMORY)
    folder, there = next((store.folder / "tensors").iterdir()), lying(store)
    for name, age in (("a.part", 9999), ("b.safetensors", 9999), ("c.part", 0), ("d.safetensors", 0)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - age,) * 2)
    for name in there:
        os.utime(folder / name, (time.time() - 9999,) * 2)
    again = Store(*places)
    again.memory(again.find(run.key))
    assert lying(store) == there | {"c.part", "d.safetensors"}
    again.close()


@pytest.mark.parametrize("how", ["flipped", "short", "gone"])
def test_damage_is_said_and_the_run_is_done_again(store, how):
    run = entered(store)
    done = store.add(store.claim(run.key), FIRST, MEMORY, done=True)
    path = next(store.folder.rglob(f"{done.memory}*"))
    content = path.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    path.unlink() if how == "gone" else path.write_bytes(flipped if how == "flipped" else content[:-3])
    with pytest.raises(Rotten, match="is gone" if how == "gone" else "damaged"):
        store.memory(done)
    again = store.resume(run.key)
    assert (again.state, again.moments, again.memory, again.step) == ("waiting", 0, None, 0)
    assert store.moments(run.key) == [] and not lying(store)


def test_a_memory_that_made_room_while_it_was_looked_for_is_no_damage(store, monkeypatch):
    """Between the look at a run and the look at its file another moment was stored, and the run was done."""
    run, true = entered(store), Store._sound
    claim = store.claim(run.key)
    store.add(claim, FIRST[:1], MEMORY)

    def sound(self, seen):
        store.add(claim, FIRST[1:], {"result/network/w": torch.ones(1)}, done=True)
        assert not true(self, seen)
        return False

    monkeypatch.setattr(Store, "_sound", sound)
    done = store.resume(run.key)
    assert done.state == "done" and done.moments == 2 and store.memory(done)


def test_a_sound_result_is_not_done_again(store):
    run = entered(store)
    store.add(store.claim(run.key), FIRST, MEMORY, done=True)
    assert store.resume(run.key).state == "done" and len(store.moments(run.key)) == 2


FAULTS = [(errno.ENOSPC, "disk .* is full"), (errno.EIO, "could not write"), (errno.EDQUOT, "disk .* is full")]


@pytest.mark.parametrize("site", ["write", "fsync", "second fsync", "replace", "folder fsync"])
@pytest.mark.parametrize(("number", "words"), FAULTS)
def test_whatever_fails_while_writing_nothing_is_half_stored(store, monkeypatch, site, number, words):
    """Every place where a file is written fails once: what was acknowledged before is there, and nothing else."""
    run = entered(store)
    claim = store.claim(run.key)
    store.add(claim, FIRST, MEMORY)
    before, there, calls = store.find(run.key), lying(store), []
    skip = {"second fsync": 2, "folder fsync": 1}.get(site, 0)
    name = {"write": "open"}.get(site, site.split()[-1])

    def fails(true):
        def wrapped(*arguments, **named):
            calls.append(name)
            if len(calls) == skip + 1:
                raise OSError(number, os.strerror(number))
            return true(*arguments, **named)

        return wrapped

    with monkeypatch.context() as patch:
        if site == "write":
            true = files.Path.open
            patch.setattr(files.Path, "open", fails(lambda *one, **more: true(*one, **more)))
        else:
            patch.setattr(files.os, name, fails(getattr(os, name)))
        with pytest.raises(StoreError, match=words):
            store.add(claim, [Moment(3, 9, "train", {}, {"a": np.arange(4)})], MEMORY | {"more": torch.ones(3)})
    now = store.find(run.key)
    assert replace(now, until=0.0) == replace(before, until=0.0) and len(store.moments(run.key)) == 2
    assert there <= lying(store) and not [one for one in lying(store) if one.endswith(".part")]
    assert store.memory(now).keys() == MEMORY.keys()
    paused = store.end(claim, "paused", "the disk is full")
    assert (paused.state, paused.trouble) == ("paused", "the disk is full") and store.claim(run.key) is not None


def test_a_commit_that_fails_acknowledges_nothing(tmp_path):
    """SQLite's own fsync fails as the transaction ends."""
    store = Store(tmp_path)
    run = entered(store)
    claim = store.claim(run.key)
    store.add(claim, FIRST, MEMORY)
    before = store.find(run.key)

    def fail(_connection):
        raise sqlite3.OperationalError("disk I/O error")

    engine = store._database._opened()
    event.listen(engine, "commit", fail)
    with pytest.raises((StoreError, sqlite3.OperationalError), match="disk I/O error"):
        store.add(claim, [Moment(3, 9, "train")], {})
    event.remove(engine, "commit", fail)
    assert store.find(run.key) == before and len(store.moments(run.key)) == 2 and store.memory(before)
    with store._database.reading() as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    store.close()


def test_settings_of_sqlite(tmp_path):
    """What makes a commit last, and two writers wait for each other."""
    store = Store(tmp_path)
    with store._database.reading() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        assert [connection.scalar(text(f"PRAGMA {one}")) for one in asked] == ["wal", 2, 1, 30_000]
    store.close()


def test_a_newer_store_is_not_touched(store, places):
    store.list()
    with store._database.writing() as connection:
        connection.execute(text("UPDATE about SET said = '2' WHERE name = 'schema'"))
    with pytest.raises(StoreError, match="newer PruneViz .* update this one"):
        Store(*places).list()


def test_what_is_no_database_is_said(tmp_path):
    (tmp_path / "runs.db").write_bytes(b"no database, but long enough to be taken for one" * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        Store(tmp_path).list()
    (tmp_path / "file").write_text("")
    with pytest.raises((StoreError, OSError)):
        Store(tmp_path / "file" / "store").list()


def test_a_fork_has_a_connection_of_its_own(store):
    run = entered(store)
    child = os.fork()
    if not child:
        os._exit(0 if store.find(run.key).key == run.key and store.claim(run.key, "child") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert store.find(run.key).holder == "child"


def test_where_it_lies(tmp_path):
    assert place.folder({"PRUNEVIZ_STORE": str(tmp_path)}) == tmp_path
    assert place.folder({"XDG_STATE_HOME": "/state"}).parts[-2:] == ("state", "pruneviz")
    assert place.folder({}).parts[-3:] == (".local", "state", "pruneviz")
    assert place.address(tmp_path, {}) == f"sqlite:///{tmp_path}/runs.db"
    for said in ("postgres://u:p@h/d", "postgresql://u:p@h/d"):
        assert place.address(tmp_path, {"PRUNEVIZ_DATABASE_URL": said}) == "postgresql+psycopg://u:p@h/d"
    with pytest.raises(ValueError, match="possible are") as said:
        place.address(tmp_path, {"PRUNEVIZ_DATABASE_URL": "mysql://u:secret@h/d"})
    assert "secret" not in str(said.value)


@pytest.mark.parametrize("kind", [POSTGRESQL])
def test_a_server_that_cannot_be_reached_is_said(kind, tmp_path):
    store = Store(tmp_path, "postgresql+psycopg://u:secret@/d?host=/nowhere")
    with pytest.raises(StoreError, match="database could not do it .* reached") as said:
        store.list()
    assert "secret" not in str(said.value)


def done(store: Store, seed: int = 0):
    run = entered(store, seed)
    return store.add(store.claim(run.key), FIRST, MEMORY | {"seed": torch.tensor(seed)}, done=True)


def folder_of(store: Store):
    return next((store.folder / "tensors").iterdir())


def unmarked(store: Store) -> None:
    """The store as it was made before folders had a word."""
    (folder_of(store) / files.WORD).unlink()
    with store._database.writing() as connection:
        connection.execute(text("DELETE FROM about WHERE name = 'tensors'"))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_file_that_cannot_be_read_just_now_is_no_damage(store, monkeypatch, number):
    """Too many open files, a disk that does not answer: whoever presses Resume loses nothing."""
    run, there = done(store), lying(store)

    def fail(_path):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(files.Path, "read_bytes", fail)
        for ask in (lambda: store.memory(run), lambda: store.moments(run.key), lambda: store.resume(run.key)):
            with pytest.raises(StoreError, match="could not read .* safe") as said:
                ask()
            assert not isinstance(said.value, Rotten)
    assert store.resume(run.key) == run and len(store.moments(run.key)) == 2 and lying(store) == there


def test_a_folder_whose_word_cannot_be_read_is_no_other(store, places, monkeypatch):
    run, again = done(store), Store(*places)

    def fail(*_arguments):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(files.Path, "read_text", fail)
        with pytest.raises(StoreError, match="could not read"):
            again.resume(run.key)
    assert again.resume(run.key) == run
    again.close()


def test_whoever_has_another_folder_is_told_and_destroys_nothing(store, tmp_path, monkeypatch):
    """A second server on the same database, its PRUNEVIZ_STORE set to elsewhere: every door says so; nothing changes."""
    run, waits = done(store), entered(store, 1)
    other = Store(tmp_path / "elsewhere", store.address)
    assert {one.key for one in other.list()} == {run.key, waits.key}
    assert len(other.moments(run.key, arrays=False)) == 2
    claim = other.claim(waits.key)
    doors = [
        lambda: other.memory(run), lambda: other.moments(run.key), lambda: other.resume(run.key),
        lambda: other.resume(waits.key), lambda: other.add(claim, FIRST, MEMORY), lambda: other.forget(run.key),
    ]  # fmt: skip
    for door in doors:
        with pytest.raises(StoreError, match="do not lie in .*elsewhere.*PRUNEVIZ_STORE") as said:
            door()
        assert not isinstance(said.value, Rotten)
    assert not (tmp_path / "elsewhere" / "tensors").exists()
    assert store.find(run.key) == run and store.memory(run) and len(store.moments(run.key)) == 2
    monkeypatch.setenv(place.FOLDER, str(other.folder))
    monkeypatch.setenv(place.ADDRESS, other.address)
    assert main(["runs", "forget", run.key]) == 0  # the way out, where they are lost
    assert other.add(claim, FIRST, MEMORY).moments == 2 and other.memory(other.find(waits.key))
    with pytest.raises(StoreError, match="do not lie in"):
        done(store, 2)  # by now the other folder is the database's
    with pytest.raises(StoreError, match="is not in .* copy it there") as said:
        store.memory(store.find(waits.key))
    assert not isinstance(said.value, Rotten) and len(other.moments(waits.key)) == 2
    other.close()


def test_a_disk_that_was_unmounted_is_no_damage(store):
    run = done(store)
    folder = folder_of(store)
    away = folder.rename(store.folder / "away")
    for mounted in (False, True):
        if mounted:
            folder.mkdir()  # the empty place that a disk leaves behind
        for door in (lambda: store.memory(run), lambda: store.resume(run.key)):
            with pytest.raises(StoreError, match="is not in") as said:
                door()
            assert not isinstance(said.value, Rotten)
    folder.rmdir()
    away.rename(folder)
    assert store.resume(run.key) == run and len(store.moments(run.key)) == 2


@pytest.mark.parametrize("lost", ["both", "the folder's", "the database's"])
def test_a_store_without_a_word_is_taken_when_all_is_there(store, places, lost):
    """As stores were made before there was one; and as a backup of the files alone is."""
    run = done(store)
    if lost == "the folder's":
        (folder_of(store) / files.WORD).unlink()
    else:
        unmarked(store)
    if lost == "the database's":
        (folder_of(store) / files.WORD).write_text("another")
    again = Store(*places)
    assert again.resume(run.key) == run and again.memory(run) and (folder_of(store) / files.WORD).read_text()
    (folder_of(store) / f"{run.memory}.safetensors").unlink()
    with pytest.raises(Rotten, match="is gone"):  # from here on it has to be there
        again.memory(run)
    again.close()


def test_a_store_without_a_word_of_which_some_is_missing_is_used_and_proves_nothing(store, places):
    run, other = done(store), done(store, 1)
    unmarked(store)
    path = folder_of(store) / f"{other.memory}.safetensors"
    away = path.rename(store.folder / "away")
    again = Store(*places)
    assert again.memory(run) and done(again, 2).state == "done"
    with pytest.raises(StoreError, match="copy it there from where it lies.*runs forget") as said:
        again.resume(other.key)
    assert not isinstance(said.value, Rotten) and again.find(other.key) == other
    assert not (folder_of(store) / files.WORD).exists()
    away.rename(path)
    later = Store(*places)
    assert later.resume(other.key) == other and (folder_of(store) / files.WORD).exists()
    assert done(again, 3).state == "done"  # whoever had it open before goes on
    again.close()
    later.close()


def test_a_folder_without_a_word_and_without_a_file_is_refused(store, places):
    run = done(store)
    unmarked(store)
    aside = [path.rename(store.folder / path.name) for path in folder_of(store).glob("*.safetensors")]
    again = Store(*places)
    with pytest.raises(StoreError, match="do not lie in"):
        again.resume(run.key)
    for path in aside:
        path.rename(folder_of(store) / path.name)
    assert again.resume(run.key) == run
    again.close()


def test_what_is_acknowledged_lies_in_folders_that_last(tmp_path, monkeypatch):
    """Before the first row, the list of every folder that was made, and of those that they lie in, is on the disk."""
    lasting, true = set(), os.fsync

    def fsync(at):
        lasting.add(os.fstat(at).st_ino)
        true(at)

    monkeypatch.setattr(files.os, "fsync", fsync)
    store = Store(tmp_path / "new" / "store")
    run = entered(store)
    assert {path.stat().st_ino for path in (tmp_path, tmp_path / "new")} <= lasting
    store.add(store.claim(run.key), FIRST, MEMORY)
    tensors = folder_of(store)
    assert {path.stat().st_ino for path in (store.folder, tensors.parent, tensors)} <= lasting
    store.close()


def test_only_a_full_disk_costs_the_reserve_and_it_is_set_aside_again(store, monkeypatch):
    run = entered(store)
    claim = store.claim(run.key)
    store.add(claim, FIRST, MEMORY)
    reserve, true, told = folder_of(store) / files.RESERVE, Store._end, []

    def fails(problem):
        def wrapped(*arguments):
            told.append(problem)
            if len(told) == 1:
                raise problem
            return true(*arguments)

        monkeypatch.setattr(Store, "_end", wrapped)

    fails(StoreError("the server cannot be reached"))
    with pytest.raises(StoreError, match="reached"):
        store.end(claim, "paused", "x")
    assert len(told) == 1 and reserve.stat().st_size == files.RESERVED
    told.clear()
    fails(Full("the disk is full"))
    assert store.end(claim, "paused", "x").state == "paused" and not reserve.exists()
    store.add(store.claim(run.key), [Moment(3, 9, "train")], MEMORY)
    assert reserve.stat().st_size == files.RESERVED


def test_a_reserve_that_finds_no_room_takes_none(tmp_path, monkeypatch):
    folder, true = files.Tensors(tmp_path), files.Path.write_bytes

    def half(path, content):
        true(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.Path, "write_bytes", half)
    folder.reserve()
    assert not list(tmp_path.iterdir())


def test_a_full_database_is_told_from_one_that_is_down(tmp_path):
    database = Store(tmp_path)._database
    for said, kind in (("database or disk is full", Full), ("disk I/O error", StoreError)):
        with pytest.raises(StoreError) as problem, database._told():
            raise OperationalError("", {}, sqlite3.OperationalError(said))
        assert type(problem.value) is kind


def test_a_run_names_every_version_that_it_was_performed_with(store, monkeypatch):
    """Begun with one torch, gone on with by another, and by the first again: no single one tells its last digits."""
    run = entered(store)

    def go_on(torch_version):
        versions = json.dumps({"torch": torch_version, "numpy": "2"})
        monkeypatch.setattr(instants, "versions", lambda: versions)
        claim = store.claim(run.key)
        return claim, dict(store.find(run.key).versions)

    claim, said = go_on("1")
    assert said == {"torch": "1", "numpy": "2"}
    store.end(claim, "paused")
    claim, said = go_on("2")
    assert said == {"torch": "2", "numpy": "2"}, "nothing was stored with the first"
    store.add(claim, FIRST, MEMORY)
    store.end(claim, "paused")
    for version in ("3", "2"):
        claim, said = go_on(version)
        assert said == {"torch": "2 and 3", "numpy": "2"}
        store.end(claim, "paused")
    claim, _ = go_on("4")
    assert store.restart(claim).versions == {"torch": "4", "numpy": "2"}, "it begins anew"


def test_a_run_that_is_wanted_again_is_not_cancelled(store):
    """One cancels, another asks for it before whoever performs it has ended it."""
    run = entered(store)
    claim = store.claim(run.key)
    store.cancel(run.key)
    assert store.resume(run.key).state == "running" and not store.beat(claim).cancelling
    assert store.end(claim, "cancelled").state == "running" and store.add(claim, FIRST, MEMORY).moments == 2
    store.cancel(run.key)
    assert store.end(claim, "cancelled").state == "cancelled"
