"""Turns: one of each visitor, whoever was served longest ago first."""

from __future__ import annotations

from types import SimpleNamespace

from pruneviz.runs.turns import by_turns


class Waiting:
    """What a ticket has that turns look at."""

    def __init__(self, owner: str, number: int, urgency: int = 0):
        self.owner, self.number, self.job = owner, number, SimpleNamespace(urgency=urgency)


def order(*tickets: Waiting, **served: int) -> str:
    return " ".join(f"{one.owner}{one.number}" for one in by_turns(tickets, served))


def test_one_of_each_then_the_second_of_each():
    tickets = [Waiting("a", 1), Waiting("a", 2), Waiting("a", 3), Waiting("b", 4), Waiting("c", 5), Waiting("b", 6)]
    assert order(*tickets) == "a1 b4 c5 a2 b6 a3"


def test_who_was_served_longest_ago_goes_first():
    tickets = [Waiting("a", 1), Waiting("a", 2), Waiting("b", 3)]
    assert order(*tickets, a=7) == "b3 a1 a2" and order(*tickets, a=7, b=8) == "a1 b3 a2"


def test_what_is_urgent_does_not_wait_for_a_turn():
    assert order(Waiting("a", 1, 3), Waiting("b", 2, 3), Waiting("a", 3, 0)) == "a3 b2 a1"
