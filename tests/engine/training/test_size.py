"""Was the size needed: three networks with as many parameters and as many steps of their own; and architectures by width."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pruneviz.engine.sources import architecture, card
from pruneviz.engine.training import widths
from pruneviz.engine.training.labs import size
from pruneviz.engine.training.memory import Memory
from tests.engine.training.lab_runs import course, interrupted, ran, same
from tests.engine.training.test_labs import subject_of

FILTERS = course(size.default, steps=4, retrain=3, batch=16, every=2)
WEIGHTS = replace(FILTERS, granularity="weight", scope="global", amount=0.9, subject="digits_mlp")


@pytest.mark.parametrize("recipe", [FILTERS, WEIGHTS], ids=["filters", "weights"])
def test_the_three_are_of_one_size_and_have_as_many_steps_of_their_own(recipe):
    subject = subject_of(recipe.subject)
    ends = {method: ran(subject, course(recipe, method=method)) for method in size.METHODS}
    last = {method: moments[-1] for method, (moments, *_) in ends.items()}
    assert {method: moment.step for method, moment in last.items()} == {"pruned": 7, "small": 7, "scratch": 11}
    assert {moment.values["own"] for moment in last.values()} == {7.0}
    sizes = {method: moment.values["parameters"] for method, moment in last.items()}
    assert sizes["pruned"] == sizes["scratch"] < 0.5 * widths.count(subject.network)
    assert abs(sizes["small"] - sizes["pruned"]) < 0.06 * sizes["pruned"], "a whole unit more or less"
    for method, (moments, state, kept) in ends.items():
        network = size.rebuilt(subject, course(recipe, method=method), state)
        assert widths.count(network) - sum(int((~one).sum()) for one in kept.values()) == sizes[method]
        assert all(one.shape[0] == one.shape[1] for one in moments[-1].arrays.values()) and moments[-1].arrays


def test_pruned_goes_on_with_what_was_trained_and_scratch_does_not():
    subject = subject_of(WEIGHTS.subject)
    pruned, scratch = (ran(subject, course(WEIGHTS, method=method))[0] for method in ("pruned", "scratch"))
    first = [moment for moment in pruned if moment.stage == "large"]
    assert all(one.same(replace(other, of=one.of)) for one, other in zip(first, scratch, strict=False))
    cut = [next(moment for moment in run if moment.stage == "cut") for run in (pruned, scratch)]
    assert [moment.values["own"] for moment in cut] == [4, 0] and cut[0].values["held_loss"] < cut[1].values["held_loss"]


@pytest.mark.parametrize("method", size.METHODS)
def test_a_run_resumed_is_the_run_uninterrupted(method):
    for recipe in (course(FILTERS, method=method), course(WEIGHTS, method=method, width=0.5)):
        subject = subject_of(recipe.subject)
        whole = ran(subject, recipe)
        assert all(same(whole, interrupted(subject, recipe, at)) for at in range(1, len(whole[0]) + 1))


def test_units_whose_number_the_training_decides_are_refused():
    subject = subject_of(FILTERS.subject)
    with pytest.raises(ValueError, match="choose the scope layer"):
        list(size.run(subject, replace(FILTERS, scope="global"), Memory()))
    with pytest.raises(ValueError, match="unknown method 'large'; there are pruned, small, scratch"):
        list(size.run(subject, course(FILTERS, method="large"), Memory()))


@pytest.mark.parametrize("name", sorted(set(architecture.offered()) - {"llama"}))
def test_a_width_that_is_not_named_is_the_one_that_there_was(name):
    """Half as wide is a quarter of the matrices, twice as wide four times as many: about, for edges and biases."""
    plain = architecture.outline(name)
    base = next(iter(plain.parameters())).shape[0]
    base = 64 if name == "digits_vit" else base
    again, half, double = (architecture.outline(name, {"width": width}) for width in (base, base // 2, 2 * base))
    shapes = [{key: tuple(one.shape) for key, one in network.state_dict().items()} for network in (plain, again)]
    assert shapes[0] == shapes[1] and widths.count(half) < 0.6 * widths.count(plain) < 0.34 * widths.count(double)


def test_widths_are_found_by_a_factor_and_by_a_count():
    subject, generator = card.load("digits_cnn"), torch.Generator().manual_seed(0)
    assert widths.wide(subject, 0.5, generator).network.conv1.weight.shape[0] == 16
    assert widths.wide(subject, 1.5, generator).network.conv3.weight.shape == (96, 96, 3, 3)
    narrow = widths.matched(subject, widths.count(architecture.build("digits_cnn", {"width": 11})), generator)
    assert narrow.network.conv1.weight.shape[0] == 11 and narrow.layers[0].shape == (11, 1, 3, 3)
    transformer = widths.wide(card.load("digits_vit"), 0.3, generator)
    assert transformer.network.position.shape[2] == 20, "a multiple of its four heads"


def test_an_architecture_that_takes_no_width_becomes_narrower_unit_by_unit():
    subject, generator = replace(card.load("digits_cnn"), origin=None), torch.Generator().manual_seed(0)
    narrow = widths.wide(subject, 0.5, generator)
    assert [layer.shape[:2] for layer in narrow.layers] == [(16, 1), (32, 16), (32, 32), (10, 32)]
    asked = widths.count(narrow.network)
    assert widths.count(widths.matched(subject, asked, generator).network) == asked
    with pytest.raises(ValueError, match="narrower but not wider"):
        widths.wide(subject, 2.0, generator)
