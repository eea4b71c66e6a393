"""What a step takes is a number that means something, and to ask for it leaves the subject and torch's own lots alone."""

from __future__ import annotations

from dataclasses import replace

import torch

from pruneviz.course import Course
from pruneviz.engine.sources import card
from pruneviz.engine.training import pace


def test_a_pace_is_measured_and_nothing_is_touched(monkeypatch):
    """Each look at the clock is a second later: a step takes one, and the look at the held-out data another, every 10th."""
    subject = card.load("digits_mlp")
    before = {name: one.clone() for name, one in subject.network.state_dict().items()}
    lots, now = torch.get_rng_state(), iter(range(1000))
    monkeypatch.setattr(pace.time, "perf_counter", lambda: float(next(now)))
    assert pace.seconds(subject, Course(lab="schedule", every=10)) == 1.1
    assert pace.seconds(subject, replace(Course(lab="schedule"), every=1)) == 2.0
    assert all(torch.equal(one, before[name]) for name, one in subject.network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), lots)
