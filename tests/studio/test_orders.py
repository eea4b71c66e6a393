"""Orders: one queue, whoever asks first; what is waited for holds nobody else up; and each hears only what is theirs."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pruneviz.recipe import Recipe
from pruneviz.runs.queue import QueueFull
from pruneviz.studio import as_python, cutting, insight, kitchen, larder, orders, sensitivity, stage, status
from pruneviz.studio.order import Order


def test_eight_who_ask_at_once_have_one_queue(monkeypatch):
    made, together = [], threading.Barrier(8)

    def queue(_caps):
        made.append(SimpleNamespace(close=lambda: None))
        threading.Event().wait(0.05)  # as long as a first one takes
        return made[-1]

    monkeypatch.setattr("pruneviz.runs.queue.Queue", queue)
    monkeypatch.setattr(orders, "_queue", orders.cache(orders._queue.__wrapped__))
    found = []

    def ask():
        together.wait()
        found.append(orders.queue())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(made) == 1 and all(one is made[0] for one in found) and len(found) == 8


def test_what_the_queue_refuses_one_visitor_is_told_to_nobody_else(weighed, monkeypatch):
    class Full:
        def watch(self, _job, who):
            raise QueueFull(f"6 jobs of yours wait or run, {who}")

    recipe = kitchen.job_part(Recipe(subject=weighed))
    monkeypatch.setattr(orders, "queue", Full)
    for name in ("ann/1", "bob/1"):
        monkeypatch.setattr(orders, "who", lambda name=name: name)
        with pytest.raises(ValueError, match=f"jobs of yours wait or run, {name}"):
            orders.first(recipe, "measure")
        assert name in status._gave_up(orders._order(recipe, "measure", ()))
    monkeypatch.setattr(orders, "who", lambda: "cy/1")
    order = orders._order(recipe, "measure", ())
    assert orders.why(order) == "" and "yours" not in status._gave_up(order)
    monkeypatch.undo()
    monkeypatch.setattr(orders, "who", lambda: "ann/1")
    assert orders.finished(recipe, "measure").score.n == 80 and orders.why(order) == ""
    orders._gone("ann/1")


def test_the_strip_shows_its_own_setting_whatever_else_the_page_measures(weighed):
    recipe = Recipe(subject=weighed, granularity="2:4", amount=0.5)
    own = kitchen.report(recipe)
    one, free = stage.pair(Recipe(subject=weighed, granularity="1:4", amount=0.75))
    assert (one.granularity, free.granularity) == ("1:4", "weight")
    assert not one.score.partial and not free.score.partial
    shown = status.newest(recipe, own)
    assert (shown.granularity, shown.amount, shown.sparsity) == ("2:4", 0.5, own.sparsity)
    kitchen.report(Recipe(subject=weighed, amount=0.9))  # another setting has taken the strip's place meanwhile
    assert status.newest(recipe, own) is own


def test_what_a_page_measures_beside_the_strip_never_takes_its_turn(weighed, monkeypatch):
    endless(monkeypatch)
    strip = orders.look(kitchen.job_part(Recipe(subject=weighed)), "measure")
    beside = orders.look(kitchen.job_part(Recipe(subject=weighed, amount=0.9)), "measure", panel="beside")
    assert strip.ticket.watchers == {"server"} and beside.ticket.watchers == {"server/beside"}
    again = orders.look(strip.recipe, "measure", panel="again")
    assert again is strip and orders.mine() == [strip, beside], "one line for each, however many look at it"
    orders.attend(weighed)
    orders.look(strip.recipe, "measure")
    ticket = beside.ticket
    orders.tidy()
    assert not ticket.watchers and strip.ticket.watchers == {"server"}, "what is on the page no more may end"
    orders.stop(orders.mine())


@pytest.mark.parametrize("kind", orders.PASSING)
def test_what_a_page_waits_for_ends_with_the_page_and_what_was_asked_for_goes_on(kind, monkeypatch):
    """A script, or a map that a page began by itself, is for a panel; a map or a search that somebody asked for is not."""
    left = []
    ticket = SimpleNamespace(leave=left.append)
    held = {
        (kind, "panel"): Order(kind, Recipe(), ticket=ticket),
        (kind, ""): Order(kind, Recipe(amount=0.1), ticket=ticket),
    }
    asked = {("allocate", ""): Order("allocate", Recipe(), ticket=ticket)}
    monkeypatch.setitem(orders._watched, "server", held | asked)
    monkeypatch.setitem(orders._looked, "server", set())
    orders.tidy()
    assert left == ["server/panel"] and {*orders._watched["server"]} == {(kind, ""), ("allocate", "")}


def test_kinds_that_pages_wait_for_pass():
    assert {as_python.KIND, sensitivity.KIND} <= {*orders.PASSING}


def test_what_is_compared_or_kept_is_of_all_samples_and_not_of_the_first_ones(weighed, monkeypatch):
    first = orders.first

    def few(recipe, kind, *rest, **panel):
        found = first(recipe, kind, *rest, **panel)
        return replace(found, score=replace(found.score, n=4, of=80, correct=3)) if kind == "measure" else found

    monkeypatch.setattr(orders, "first", few)
    recipe = Recipe(subject=weighed, granularity="neuron", amount=0.3)
    assert kitchen.report(recipe).score.partial and not kitchen.whole_report(recipe, "test").score.partial
    found = cutting.remove(recipe)
    assert found.same and found.n == 80 and "as in the preview" in cutting.proof(found, "accuracy")
    pattern = stage.pair(Recipe(subject=weighed, granularity="2:4", amount=0.5))
    assert [one.score.n for one in pattern] == [80, 80]


def endless(monkeypatch) -> None:
    """Orders never come to an end by themselves."""
    from pruneviz.runs.jobs import Job

    asked = orders._job

    def job(order):
        found = asked(order)
        return Job("tests.studio.endless:steps", found.recipe, found.card, (order.kind, *order.nodes), keep=found.keep)

    monkeypatch.setattr(orders, "_job", job)


WAITED = {
    "standing": lambda path: kitchen.standing_of(Recipe(subject=path, criterion="gradient")),
    "shapes": lambda path: insight.shapes(path),
    "damage": lambda path: insight.damage(Recipe(subject=path, criterion="gradient")),
    "agreement": lambda path: insight.agreement(Recipe(subject=path), {"gradient": 0.5, "magnitude": 0.5}),
    "ranks": lambda path: insight.ranks(Recipe(subject=path), ("gradient", "magnitude")),
    "removal": lambda path: cutting.remove(Recipe(subject=path, granularity="neuron")),
    "archive": lambda path: cutting.archive(Recipe(subject=path, granularity="neuron", criterion="gradient")),
}


@pytest.mark.parametrize("what", [*WAITED])
def test_whoever_waits_for_the_worker_holds_no_jar(weighed, what, monkeypatch):
    """Two visitors want the same: both hear of it, both can leave, and one who leaves does not end it for the other."""
    endless(monkeypatch)
    assert kitchen.heavy(weighed)
    local, heard, ended = threading.local(), set(), {}
    monkeypatch.setattr(orders, "who", lambda: getattr(local, "name", "server"))

    def visit(name):
        local.name = name
        with orders.telling(lambda: heard.add(name)):
            try:
                WAITED[what](weighed)
            except ValueError as problem:
                ended[name] = str(problem)

    threads = {name: threading.Thread(target=visit, args=(name,), daemon=True) for name in ("ann/1", "bob/1")}
    for one in threads.values():
        one.start()
    until(lambda: heard == {"ann/1", "bob/1"})
    assert not [jar for shelf in larder.LARDER._shelves.values() for jars in shelf.jars.values() for jar in jars.values()
                if jar.lock.locked()]  # fmt: skip
    for name, one in threads.items():
        local.name = name
        orders.stop(orders.mine())
        one.join(20)
        assert not one.is_alive() and "cancelled" in ended[name]
        assert set(ended) == {"ann/1"} or name == "bob/1"


def until(wanted, seconds: float = 30.0) -> None:
    for _ in range(int(seconds / 0.05)):
        if wanted():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come to that")


def test_one_cancel_ends_every_curve_that_a_tab_started(weighed, monkeypatch):
    """Three criteria one after another: the worker goes on with the first two, and one press ends all three."""
    endless(monkeypatch)
    one, two, three = (
        orders.look(kitchen.job_part(Recipe(subject=weighed, criterion=key), amount=0.0), "curve", (0.0, 0.5))
        for key in ("magnitude", "random", "gradient")
    )
    assert orders.mine() == [three] and orders.outlived() == [one, two]
    assert status._earlier(orders.outlived()) == "2 earlier curves of yours too"
    tickets = [order.ticket for order in (one, two, three)]
    status._stop()
    assert all(ticket.wait(30) and ticket.over for ticket in tickets) and orders.outlived() == []
    assert status._earlier([]) == "" and status._earlier([one]) == "1 earlier curve of yours too"
