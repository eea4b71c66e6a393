"""Recover: the mask is the slider's, to the bit, before and after; what changes nothing changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pruneviz.engine.evaluate import mask, stand
from pruneviz.engine.subject import Windows
from pruneviz.engine.training import widths
from pruneviz.engine.training.labs import recover
from pruneviz.engine.training.memory import Memory
from pruneviz.intervals import paired
from tests.engine.training.lab_runs import course, interrupted, ran, same
from tests.engine.training.test_labs import subject_of

SHORT = course(recover.default, steps=5, batch=16, every=2)
FILTERS = replace(SHORT, granularity="filter", scope="layer", amount=0.5)


@pytest.mark.parametrize(
    "recipe",
    [
        SHORT,
        replace(SHORT, scope="layer", overrides=(("conv2.weight", 0.3),)),
        FILTERS,
        replace(SHORT, granularity="2:4", amount=0.5),
    ],
    ids=["weights", "own amounts", "filters", "2:4"],
)
def test_the_mask_is_the_sliders_before_and_after(recipe):
    subject = subject_of(recipe.subject)
    asked = mask(recipe, stand(subject, recipe)).layers()
    moments, network, kept = ran(subject, recipe)
    assert kept.keys() == asked.keys() and all(np.array_equal(kept[name].numpy(), one) for name, one in asked.items())
    assert not any(network[name].numpy()[~one].any() for name, one in asked.items())
    removed = sum(int((~one).sum()) for one in asked.values())
    assert all(moment.values["sparsity"] == pytest.approx(removed / subject.weights) for moment in moments)
    assert [moment.step for moment in moments] == [0, 2, 4, 5]


def test_nothing_removed_and_no_step_is_the_dense_network_to_the_bit():
    recipe = course(replace(SHORT, amount=0.0), steps=0)
    subject = subject_of(recipe.subject)
    moments, network, _ = ran(subject, recipe)
    assert all(torch.equal(one, network[name]) for name, one in subject.network.state_dict().items())
    assert len(moments) == 1 and moments[0].values["newly_wrong"] == moments[0].values["newly_right"] == 0


def test_batch_statistics_alone_change():
    recipe = course(SHORT, method="batchnorm", steps=100, batch=32)
    subject = subject_of(recipe.subject)
    asked = mask(recipe, stand(subject, recipe)).layers()
    moments, network, _ = ran(subject, recipe)
    assert moments[-1].step == moments[-1].of == 3, "90 samples are three batches of up to 32"
    for name, before in subject.network.state_dict().items():
        if "running" in name:
            assert not torch.equal(network[name], before), name
        elif "tracked" not in name:
            stays = torch.tensor(asked[name]) if name in asked else torch.ones_like(before, dtype=torch.bool)
            assert torch.equal(network[name], torch.where(stays, before, 0)), name


def test_a_smaller_network_is_tuned_as_the_masked_one_is():
    """Removed units compute nothing and learn nothing: both ways say the same of every sample, one with fewer parameters."""
    subject = subject_of(FILTERS.subject)
    held, cut = (ran(subject, course(FILTERS, method=method)) for method in ("fine-tune", "fine-tune-removed"))
    for one, other in zip(held[0], cut[0], strict=True):
        assert one.values["correct"] == other.values["correct"]
        assert one.values["held_loss"] == pytest.approx(other.values["held_loss"], rel=1e-3)
        assert one.values["parameters"] > other.values["parameters"], "norms of removed filters are still there"
    recipe = course(FILTERS, method="fine-tune-removed")
    network = recover.rebuilt(subject, recipe, cut[1])
    assert sum(one.numel() for one in network.parameters()) == cut[0][-1].values["parameters"] and not cut[2]
    with torch.inference_mode():
        right = (network(subject.held_out.inputs()).argmax(1) == subject.held_out.labels).sum()
    assert int(right) == cut[0][-1].values["correct"]


def test_the_gain_is_against_the_pruned_network_sample_by_sample():
    subject = subject_of(SHORT.subject)
    moments, *_ = ran(subject, course(SHORT, steps=20, every=20))
    first, last = (moment.values for moment in moments)
    assert "gain" not in first and last["gain"] == pytest.approx((last["correct"] - first["correct"]) / 60)
    assert last["gain_low"] <= last["gain"] <= last["gain_high"]
    assert last["gain"] - last["gain_low"] <= max(np.diff(paired(0, 30, 30, 0))), "no wider than of the worst table of 60"


def test_without_distilling_it_is_plain_and_with_it_it_is_not():
    subject = subject_of(SHORT.subject)
    plain, also = (ran(subject, course(SHORT, distil=0.0, temperature=one)) for one in (4.0, 1.0))
    taught = ran(subject, course(SHORT, distil=0.5))
    assert same(plain, also) and not same(plain, taught)


@pytest.mark.parametrize(
    "recipe",
    [course(SHORT, method="batchnorm", every=1), course(FILTERS, method="fine-tune-removed", distil=0.5)],
    ids=["batchnorm", "removed and distilled"],
)
def test_a_run_resumed_is_the_run_uninterrupted(recipe):
    subject = subject_of(recipe.subject)
    whole = ran(subject, recipe)
    assert all(same(whole, interrupted(subject, recipe, at)) for at in range(1, len(whole[0]) + 1))


def test_a_language_model_recovers_in_perplexity():
    """Eight tokens, each followed by the next one: a bigram network that lost most of its weights learns them again."""
    tokens = torch.arange(9).repeat(12, 1).add(torch.arange(12)[:, None]) % 8
    text = Windows(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous())
    network = torch.nn.Sequential(torch.nn.Embedding(8, 8), torch.nn.Linear(8, 8, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(8))
        network[1].weight.copy_(4 * torch.roll(torch.eye(8), 1, 0))
    words = replace(
        widths.around(subject_of("digits_mlp"), network.eval()), task="language_modelling", held_out=text, training=text,
        classes=tuple("abcdefgh"), origin=None,
    )  # fmt: skip
    recipe = course(replace(SHORT, amount=0.95, subject="words"), steps=40, batch=12, rate=0.1, every=20)
    moments, *_ = ran(words, recipe)
    first, last = moments[0].values, moments[-1].values
    assert first["value"] > last["value"] > 1 and last["gain"] > 0 and last["gain_low"] <= last["gain"]
    assert "accuracy" not in last and "newly_wrong" not in last
    with pytest.raises(ValueError, match="only images can be shifted"):
        ran(words, course(recipe, shift=1))


def test_what_does_not_fit_is_said():
    subject, plain = subject_of(SHORT.subject), subject_of("digits_mlp")
    with pytest.raises(ValueError, match="unknown method 'pray'; there are batchnorm, fine-tune"):
        list(recover.run(subject, course(SHORT, method="pray"), Memory()))
    with pytest.raises(ValueError, match="no BatchNorm .* choose fine-tune"):
        list(recover.run(plain, course(replace(SHORT, subject="digits_mlp"), method="batchnorm"), Memory()))
    with pytest.raises(ValueError, match="no smaller network to train"):
        list(recover.run(subject, course(SHORT, method="fine-tune-removed"), Memory()))
