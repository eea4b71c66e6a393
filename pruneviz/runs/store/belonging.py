"""Belonging: which folder of tensors is a database's. A word lies in the folder, and the database knows it, too.

Only in such a folder a file that is not there is one that was lost. In another, which is what somebody has who set
PRUNEVIZ_STORE to a wrong place or whose disk is not mounted, it means nothing: the runs are as sound as they were.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, delete, insert, select

from pruneviz.runs.store.records import StoreError
from pruneviz.runs.store.tables import about, artifacts
from pruneviz.runs.store.tensors import Tensors

NAME = "tensors"
"""What the row is called in which the database keeps its folder's word."""


def proven(connection: Connection, files: Tensors) -> bool:
    """Whether this is the database's folder for certain."""
    word = _known(connection)
    return bool(word) and files.word() == word


def taken(connection: Connection, files: Tensors) -> None:
    """Makes the folder the database's, in a transaction that writes, where all that rows name lies there: in a new store
    that is nothing. Where some of it does, in a store that has no word yet, it is used as it is and proves nothing."""
    connection.execute(select(about).with_for_update()).all()  # whoever stores, or takes another folder, waits
    word = _known(connection)
    if word and files.word() == word:
        return
    named, lying = set(connection.scalars(select(artifacts.c.sha256))), files.names()
    if named <= lying:
        word = secrets.token_hex(16)
        files.mark(word)
        connection.execute(delete(about).where(about.c.name == NAME))
        connection.execute(insert(about), {"name": NAME, "said": word})
    elif word or not named & lying:
        raise _elsewhere(files)


def held(connection: Connection, files: Tensors) -> None:
    """What is about to be stored is stored in the folder that the database has by now, or not at all."""
    connection.execute(select(about).with_for_update(read=True)).all()  # whoever takes another folder waits
    if _known(connection) != files.word():
        raise _elsewhere(files)


def _known(connection: Connection) -> str:
    return connection.scalar(select(about.c.said).where(about.c.name == NAME)) or ""


def _elsewhere(files: Tensors) -> StoreError:
    return StoreError(
        f"the tensors of this store's runs do not lie in {files.folder}: set PRUNEVIZ_STORE to the folder where they do, or "
        "mount its disk; if they are lost for good, `python -m pruneviz runs forget` those runs"
    )
