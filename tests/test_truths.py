"""Arithmetic of truths: where a line crosses 1, and how much of a promise arrives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.truths import DENSE, SMALLER, Crossing, Machine, Spread, Stored, Timed, Truth, crossing, gain, plain

HERE = Machine("Test processor", 4, 2, "2.15.0", "Linux x86_64")


def spread(median: float, width: float = 0.01, n: int = 21) -> Spread:
    return Spread(median, median * (1 - width), median * (1 + width), n)


def truth(ratio: float = 0.78, width: float = 0.01, macs: float = 500.0) -> Truth:
    """Half of 1,000 multiply-adds gone, and as much of 2 ms as `ratio` says, at batch 8."""
    stored = (
        Stored(DENSE, 100, 100, 800, 900, 1000, 700, 1000.0, 1000.0),
        Stored(SMALLER, 40, 40, 400, 450, 500, 350, macs, macs),
    )
    peer, small = spread(2.0, width), spread(2.0 * ratio, width)
    times = (Timed(DENSE, 8, peer, spread(1.0, 0), peer), Timed(SMALLER, 8, small, spread(ratio, width), peer))
    return Truth(HERE, "Test", "", "weight", "magnitude", 0.6, 8, 0, 0.6, "filter", 0.4, stored=stored, times=times)


def test_a_crossing_lies_between_two_measured_points():
    """2 × at 80%, ½ × at 90%: on a logarithmic axis the middle, 85%."""
    assert crossing((0.8, 0.9), (2.0, 0.5)) == pytest.approx(0.85)
    assert crossing((0.5, 0.9, 0.95), (8.0, 2.0, 0.25)) == pytest.approx(0.9 + 0.05 / 3)


def test_a_crossing_that_is_not_there_is_none_and_one_before_the_first_point_is_that_point():
    assert crossing((0.8, 0.9), (2.0, 1.0)) is None and crossing((), ()) is None
    assert crossing((0.5, 0.9), (0.9, 0.2)) == 0.5


def test_a_line_that_crosses_twice_counts_from_the_last_time():
    """Faster at 70% by chance, slower again at 80%: the claim «from here on» holds only from beyond 80%."""
    assert crossing((0.6, 0.7, 0.8, 0.9), (2.0, 0.9, 2.0, 0.5)) == pytest.approx(0.85)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=9))
def test_beyond_a_crossing_every_measured_point_is_below_one(ratios):
    sparsities = tuple((at + 1) / 10 for at in range(len(ratios)))
    found = crossing(sparsities, tuple(ratios))
    beyond = [ratio for share, ratio in zip(sparsities, ratios, strict=True) if found is not None and share > found]
    assert all(ratio < 1 for ratio in beyond)
    assert (found is None) == (ratios[-1] >= 1) and (found is None or sparsities[0] <= found <= sparsities[-1])


def test_noise_leaves_a_range():
    one = Crossing("fc", (4, 4), 1, (0.8, 0.9), (2.0, 0.5), (1.0, 0.25), (4.0, 1.0), 9)
    low, high = one.between
    assert low == pytest.approx(0.8) and high is None and one.at == pytest.approx(0.85)


def test_what_noise_leaves_open_is_neither_reached_nor_never():
    line = Crossing("fc", (4, 4), 1, (0.8, 0.9), (2.0, 0.5), (1.5, 0.25), (4.0, 0.9), 9)
    over = Crossing("fc", (4, 4), 1, (0.8, 0.9), (4.0, 2.0), (3.0, 1.5), (5.0, 3.0), 9)
    assert (line.reached, line.never) == (True, False) and (over.reached, over.never) == (False, True)
    for unsure in (replace(line, highs=(4.0, 1.1)), replace(over, lows=(3.0, 0.9))):
        assert not unsure.reached and not unsure.never


@pytest.mark.parametrize(
    ("ratio", "width", "load", "unclear"),
    [
        (1.0, 0.01, None, False),  # two times alike, and sharp
        (1.0, 0.01, 1.9, False),
        (1.0, 0.01, 2.0, True),  # two of four cores were at work
        (1.0, 0.15, None, True),  # quartiles 30% apart
        (0.5, 0.01, 4.0, False),  # a difference that shows on a busy machine is one
        (0.5, 0.15, None, False),
    ],
)
def test_no_difference_is_unclear_where_one_could_hide(ratio, width, load, unclear):
    found = replace(truth(ratio, width), machine=replace(HERE, load=load))
    assert found.unclear(found.time(SMALLER, 8)) == unclear


def test_half_the_multiplications_and_22_percent_less_time_is_44_percent_of_the_promise():
    found = gain(truth(), 8)
    assert (found.macs, found.time, found.share) == (0.5, pytest.approx(0.22), pytest.approx(0.44)) and not found.same
    assert found.low == pytest.approx((1 - 0.78 * 1.01) / 0.5) and found.high == pytest.approx((1 - 0.78 * 0.99) / 0.5)


def test_where_quartiles_overlap_no_difference_is_claimed():
    assert gain(truth(0.97, width=0.05), 8).same and not gain(truth(0.97, width=0.001), 8).same


def test_nothing_gone_promises_nothing():
    assert gain(truth(macs=1000.0), 8).share is None
    assert gain(truth(), 1) is None and gain(replace(truth(), stored=()), 8) is None


def test_plain_words_make_no_link():
    assert plain("see www.elsewhere.org, http://a.b or me@a.b") == "see www elsewhere.org, http: a.b or me a.b"


@given(st.text(max_size=300))
def test_plain_words_hold_no_sign_of_markdown_or_html(text):
    found = plain(text)
    assert not set(found) & set("<>[]{}!`*#|\\/$~^&@\"'\n") and len(found) <= 160 and plain(found) == found


def test_tokens_per_second_are_batch_times_tokens_over_the_time():
    """8 windows of 100 tokens in 2 ms, quartiles 1.8 and 2.5 ms: 400,000 a second, from 320,000 to 444,444."""
    one = Timed(DENSE, 8, Spread(2.0, 1.8, 2.5, 21), spread(1.0), spread(2.0))
    rate = replace(truth(), tokens=100).rate(one)
    assert (rate.median, rate.low, rate.n) == (400_000, 320_000, 21) and rate.high == pytest.approx(800_000 / 1.8)
