"""Menus that several pages share."""

from __future__ import annotations

import pytest

from pruneviz.recipe import Recipe
from pruneviz.studio import bench, choices, kitchen


@pytest.mark.parametrize(("subject", "offered"), [("reference_lm", False), ("digits_mlp", True)])
@pytest.mark.parametrize(("granularity", "criterion"), [("weight", "obd"), ("neuron", "conductance"), ("neuron", "obd")])
def test_no_criterion_is_offered_that_cannot_judge_the_model(subject, offered, granularity, criterion, monkeypatch):
    """A language model's curvature is not computed, and between two texts there is no way: it would only jump back."""
    seen = {}
    for ask in ("choose", "select"):
        monkeypatch.setattr(bench, ask, lambda label, field, options, *_, **how: seen.update({field: options}))
    choices.by_what(Recipe(subject=subject, granularity=granularity))
    assert (criterion in seen["criterion"]) == offered and {"magnitude", "random"} < set(seen["criterion"])


@pytest.mark.parametrize(
    ("here", "asked"),
    [({"cpu": "processor"}, []), ({"cpu": "processor, 2 threads", "cuda:0": "a card"}, [("device", ["cpu", "cuda:0"])])],
)
def test_a_device_is_asked_for_where_there_is_a_choice(here, asked, monkeypatch):
    seen = []
    monkeypatch.setattr(kitchen, "devices", lambda: here)
    monkeypatch.setattr(
        bench, "select", lambda label, field, options, name, **how: seen.append((field, [*options])) or name(options[-1])
    )
    choices.device(Recipe())
    assert seen == asked


def test_before_torch_is_in_nobody_waits_for_a_list_of_devices(monkeypatch):
    monkeypatch.setattr(kitchen, "warm", lambda: False)
    assert kitchen.devices() == {"cpu": "processor"}
    monkeypatch.setattr(kitchen, "warm", lambda: True)
    assert kitchen.devices()["cpu"].startswith("processor, ")
