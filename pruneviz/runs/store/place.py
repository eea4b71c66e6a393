"""Place: where the store lies. A folder of this account's own, or what the environment says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = "PRUNEVIZ_STORE"
"""The folder of the database and of the tensors beside it. Those who share a PostgreSQL share this folder, too."""
ADDRESS = "PRUNEVIZ_DATABASE_URL"
"""postgresql://user:password@host/name, for a team; without it, SQLite in the folder."""
FILE = "runs.db"
_DRIVER = "postgresql+psycopg"


def folder(environment: Mapping[str, str] | None = None) -> Path:
    """The folder of the store: `PRUNEVIZ_STORE`, or the usual place for what an account keeps."""
    environment = os.environ if environment is None else environment
    said = environment.get(FOLDER, "").strip()
    if said:
        return Path(said).expanduser()
    return Path(environment.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "pruneviz"


def address(place: Path, environment: Mapping[str, str] | None = None) -> str:
    """The database's address: `PRUNEVIZ_DATABASE_URL`, or a file in the folder."""
    environment = os.environ if environment is None else environment
    said = environment.get(ADDRESS, "").strip()
    if not said:
        return f"sqlite:///{Path(place).absolute() / FILE}"
    kind, separator, rest = said.partition("://")
    if separator and kind in ("postgres", "postgresql", _DRIVER):
        return f"{_DRIVER}://{rest}"
    if separator and kind == "sqlite":
        return said
    # An address may hold a password: no more of it is said than its kind.
    known = "sqlite:///path and postgresql://user@host/name"
    raise ValueError(f"{ADDRESS} is of the kind {kind[:20] if separator else ''!r}; possible are {known}")
