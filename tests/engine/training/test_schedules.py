"""Schedules: every one starts, ends, rises and is clamped (P8), and the cuts follow it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.course import Course
from pruneviz.engine.training import schedules

SHARES = st.floats(0, 1)


@st.composite
def courses(draw) -> Course:
    start, stop = sorted((draw(SHARES), draw(SHARES)))
    points = draw(st.lists(st.tuples(SHARES, SHARES), max_size=5))
    times, steps = draw(st.integers(1, 40)), draw(st.integers(1, 500))
    schedule = draw(st.sampled_from(list(schedules.shelf())))
    return Course(schedule=schedule, start=start, stop=stop, points=tuple(points), times=times, steps=steps)


@given(courses(), SHARES, SHARES, st.lists(st.floats(-1, 2), min_size=2, max_size=20))
def test_a_schedule_starts_ends_rises_and_is_clamped_for_all_times(course, one, other, times):
    low, high = sorted((one, other))
    amount = schedules.curve(course, high, low)
    found = [amount(progress) for progress in sorted(times)]
    assert all(low <= asked <= high for asked in found)
    assert all(later >= earlier - 1e-12 for earlier, later in zip(found, found[1:], strict=False))
    assert amount(np.nextafter(course.start, -1)) == low and amount(course.stop) == amount(2.0) == high


@given(courses(), SHARES, SHARES)
def test_cuts_follow_the_curve_and_always_reach_the_end(course, one, other):
    low, high = sorted((one, other))
    cuts, amount = schedules.cuts(course, high, low), schedules.curve(course, high, low)
    steps, asked = list(cuts), list(cuts.values())
    assert steps == sorted(steps) and asked == sorted(asked) and len(cuts) <= course.times + 1
    assert all(0 <= step < course.steps for step in steps) and all(low < share <= high for share in asked)
    assert (asked[-1] == high) if high > low else not cuts
    for step, share in list(cuts.items())[:-1]:
        near = [amount((step + shift) / course.steps) for shift in (-1, 1)]
        assert near[0] - 1e-9 <= share <= near[1] + 1e-9


def test_the_cubic_by_hand():
    """Zhu & Gupta 2017, eq. 1, from 0 to 0.8 over the middle half: 0.8 (1 − (1 − a)³) is 0.4625 at a quarter of the way,
    0.7 half-way and 0.7875 at three quarters."""
    amount = schedules.curve(Course(schedule="cubic", start=0.25, stop=0.75), 0.8)
    found = [amount(progress) for progress in (0.0, 0.25, 0.375, 0.5, 0.625, 0.75, 1.0, 7.0)]
    assert found == pytest.approx([0, 0, 0.4625, 0.7, 0.7875, 0.8, 0.8, 0.8], abs=1e-12)


@given(st.floats(1e-6, 1e-3))
def test_the_cubic_ends_level(before):
    """Its derivative at the end is 0: so close before it, it misses the end by the cube of the distance."""
    amount = schedules.curve(Course(schedule="cubic", start=0.0, stop=1.0), 0.9)
    assert 0.9 - amount(1 - before) == pytest.approx(0.9 * before**3, rel=1e-3, abs=1e-15)


def test_rounds_leave_the_same_share_each_time():
    """A fifth per round: 80, 64, 51.2 and 40.96 of 100 weights are left."""
    course = Course(schedule="rounds", times=4, start=0.0, stop=1.0, steps=400)
    left = [1 - amount for amount in schedules.cuts(course, 1 - 0.8**4).values()]
    assert left == pytest.approx([0.8, 0.64, 0.512, 0.4096])
    assert list(schedules.cuts(course, 1 - 0.8**4)) == [100, 200, 300, 399]


def test_one_shot_cuts_once_at_its_start():
    course = Course(schedule="one-shot", start=0.25, stop=0.75, steps=100)
    assert schedules.cuts(course, 0.9) == {25: 0.9}
    assert schedules.cuts(replace(course, stop=0.1), 0.9) == {25: 0.9}


def test_points_are_lines_that_never_go_back():
    """Half of the way at 0.6, then a point below it, which is lifted; at the end what was asked for."""
    course = Course(schedule="points", start=0.0, stop=1.0, points=((0.5, 0.6), (0.75, 0.1)))
    amount = schedules.curve(course, 0.8)
    assert [amount(at) for at in (0.25, 0.5, 0.75, 0.875, 1.0)] == pytest.approx([0.3, 0.6, 0.6, 0.7, 0.8])


@pytest.mark.parametrize("key", list(schedules.shelf()))
def test_a_schedule_has_words_a_formula_and_a_drawing(key):
    found, course = schedules.find(key), Course(schedule=key, start=0.2, stop=0.6)
    assert found.name and found.text and found.formula and found.paper.cite
    line = schedules.drawn(course, 0.9)
    assert line[0].tolist() == [0, 0] and line[-1].tolist() == [1, 0.9] and (np.diff(line, axis=0) >= 0).all()


def test_an_unknown_schedule_is_said():
    with pytest.raises(ValueError, match="unknown schedule 'square'; there are cubic, linear, one-shot, points, rounds"):
        schedules.find("square")
