"""What travels between Python and the live scrubber: nothing lost on the way down, nothing foreign on the way up."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays

from pruneviz.studio.scrubber import Commit, FitLine, Histogram, Line, Panel, commit_of
from pruneviz.studio.scrubber.panel import payload


def panel(**changes: object) -> Panel:
    """Two weights, three nodes: 100 % right until both are gone."""
    line = Line([0, 50, 100], [100.0, 100.0, 10.0], [99.0, 99.0, 8.0], [100.0, 100.0, 12.0])
    plain = {
        "id": "",
        "title": "t",
        "noun": "weights",
        "amount": 50.0,
        "curve": line,
        "chance": 10.0,
        "n": 500,
        "weights": 2,
    }
    return Panel(**{**plain, "removed": [0, 1, 2], "energy": [0.0, 0.2, 1.0], **changes})


@given(arrays.arrays(np.int64, (4, 3), elements=some.integers(0, 2**32 - 1)))
def test_counts_arrive_to_the_last_weight_whatever_their_size(gone):
    histogram = Histogram(np.array([-1.0, 0.0, 0.5, 1.0]), gone.max(axis=0), gone)
    packed = json.loads(json.dumps(payload(panel(histogram=histogram))))["histogram"]["gone"]
    back = np.frombuffer(base64.b64decode(packed["data"]), dtype=f"<u{packed['bits'] // 8}")
    assert (back.reshape(-1, packed["bins"]) == gone).all()


def test_a_density_becomes_a_share_per_bin_that_sums_to_one():
    edges = np.linspace(0, 2, 5)
    line = FitLine("uniform", np.full(4, 0.5))
    share = payload(panel(histogram=Histogram(edges, np.ones(4), np.zeros((1, 4)), None, (line,))))["histogram"]["lines"][0]
    assert sum(share["share"]) == pytest.approx(1)
    assert share["at"] == [0.25, 0.75, 1.25, 1.75]


def test_a_missing_threshold_is_null_and_the_payload_is_strict_json():
    histogram = Histogram(np.array([0.0, 1.0]), [2], np.array([[0], [2]]), np.array([0.0, np.inf]))
    text = json.dumps(payload(panel(histogram=histogram)), allow_nan=False)
    assert json.loads(text)["histogram"]["threshold"] == [0.0, None]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"amount": 101.0}, "percent"),
        ({"amount": float("nan")}, "percent"),
        ({"energy": [0.0]}, "one sweep"),
        ({"curve": Line([], [])}, "without nodes"),
    ],
)
def test_a_panel_that_cannot_be_drawn_is_refused_in_a_sentence(changes, word):
    with pytest.raises(ValueError, match=word):
        panel(**changes)


def test_a_histogram_of_another_sweep_is_refused():
    with pytest.raises(ValueError, match="2 bins"):
        payload(panel(histogram=Histogram(np.array([0.0, 1.0, 2.0]), [1, 1], np.zeros((3, 3), int))))


def test_events_become_commits_and_foreign_ones_are_refused():
    assert commit_of({"kind": "layer", "panel": "", "layer": "fc", "percent": None}) == Commit("layer", "", "fc", None)
    assert commit_of({"kind": "amount", "panel": "obd", "layer": "", "percent": 58}) == Commit("amount", "obd", "", 58.0)
    for event in (
        {"kind": "delete"},
        {"kind": "amount", "percent": 101},
        {"kind": "amount", "percent": float("nan")},
        {"kind": "amount"},
    ):
        with pytest.raises(ValueError, match="kind|percent"):
            commit_of(event)
