"""Changes: what may become of a run's row, by whoever holds its claim and by whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from pruneviz.runs.store.holder import gone
from pruneviz.runs.store.records import OVER, Claim, Lost, Run
from pruneviz.runs.store.tables import artifacts, moments, run_of, runs

FREE = {"holder": "", "token": "", "until": 0.0, "cancelling": False}
"""Nobody performs it."""
ANEW = {"step": 0, "moments": 0, "memory": None, "seconds": 0.0, "started": None, "ended": None}
"""Nothing of it has been done."""
WAITING = {"state": "waiting", "trouble": "", "ended": None, **FREE}


def written(connection: Connection, claim: Claim, values: Mapping[str, Any]) -> Run:
    """Changes the row of a run as whoever holds its claim; from here on the row is this transaction's."""
    mine = runs.c.key == claim.key, runs.c.token == claim.token
    if not connection.execute(update(runs).where(*mine).values(**values)).rowcount:
        raise Lost(f"the run {claim.key[:12]}… was taken over by another process, or forgotten: this one leaves it")
    return run_of(connection.execute(select(runs).where(runs.c.key == claim.key)).one())


def ended(connection: Connection, claim: Claim, now: float, ending: tuple[str, str]) -> Run:
    """A run ends for whoever holds its claim. One that was cancelled, and that somebody wants again by now, does not."""
    state, trouble = ending
    run = written(connection, claim, {"state": runs.c.state})  # its row is ours from here on
    if state == "cancelled" and not run.cancelling:
        return run
    values = {**FREE, "state": state, "trouble": trouble, "ended": None if state == "paused" else now}
    return written(connection, claim, values)


def locked(connection: Connection, key: str) -> Row:
    """The row of a run, which nobody else changes until this transaction ends."""
    row = connection.execute(select(runs).where(runs.c.key == key).with_for_update()).first()
    if row is None:
        raise ValueError(f"the run {key[:12]}… is not in the store any more: see `python -m pruneviz runs`")
    return row


def held(row: Row | Run, now: float) -> bool:
    """Whether somebody performs it, as far as can be told."""
    return row.state == "running" and row.until >= now and not gone(row.holder)


def cancelled(connection: Connection, key: str, now: float) -> Run:
    """Asks a run to end. Where nobody performs it, it has ended."""
    if held(locked(connection, key), now):
        return _set(connection, key, {"cancelling": True})
    return settled(connection, key, now, ("cancelled", ""))


def settled(connection: Connection, key: str, now: float, ending: tuple[str, str]) -> Run:
    """What a run came to that nobody performs any more: its state, and the trouble with it."""
    row, (state, trouble) = locked(connection, key), ending
    if row.state in OVER or held(row, now):
        return run_of(row)
    return _set(connection, key, {**FREE, "state": state, "trouble": trouble, "ended": now})


def resumed(connection: Connection, key: str, now: float, seen: Run | None) -> tuple[Run, set[str]]:
    """The run waits, unless it is performed, or done with a result that is sound; and what files nothing names any more.

    `seen` is the run whose files were found to be damaged, if any. Where it has gone on since then, it is another file that
    counts, and the one that was looked for had only made room for it.
    """
    row = locked(connection, key)
    damaged = seen is not None and (row.state, row.memory) == (seen.state, seen.memory)
    if held(row, now):  # whoever performs it goes on, even where it had been asked to end
        return _set(connection, key, {"cancelling": False}), set()
    if row.state == "done" and not damaged:
        return run_of(row), set()
    if not damaged:
        return _set(connection, key, WAITING), set()
    after = _set(connection, key, WAITING | ANEW)
    return after, emptied(connection, key)


def emptied(connection: Connection, key: str) -> set[str]:
    """Removes the moments of a run and the names of its files, which are answered."""
    connection.execute(delete(moments).where(moments.c.run == key))
    files = set(connection.scalars(select(artifacts.c.sha256).where(artifacts.c.run == key)))
    connection.execute(delete(artifacts).where(artifacts.c.run == key))
    return files


def _set(connection: Connection, key: str, values: Mapping[str, Any]) -> Run:
    connection.execute(update(runs).where(runs.c.key == key).values(**values))
    return run_of(connection.execute(select(runs).where(runs.c.key == key)).one())
