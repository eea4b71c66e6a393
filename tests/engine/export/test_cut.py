"""Cut: a removal is proven in float64 where two such copies fit, and says by its noise how it was proven."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz.engine import evaluate
from pruneviz.engine.export import cut
from pruneviz.engine.sources import card
from pruneviz.engine.structure.proof import SurgeryError
from pruneviz.recipe import Recipe


def made(subject, fold: bool = False) -> cut.Cut:
    recipe = Recipe(subject=subject.name, granularity="neuron", amount=0.5)
    return cut.cut(subject, recipe, evaluate.stand(subject, recipe), fold=fold)


def test_a_removal_is_proven_in_float64():
    subject = card.load("digits_mlp")
    found = made(subject)
    assert found.proof.noise == 1e-9 and found.proof.difference <= 1e-12 and found.notes == ()
    assert {str(one.dtype) for one in found.network.parameters()} == {"torch.float32"}


def test_what_is_too_large_or_of_unknown_make_or_folded_is_compared_as_it_is(monkeypatch):
    subject = card.load("digits_mlp")
    strange, folded = made(replace(subject, origin=None)), made(subject, fold=True)
    monkeypatch.setattr(cut, "EXACT", cut.parameters(subject.network) - 1)
    large = made(subject)
    for found in (strange, folded, large):
        assert found.proof.noise == 1e-4 and found.proof.holds and "not in float64" in found.notes[-1]


def test_a_difference_that_float32_would_hide_is_refused(monkeypatch):
    """A smaller network with one weight off by 1e-6 of itself: within float32's noise, and no removal."""
    apply = cut.surgery.apply

    def wrong(network, removal):
        smaller = apply(network, removal)
        next(smaller.parameters()).data *= 1 + 1e-6
        return smaller

    monkeypatch.setattr(cut.surgery, "apply", wrong)
    with pytest.raises(SurgeryError, match="differs from the masked one"):
        made(card.load("digits_mlp"))
    monkeypatch.setattr(cut, "EXACT", 0)
    assert made(card.load("digits_mlp")).proof.holds
