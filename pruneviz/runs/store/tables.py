"""Tables: runs, their moments, and the files of tensors that they name."""

from __future__ import annotations

import json

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
)

from pruneviz.runs.store.naming import recipe_of
from pruneviz.runs.store.records import Run

SCHEMA = 1
"""The version of these tables. A store with a newer one is not touched."""

metadata = MetaData()
about = Table("about", metadata, Column("name", String(32), primary_key=True), Column("said", Text, nullable=False))
runs = Table(
    "runs",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("recipe", Text, nullable=False),
    Column("lab", String(64), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("model_sha256", Text, nullable=False),
    Column("data_sha256", Text, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("versions", Text, nullable=False, default="{}"),
    Column("state", String(16), nullable=False, index=True),
    Column("step", BigInteger, nullable=False, default=0),
    Column("of", BigInteger, nullable=False, default=0),
    Column("moments", Integer, nullable=False, default=0),
    Column("memory", String(64)),
    Column("trouble", Text, nullable=False, default=""),
    Column("cancelling", Boolean, nullable=False, default=False),
    # Who performs it, by which token, and until when they have to be heard of again.
    Column("holder", Text, nullable=False, default=""),
    Column("token", String(32), nullable=False, default=""),
    Column("until", Double, nullable=False, default=0.0),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("ended", Double),
    Column("seconds", Double, nullable=False, default=0.0),
)
artifacts = Table(
    "artifacts",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("run", String(64), ForeignKey("runs.key", ondelete="CASCADE"), nullable=False, index=True),
    Column("bytes", BigInteger, nullable=False),
    Column("created", Double, nullable=False),
)
moments = Table(
    "moments",
    metadata,
    Column("run", String(64), ForeignKey("runs.key", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("of", BigInteger, nullable=False),
    Column("stage", Text, nullable=False),
    # Numbers by name as JSON; as text, because a loss may be no number, and not every database's JSON knows that.
    Column("measured", Text, nullable=False),
    Column("artifact", String(64), ForeignKey("artifacts.sha256")),
)


def run_of(row: Row) -> Run:
    """A row of `runs` as a record."""
    return Run(
        key=row.key, recipe=recipe_of(row.recipe), title=row.title, model_sha256=row.model_sha256,
        data_sha256=row.data_sha256, state=row.state, step=row.step, of=row.of, moments=row.moments, memory=row.memory,
        trouble=row.trouble, cancelling=row.cancelling, holder=row.holder, until=row.until, created=row.created,
        started=row.started, ended=row.ended, seconds=row.seconds, versions=json.loads(row.versions),
    )  # fmt: skip
