"""The schedule lab's charts hold the numbers of runs made by hand, and their titles claim no more than these show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pruneviz.charts import theme
from pruneviz.charts.labs import schedule
from pruneviz.charts.labs.lanes import lanes
from pruneviz.course import Course
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced, spread

ORDER, NAMES = ("one-shot", "cubic"), {"one-shot": "One-shot", "cubic": "Cubic"}


def run(kind: str, seed: int, accuracy: float, fall: float = 0.25) -> Traced:
    """Two moments, and one cut from 0.75 down by `fall`; at the end half and a quarter of two layers are left."""
    recipe = replace(Recipe(course=Course(lab="schedule", schedule=kind)), seed=seed)
    cuts = np.array([[10, 0.5, 0.5, 0.75, 0.75 - fall]])
    moments = (
        Moment(0, 20, "start", {"accuracy": 0.9, "n": 500.0}, {"cuts": cuts[:0], "alive": np.ones(2)}),
        Moment(20, 20, "retrain", {"accuracy": accuracy, "n": 500.0}, {"cuts": cuts, "alive": np.array([0.5, 0.25])}),
    )
    return Traced(recipe, "", "done", 20, 20, moments)


def groups(*ends: float) -> dict[str, list[Traced]]:
    """One-shot ends at 0.5 with each seed, cubic at these."""
    return {
        "one-shot": [run("one-shot", seed, 0.5, 0.5) for seed in range(len(ends))],
        "cubic": [run("cubic", seed, end) for seed, end in enumerate(ends)],
    }


def test_the_plan_is_drawn_in_training_steps_and_the_chosen_one_is_thick():
    curves = {"one-shot": np.array([[0, 0.0], [0.5, 0.8], [1, 0.8]]), "cubic": np.array([[0, 0.0], [0.5, 0.4], [1, 0.8]])}
    chart = schedule.asked(curves, "cubic", ORDER, NAMES, 100, 120)
    assert chart.figure.data[1].x.tolist() == [0, 50, 100, 120] and chart.figure.data[1].y == pytest.approx([0, 40, 80, 80])
    assert chart.figure.data[1].line.width > chart.figure.data[0].line.width
    assert chart.title == "Cubic has removed half of what will go by step 50, and reaches 80% at step 100."
    assert chart.table[0] == ("step", "One-shot", "Cubic") and chart.table[1][5] == ("50", "80.0%", "40.0%")


def test_recovery_has_a_band_of_three_seeds_and_the_falls_of_the_chosen_one():
    found = lanes(groups(0.6, 0.7, 0.8), ORDER, NAMES)
    chart = schedule.recovery(found, "Cubic")
    line = next(one for one in chart.figure.data if one.name == "Cubic" and one.mode == "lines" and one.fill is None)
    assert line.x.tolist() == [0, 20] and line.y == pytest.approx([90, 70])
    low, high = spread([0.6, 0.7, 0.8]).low, spread([0.6, 0.7, 0.8]).high
    assert line.customdata[1] == pytest.approx([100 * low, 100 * high, 3], rel=1e-5)
    falls = next(one for one in chart.figure.data if (one.name or "").startswith("cuts of Cubic"))
    assert falls.x[:2].tolist() == [10, 10] and falls.y[:2] == pytest.approx([75, 50])
    assert "One-shot 50.0" in chart.title and "Cubic 25.0" in chart.title
    assert "3 seeds, 500 held-out samples" in chart.alt and len(chart.table[1]) == 4
    assert not {theme.KEPT, theme.REMOVED} & {one.line.color for one in chart.figure.data}


def test_a_sure_difference_is_said_with_its_interval_and_an_unsure_one_is_none():
    sure = schedule.outcome_title(lanes(groups(0.60, 0.61, 0.62), ORDER, NAMES), "One-shot")
    assert sure == "Cubic ends 11.0 points above One-shot (8.3 to 13.7): means over 3 seeds, 95% intervals."
    unsure = schedule.outcome_title(lanes(groups(0.4, 0.5, 0.66), ORDER, NAMES), "One-shot")
    assert unsure.startswith("Cubic ends where nobody can tell it from One-shot (−") and unsure.endswith("95% intervals.")
    one = schedule.outcome_title(lanes(groups(0.9), ORDER, NAMES), "One-shot")
    assert one == "Cubic ends 40.0 points above One-shot: one seed, which proves nothing."
    assert "nothing to compare" in schedule.outcome_title(lanes({"cubic": [run("cubic", 0, 0.5)]}, ORDER, NAMES), "One-shot")


def test_of_several_that_nobody_can_tell_apart_the_farthest_is_named():
    """Minus one-shot, linear has −0.1, 0, 0.1 and cubic −0.1, 0, 0.16: mean 0.02."""
    runs = groups(0.4, 0.5, 0.66) | {"linear": [run("linear", seed, end) for seed, end in enumerate((0.4, 0.5, 0.6))]}
    title = schedule.outcome_title(lanes(runs, (*ORDER, "linear"), NAMES), "One-shot")
    assert title.startswith("At the end no schedule can be told from One-shot: Cubic differs most, by +2.0 points (95% ")


def test_the_outcome_has_every_seed_and_the_interval_of_the_mean():
    chart = schedule.outcome(lanes(groups(0.6, 0.7, 0.8), ORDER, NAMES), "One-shot")
    dots, mean = (one for one in chart.figure.data if one.y[0] == "Cubic")
    assert sorted(dots.x) == pytest.approx([60, 70, 80]) and mean.x == pytest.approx((70,))
    assert mean.error_x.array[0] == pytest.approx(100 * (spread([0.6, 0.7, 0.8]).high - 0.7))
    row = chart.table[1][1]
    assert row[0] == "Cubic" and row[1] == "70.0%" and row[4] == 3 and row[5] == "20.0%" and row[-1] == "25.0%"


def test_what_is_left_is_stacked_in_blues_and_adds_up():
    chart = schedule.alive(run("cubic", 0, 0.5), ["a", "b"], [100, 40], "Cubic")
    assert [one.y.tolist() for one in chart.figure.data] == [[100, 50], [40, 10]]
    assert chart.title == "Under Cubic, 60 of 140 weights are left: a keeps 50%, b 25% (seed 0)."
    assert {one.line.color for one in chart.figure.data} == {theme.KEPT}
    assert len({one.fillcolor for one in chart.figure.data}) == 2 and chart.table[1][-1] == ("20", "50", "10")


def test_nothing_yet_is_said_and_drawn_as_nothing():
    assert "No run" in schedule.recovery([], "Cubic").title and "No run" in schedule.outcome([], "One-shot").title
    bare = Traced(Recipe(course=Course(lab="schedule")), "", "waiting", 0, 20)
    assert "No weight" in schedule.alive(bare, ["a"], [1], "Cubic").title
    assert "No run" in schedule.recovery(lanes({"cubic": [bare]}, ORDER, NAMES), "Cubic").title


def test_groups_that_share_no_seed_are_not_compared():
    runs = {"one-shot": [run("one-shot", 0, 0.5)], "cubic": [run("cubic", 1, 0.6)]}
    assert schedule.outcome_title(lanes(runs, ORDER, NAMES), "One-shot") == "Cubic is not compared with One-shot yet."


def test_a_few_images_are_no_difference_however_well_the_seeds_agree():
    """Of 500 images every seed has three more right, then five. Two networks that differ by five disagree on five at least:
    ± 1.96 √(0.01 · 0.99 / 500), 0.9 points."""
    few = schedule.outcome_title(lanes(groups(0.506, 0.506, 0.506), ORDER, NAMES), "One-shot")
    assert few.startswith("Cubic ends where nobody can tell it from One-shot (−0.1 to 1.3 points)")
    more = schedule.outcome_title(lanes(groups(0.51, 0.51, 0.51), ORDER, NAMES), "One-shot")
    assert more.startswith("Cubic ends 1.0 points above One-shot (0.1 to 1.9)")
