"""A budget is met to within one weight or unit, and what an allocation takes is what its amounts take."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.engine import evaluate, scope, starts
from pruneviz.engine.account import account
from pruneviz.engine.budget import Budget
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe

KINDS = (
    Recipe(subject="digits_mlp", scope="layer"),
    Recipe(subject="digits_mlp", scope="layer", spared=("fc2.weight",), budget="macs"),
    Recipe(subject="digits_resnet", granularity="filter", scope="layer", budget="macs"),
    Recipe(
        subject="digits_resnet", granularity="filter", scope="layer", floor=0, gone=("layer1.0.conv1:3",),
        back=("layer1.0.conv1:5",),
    ),
    Recipe(subject="digits_resnet", granularity="layer", scope="layer"),
)  # fmt: skip


@cache
def ready(at: int):
    recipe = KINDS[at]
    subject = card.load(recipe.subject)
    standing = evaluate.stand(subject, recipe)
    return subject, standing, Budget(subject, recipe, standing, recipe.budget)


@settings(max_examples=30)
@given(st.integers(0, len(KINDS) - 1), st.data())
def test_amounts_take_exactly_the_counts_and_leave_what_is_said(at, data):
    subject, standing, budget = ready(at)
    counts = np.array([data.draw(st.integers(0, int(most))) for most in budget.most])
    what = budget.asked(counts)
    if standing.structure is None:
        taken = dict(zip(standing.ranking.names, standing.ranking.counts(0.0, *what), strict=True))
        assert [taken[one.name] for one in budget.players] == counts.tolist()
    else:
        theirs, mine = standing.ranking.kept(0.0, *what), budget.kept(counts)
        assert theirs.keys() == mine.keys() and all(np.array_equal(theirs[name], mine[name]) for name in theirs)
        again = budget.gone(theirs)
        assert all(np.array_equal(budget.kept(again)[name], mine[name]) for name in mine)
    recipe = Recipe(**{**_fields(KINDS[at]), "overrides": budget.amounts(counts), "amount": 0.0})
    cost = account(subject, recipe, standing)["cost"]
    assert budget.left(counts) == pytest.approx(cost.macs_left if recipe.budget == "macs" else cost.parameters_left)


def _fields(recipe: Recipe) -> dict:
    return {name: getattr(recipe, name) for name in recipe.__slots__}


@settings(max_examples=30)
@given(st.integers(0, len(KINDS) - 1), st.floats(0, 1), st.data())
def test_a_budget_is_met_and_nobody_could_have_one_more(at, share, data):
    _, _, budget = ready(at)
    target = budget.least + share * (budget.whole - budget.least)
    wanted = np.array([data.draw(st.floats(0.01, 100)) for _ in budget.players])
    counts = budget.fit(wanted, target)
    assert ((counts >= 0) & (counts <= budget.most)).all() and budget.left(counts) <= target
    for place in np.flatnonzero(counts):
        more = counts.copy()
        more[place] -= 1
        assert budget.left(more) > target or budget.left(more) == budget.left(counts)


@pytest.mark.parametrize("at", range(len(KINDS)))
def test_a_scope_at_a_budget_is_that_scope_at_an_amount(at):
    """What a start takes is what the Recipe with its scope and its amount takes; one less would leave too much."""
    subject, _, budget = ready(at)
    target = budget.least + 0.6 * (budget.whole - budget.least)
    for key, start in starts.offered(subject, budget).items():
        recipe = Recipe(**{**_fields(KINDS[at]), "scope": key, "amount": start.amount(target)})
        standing = evaluate.stand(subject, recipe)
        mask, counts = evaluate.mask(recipe, standing), start(target)
        # Under some scopes rows compete, and not a whole layer: what a layer's own amount takes is then asked of them.
        among = key if scope.find(key, units=budget.standing.structure is not None).rows else KINDS[at].scope
        mine = Recipe(**{**_fields(KINDS[at]), "overrides": budget.amounts(counts), "scope": among})
        assert budget.left(counts) <= target
        if not recipe.gone:
            assert mask.sha256() == evaluate.mask(mine, evaluate.stand(subject, mine)).sha256(), key


def test_nothing_to_share_out_is_said():
    recipe = Recipe(subject="digits_mlp", spared=("fc1.weight", "fc2.weight", "fc3.weight"))
    subject = card.load("digits_mlp")
    with pytest.raises(ValueError, match="free a layer"):
        Budget(subject, recipe, evaluate.stand(subject, recipe), "parameters")
