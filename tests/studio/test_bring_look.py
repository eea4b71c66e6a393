"""What the dialog says of a model before it is used."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pruneviz.studio import curves, kitchen
from pruneviz.studio.bring import look


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "a second"), (7.4, "7 seconds"), (43, "45 seconds"), (600, "10 minutes"), (9_000, "2 hours")],
)
def test_a_time_is_said_no_finer_than_it_is_known(seconds, words):
    assert look.spoken(seconds) == words


def test_one_slow_sample_on_a_busy_machine_is_not_believed(monkeypatch):
    """The clock saw 12 s for each of 500 samples, which is 42 hours for 25 points; whole batches took 0.01 s a sample."""
    monkeypatch.setattr(kitchen, "pace", lambda _: 6_000.0)
    monkeypatch.setattr(curves, "seconds", lambda _: (30_000.0, 150_000.0))
    found = SimpleNamespace(samples=500, sanity=SimpleNamespace(each=0.01))
    assert look.duration("own:x", found).startswith(
        "The curve takes about 2 minutes; all its points are there, roughly, after 25"
    )
    slow = SimpleNamespace(samples=500, sanity=SimpleNamespace(each=100.0))
    assert look.duration("own:x", slow).startswith("The curve takes about 42 hours"), "never longer than the clock said"
