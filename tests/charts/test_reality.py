"""The charts of the page «Reality check»: findings for titles, words and tables for all of them, at every stage."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pruneviz.charts import reality, theme
from pruneviz.truths import CSR, DENSE, SEMI, SMALLER, ZEROS, Crossing, Machine, Spread, Stored, Timed, Truth


def spread(median, width=0.02):
    return Spread(median, median * (1 - width), median * (1 + width), 21)


def timed(way, ratio, batch=32, device="cpu", width=0.02):
    return Timed(way, batch, spread(2 * ratio, width), spread(ratio, width), spread(2, width), device)


LINE = Crossing("fc1", (300, 64), 1, (0.5, 0.8, 0.9), (3.0, 2.0, 0.5), (2.8, 1.8, 0.4), (3.3, 2.2, 0.6), 33)
WHOLE = Truth(
    machine=Machine("A processor", 4, 2, "2.15.0", "Linux x86_64"),
    subject="Test", subject_sha256="", granularity="weight", criterion="magnitude", amount=0.8, batch=32, length=0,
    sparsity=0.8, smaller_granularity="filter", smaller_amount=0.5, difference=1e-7,
    stored=(
        Stored(DENSE, 1000, 1000, 4096, 4200, 8300, 3900, 2e6, 2e6),
        Stored(ZEROS, 1000, 200, 4096, 925, 1700, 900, 2e6, 5e5),
        Stored(SMALLER, 210, 210, 900, 950, 1800, 850, 8e5, 8e5),
    ),
    times=(
        timed(DENSE, 1.0, 1), timed(ZEROS, 1.0, 1), timed(CSR, 4.0, 1), timed(SMALLER, 0.9, 1),
        timed(DENSE, 1.0), timed(ZEROS, 1.01), timed(CSR, 0.9), timed(SMALLER, 0.7),
        timed(DENSE, 1.0, device="cuda"), timed(SEMI, 0.8, device="cuda"),
    ),
    crossings=(LINE, Crossing("", (), 32, (0.5, 0.8, 0.9), (4.0, 3.0, 1.5), (3.9, 2.9, 1.4), (4.1, 3.1, 1.6), 33)),
    complete=True,
)  # fmt: skip
EMPTY = replace(WHOLE, stored=(), times=(), crossings=(), complete=False)
STAGES = {
    "whole": WHOLE,
    "nothing yet": EMPTY,
    "files only": replace(EMPTY, stored=WHOLE.stored),
    "no smaller network": replace(WHOLE, stored=WHOLE.stored[:2], times=(timed(DENSE, 1.0), timed(ZEROS, 1.0))),
    "one batch": replace(WHOLE, batch=1, times=WHOLE.times[:4]),
    "slower": replace(WHOLE, times=(timed(DENSE, 1.0), timed(ZEROS, 1.3), timed(SMALLER, 1.4))),
    "no multiplications": replace(WHOLE, stored=tuple(replace(one, macs=0.0, useful_macs=0.0) for one in WHOLE.stored)),
}
CHARTS = {
    "claims": reality.claims,
    "promise": reality.promise,
    "crossings": lambda truth: reality.crossings(truth.crossings),
    "machines": lambda truth: reality.machines({"this machine": truth, "the file": truth} if truth.times else {}),
}


@pytest.mark.parametrize("stage", [*STAGES])
@pytest.mark.parametrize("name", [*CHARTS])
def test_every_chart_has_a_title_words_and_a_table_at_every_stage(name, stage):
    chart = CHARTS[name](STAGES[stage])
    assert len(chart.title) > 10 and chart.title in chart.alt
    header, rows = chart.table
    assert header and all(len(row) == len(header) for row in rows)
    text = chart.figure.to_json()
    assert "NaN" not in text and "Infinity" not in text and len(text) < 60_000
    for trace in chart.figure.data:
        for axis in (trace.x, trace.y):
            values = np.array([one for one in axis if one is not None], dtype=float)
            assert np.isfinite(values).all()


def test_a_bar_is_what_is_left_and_its_hatched_rest_what_is_saved():
    chart = reality.claims(WHOLE)
    left, saved = (next(one for one in chart.figure.data if one.name == name) for name in ("left", "saved"))
    assert left.marker.color == theme.KEPT and saved.marker.color == theme.REMOVED and saved.marker.pattern.shape == "/"
    both = np.array(left.x) + np.array(saved.x)
    assert np.all(both >= 100 - 1e-4) and np.allclose(both[np.array(left.x) <= 100], 100)
    assert left.x[0] == pytest.approx(20) and max(left.x) <= 100 * reality.WIDEST + 1e-4  # 200 of 1,000 are not zero


def test_a_bar_that_is_cut_off_says_so_and_how_long_it_is():
    texts = [text for trace in reality.claims(WHOLE).figure.data for text in (trace.text or ())]
    assert "→ 8 ms · 400%" in texts and "1.4 ms · 70%" in texts and "2.02 ms · same" in texts


def test_the_steps_of_a_promise_join_end_to_end():
    """80% zeros → 75% of MACs → nothing; 79% of parameters → 60% → 30%."""
    chart = reality.promise(WHOLE)
    lost = next(one for one in chart.figure.data if one.name == "does not arrive")
    total = next(one for one in chart.figure.data if one.name == "gone")
    assert np.allclose(total.x, [80, 75, 0, 79, 60, 30], atol=1e-4)
    assert np.allclose(lost.base, [75, 0, 60, 30], atol=1e-4) and np.allclose(lost.x, [5, 75, 19, 30], atol=1e-4)
    rows = [row[2] for row in chart.table[1]]
    assert rows == [
        "80%",
        "−5 points",
        "75%",
        "−75 points",
        "none to measure",
        "79%",
        "−19 points",
        "60%",
        "−30 points",
        "30%",
    ]


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (WHOLE, "60% of the multiplications gone, 30% less time (batch 32)."),
        (replace(WHOLE, times=(timed(DENSE, 1.0), timed(SMALLER, 0.99))), "no measurable difference in time (batch 32)."),
        (replace(WHOLE, times=(timed(DENSE, 1.0), timed(SMALLER, 1.5))), "and 50% more time (batch 32)."),
    ],
)
def test_the_promise_says_what_arrived(truth, said):
    assert reality.promise(truth).title.endswith(said)


def test_the_crossing_is_between_two_points_with_what_noise_leaves_open():
    title = reality.crossing_title(WHOLE.crossings)
    assert title == (
        "Here sparse multiplication beats dense from 85% zeros on at the earliest (fc1, batch 1); "
        "not up to 90% zeros: whole network, batch 32."
    )
    assert reality.even_at(LINE).startswith("85% (8") and reality.even_at(WHOLE.crossings[1]) == "not up to 90%"
    assert reality.even_at(replace(LINE, ratios=(0.9, 0.8, 0.7), lows=(0.8, 0.7, 0.6), highs=(0.95,) * 3)) == "50% or less"
    assert reality.even_at(replace(LINE, ratios=(0.9, 0.8, 0.7), lows=(0.8, 0.7, 0.6))).startswith("50% or less (up to 8")
    never = "Here sparse multiplication does not beat dense up to 90% zeros: whole network, batch 32."
    assert reality.crossing_title(WHOLE.crossings[1:]) == never


@pytest.mark.parametrize("ratios", [(3.0, 0.9, 0.5), (3.0, 2.0, 1.05)])
def test_a_crossing_that_noise_leaves_open_is_not_told(ratios):
    """Whichever side of 1 the last median lies, its quartiles lie on both."""
    unsure = replace(LINE, what="", ratios=ratios, lows=(0.9, 0.8, 0.4), highs=(3.3, 2.2, 1.1))
    assert reality.even_at(unsure) == "cannot tell: between 50% and above 90%"
    assert reality.crossing_title([unsure]) == "Cannot tell, too noisy: whole network, batch 1."
    every = [WHOLE.crossings[1], replace(WHOLE.crossings[1], what="fc1", batch=1), replace(unsure, batch=8), unsure]
    assert reality.crossing_title(every) == (
        "Here sparse multiplication does not beat dense up to 90% zeros: whole network, batch 32, and fc1, batch 1; "
        "cannot tell, too noisy: whole network, batch 8 and 1."
    )


@pytest.mark.parametrize("ratio", [0.04, 1.9])
def test_no_saving_is_drawn_where_none_can_be_told(ratio):
    """On a busy machine a median may be anything; as long as quartiles overlap the bar is the dense network's."""
    peer = Spread(2.0, 0.05, 9.0, 21)
    noisy = Timed(SMALLER, 32, Spread(2 * ratio, 0.04, 8.0, 21), Spread(ratio, 0.01, 4.0, 21), peer)
    truth = replace(EMPTY, times=(timed(DENSE, 1.0), timed(ZEROS, 1.3), noisy))
    left, saved = (next(one for one in reality.claims(truth).figure.data if one.name == name) for name in ("left", "saved"))
    assert np.allclose(left.x, [130, 100]) and np.allclose(saved.x, [0, 0])
    texts = [text for trace in reality.claims(truth).figure.data for text in (trace.text or ())]
    assert [text.endswith("· same") for text in texts] == [False, True]
    bars = next(one for one in reality.machines({"here": truth}).figure.data if one.name == "time")
    assert np.allclose(bars.x, [130, 100])


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0.61, "39% less time (1.64 × faster)"), (1.5, "50% more time (1.50 × slower)"), (1.001, "no measurable difference")],
)
def test_ratios_in_words(ratio, said):
    assert reality.less_time(timed(SMALLER, ratio)) == said


def test_sizes_and_times_keep_three_digits():
    assert [reality.size(count) for count in (12, 4096, 56_808, 2.5e7, 3e9)] == [
        "12 B",
        "4.1 kB",
        "56.8 kB",
        "25 MB",
        "3 GB",
    ]
    assert reality.milliseconds(Spread(0.6123, 0.6, 0.63, 9)) == "0.612 ms (0.600 to 0.630)"
    assert reality.milliseconds(Spread(123.4, 120.0, 130.0, 9)) == "123 ms (120 to 130)"


def test_colours_mean_one_thing():
    """Lines are neither blue nor orange: nothing is kept or removed there."""
    chart = reality.crossings(WHOLE.crossings)
    assert not {theme.KEPT, theme.REMOVED} & {trace.line.color for trace in chart.figure.data}
    assert json.loads(chart.figure.to_json())["layout"]["yaxis"]["type"] == "log"
