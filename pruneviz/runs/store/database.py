"""Database: SQLite beside the tensors, or PostgreSQL by its address. Opened when it is first asked, in each process anew."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select, text
from sqlalchemy.exc import DatabaseError, NoSuchModuleError, SQLAlchemyError

from pruneviz.runs.store.lasting import made
from pruneviz.runs.store.records import Full, StoreError
from pruneviz.runs.store.tables import SCHEMA, about, metadata

BUSY = 30
"""Seconds that one writer waits for another."""
_LOCK = 0x7072756E65
"""Which of PostgreSQL's locks those take who make the tables."""


class Database:
    """Transactions on one database. What its server, its file or its disk says is told in one sentence."""

    def __init__(self, address: str):
        self._url = make_url(address)
        self._guard = threading.Lock()
        self._engine: Engine | None = None
        self._owner = 0
        self._name = ""

    @property
    def local(self) -> bool:
        """Whether it is a file of this machine's."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def name(self) -> str:
        """The database's own name, drawn when its tables were made."""
        self._opened()
        return self._name

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads. On SQLite all of it sees one state, on PostgreSQL each statement does."""
        with self._told(), self._opened().connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: all of it is stored when this ends well, nothing of it where it does not."""
        with self._told(), self._opened().execution_options(writes=True).begin() as connection:
            yield connection

    def now(self, connection: Connection) -> float:
        """Seconds since 1970, by the one clock that all who share this database go by."""
        return time.time() if self.local else float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")))

    def close(self) -> None:
        """Lets go of the file, or of the server."""
        with self._guard:
            if self._engine is not None:
                self._engine.dispose(close=self._owner == os.getpid())
            self._engine = None

    def _opened(self) -> Engine:
        """The engine of this process. One that a fork brought along belongs to the other process: it is left alone."""
        with self._guard:
            if self._engine is not None and self._owner == os.getpid():
                return self._engine
            if self._engine is not None:
                self._engine.dispose(close=False)
            engine = self._made()
            try:
                self._name = self._ready(engine)
            except BaseException:
                engine.dispose()
                raise
            self._engine, self._owner = engine, os.getpid()
            return engine

    def _made(self) -> Engine:
        try:
            if not self.local:
                return create_engine(self._url, pool_pre_ping=True)
            made(Path(self._url.database or "").parent)
            engine = create_engine(self._url, connect_args={"timeout": BUSY, "check_same_thread": False})
        except (ModuleNotFoundError, NoSuchModuleError):
            raise StoreError("PostgreSQL needs a driver: pip install -r requirements-team.txt") from None
        event.listen(engine, "connect", _connected)
        event.listen(engine, "begin", _begun)
        return engine

    def _ready(self, engine: Engine) -> str:
        """Makes the tables where there are none; the database's name."""
        with self._told(), engine.execution_options(writes=True).begin() as connection:
            if not self.local:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            if not engine.dialect.has_table(connection, about.name):
                metadata.create_all(connection)
                said = {"schema": str(SCHEMA), "name": secrets.token_hex(8)}
                connection.execute(insert(about), [{"name": name, "said": one} for name, one in said.items()])
            found = {row.name: row.said for row in connection.execute(select(about))}
        if int(found["schema"]) > SCHEMA:
            raise StoreError(
                f"the runs' store was written by a newer PruneViz (tables {found['schema']}, known here {SCHEMA}): update "
                "this one, or set PRUNEVIZ_STORE to another folder"
            )
        return found["name"]

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as problem:
            raise self._sentence(problem) from problem

    def _sentence(self, problem: SQLAlchemyError) -> StoreError:
        original = problem.orig if isinstance(problem, DatabaseError) else problem
        said = str(original).strip().splitlines() or [type(problem).__name__]
        if "disk is full" in said[0] or "No space left" in said[0]:
            return Full("the disk with the runs' store is full: free some space and resume; what was stored is safe")
        where = f"the runs' store {self._url.database}" if self.local else "the runs' database"
        remedy = "see that the file can be written" if self.local else "see that its server can be reached"
        return StoreError(f"{where} could not do it ({said[0][:160]}): {remedy}, and try again")


def _connected(connection, _record) -> None:
    # Transactions are begun by us: the driver would begin some of them late, and others not at all.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begun(connection: Connection) -> None:
    # Whoever will write says so at once: two who read first and then want to write would wait for each other.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
