"""Stores to test on: SQLite, and a real PostgreSQL that is started once, as a user of its own, and reached by a socket."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pruneviz.engine.sources import card
from pruneviz.engine.training import labs
from pruneviz.runs.store import Store
from tests.runs import tiny_lab

SQLITE = "sqlite"
POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.postgresql)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of an empty server of this test run's own, but for the database's name."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL here: install your system's postgresql package to run these tests")
    folder = Path(tempfile.mkdtemp(prefix="pruneviz-pg-", dir="/tmp"))
    user, before = _user()
    shutil.chown(folder, user)

    def run(name: str, *arguments: str) -> None:
        command = [*before, str(programs / name), *arguments]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "tester", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c max_connections=40"
        run("pg_ctl", "-D", data, "-w", "-t", "90", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://tester@/{{}}?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def places(request, tmp_path) -> tuple[Path, str | None]:
    """What a new store is made of: a folder, and a database's address; each test has an empty one."""
    if request.param == SQLITE:
        return tmp_path / "store", None
    return tmp_path / "store", _database(request.getfixturevalue("postgresql"))


@pytest.fixture
def store(places) -> Iterator[Store]:
    made = Store(*places)
    yield made
    made.close()


@pytest.fixture(scope="session")
def digits():
    return card.load("digits_mlp")


@pytest.fixture
def tiny(monkeypatch):
    """The shelf of labs has one, a tiny one."""
    monkeypatch.setattr(labs, "shelf", lambda: {"tiny": tiny_lab.LAB})
    return tiny_lab.RECIPE


def _database(address: str) -> str:
    """A new database on the server."""
    from sqlalchemy import create_engine, text

    name = f"t{secrets.token_hex(6)}"
    engine = create_engine(address.format("postgres").replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return address.format(name).replace("postgresql://", "postgresql+psycopg://")


def _programs() -> Path | None:
    """Where the server's programs lie: Debian keeps them out of the path."""
    found = [one.parent for one in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    if not found and (there := shutil.which("initdb")):
        found = [Path(there).resolve().parent]
    return found[-1] if found else None


def _user() -> tuple[str, list[str]]:
    """Who the server runs as, and what makes a command theirs: PostgreSQL refuses to run as root."""
    if os.getuid():
        return pwd.getpwuid(os.getuid()).pw_name, []
    return "postgres", ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
