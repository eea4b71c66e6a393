"""The store of runs: what was asked for, how far it came, and every moment of it. What it acknowledged is not lost.

A run is a row; its moments are rows; tensors are files beside the database, named by their sha256: written, made to last,
renamed, and only then named by a row. A run is performed by one process at a time: whoever holds its claim.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Row, Select, delete, insert, or_, select, update

from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.runs.store import belonging, changes, holder, instants, naming, place
from pruneviz.runs.store.beside import Beside
from pruneviz.runs.store.changes import ANEW, FREE
from pruneviz.runs.store.database import Database
from pruneviz.runs.store.records import Claim, Full, Lost, Rotten, Run, StoreError
from pruneviz.runs.store.tables import artifacts, moments, run_of, runs
from pruneviz.runs.store.tensors import pack

if TYPE_CHECKING:
    from torch import Tensor

LEASE = 20.0
"""Seconds after which a performer that was not heard of has lost its claim."""


class Store:
    """Runs of a database and of the folder beside it. Opened when something is first asked of it; any thread may ask."""

    def __init__(self, folder: str | Path | None = None, address: str | None = None):
        self.folder = Path(folder) if folder else place.folder()
        self.address = address or place.address(self.folder)
        self._database = Database(self.address)
        self._beside = Beside(self._database, self.folder)

    def now(self) -> float:
        """Seconds since 1970, by the clock that leases go by."""
        with self._database.reading() as connection:
            return self._database.now(connection)

    def close(self) -> None:
        """Lets go of the database."""
        self._database.close()

    # What is asked for, and what there is.

    def enter(self, recipe: Recipe, model_sha256: str, data_sha256: str, title: str = "") -> Run:
        """The run of this Recipe on this model and these data: a new one, or the one that there is."""
        key = naming.key(recipe, model_sha256, data_sha256)
        row = {
            "key": key, "recipe": naming.text(recipe), "lab": recipe.course.lab, "title": title, "state": "waiting",
            "model_sha256": model_sha256, "data_sha256": data_sha256, "threads": recipe.course.threads,
        }  # fmt: skip
        try:
            with self._database.writing() as connection:
                if (there := _row(connection, key)) is not None:
                    return run_of(there)
                connection.execute(insert(runs), row | {"created": self._database.now(connection)})
        except StoreError:
            with self._database.reading() as connection:
                if _row(connection, key) is None:  # else another server entered the same at the same time
                    raise
        return self.find(key)

    def find(self, key: str) -> Run:
        """The run of this name, or the one whose name begins like this."""
        with self._database.reading() as connection:
            rows = connection.execute(select(runs).where(runs.c.key.startswith(key, autoescape=True)).limit(2)).all()
        if not key or not rows:
            raise ValueError(f"there is no run {key[:64]!r} in the store: `python -m pruneviz runs` lists those there are")
        if len(rows) > 1:
            raise ValueError(f"several runs begin with {key[:64]!r}: give more letters of the one that is meant")
        return run_of(rows[0])

    def list(self, *, state: str = "", lab: str = "", most: int = 1000) -> list[Run]:
        """Runs in this state, of this lab; the latest first."""
        asked = select(runs).order_by(runs.c.created.desc(), runs.c.key).limit(most)
        asked = asked.where(runs.c.state == state) if state else asked
        asked = asked.where(runs.c.lab == lab) if lab else asked
        with self._database.reading() as connection:
            return [run_of(row) for row in connection.execute(asked)]

    def moments(self, key: str, after: int = 0, *, arrays: bool = True) -> list[Moment]:
        """The moments of a run but for the first `after`; without their arrays, where those are not wanted."""
        asked = select(moments).where(moments.c.run == key, moments.c.number >= after).order_by(moments.c.number)
        with self._database.reading() as connection:
            rows = connection.execute(asked).all()
        return instants.read(rows, self._beside.read if arrays else None)

    def memory(self, run: Run) -> dict[str, Tensor]:
        """What a run goes on from, or what came of it; nothing where it has not begun."""
        return self._beside.read(run.memory) if run.memory else {}

    # For whoever performs a run.

    def claim(self, key: str, who: str = "", lease: float = LEASE) -> Claim | None:
        """The right to perform a run, unless it is over or another holds it: of two who ask at once, one gets it.

        A claim is anybody's where its lease is over, or its holder was a process of this machine that has ended.
        """
        claim = Claim(key, who or holder.me(), secrets.token_hex(16), lease)
        with self._database.writing() as connection:
            row = _row(connection, key)
            if row is None:
                return None
            now = self._database.now(connection)
            free = or_(runs.c.until < now, runs.c.token == (row.token if holder.gone(row.holder) else None))
            values = {"state": "running", "holder": claim.who, "token": claim.token, "until": now + lease, "trouble": ""}
            values |= {"started": row.started or now}
            values |= {"versions": instants.also(row.versions) if row.memory else instants.versions()}
            wanted = runs.c.key == key, runs.c.state.in_(("waiting", "running", "paused")), free
            taken = connection.execute(update(runs).where(*wanted).values(**values)).rowcount
        return claim if taken else None

    def beat(self, claim: Claim) -> Run:
        """The holder lives. The run says whether it was asked to end."""
        with self._database.writing() as connection:
            return changes.written(connection, claim, {"until": self._database.now(connection) + claim.lease})

    def add(
        self,
        claim: Claim,
        found: Sequence[Moment],
        memory: Mapping[str, Tensor],
        seconds: float = 0.0,
        *,
        done: bool = False,
    ) -> Run:
        """Moments, and what the run goes on from after the last of them: all of it is stored, or nothing is. With `done`
        that is what came of it."""
        files, before = self._beside.files(), self._mine(claim)
        packed, content = instants.pack(claim.key, before.moments, found), pack(memory, {"run": claim.key})
        shown, kept = files.write(packed) if packed else None, files.write(content)
        values = {"moments": before.moments + len(found), "memory": kept, "seconds": before.seconds + seconds}
        values |= {"step": found[-1].step, "of": found[-1].of} if found else {}
        old = {before.memory} - {kept, None}
        with self._database.writing() as connection:
            belonging.held(connection, files)
            now = self._database.now(connection)
            values |= {"state": "done", "ended": now, **FREE} if done else {"until": now + claim.lease}
            after = changes.written(connection, claim, values)
            for sha256, one in ((shown, packed), (kept, content)):
                if sha256 and sha256 != before.memory:
                    row = {"sha256": sha256, "run": claim.key, "bytes": len(one), "created": now}
                    connection.execute(insert(artifacts), row)
            if found:
                connection.execute(insert(moments), instants.rows(claim.key, before.moments, found, shown))
            connection.execute(delete(artifacts).where(artifacts.c.sha256.in_(old)))
        files.drop(old)
        files.reserve()  # it was given up, where the disk has been full
        return after

    def end(self, claim: Claim, state: str, trouble: str = "") -> Run:
        """The run ends here: paused, cancelled or failed; one that was cancelled and is wanted again by now runs on. Where
        the disk is full, the reserve makes room to say so."""
        try:
            return self._end(claim, (state, trouble))
        except Full:
            self._beside.files().give_up_reserve()
            return self._end(claim, (state, trouble))

    def restart(self, claim: Claim) -> Run:
        """What the run remembered cannot be used: it begins anew, and its moments with it."""
        with self._database.writing() as connection:
            begun = {"started": self._database.now(connection), "versions": instants.versions()}
            after = changes.written(connection, claim, ANEW | begun)
            gone = changes.emptied(connection, claim.key)
        self._beside.files().drop(gone)
        return after

    # For whoever watches it.

    def cancel(self, key: str) -> Run:
        """Asks a run to end: whoever performs it hears of it; where nobody does, it has ended."""
        with self._database.writing() as connection:
            return changes.cancelled(connection, key, self._database.now(connection))

    def settle(self, key: str, state: str, trouble: str = "") -> Run:
        """Whoever performed a run is known to have ended: unless another goes on with it, this is what it came to."""
        with self._database.writing() as connection:
            return changes.settled(connection, key, self._database.now(connection), (state, trouble))

    def resume(self, key: str) -> Run:
        """A run that was cancelled, failed or paused waits to be performed, and so does one whose result was damaged."""
        run, files = self.find(key), self._beside.files()
        damaged = None if self._sound(run) else run
        with self._database.writing() as connection:
            after, gone = changes.resumed(connection, key, self._database.now(connection), damaged)
        files.drop(gone)
        return after

    def forget(self, key: str, *, lost: bool = False) -> None:
        """The run, its moments and its tensors are no more. Whoever performs it finds their claim lost. Where somebody says
        that the tensors are `lost`, it does not matter where they were."""
        files = None if lost else self._beside.files()
        with self._database.writing() as connection:
            gone = changes.emptied(connection, changes.locked(connection, key).key)
            connection.execute(delete(runs).where(runs.c.key == key))
        with contextlib.suppress(StoreError):
            (files or self._beside.files()).drop(gone)

    def _end(self, claim: Claim, ending: tuple[str, str]) -> Run:
        with self._database.writing() as connection:
            return changes.ended(connection, claim, self._database.now(connection), ending)

    def _mine(self, claim: Claim) -> Run:
        with self._database.reading() as connection:
            row = _row(connection, claim.key)
        if row is None:
            raise Lost(f"the run {claim.key[:12]}… was forgotten while it was performed")
        return run_of(row)

    def _sound(self, run: Run) -> bool:
        try:
            self.moments(run.key)
            self.memory(run)
        except Rotten:
            return False
        return True

    # For whoever counts what there is.

    def ask(self, question: Select) -> Sequence[Row]:
        """The rows that answer a question about the tables, as they are stored."""
        with self._database.reading() as connection:
            return connection.execute(question).all()


def _row(connection: Connection, key: str):
    return connection.execute(select(runs).where(runs.c.key == key)).first()
