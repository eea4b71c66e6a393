"""Beating: while a run is performed, a thread says so to the store every few seconds, and hears whether it is to end."""

from __future__ import annotations

import threading

from pruneviz.runs.store import Store
from pruneviz.runs.store.records import Claim, Lost, StoreError

OFTEN = 4
"""Heartbeats in the time of a lease."""
LONGEST = 1.0
"""Seconds after which a request to end has been heard, however long one moment takes to come."""


class Beating:
    """Keeps a claim alive while inside. `cancelling` and `lost` are what was heard last."""

    def __init__(self, store: Store, claim: Claim):
        self.cancelling = self.lost = False
        self._store, self._claim = store, claim
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pruneviz-beating", daemon=True)

    def __enter__(self) -> Beating:
        self._thread.start()
        return self

    def __exit__(self, *_problem) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(min(LONGEST, self._claim.lease / OFTEN)):
            try:
                self.cancelling = self._store.beat(self._claim).cancelling
            except Lost:
                self.lost = True
                return
            except StoreError:
                continue  # what cannot be reached just now may be there again before the lease is over
