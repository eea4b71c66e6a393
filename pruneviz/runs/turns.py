"""Turns: whoever waits in a queue goes by turns, one of each visitor, so that nobody's many stand before another's one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from pruneviz.runs.ticket import Ticket


def by_turns(waiting: Iterable[Ticket], served: Mapping[str, int]) -> list[Ticket]:
    """The tickets in their order: everybody's first one, then everybody's second. Of equals who was `served` longest ago
    goes first, then who asked first."""
    before: Counter[str] = Counter()
    places = {}
    for ticket in sorted(waiting, key=lambda one: (one.job.urgency, one.number)):
        places[ticket] = (ticket.job.urgency, before[ticket.owner], served.get(ticket.owner, 0), ticket.number)
        before[ticket.owner] += 1
    return sorted(places, key=places.__getitem__)
