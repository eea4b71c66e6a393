"""Runs as charts see them: series, the latest of everything, and what several seeds say, by hand."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.course import Course
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import T975, Traced, difference, ends, judged_on, paired, seeds, spread

RECIPE = Recipe(course=Course(lab="schedule"))


def run(values: list[float], seed: int = 0, state: str = "done", steps: tuple[int, ...] = (0, 10, 20)) -> Traced:
    moments = tuple(Moment(at, 20, "s", {"accuracy": one}) for at, one in zip(steps, values, strict=False))
    return Traced(replace(RECIPE, seed=seed), "a run", state, moments[-1].step, 20, moments)


def test_a_run_gives_its_series_and_the_latest_of_everything():
    table = np.array([[1.0, 2.0]])
    moments = (
        Moment(0, 20, "start", {"accuracy": 0.5}, {"cuts": table[:0]}),
        Moment(10, 20, "s", {"accuracy": 0.25, "loss": 3.0}, {"cuts": table}),
        Moment(20, 20, "s", {"loss": 2.0}, {"cuts": 2 * table, "alive": np.ones(2)}),
    )
    found = Traced(RECIPE, "", "done", 20, 20, moments)
    steps, values = found.series("accuracy")
    assert steps.tolist() == [0, 10] and values.tolist() == [0.5, 0.25]
    assert found.last("accuracy") == 0.25 and found.last("loss") == 2.0 and found.last("rate") is None
    assert found.array("alive").tolist() == [1, 1] and found.array("nothing") is None
    assert found.rows("cuts").tolist() == [[1, 2], [2, 4]] and found.rows("nothing") is None
    assert [one.step for one, _ in found.arrays("cuts")] == [0, 10, 20]


def test_two_seeds_by_hand():
    """0.4 and 0.6: mean 0.5, deviation 0.1 · √2, half-width 12.7062 · 0.1."""
    found = spread([0.4, 0.6])
    assert (found.mean, found.n, found.known) == (0.5, 2, True)
    assert found.low == pytest.approx(0.5 - 1.27062) and found.high == pytest.approx(0.5 + 1.27062)


def test_one_seed_is_no_interval_and_none_is_nothing():
    one, none = spread([0.4]), spread([])
    assert one.mean == 0.4 and math.isnan(one.low) and not one.known
    assert none.n == 0 and math.isnan(none.mean)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=40))
def test_the_interval_is_the_textbooks(values):
    found = spread(values)
    half = T975[min(len(values) - 1, 30) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    assert found.high - found.mean == pytest.approx(half, abs=1e-6)
    assert found.low <= found.mean <= found.high


def test_student_s_points_are_scipy_s():
    from scipy import stats

    assert [*T975] == pytest.approx([float(stats.t.ppf(0.975, n)) for n in range(1, 31)], abs=6e-5)


def test_seeds_share_the_steps_that_all_have_come_to():
    found = seeds([run([0.1, 0.2, 0.3]), run([0.3, 0.4], seed=1, state="running")], "accuracy")
    assert found.steps.tolist() == [0, 10] and found.mean == pytest.approx([0.2, 0.3]) and found.n == 2
    assert not len(seeds([], "accuracy").steps) and seeds([run([1.0])], "nothing").n == 0


def test_ends_are_of_runs_that_came_to_theirs():
    assert ends([run([0.1, 0.2, 0.3]), run([0.9], seed=1, state="running")], "accuracy").n == 1


def test_a_difference_is_taken_seed_by_seed():
    """Seed 0 gains 0.1, seed 1 gains 0.3; seed 2 is in one group alone."""
    high = [run([0.5], seed=0), run([0.9], seed=1), run([0.1], seed=2)]
    low = [run([0.4], seed=0), run([0.6], seed=1)]
    found = difference(high, low, "accuracy")
    assert found.mean == pytest.approx(0.2) and found.n == 2
    assert difference(low, high, "accuracy").mean == pytest.approx(-0.2)


def test_an_interval_of_shares_is_never_narrower_than_the_samples_own_chance():
    """Every seed has four of 500 more right: Student's interval is a point. Two networks that are four apart disagree on
    four at least: ± 1.96 √(0.008 · 0.992 / 500). Where they are not apart at all, on one."""
    found = paired([0.008, 0.008, 0.008], 500)
    half = 1.959964 * math.sqrt(0.008 * 0.992 / 500)
    assert (found.low, found.high, found.n) == (pytest.approx(0.008 - half), pytest.approx(0.008 + half), 3)
    assert found.low > 0 > paired([0.006, 0.006, 0.006], 500).low
    none = paired([0.0, 0.0], 500)
    assert none.high == -none.low == pytest.approx(1.959964 * math.sqrt(0.002 * 0.998 / 500))
    wide = [0.0, 0.1, 0.2]
    assert paired(wide, 500) == spread(wide) == paired(wide, None), "what the seeds say is wider already"
    assert not paired([0.008], 500).known and not paired([], 500).n


def test_only_shares_of_samples_have_such_a_chance():
    high, low = ([run([value], seed=seed) for seed in range(3)] for value in (0.5, 0.4))
    counted = [replace(one, moments=tuple(replace(m, values=m.values | {"n": 100.0, "kept": 3.0}) for m in one.moments))
               for one in high]  # fmt: skip
    assert judged_on(counted) == 100 and judged_on(high) is None
    assert difference(counted, low, "accuracy").high > 0.15 and difference(high, low, "accuracy").high < 0.11
    assert difference(counted, counted, "kept").high == 0
