"""A Recipe becomes a walk: which matrices, which share of each, by whose opinion, on which samples; and what is refused."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz.course import Course
from pruneviz.engine import standing
from pruneviz.engine.reconstruct import oneshot
from pruneviz.engine.subject import Samples
from pruneviz.recipe import Recipe
from tests.engine.conftest import tiny_subject
from tests.engine.reconstruct.chains import TOKENS, WIDTH, chain

RECIPE = Recipe(subject="tiny", criterion="wanda", scope="row", amount=0.5, course=Course(batch=40))


def subject_of(network: nn.Module | None = None, samples: int = 30):
    source = torch.Generator().manual_seed(2)
    inputs = torch.randn(samples, TOKENS, WIDTH, generator=source)
    return tiny_subject(chain() if network is None else network, inputs, torch.arange(samples) % 3)


def prepared(recipe: Recipe = RECIPE, subject=None) -> tuple[oneshot.Work, nn.Module]:
    subject = subject or subject_of()
    network = copy.deepcopy(subject.network)
    return oneshot.prepare(subject, recipe, network), network


def with_method(key: str, **more) -> Recipe:
    return replace(RECIPE, course=replace(RECIPE.course, method=key), **more)


@pytest.mark.parametrize("key", ["", "keep", "sparsegpt", "swaps_refit"])
@pytest.mark.parametrize("scope", ["row", "layer", "owl", "global"])
def test_exactly_as_much_goes_as_was_asked_for(key, scope):
    subject = subject_of()
    work, network = prepared(with_method(key, scope=scope), subject)
    before = {name: one.clone() for name, one in subject.network.state_dict().items()}
    done = list(work.steps())
    assert len(done) == work.matrices == 15
    sizes = {one.name: one.kept.numel() for one in done}
    assert sum(int((~one.kept).sum()) for one in done) == sum(sizes.values()) // 2
    for one in done:
        assert not network.get_parameter(one.name)[~one.kept].any()
        if scope in ("row", "layer"):
            assert int((~one.kept).sum()) == sizes[one.name] // 2
        elif key in ("", "keep") and scope == "owl":
            assert int((~one.kept).sum(1).max() - (~one.kept).sum(1).min()) <= 1
    assert all(torch.equal(one, before[name]) for name, one in subject.network.state_dict().items())


def test_shares_are_those_of_the_competition_in_the_dense_network():
    """What the slider takes of each layer under the same scope, with those outside of the blocks spared."""
    subject, recipe = subject_of(), replace(RECIPE, scope="owl")
    work, _ = prepared(recipe, subject)
    outside = tuple(name for name, _ in work.whole)
    assert set(outside) == {"first.weight", "last.weight"}
    spared = replace(recipe, spared=outside)
    ranking = standing.stand(subject, spared).ranking
    for layer, count in zip(subject.layers, ranking.counts(0.5, spared.own_amounts()).tolist(), strict=True):
        assert work.plan.shares.get(layer.name, 0) == pytest.approx(count / layer.size)
    assert len(set(work.plan.shares.values())) > 1


def test_amounts_of_their_own_and_spared_layers():
    recipe = replace(RECIPE, overrides=(("blocks.0.q.weight", 0.25),), spared=("blocks.1.v.weight",))
    work, network = prepared(recipe)
    done = {one.name: one for one in work.steps()}
    assert int((~done["blocks.0.q.weight"].kept).sum()) == 16 and int((~done["blocks.0.k.weight"].kept).sum()) == 32
    assert network.blocks[1].v.weight.all()


def test_a_network_without_a_chain_is_walked_whole():
    source = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(TOKENS * WIDTH, 12), nn.ReLU(), nn.Linear(12, 3))
    for one in network.parameters():
        one.data = torch.randn(one.shape, generator=source)
    work, pruned = prepared(subject=subject_of(network.requires_grad_(False)))
    assert [one.name for one in work.steps()] == ["1.weight", "3.weight"] and not work.whole
    assert int((pruned[1].weight == 0).sum()) == 240


@pytest.mark.parametrize("granularity", ["2:4", "4:8"])
def test_a_pattern_and_what_it_does_not_fit(granularity):
    """Blocks take eight inputs or sixteen; with one matrix of six in between, that one stays whole and is named."""
    network = chain()
    network.blocks[1].odd = nn.Linear(6, 6).requires_grad_(False)
    work, pruned = prepared(replace(RECIPE, granularity=granularity), subject_of(network))
    group = int(granularity[-1])
    assert (("blocks.1.odd.weight", f"has no whole groups of {group} inputs")) in work.whole
    for one in work.steps():
        assert (one.kept.view(len(one.kept), -1, group).sum(2) == group // 2).all()
    assert pruned.blocks[1].odd.weight.all()


def test_what_stays_whole_is_told_in_one_sentence():
    work, _ = prepared()
    assert oneshot.left_whole(work) == (
        "first, last stay whole: each is outside of the blocks, which are all that one shot goes through"
    )
    assert oneshot.left_whole(replace(work, whole=(("last.weight", "is new"),))) == "last stays whole: it is new"
    assert oneshot.left_whole(replace(work, whole=())) == ""


def test_samples_are_drawn_by_the_seed():
    subject = subject_of()
    few = replace(RECIPE, course=replace(RECIPE.course, batch=7))
    one, again, other = (oneshot.calibration(subject, recipe) for recipe in (few, few, replace(few, seed=1)))
    assert torch.equal(one, again) and one.shape == other.shape == (7, TOKENS, WIDTH) and not torch.equal(one, other)
    everything = oneshot.calibration(subject, RECIPE)
    assert torch.equal(everything, subject.training.inputs(torch.arange(30)))
    assert prepared(few)[0].samples == 7


def test_a_quarter_of_the_held_out_samples_can_be_set_aside():
    subject = replace(subject_of(), training=None)
    with pytest.raises(ValueError, match="Tiny has no training split: choose calibration = held-out"):
        oneshot.calibration(subject, RECIPE)
    found = oneshot.calibration(subject, replace(RECIPE, calibration="held-out"))
    assert 0 < len(found) <= 30 // 4 + 1


def test_other_data_can_calibrate():
    subject, other = subject_of(), subject_of(samples=5).held_out
    assert isinstance(other, Samples)
    assert torch.equal(oneshot.calibration(subject, RECIPE, other), other.inputs(torch.arange(5)))


def test_the_seed_decides_what_random_removes():
    masks = []
    for seed in (0, 0, 1):
        work, _ = prepared(replace(RECIPE, criterion="random", seed=seed, course=replace(RECIPE.course, batch=64)))
        masks.append([one.kept for one in work.steps()])
    one, again, other = masks
    assert all(torch.equal(*pair) for pair in zip(one, again, strict=True))
    assert not all(torch.equal(*pair) for pair in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"granularity": "neuron"},
            "one shot removes single weights, or N of every M, not neurons: choose weight, 2:4 or 4:8",
        ),
        ({"criterion": "gradient"}, "one shot sees only a matrix and its inputs"),
        ({"course": Course(method="obs")}, "unknown method 'obs'; there are"),
        ({"spared": ("nowhere.weight",)}, "Tiny has no layer 'nowhere.weight'"),
    ],
)
def test_what_cannot_be_walked_is_refused_in_one_sentence(changed, said):
    with pytest.raises(ValueError, match=said):
        prepared(replace(RECIPE, **changed))


def test_a_network_of_no_matrices_is_refused():
    network = nn.Sequential(nn.Unflatten(1, (1, TOKENS)), nn.ConvTranspose2d(1, 1, 3), nn.Flatten(), nn.AdaptiveAvgPool1d(3))
    with pytest.raises(ValueError, match="Tiny has no matrix that one shot can go through .*: prune it on the slider"):
        prepared(subject=subject_of(network.requires_grad_(False)))
