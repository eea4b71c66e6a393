"""Keeping: how much the runs of a store fill, and which of them make room where that is more than they may."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select

from pruneviz.runs.store import Store
from pruneviz.runs.store.records import OVER
from pruneviz.runs.store.tables import artifacts, runs

ROW = 500
"""Bytes that a moment fills beside its arrays, about."""


def too_many(store: Store, most: int) -> int:
    """By how many bytes all runs together fill more than they may; 0 where they do not."""
    files, rows = select(func.sum(artifacts.c.bytes)), select(func.sum(runs.c.moments))
    filled = [store.ask(question)[0][0] or 0 for question in (files, rows)]
    return max(0, int(filled[0]) + ROW * int(filled[1]) - most)


def to_go(store: Store, many: int, spared: Collection[str]) -> list[str]:
    """The runs that make room for so many bytes: those that were over first, but for those that are `spared`."""
    fills = func.coalesce(func.sum(artifacts.c.bytes), 0).label("fills")
    asked = select(runs.c.key, runs.c.moments, fills).outerjoin(artifacts, artifacts.c.run == runs.c.key)
    asked = asked.where(runs.c.state.in_(OVER)).group_by(runs.c.key, runs.c.moments, runs.c.ended).order_by(runs.c.ended)
    found = []
    for row in store.ask(asked):
        if many <= 0:
            break
        if row.key not in spared:
            found.append(row.key)
            many -= int(row.fills) + ROW * row.moments
    return found
