"""Menus that several pages share."""

from __future__ import annotations

import pytest

from pruneviz.recipe import Recipe
from pruneviz.studio import bench, choices, kitchen


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
