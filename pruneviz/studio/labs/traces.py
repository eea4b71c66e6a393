"""Traces: the moments of kept runs as far as they were read. A run that grows is read on from there, not anew."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pruneviz.moment import Moment
from pruneviz.traced import Traced

if TYPE_CHECKING:
    from pruneviz.runs.store.records import Run

ROOM = 256_000_000
"""Bytes that all traces together may fill in memory; the one looked at longest ago makes room."""
PLAIN = 2_000
"""Bytes that a moment fills beside its arrays, about."""
Read = Callable[[str, int], Sequence[Moment]]


class Trace:
    """The moments of one run since it was begun."""

    def __init__(self) -> None:
        self.moments: tuple[Moment, ...] = ()
        self.filled = 0
        self._lock = threading.Lock()

    def upto(self, run: Run, read: Read) -> tuple[Moment, ...]:
        """The moments that a run has come to; `read` gives those of a run after so many."""
        with self._lock:
            if run.moments > len(self.moments):
                new = tuple(read(run.key, len(self.moments)))
                self.moments += new
                self.filled += sum(PLAIN + sum(array.nbytes for array in one.arrays.values()) for one in new)
            return self.moments[: run.moments]


_traces: OrderedDict[tuple[str, float], Trace] = OrderedDict()
_guard = threading.Lock()


def of(run: Run, read: Read) -> Traced:
    """A run as charts see it."""
    # A run that began anew has other moments, be they as many: it was started at another time.
    which = run.key, run.started or 0.0
    with _guard:
        trace = _traces.setdefault(which, Trace())
        _traces.move_to_end(which)
    moments = trace.upto(run, read)
    with _guard:
        while len(_traces) > 1 and sum(one.filled for one in _traces.values()) > ROOM:
            _traces.popitem(last=False)
    return Traced(run.recipe, run.title, run.state, run.step, run.of, moments, run.trouble, run.seconds, run.key)
