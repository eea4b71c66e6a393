"""Beside: the tensors that lie beside a database, in the folder that is this very database's: two have one each."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from pruneviz.runs.store.belonging import proven, taken
from pruneviz.runs.store.database import Database
from pruneviz.runs.store.records import Rotten, StoreError
from pruneviz.runs.store.tables import artifacts
from pruneviz.runs.store.tensors import Tensors

if TYPE_CHECKING:
    from torch import Tensor


class Beside:
    """Opens the folder when something is first asked of it."""

    def __init__(self, database: Database, folder: Path):
        self._database, self._folder = database, folder
        self._opened: Tensors | None = None
        self._guard = threading.Lock()

    def files(self) -> Tensors:
        """The folder's files. StoreError, one sentence, where the runs' tensors lie in another."""
        name = self._database.name
        with self._guard:
            if self._opened is None:
                files = Tensors(self._folder / "tensors" / name)
                self._own(files)
                files.reserve()
                self._sweep(files)
                self._opened = files
            return self._opened

    def read(self, sha256: str) -> Mapping[str, Tensor]:
        """The tensors of a file. That it is gone is damage only where it has to be here."""
        files = self.files()
        try:
            return files.read(sha256)
        except FileNotFoundError:
            with self._database.reading() as connection:
                lost = proven(connection, files)
        if lost:
            raise Rotten(f"the file {sha256[:12]}… of the runs' store is gone: resume the run, and it is done again")
        raise StoreError(
            f"the file {sha256[:12]}… of the runs' store is not in {files.folder}: copy it there from where it lies; if it "
            "is lost for good, `python -m pruneviz runs forget` its run"
        )

    def _own(self, files: Tensors) -> None:
        with self._database.reading() as connection:
            if proven(connection, files):
                return
        with self._database.writing() as connection:
            taken(connection, files)

    def _sweep(self, files: Tensors) -> None:
        """Files that lie here for a while and that no row names: somebody's process ended between the two."""
        if old := files.old():
            with self._database.reading() as connection:
                named = set(connection.scalars(select(artifacts.c.sha256)))
            files.sweep([path for path in old if path.stem not in named])
