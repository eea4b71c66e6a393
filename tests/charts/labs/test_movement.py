"""Movement's charts: fair differences, the film of the weights, and the four areas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pruneviz.charts import theme
from pruneviz.charts.labs import clouds, movement
from pruneviz.course import Course
from pruneviz.engine.training.labs import movement as lab
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced


def run(method: str, seed: int, end: float, gone: float = 0.5, state: str = "done") -> Traced:
    """One moment of the first task, two of the second. Of four weights two moved away from zero; those stay."""
    before, after = np.array([0.1, -0.1, 0.2, -0.4]), np.array([0.2, -0.3, 0.1, -0.1])
    kept = np.array([True, True, False, False])
    arrays = {"w_before": before, "w_after": after, "kept": kept, "mosaic": np.array([[1, 1], [1, 1]])}
    first = arrays | {"w_after": before, "kept": np.ones(4, bool), "mosaic": np.array([[4, 0], [0, 0]])}
    moments = (
        Moment(10, 30, "pre-train", {"accuracy": 0.2, "sparsity": 0.0, "n": 250.0}),
        Moment(20, 30, "fine-tune", {"accuracy": 0.7, "sparsity": 0.0, "n": 250.0}, first),
        Moment(30, 30, "fine-tune", {"accuracy": end, "sparsity": gone, "n": 250.0}, arrays),
    )
    recipe = replace(Recipe(course=Course(lab="movement", method=method)), seed=seed)
    return Traced(recipe, "", state, 30, 30, moments)


def groups(*ends: float, soft: float = 0.5) -> dict[str, list[Traced]]:
    """Magnitude ends at 0.8 with each seed, movement at these; soft movement at 0.6, with that much gone."""
    return {
        "magnitude": [run("magnitude", seed, 0.8) for seed in range(len(ends))],
        "movement": [run("movement", seed, end) for seed, end in enumerate(ends)],
        "soft-movement": [run("soft-movement", seed, 0.6, soft) for seed in range(len(ends))],
    }


def test_every_method_of_the_lab_has_words():
    assert set(movement.METHODS) == set(lab.METHODS)


def test_accuracy_is_that_of_the_second_task_alone():
    chart = movement.accuracy(groups(0.9, 0.91, 0.92))
    line = next(one for one in chart.figure.data if one.name == "movement" and one.fill is None)
    assert line.x.tolist() == [20, 30] and line.y == pytest.approx([70, 91])
    assert chart.table[1][0] == ("magnitude", 20, "70.0%", "70.0%", "70.0%", "0.0%", 3) and len(chart.table[1]) == 6
    assert not {theme.KEPT, theme.REMOVED} & {one.line.color for one in chart.figure.data}


def test_the_sentence_has_its_interval_and_another_sparsity_is_not_compared():
    assert movement.headline(groups(0.9, 0.91, 0.92)) == (
        "With 50% of the weights gone, movement ends 11.0 points above magnitude (7.1 to 14.9) and soft movement ends "
        "20.0 points below magnitude (15.0 to 25.0): means over 3 seeds, 95% intervals."
    )
    assert movement.headline(groups(0.9, 0.91, 0.92, soft=0.8)).endswith(
        "; soft movement removed 80%, which is another sparsity."
    )
    assert "nobody can tell it from magnitude" in movement.headline(groups(0.7, 0.8, 0.9))
    assert "one seed, which proves nothing" in movement.headline(groups(0.9))
    assert movement.headline({}).startswith("Small weights, or")
    only = {key: runs for key, runs in groups(0.9, soft=0.9).items() if key != "movement"}
    assert (
        movement.headline(only) == "Soft movement removed 90%, which is another sparsity: no fair comparison with magnitude."
    )


def test_the_verdict_follows_the_interval():
    said = [movement.verdict(groups(*ends)) for ends in ((0.9, 0.91, 0.92), (0.7, 0.8, 0.9), (0.7, 0.71, 0.72), (0.9,))]
    words = ("movement does better", "nobody can tell", "magnitude does better", "proves nothing")
    assert all(word in one for word, one in zip(words, said, strict=True)) and movement.verdict({}).endswith("?")


def test_a_run_that_goes_on_is_a_line_of_its_own():
    young = replace(run("movement", 7, 0.1, state="running"), moments=run("movement", 7, 0.1).moments[:2])
    known = groups(0.9, 0.91, 0.92)
    chart = movement.accuracy(known | {"movement": [*known["movement"], young]})
    drawn = {one.name: one for one in chart.figure.data if one.fill is None}
    assert drawn["movement"].y == pytest.approx([70, 91]) and drawn["movement, seed 7 alone"].y == pytest.approx([70])
    assert chart.title == movement.headline(known)


def test_the_clouds_show_who_stays_and_the_film_has_every_step():
    chart = clouds.clouds({"magnitude": run("magnitude", 0, 0.8), "movement": run("movement", 0, 0.8)})
    removed, kept = chart.figure.data[2:]
    assert (
        removed.y == pytest.approx([0.1, -0.1])
        and removed.marker.color == theme.REMOVED
        and removed.marker.symbol == "x-thin"
    )
    assert kept.x == pytest.approx([0.1, -0.1]) and kept.marker.color == theme.KEPT
    assert [len(frame.data) for frame in chart.figure.frames] == [4, 4] and not len(chart.figure.frames[0].data[0].x)
    assert [step.label for step in chart.figure.layout.sliders[0].steps] == ["20, 0% removed", "30, 50% removed"]
    assert chart.title == (
        "Movement keeps 100% of the drawn weights that moved away from zero and 0% of those that moved towards it; "
        "magnitude 100% and 0%."
    )
    assert chart.table[1][0] == ("magnitude", "4", "2", "0%", "100%")
    nothing = replace(run("movement", 0, 0.8), moments=())
    assert clouds.clouds({"movement": nothing}).title == "No weight has been tuned for the second task yet."


def test_the_mosaic_is_four_areas_of_the_right_size():
    """Of ten weights movement keeps four, of which magnitude keeps one; magnitude would keep four, too."""
    found = run("movement", 0, 0.8)
    found.moments[-1].arrays["mosaic"] = np.array([[1, 3], [3, 3]])
    chart = movement.mosaic(found)
    areas = {(one.x[0], one.base[0]): (one.width[0], one.y[0]) for one in chart.figure.data}
    assert areas[20, 0] == pytest.approx((40, 25)) and areas[20, 25] == pytest.approx((40, 75))
    assert areas[70, 0] == pytest.approx((60, 50)) and areas[70, 50] == pytest.approx((60, 50))
    assert chart.title == "Movement keeps 4 weights; 75% of them magnitude would have removed."
    assert chart.table[1] == (("movement keeps", "1", "3"), ("movement removes", "3", "3"))
    assert {one.marker.pattern.shape for one in chart.figure.data} == {"", theme.REMOVED_PATTERN}
    assert movement.mosaic(run("magnitude", 0, 0.8)).title.startswith("Magnitude beside itself")
    assert movement.mosaic(replace(found, moments=())).title.startswith("Nothing has been removed")
