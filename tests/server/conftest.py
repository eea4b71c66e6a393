"""Real servers, as strangers meet them: one that others reach, one with small caps, and one of one's own machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.server import Server, serving

SMALL = {
    "PRUNEVIZ_SHARED": "1",
    "PRUNEVIZ_UPLOAD_BYTES": "100000",
    "PRUNEVIZ_MODELS": "3",
    "PRUNEVIZ_HELD_BYTES": "500000",
}


def _quiet(server: Server) -> None:
    assert "Traceback" not in server.said(), server.said()[-4000:]


@pytest.fixture(scope="session")
def shared() -> Iterator[Server]:
    """A server behind a proxy: bound to loopback, and said to be shared. Nothing strangers do makes it print a traceback."""
    with serving(settings={"PRUNEVIZ_SHARED": "1"}) as server:
        yield server
        _quiet(server)


@pytest.fixture(scope="session")
def small() -> Iterator[Server]:
    """The same with small caps, so that they are reached quickly."""
    with serving(settings=SMALL) as server:
        yield server
        _quiet(server)


@pytest.fixture(scope="session")
def own() -> Iterator[Server]:
    """A server of one's own machine, as `make app` starts it."""
    with serving() as server:
        yield server
        _quiet(server)
