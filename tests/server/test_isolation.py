"""A short form of the soak on a real server: nobody sees another's numbers, and shared models stay as they were."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.soak import ground, heavy, isolation
from tests.soak.lines import watched


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Three visitors on what ships, three on models that the worker process measures, at once; and all models' tensors."""
    folder = tmp_path_factory.mktemp("ground")
    brought, shipped = ground.small(folder, "digits_mlp", "digits_cnn"), isolation.samples("digits_cnn", "digits_mlp")
    cards = os.pathsep.join(brought.subjects)
    with watched(PRUNEVIZ_CARDS=cards, PRUNEVIZ_HEAVY_SECONDS="0.001") as (server, told):
        seen = isolation.crowd_on(server.address, {shipped: 3, brought: 3}, steps=5, seed=1)
        assert "Traceback" not in server.said(), server.said()[-4000:]
    return seen, told, [*brought.subjects, *shipped.subjects]


def test_every_page_shows_its_own_visitors_numbers(walked):
    seen = walked[0]
    assert len(seen) == 6 * 6 and len({one.recipe for one in seen}) > 12
    assert isolation.bleeds(seen) == []


def test_a_bleed_would_be_noticed(walked):
    """Two visitors' pages exchanged, then their links: both are told of both."""
    seen = walked[0]
    one = seen[0]
    other = next(two for two in seen if two.shown != one.shown and two.link != one.link)
    swapped = [replace(one, shown=other.shown), replace(other, shown=one.shown)]
    assert len(isolation.bleeds(swapped)) == 2 and all("the page showed" in said for said in isolation.bleeds(swapped))
    swapped = [replace(one, link=other.link), replace(other, link=one.link)]
    assert sum("the link was" in said for said in isolation.bleeds(swapped)) == 2


def test_the_shared_models_are_what_they_were(walked):
    _, told, names = walked
    assert {name: told[name] for name in names} == {name: heavy.fingerprint(isolation.model(name)) for name in names}


def test_a_changed_model_would_be_noticed():
    import torch

    subject = isolation.model("digits_mlp")
    before = heavy.fingerprint(subject)
    tensor = next(iter(subject.network.parameters()))
    with torch.no_grad():
        kept = tensor.view(-1)[7].clone()
        tensor.view(-1)[7] += 1e-6
        changed = heavy.fingerprint(subject)
        tensor.view(-1)[7] = kept
    assert changed != before and heavy.fingerprint(subject) == before
