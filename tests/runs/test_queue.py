"""The queue: equal jobs are one, Cancel is true, what is urgent goes first, and nobody is left behind."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pruneviz.caps import Caps
from pruneviz.recipe import Recipe
from pruneviz.runs import machine, ticket
from pruneviz.runs import queue as queues
from pruneviz.runs.jobs import Job
from pruneviz.runs.queue import Queue, QueueFull
from tests.test_nursery import gone, lives

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def make():
    """Queues that are closed afterwards, and leave no process and no file."""
    made = []

    def new(**caps):
        larder_bytes = caps.pop("larder_bytes", 10_000_000)
        made.append(Queue(Caps(**caps), threads=1, larder_bytes=larder_bytes))
        return made[-1]

    yield new
    for queue in made:
        pids = queue.pids()
        queue.close()
        assert gone(*pids) and not queue.pids() and not queue.folder.exists()


@pytest.fixture
def job(tmp_path):
    """Jobs of tiny kinds; «card» is the file in which they count their beginnings."""

    def new(kind, *nodes, card="card", **more):
        return Job(f"tests.runs.tiny:{kind}", Recipe(), str(tmp_path / card), nodes, **more)

    return new


def _soon(true) -> bool:
    end = time.monotonic() + 20
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(true())


def begun(job) -> int:
    path = Path(job.card)
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_job_is_done(make, job):
    queue = make()
    one = queue.watch(job("count", 5, 0.001), "ann/1")
    assert one.wait(20) and one.state == "done" and one.over
    assert (one.results, one.steps, one.progress) == ([0, 1, 2, 3, 4], 5, (5, 5))
    assert one.position is None and one.seconds_left is None and one.trouble == ""
    assert queue.tickets() == []


@pytest.mark.parametrize(("said", "nice"), [("", 10), ("3", 3)])
def test_a_worker_is_nice_and_has_its_threads(make, job, monkeypatch, said, nice):
    monkeypatch.setenv("PRUNEVIZ_NICE", said)
    queue = make()
    one = queue.watch(job("threads"), "ann/1")
    one.wait(20)
    threads, found, parent = one.results[0]
    assert (threads, found) == (1, nice) and len(queue.pids()) == 1 and lives(parent)


def test_equal_jobs_are_one_computation(make, job):
    queue, found = make(), []
    work = job("count", 20, 0.01)
    threads = [threading.Thread(target=lambda at=at: found.append(queue.watch(work, f"v{at}/1"))) for at in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1 and found[0].wait(20) and found[0].results == list(range(20))
    # And who comes late gets what is there.
    assert queue.watch(job("count", 20, 0.01, keep=True), "late/1") is found[0]
    assert begun(work) == 1


def test_twenty_cancels_at_random_times_leave_no_process(make, job):
    queue, draw = make(), random.Random(0)
    seen, slowest = set(), 0.0
    for at in range(20):
        kind = "deaf" if at % 5 == 4 else "count"
        work = job(kind, *(() if kind == "deaf" else (10_000, 0.02)), card=f"card{at}")
        one = queue.watch(work, "ann/1")
        time.sleep(draw.uniform(0, 0.15))
        started = time.monotonic()
        assert (queue.cancel(one) if at % 2 else one.cancel()) == "cancelled"
        slowest = max(slowest, time.monotonic() - started)
        assert kind == "deaf" or one.results == list(range(len(one.results)))  # what it had found is kept
        assert one.steps >= len(one.results)
        seen |= set(map(int, Path(work.card).read_text().split())) if begun(work) else set()
    assert slowest <= 2.0  # the promise
    queue.close()
    assert seen and gone(*seen)


def test_who_waits_is_cancelled_at_once(make, job):
    queue = make()
    first = queue.watch(job("count", 10_000, 0.01), "ann/1")
    second = queue.watch(job("count", 3, 0.01), "bob/1")
    assert second.state == "waiting" and second.position == 1
    assert queue.cancel(second) == "cancelled" and second.results == [] and first.state == "running"


def test_first_come_first_served_and_how_long(make, job):
    queue = make()
    first = queue.watch(job("count", 40, 0.01), "ann/1")
    others = [queue.watch(job("count", 2 + at, 0.01), f"v{at}/1") for at in range(3)]
    assert [one.position for one in others] == [1, 2, 3]
    assert first.wait(20, lambda one: one.steps >= 10)
    assert 0 < first.seconds_left < 30 and others[0].seconds_left is None  # nobody has seen one end
    assert first.wait(20) and others[2].seconds_left is not None
    assert all(one.wait(20) for one in others)
    ends = [one.ended for one in (first, *others)]
    assert ends == sorted(ends)


def test_a_newer_job_of_the_same_tab_leaves_the_older(make, job):
    queue = make()
    older, shared = job("count", 10_000, 0.01, card="a"), job("count", 10_001, 0.01, card="b")
    one = queue.watch(older, "ann/1")
    assert one.wait(20, lambda one: one.steps)
    two = queue.watch(shared, "ann/1")
    assert one.wait(5) and one.state == "cancelled" and one.results
    # Where somebody else watches, too, only one watcher goes.
    queue.watch(shared, "bob/1")
    three = queue.watch(job("count", 3, 0.001, card="c"), "ann/1")
    assert two.watchers == {"bob/1"} and not two.over and three.watchers == {"ann/1"}
    # Another tab of the same visitor's, or another kind, disturbs nothing.
    queue.watch(job("threads"), "bob/1")
    assert not two.over
    queue.gone("bob")
    assert two.wait(5) and two.state == "cancelled" and three.wait(20) and three.state == "done"


def test_the_last_to_leave_ends_it_unless_it_is_kept(make, job, monkeypatch):
    queue = make()
    one = queue.watch(job("count", 10_000, 0.01), "ann/1")
    queue.watch(job("count", 10_000, 0.01), "bob/1")
    one.leave("ann/1")
    one.leave("nobody/1")
    assert one.wait(20, lambda one: one.steps) and not one.over
    one.leave("bob/1")
    assert one.wait(5) and one.state == "cancelled"
    monkeypatch.setattr(ticket, "KEPT", 0.3)
    kept = queue.watch(job("count", 10_001, 0.01, keep=True), "ann/1")
    kept.leave("ann/1")
    assert queue.watch(job("count", 10_001, 0.01), "ann/1") is kept  # back in time
    assert not kept.wait(0.5)
    steps = kept.steps
    kept.leave("ann/1")
    assert kept.wait(5) and kept.state == "cancelled" and kept.steps > steps and kept.code == "left"


@pytest.mark.parametrize("number, words", [(signal.SIGSEGV, "signal 11"), (signal.SIGKILL, "memory ran out")])
def test_a_crash_is_one_jobs_trouble(make, job, number, words):
    queue = make()
    other = queue.watch(job("count", 30, 0.01, card="other"), "bob/1")
    one = queue.watch(job("crash", int(number)), "ann/1")
    assert one.wait(20) and one.state == "failed" and one.code == "crash" and words in one.trouble
    assert one.results == ["begun"] and begun(one.job) == 1
    assert other.wait(20) and other.state == "done" and other.results == list(range(30))
    assert begun(other.job) == 2  # begun again in a new worker, from where it was


def test_others_survive_a_cancel_by_force(make, job):
    queue = make()
    other = queue.watch(job("count", 80, 0.01, card="other"), "bob/1")
    deaf = queue.watch(job("deaf"), "ann/1")
    assert other.wait(20, lambda one: one.steps == 2)  # who has the fewest steps goes next: that is the deaf one
    time.sleep(0.1)
    before = queue.pids()
    assert queue.cancel(deaf) == "cancelled"
    assert gone(*before)
    assert other.wait(20) and other.state == "done" and other.results == list(range(80))


@pytest.mark.parametrize(
    "kind, sentence, code",
    [
        ("refuse", "there is no such layer; choose another", ""),
        ("broken", "an error of ours", "error"),
        ("lost", "No such file or directory", ""),
    ],
)
def test_an_error_is_one_sentence(make, job, tmp_path, kind, sentence, code):
    queue = make()
    one = queue.watch(job(kind), "ann/1")
    assert one.wait(20) and one.state == "failed" and one.code == code
    assert one.trouble.startswith(sentence) and "\n" not in one.trouble and "secret" not in one.trouble
    assert str(tmp_path) not in one.trouble  # where a server keeps files
    again = queue.watch(job(kind), "ann/1")
    assert again is not one and again.wait(20)  # what failed may be asked again
    unknown = queue.watch(Job("dance", Recipe(), "digits_mlp"), "ann/1")
    assert unknown.wait(20) and unknown.trouble.startswith("unknown kind of job 'dance'; there are measure")


def test_the_queue_has_an_end(make, job):
    queue = make(queue=2)
    tickets = [queue.watch(job("count", 10_000 + at, 0.01), f"v{at}/1") for at in range(3)]
    with pytest.raises(QueueFull, match="2 jobs wait already, as many as this server lets wait: try again in a minute"):
        queue.watch(job("count", 5, 0.01), "late/1")
    assert queue.watch(tickets[2].job, "late/1") is tickets[2]  # joining needs no place
    queue.cancel(tickets[1])
    assert queue.watch(job("count", 5, 0.01), "last/1").position == 2


def test_who_is_refused_keeps_what_there_was(make, job):
    """What one looks at ends when something newer is let in, and not when it is refused."""
    queue = make(queue=1)
    running = queue.watch(job("count", 10_000, 0.01), "ann/1")
    assert running.wait(20, lambda one: one.steps)
    waiting = queue.watch(job("count", 10_001, 0.01), "bob/1")
    with pytest.raises(QueueFull, match="1 jobs wait already"):
        queue.watch(job("count", 5, 0.01), "ann/1")
    assert running.watchers == {"ann/1"} and running.state == "running" and running.stop_by is None
    # Who gives a place up for it is let in.
    newer = queue.watch(job("count", 6, 0.01), "bob/1")
    assert waiting.state == "cancelled" and newer.position == 1


def test_one_visitor_may_change_the_last_of_many(make, job):
    queue = make()
    for tab in range(6):
        queue.watch(job("count", 10_000 + tab, 0.01), f"ann/{tab}")
    assert queue.watch(job("count", 10, 0.01), "ann/5").watchers == {"ann/5"}
    assert len(queue.tickets()) == 6


def test_one_visitor_does_not_fill_it(make, job):
    queue = make()
    for tab in range(6):
        queue.watch(job("count", 10_000 + tab, 0.01), f"ann/{tab}")
    with pytest.raises(QueueFull, match="6 jobs of yours wait or run, and one visitor may have 6"):
        queue.watch(job("count", 10, 0.01), "ann/7")
    queue.watch(job("count", 10, 0.01), "bob/1")


@pytest.mark.parametrize("kind, nodes", [("count", (10_000, 0.05)), ("deaf", ())])
def test_no_job_outlasts_its_wall(make, job, kind, nodes):
    queue = make(job_seconds=1)
    one = queue.watch(job(kind, *nodes), "ann/1")
    started = time.monotonic()
    assert one.wait(20) and one.state == "failed" and one.code == "job-seconds"
    assert "ended after 1 second" in one.trouble and one.results and time.monotonic() - started < 6


def test_the_larder_is_bounded_and_forgets(make, job):
    queue = make(larder_bytes=10_000_000)
    for at in range(6):
        one = queue.watch(job("store", 3_000_000, f"k{at}"), "ann/1")
        assert one.wait(20) and one.results[0] <= 13_000_000  # while it is in use it stays, whatever there is besides
    held = queue.watch(job("weigh"), "ann/1")
    assert held.wait(20) and held.results[0] == (9_000_000, ["k3", "k4", "k5"])
    large = queue.watch(job("store", 30_000_000, "large"), "ann/1")
    assert large.wait(20) and large.results[0] >= 30_000_000  # a job in hand has what it needs
    queue.watch(job("store", 1_000, "other", card="other"), "ann/1").wait(20)
    queue.forget(job("store").card)
    held = queue.watch(job("weigh", "again"), "ann/1")
    assert held.wait(20) and held.results[0] == (1_000, ["other"])


def test_forgetting_ends_what_runs(make, job, monkeypatch):
    monkeypatch.setattr(queues, "UNWATCHED", 0.5)
    queue = make()
    one, two = queue.watch(job("count", 10_000, 0.01), "ann/1"), queue.watch(job("deaf", card="b"), "bob/1")
    assert one.wait(20, lambda one: one.steps) and two.wait(20, lambda two: two.steps)
    file = queue.folder / f"{machine.name_of(one.job.card)}-scores.safetensors"
    file.write_bytes(b"x")
    queue.forget(one.job.card)
    assert one.wait(20) and one.state == "cancelled" and not two.over and not file.exists()


def test_two_workers_share_the_work(make, job):
    queue = make(jobs=2)
    tickets = [queue.watch(job("count", 10_000 + at, 0.01, card=f"c{at}"), f"v{at}/1") for at in range(3)]
    assert all(one.wait(20, lambda one: one.steps) for one in tickets[:2]) and tickets[2].state == "waiting"
    assert len(set(queue.pids())) == 2
    queue.cancel(tickets[0])
    assert tickets[2].wait(20, lambda one: one.steps) and tickets[2].state == "running"


def test_a_closed_queue_takes_nothing(make, job):
    queue = make()
    one = queue.watch(job("deaf"), "ann/1")
    two = queue.watch(job("deaf", 1), "bob/1")
    assert one.wait(20, lambda one: one.steps)
    queue.close()
    assert (one.state, two.state) == ("cancelled", "cancelled")
    with pytest.raises(QueueFull, match="closing"):
        queue.watch(job("count", 1, 0), "ann/1")
    # Tabs that close after that find nobody to wake.
    queue.forget(one.job.card)
    queue.gone("ann/1")


def test_who_only_leaves_does_not_cost_the_others_their_worker(make, job):
    """A step that is long, and left: the worker, and what it knows, are there for the next job."""
    queue = make()
    slow = queue.watch(job("count", 2, 1.5), "ann/1")
    assert _soon(lambda: begun(slow.job))
    pids = queue.pids()
    slow.leave("ann/1")
    assert slow.wait(20) and slow.state == "cancelled" and queue.pids() == pids


LONELY = """
import sys
from pruneviz.caps import Caps
from pruneviz.recipe import Recipe
from pruneviz.runs.jobs import Job
from pruneviz.runs.queue import Queue
queue = Queue(Caps(), threads=1)
one = queue.watch(Job("tests.runs.tiny:deaf", Recipe(), sys.argv[1]), "ann/1")
assert one.wait(30, lambda one: one.steps)
print(*queue.pids(), queue.folder, flush=True)
{then}
"""


@pytest.mark.parametrize("then, status", [("import os; os.kill(os.getpid(), 9)", -9), ("", 0)])
def test_it_ends_with_the_app(then, status, tmp_path):
    command = [sys.executable, "-c", LONELY.format(then=then), str(tmp_path / "card")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (status, "")
    pid, folder = run.stdout.split()
    assert gone(int(pid))
    machine.folder().rmdir()  # where the app could not clean up, the next one does
    assert not Path(folder).exists()
