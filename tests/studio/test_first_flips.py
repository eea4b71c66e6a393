"""What changes sides first is looked for step by step: one that fails is begun anew, and whoever waits can leave."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from pruneviz.first_flips import FirstFlips
from pruneviz.recipe import Recipe
from pruneviz.studio import breakage, kitchen

NONE = np.zeros(0, dtype=np.int64)
RECIPE = Recipe(subject="first-flips")


def flips(many: int) -> FirstFlips:
    """What is known after so many of all amounts."""
    return FirstFlips(breakage.AMOUNTS[:many], NONE, NONE == 0, NONE, NONE, NONE, (), "images", len(breakage.AMOUNTS))


class Left(Exception):
    """Streamlit's way out of a page that was left while it waits."""


@pytest.fixture
def searching(monkeypatch) -> breakage.Searching:
    """A place of its own, and a model that weighs nothing."""
    place = breakage.Searching()
    monkeypatch.setattr(kitchen, "heavy", lambda _: False)
    monkeypatch.setattr(breakage, "_whole", lambda recipe: recipe)
    monkeypatch.setattr(breakage, "_searching", lambda _: place)
    return place


def test_a_measurement_that_fails_is_not_everybodys_end(searching, monkeypatch):
    begun = []

    def search(_: Recipe) -> Iterator[FirstFlips | None]:
        begun.append(1)
        yield flips(1)
        if len(begun) == 1:
            raise MemoryError("too large")
        yield None
        yield flips(len(breakage.AMOUNTS))

    monkeypatch.setattr(breakage, "_search", search)
    with pytest.raises(MemoryError):
        breakage.first_flips(RECIPE, lambda _: None)
    told = []
    assert not breakage.first_flips(RECIPE, told.append).partial and begun == [1, 1] and told[-1] == 1.0
    assert not breakage.first_flips(RECIPE, pytest.fail).partial


def test_who_waits_for_anothers_steps_can_leave_and_loses_nothing(searching, monkeypatch):
    held, going = threading.Event(), threading.Event()

    def search(_: Recipe) -> Iterator[FirstFlips | None]:
        held.set()
        going.wait(60)
        yield flips(1)
        yield flips(len(breakage.AMOUNTS))

    def leave(_: float) -> None:
        raise Left

    monkeypatch.setattr(breakage, "_search", search)
    found = []
    first = threading.Thread(target=lambda: found.append(breakage.first_flips(RECIPE, lambda _: None)))
    first.start()
    try:
        assert held.wait(60)
        with pytest.raises(Left):
            breakage.first_flips(RECIPE, leave)
        assert not found
    finally:
        going.set()
        first.join(60)
    assert not found[0].partial and searching.coming is not None


def test_who_is_interrupted_loses_nothing(searching, monkeypatch):
    begun = []
    monkeypatch.setattr(
        breakage, "_search", lambda _: begun.append(1) or iter([flips(1), None, flips(2), flips(len(breakage.AMOUNTS))])
    )

    def leave(share: float) -> None:
        if share == 1 / len(breakage.AMOUNTS):
            raise Left

    with pytest.raises(Left):
        breakage.first_flips(RECIPE, leave)
    assert not breakage.first_flips(RECIPE, lambda _: None).partial and begun == [1]
