"""A small model that counts as heavy, for the tests of what is asked of the worker process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.studio import heavy


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> str:
    """The card of a small model with data of its own."""
    return heavy.card(tmp_path_factory.mktemp("heavy"))


@pytest.fixture
def weighed(path, monkeypatch) -> Iterator[str]:
    """The same while everything counts as heavy; afterwards nothing of it is left, here or in the worker."""
    with heavy.weighing(monkeypatch, "0"):
        yield path
    heavy.forget(path)


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store of runs, this test's own, and the office over it: pages and tests see the same."""
    from pruneviz.runs.office import Office
    from pruneviz.runs.store import Store
    from pruneviz.studio.labs import office

    monkeypatch.setenv("PRUNEVIZ_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("PRUNEVIZ_DATABASE_URL", raising=False)
    desk = Office(Store())
    monkeypatch.setattr(office, "_office", lambda: desk)
    yield desk
    desk.close()
