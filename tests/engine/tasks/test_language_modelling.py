"""What logits at every place of a window mean: nats per window, and perplexity per token with its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine import tasks

TASK = tasks.find("language_modelling")
WINDOWS = st.lists(st.tuples(st.floats(0, 50), st.integers(1, 9)), min_size=2, max_size=20)


def test_two_windows_by_hand():
    """Three places with the scores (ln 3, 0): targets 0, 1 and nothing cost ln 4/3 + ln 4; targets 0 and nothing, ln 4/3.
    Three tokens in all: the perplexity is the cube root of 4/3 · 4 · 4/3 = 64/9."""
    outputs = torch.tensor([math.log(3), 0.0]).expand(2, 3, 2)
    targets = torch.tensor([[0, 1, -100], [0, -100, -100]])
    losses, counts = TASK.losses(outputs, targets), TASK.counts(targets)
    assert losses.tolist() == pytest.approx([math.log(4 / 3) + math.log(4), math.log(4 / 3)])
    assert counts.tolist() == [2, 1]
    for parts in ((losses, counts), (losses.numpy(), counts.numpy())):
        assert TASK.value(*parts) == pytest.approx((64 / 9) ** (1 / 3)) == TASK.value(*parts, None)


def test_the_words_that_others_read():
    assert (TASK.metric, TASK.better, TASK.noun) == ("perplexity", "lower", "windows")
    assert TASK.chance(512) == 512.0 and not hasattr(TASK, "correct")


def test_guessing_evenly_has_the_perplexity_of_chance():
    targets = torch.randint(0, 7, (3, 5), generator=torch.Generator().manual_seed(0))
    assert TASK.value(TASK.losses(torch.zeros(3, 5, 7), targets), TASK.counts(targets)) == pytest.approx(TASK.chance(7))


def test_padding_changes_nothing():
    generator = torch.Generator().manual_seed(1)
    outputs, targets = torch.randn(2, 4, 5, generator=generator), torch.randint(0, 5, (2, 4), generator=generator)
    wider = torch.cat([outputs, torch.randn(2, 3, 5, generator=generator)], dim=1)
    padded = torch.nn.functional.pad(targets, (0, 3), value=-100)
    assert torch.equal(TASK.losses(outputs, targets), TASK.losses(wider, padded))
    assert torch.equal(TASK.counts(targets), TASK.counts(padded))


def test_the_interval_of_four_equal_windows_by_hand():
    """Losses 1, 2, 3, 2 over one token each: mean 2, variance of the mean (1 + 1) / 3 / 4 = 1/6, and Student's 97.5 %
    point at 3 degrees of freedom is 3.182446."""
    half = 3.182446305 / math.sqrt(6)
    low, high = TASK.interval(np.array([1.0, 2.0, 3.0, 2.0]), np.ones(4, dtype=int))
    assert (low, high) == (pytest.approx(math.exp(2 - half)), pytest.approx(math.exp(2 + half)))


@given(WINDOWS)
def test_the_interval_holds_the_value_and_tokens_count_not_windows(windows):
    losses, counts = (np.array(one) for one in zip(*windows, strict=True))
    low, high = TASK.interval(losses, counts)
    value = TASK.value(losses, counts)
    assert low <= value * (1 + 1e-12) and value <= high * (1 + 1e-12)
    assert value == pytest.approx(math.exp(losses.sum() / counts.sum()))
    same = TASK.interval(counts * 0.7, counts)
    assert same == (pytest.approx(math.exp(0.7)), pytest.approx(math.exp(0.7)))


def test_the_interval_covers_what_it_says():
    """2,000 texts of 30 windows, each with a difficulty of its own, whose true mean loss per token is known: 95 % of the
    intervals hold it."""
    random = np.random.default_rng(0)
    counts = random.integers(50, 150, (2000, 30))
    losses = random.gamma(4.0, 0.5, (2000, 30)) * counts
    held = [low <= math.exp(2.0) <= high for low, high in map(TASK.interval, losses, counts)]
    assert 0.93 < np.mean(held) < 0.97


def test_too_few_windows_and_too_much_loss():
    with pytest.raises(ValueError, match="at least two windows of text; got 1"):
        TASK.interval(np.ones(1), np.ones(1))
    assert TASK.value(np.array([1e9]), np.array([1])) == math.inf
    assert math.isnan(TASK.value(np.array([math.nan, 1.0]), np.array([1, 1])))


@pytest.mark.parametrize("outputs", [torch.zeros(1, 3), torch.zeros(1, 4, 9), torch.zeros(2, 3, 9), torch.zeros(1, 3, 0), 3])
def test_outputs_that_are_no_distributions_over_tokens_are_refused(outputs):
    with pytest.raises(ValueError, match="name a language model"):
        TASK.classes(outputs, torch.zeros(1, 3, dtype=torch.int64))


def test_tokens_that_the_network_does_not_know_are_refused():
    assert TASK.classes(torch.zeros(1, 3, 9), torch.zeros(1, 3)) == 9
    TASK.check(torch.tensor([[0, 8, -100]]), 9)
    TASK.check(torch.full((1, 2), -100), 9)
    for one in (9, -1):
        with pytest.raises(ValueError, match="give the tokenizer that it was trained with"):
            TASK.check(torch.tensor([[0, one, -100]]), 9)
