"""Hand: a run that an office has in hand, and who wants it. Whoever asked for it may end it; who only looks may not."""

from __future__ import annotations

from pruneviz.runs.ticket import Ticket


class Wanted(RuntimeError):
    """A run goes on although somebody cancelled it: others want it. One sentence."""


class Hand:
    """A run in hand: its ticket, the visitors who asked for it, and those of their tabs that are here. Who asks is
    «visitor/tab»: a tab that was reloaded is another one, its visitor is the same."""

    def __init__(self, key: str, ticket: Ticket):
        self.key, self.ticket = key, ticket
        self._asked: set[str] = set()
        self._here: set[str] = set()

    def join(self, who: str) -> None:
        """A visitor wants it."""
        self._asked.add(_visitor(who))
        self._here.add(who)

    def gone(self, who: str) -> None:
        """A tab is closed: its visitor may come back."""
        self._here.discard(who)

    def leave(self, who: str, owner: bool) -> None:
        """A visitor wants it no more, and nobody else does. `Wanted` where it is not theirs, nor their machine's (`owner`),
        to end, or others who are here want it."""
        me = _visitor(who)
        if not owner and me not in self._asked:
            raise Wanted("somebody else asked for this run, so it goes on: it is theirs to cancel")
        mine = {one for one in self._here if _visitor(one) == me}
        if others := len({_visitor(one) for one in self._here - mine}):
            self._asked.discard(me)
            self._here -= mine
            for one in mine:
                self.ticket.leave(f"{one}/{self.key}")
            many = "1 other still wants" if others == 1 else f"{others} others still want"
            raise Wanted(f"{many} this run, so it goes on without you")


def _visitor(who: str) -> str:
    return who.partition("/")[0]
