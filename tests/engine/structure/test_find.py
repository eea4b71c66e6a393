"""Finding: one search for one subject and kind, whoever asks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pruneviz.engine import evaluate
from pruneviz.engine.sources import card
from pruneviz.engine.structure import find


def test_threads_that_ask_at_once_get_one_object(monkeypatch):
    subject, plain, searches = card.load("digits_cnn"), find.find, []

    def slow(network, inputs, granularity):
        searches.append(granularity)
        time.sleep(0.05)
        return plain(network, inputs, granularity)

    monkeypatch.setattr(find, "find", slow)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: evaluate.structure_of(subject, "filter"), range(4)))
    assert searches == ["filter"] and all(one is found[0] for one in found)
    assert find.offers(subject) == find.offers(subject)
    assert sorted(searches) == ["filter", "head", "layer", "neuron"]


def test_a_search_that_fails_is_made_again(monkeypatch):
    subject, plain = card.load("digits_cnn"), find.find

    def broken(*_):
        raise RuntimeError("once")

    monkeypatch.setattr(find, "find", broken)
    with pytest.raises(RuntimeError, match="once"):
        find.of(subject, "filter")
    monkeypatch.setattr(find, "find", plain)
    assert find.of(subject, "filter").units
