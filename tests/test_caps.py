"""Caps: defaults of a shared server, none on one's own machine, and every one of them a setting."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pruneviz.caps import BOUNDS, LOCAL, Caps, downloads, read


def test_a_shared_server_publishes_its_caps_and_ones_own_machine_is_limited_by_memory():
    shared = read(own=False, environment={})
    assert shared == Caps() and (shared.upload_bytes, shared.parameters, shared.models) == (100_000_000, 60_000_000, 3)
    assert read(own=True, environment={}) == LOCAL and LOCAL.parameters > 10**12 and LOCAL.queue == shared.queue


@pytest.mark.parametrize("name", [field.name for field in fields(Caps) if field.name not in BOUNDS])
def test_every_cap_is_a_setting(name):
    assert getattr(read(own=False, environment={f"PRUNEVIZ_{name.upper()}": "7_000"}), name) == 7000
    with pytest.raises(ValueError, match=f"PRUNEVIZ_{name.upper()} is 'many'; give a whole number from 1"):
        read(own=True, environment={f"PRUNEVIZ_{name.upper()}": "many"})


@pytest.mark.parametrize("own", [True, False])
def test_what_is_no_niceness_is_refused_in_a_sentence(own):
    assert [read(own, {"PRUNEVIZ_NICE": said}).nice for said in ("", "0", "19")] == [10, 0, 19]
    for said in ("much", "20", "-1", "1.5"):
        with pytest.raises(ValueError, match=f"PRUNEVIZ_NICE is '{said}'; give a whole number from 0 to 19$"):
            read(own, {"PRUNEVIZ_NICE": said})


def test_a_disk_may_be_let_run_full():
    assert read(True, {}).free_bytes == 500_000_000 and read(False, {"PRUNEVIZ_FREE_BYTES": "0"}).free_bytes == 0
    with pytest.raises(ValueError, match="PRUNEVIZ_FREE_BYTES is 'all'; give a whole number from 0$"):
        read(True, {"PRUNEVIZ_FREE_BYTES": "all"})


def test_downloads_are_for_ones_own_machine_unless_somebody_says_otherwise():
    assert downloads(own=True, environment={}) and not downloads(own=False, environment={})
    assert downloads(own=False, environment={"PRUNEVIZ_DOWNLOADS": "on"})
    assert not downloads(own=True, environment={"PRUNEVIZ_DOWNLOADS": "0"})
    with pytest.raises(ValueError, match="possible are on and off"):
        downloads(own=True, environment={"PRUNEVIZ_DOWNLOADS": "maybe"})
