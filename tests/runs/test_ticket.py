"""Ticket: what those who watch see of the steps, whatever happens to the process that makes them."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from pruneviz.recipe import Recipe
from pruneviz.runs import ticket as tickets
from pruneviz.runs.jobs import Job, Step
from pruneviz.runs.ticket import CANCELLED, Ticket


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(tickets, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


@pytest.fixture
def ticket(clock):
    queue = SimpleNamespace(changed=threading.Condition(threading.RLock()))
    made = Ticket(1, Job("measure", Recipe(), "digits_mlp"), queue)
    made.begin()
    return made


def test_pace_is_of_what_is_counted_now(ticket, clock):
    assert ticket.pace is None
    for done in (10, 60):  # units, one by one
        ticket.take(Step(done, 60))
        clock.seconds += 50
    ticket.take(Step(4, 500, "first"))  # samples: another count, fewer of them
    assert ticket.results == ["first"] and ticket.progress == (4, 500) and ticket.pace is None
    clock.seconds += 2
    ticket.take(Step(104, 500, "second"))
    assert ticket.results == ["second"] and ticket.pace == pytest.approx(2 / 100 * 396)
    ticket.take(Step())
    assert ticket.progress == (104, 500) and ticket.steps == 5


def test_nothing_grows_younger_in_a_new_process(ticket, clock):
    ticket.take(Step(200, 500, "of 200"))
    ticket.back()
    assert not ticket.sent and ticket.results == ["of 200"]
    for done in (4, 100):
        ticket.take(Step(done, 500, f"of {done}"))
    assert ticket.results == ["of 200"] and ticket.progress == (200, 500)
    ticket.take(Step(300, 500, "of 300"))
    assert ticket.results == ["of 300"] and ticket.progress == (300, 500)


def test_places(ticket):
    for place, result in ((0, "a"), (1, "b"), (0, "c"), (2, "d")):
        ticket.take(Step(result=result, place=place))
    assert ticket.results == ["c", "b", "d"]


def test_when_somebody_looks_after_it(ticket, clock):
    assert ticket.deadline(1800) == 1900
    ticket.left = 110.0
    assert ticket.deadline(1800) == 110 + tickets.KEPT and ticket.deadline(30) == 130
    ticket.stop(CANCELLED, 10)
    assert ticket.deadline(1800) == 110
    ticket.stop(("failed", "too long", "job-seconds"), 1)  # sooner, but for the reason that was first
    assert ticket.deadline(1800) == 101
    ticket.stop(CANCELLED, 50)
    assert ticket.deadline(1800) == 101
    ticket.finish("failed", "the process broke off", "crash")
    assert (ticket.state, ticket.trouble, ticket.over) == ("cancelled", "", True)
    ticket.finish("done")
    assert ticket.state == "cancelled"


def test_what_is_done_is_done_however_it_was_asked(ticket):
    ticket.stop(CANCELLED, 1)
    ticket.finish("done")
    assert ticket.state == "done"
