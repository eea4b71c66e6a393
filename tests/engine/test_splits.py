"""Calibration, choosing and reporting never share a sample."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pruneviz.engine import criterion as criteria
from pruneviz.engine.splits import CALIBRATION_SAMPLES, CALIBRATION_WINDOWS, split
from pruneviz.engine.subject import Samples, Windows
from tests.engine.conftest import tiny_subject

BLIND = criteria.find("magnitude")
SEEING = criteria.find("gradient")


def subject(held: int, training: int | None):
    network = nn.Linear(2, 2).requires_grad_(False)
    whole = tiny_subject(network, torch.zeros(max(1, held), 2), torch.arange(max(1, held)) % 2)
    parts = Samples(torch.zeros(held, 2), torch.zeros(held, dtype=torch.int64))
    learnt = None if training is None else Samples(torch.zeros(training, 2), torch.zeros(training, dtype=torch.int64))
    return replace(whole, held_out=parts, training=learnt)


@given(held=st.integers(2, 300), training=st.integers(1, 900), seed=st.integers(0, 2**40))
def test_training_calibration_leaves_all_held_out_data_to_measuring(held, training, seed):
    parts = split(subject(held, training), SEEING, calibration="training", seed=seed)
    assert parts.source == "training" and len(parts.measured) == held
    assert len(parts.calibration) == min(training, CALIBRATION_SAMPLES) == len(parts.calibration.unique())
    assert int(parts.choosing.sum()) == held // 2


@pytest.mark.parametrize("training", [5, 300])
def test_of_a_text_fewer_windows_are_looked_at(training):
    """A window has many tokens: 128 of them at most, as the papers on language models take."""
    windows = Windows(torch.zeros(training, 4, dtype=torch.int64), torch.zeros(training, 4, dtype=torch.int64))
    parts = split(replace(subject(9, None), training=windows), SEEING, calibration="training", seed=0)
    assert len(parts.calibration) == min(training, CALIBRATION_WINDOWS) == len(parts.calibration.unique())


@given(held=st.integers(2, 300), seed=st.integers(0, 2**40))
def test_a_quarter_set_aside_is_never_measured_on(held, seed):
    parts = split(subject(held, None), SEEING, calibration="held-out", seed=seed)
    assert len(parts.calibration) == max(1, held // 4)
    assert sorted([*parts.calibration.tolist(), *parts.measured.tolist()]) == list(range(held))


def test_the_seed_decides_and_nothing_else():
    whole = subject(100, 900)
    before = torch.random.get_rng_state()
    one, two, other = (split(whole, SEEING, calibration="training", seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.calibration, two.calibration) and not torch.equal(one.calibration, other.calibration)
    assert torch.equal(one.choosing, other.choosing)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_blind_criterion_uses_all_held_out_data():
    parts = split(subject(50, None), BLIND, calibration="held-out", seed=0)
    assert parts.source == "none" and len(parts.calibration) == 0 and len(parts.measured) == 50


def test_no_training_split_asks_for_held_out_calibration():
    with pytest.raises(ValueError, match="calibration = held-out"):
        split(subject(50, None), SEEING, calibration="training", seed=0)


def test_an_empty_held_out_split_is_refused():
    with pytest.raises(ValueError, match="no held-out samples"):
        split(subject(0, 10), BLIND, calibration="training", seed=0)
