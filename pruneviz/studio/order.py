"""Order: one piece of heavy work as visitors see it. It outlives the ticket that the worker works on."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pruneviz.breakage import Breakage
from pruneviz.first_flips import FirstFlips
from pruneviz.recipe import Recipe
from pruneviz.report import Curve, Report
from pruneviz.studio import larder

if TYPE_CHECKING:
    from pruneviz.runs.ticket import Ticket


@dataclass(eq=False)
class Order:
    """One piece of heavy work as visitors see it: the latest result, and whether more will come.

    `state` is "open", "done", "cancelled" or "failed"; `version` grows with every result. `stopped` are those who cancelled
    it: for them nothing more is asked until they say so. `refused` is what the queue told whom, and nobody else's business.
    """

    kind: str
    recipe: Recipe
    nodes: tuple = ()
    state: str = "open"
    latest: Any = None
    seen: Any = None
    version: int = 0
    steps: int = 0
    trouble: str = ""
    ticket: Ticket | None = None
    stopped: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def over(self) -> bool:
        """Whether nothing more will come by itself."""
        return self.state in ("done", "failed")

    def collect(self) -> None:
        """Takes over what the worker has found since it was asked last."""
        with self.lock:
            ticket = self.ticket
            if ticket is None:
                return
            over, results = ticket.over, list(ticket.results)
            if results and results[-1] is not self.seen:
                self.seen = results[-1]
                self.latest, self.version = larder.sealed(better(self.latest, self.seen)), self.version + 1
            self.steps = max(self.steps, ticket.steps)
            if over:
                # Cancelled by all who watched, or because they wanted something else: whoever looks again begins anew.
                self.state = {"done": "done", "failed": "failed"}.get(ticket.state, "open")
                self.trouble, self.ticket, self.version = ticket.trouble, None, self.version + 1


def better(known: Any, found: Any) -> Any:
    """The result of more samples. Who goes on after a pause starts with few again, and nobody shall see a result shrink."""
    if isinstance(known, Curve) and isinstance(found, Curve):
        points = {point.amount: point for point in known.points}
        for point in found.points:
            if point.amount not in points or point.n >= points[point.amount].n:
                points[point.amount] = point
        return replace(found, points=tuple(points[amount] for amount in sorted(points)))
    if isinstance(known, Report) and isinstance(found, Report) and found.score.n < known.score.n:
        return known
    if isinstance(known, Breakage) and isinstance(found, Breakage) and found.n < known.n:
        return known
    if isinstance(known, FirstFlips) and isinstance(found, FirstFlips) and len(found.amounts) < len(known.amounts):
        return known
    return found
