"""The lottery's charts: lanes over the seeds, a gap that no round was picked for, masks, and what is done to the weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pruneviz.charts import theme
from pruneviz.charts.labs import lottery, masks, rewinding
from pruneviz.course import Course
from pruneviz.engine.training.labs import lottery as lab
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced, spread

LEFT = (1.0, 0.5, 0.2, 0.1)


def table(first: int, *accuracies: float) -> np.ndarray:
    """A lane's rows from round `first` on: what is left is a whole, a half, a fifth and a tenth."""
    rows = [[at, LEFT[at], one, 100 * one, 100, 40, 0, 0, 0, 0] for at, one in enumerate(accuracies, first)]
    return np.array(rows, dtype=np.float64)


def run(seed: int = 0, ticket: float = 0.9, reinit: tuple[float, ...] = (0.9, 0.8, 0.6), state: str = "done") -> Traced:
    """Three rounds; the ticket has the same right in each. The first round's moments say how both lanes learn."""
    rounds = {"rounds:ticket": table(0, *[ticket] * 4), "rounds:reinit": table(1, *reinit)}
    start = np.array([0.1, -0.2, 0.3, -0.4], dtype=np.float32)
    shown = {
        "end": np.array([0.2, -0.1, 0.01, -0.5], dtype=np.float32), "before": np.array([True, True, True, False]),
        "after": np.array([True, True, False, False]), "start": start, "places": np.arange(4),
        "mask": np.packbits([True, False, False, False, False, True]), "mask_shape": np.array([3, 2]),
    }  # fmt: skip
    moments = (
        Moment(10, 60, "round 0", {"round": 0.0, "sparsity": 0.0, "accuracy": 0.5, "n": 100.0}),
        Moment(20, 60, "round 0", {"round": 0.0, "sparsity": 0.0, "accuracy": ticket, "n": 100.0}),
        Moment(30, 60, "round 1", {"round": 1.0, "sparsity": 0.5, "accuracy": 0.8, "n": 100.0}),
        Moment(40, 60, "round 1", {"round": 1.0, "sparsity": 0.5, "accuracy": ticket, "n": 100.0}, shown),
        Moment(50, 60, "round 1 reinit", {"round": 1.0, "sparsity": 0.5, "accuracy": 0.6 - seed / 10, "n": 100.0}),
        Moment(60, 60, "round 1 reinit", {"round": 1.0, "sparsity": 0.5, "accuracy": reinit[0], "n": 100.0}, rounds),
    )
    recipe = replace(Recipe(subject="digits_mlp", course=Course(lab="lottery", steps=20, every=10)), seed=seed)
    return Traced(recipe, "", state, 60, 60, moments)


THREE = [run(0), run(1, 0.92), run(2, 0.94)]


def lines(chart) -> dict[str, object]:
    return {one.name: one for one in chart.figure.data if one.fill is None}


def test_the_columns_are_the_labs_and_every_control_has_words():
    assert lottery.COLUMNS == lab.ROUND
    assert (
        set(lottery.LANES)
        == {lab.TICKET, lab.TRANSFER, *lab.CONTROLS}
        == {lottery.TICKET, lottery.TRANSFER, *lottery.AGAINST}
    )


def test_a_lane_is_the_mean_over_the_seeds_with_its_interval():
    chart = lottery.accuracy(THREE)
    ticket, reinit = (lines(chart)[lottery.LANES[lane]] for lane in ("ticket", "reinit"))
    assert ticket.x == pytest.approx([100, 50, 20, 10]) and ticket.y == pytest.approx([92] * 4)
    assert reinit.x == pytest.approx([50, 20, 10]) and reinit.y == pytest.approx([90, 80, 60])
    value = spread([0.9, 0.92, 0.94])
    assert ticket.customdata[0] == pytest.approx([100 * value.low, 100 * value.high, 3], rel=1e-5)
    assert chart.figure.layout.xaxis.type == "log" and chart.figure.layout.xaxis.autorange == "reversed"
    assert (
        chart.table[1][0] == (lottery.LANES["ticket"], 0, "100%", "92.0%", "87.0%", "97.0%", 3) and len(chart.table[1]) == 7
    )
    assert not {theme.KEPT, theme.REMOVED} & {one.line.color for one in lines(chart).values()}
    assert {line.line.dash for line in lines(chart).values() if line.line.dash} == {"solid", "dot"}


def test_the_sentence_is_about_all_rounds_with_few_weights_and_not_about_the_best():
    """At a fifth and at a tenth: (0.9 − 0.8 + 0.9 − 0.6) / 2 = 0.2 with the first seed, 0.22 and 0.24 with the others."""
    first, apart = lottery.gap(THREE, "reinit")
    assert first == pytest.approx(0.2) and apart.mean == pytest.approx(0.22) and apart.n == 3
    assert lottery.headline(THREE) == (
        "With 20% of the weights or fewer, the ticket ends 22.0 points above the same mask re-rolled (13.9 to 30.1): "
        "means over 3 seeds, 95% intervals."
    )
    assert lottery.verdict(THREE).startswith("The starting numbers matter here: at 20%")


def carried(one: Traced, *there: float) -> Traced:
    """The same run, its ticket carried over to the other half of the classes, where it has these right."""
    recipe = replace(one.recipe, course=replace(one.recipe.course, second="upper-half"))
    *moments, last = one.moments
    last = replace(last, arrays=last.arrays | {"rounds:transfer": table(0, *there)})
    here = replace(
        moments[2], stage="round 1 transfer", values=moments[2].values | {"accuracy": 0.85 - one.recipe.seed / 10}
    )
    moments = [*moments[:4], replace(here, step=45), *moments[4:], last]
    return replace(one, recipe=recipe, moments=tuple(moments))


def test_a_ticket_that_is_carried_over_is_held_against_controls_on_the_same_data():
    """On its own data it has 0.9 right; on the other data 0.7 everywhere, and its mask re-rolled 0.8 and 0.6 at a fifth and
    at a tenth: no difference."""
    found = [carried(run(seed, 0.9), 0.9, 0.7, 0.7, 0.7) for seed in range(3)]
    assert lottery.gap(found, "reinit")[1].mean == pytest.approx(0.0)
    assert lottery.headline(found).startswith(
        "With 20% of the weights or fewer, the ticket ends on the other data where nobody can tell it from the same mask "
    )
    assert "on the other data at 20%" in lottery.verdict(found) and "nobody can tell" in lottery.verdict(found)
    assert "the ticket stands on the other data 25.0 points above" in lottery.within(found, 1).title
    chart = lottery.accuracy(found)
    assert lines(chart)[lottery.HOME].y == pytest.approx([90] * 4)
    assert lines(chart)[lottery.LANES["transfer"]].y == pytest.approx([90, 70, 70, 70])
    assert chart.table[1][0][0] == lottery.HOME


def test_controls_of_unequal_seeds_and_rounds_each_say_their_own():
    """The random mask was trained with one seed, and its rounds ended at a fifth."""
    first = THREE[0]
    last = replace(first.moments[-1], arrays=first.moments[-1].arrays | {"rounds:random": table(1, 0.9, 0.7)})
    first = replace(first, moments=(*first.moments[:-1], last))
    said = lottery.headline([first, *THREE[1:]])
    assert "(13.9 to 30.1): means over 3 seeds, 95% intervals; 20.0 points above a random mask: one seed, which" in said
    last = replace(last, arrays=last.arrays | {"rounds:random": table(1, 0.8)})
    said = lottery.headline([replace(first, moments=(*first.moments[:-1], last)), *THREE[1:]])
    assert said.startswith("With 20% of the weights or fewer, the ticket ends 22.0 points above the same mask re-rolled")
    assert said.endswith(
        "With 50% of the weights or fewer, the ticket ends 10.0 points above a random mask: one seed, which proves nothing."
    )


def test_what_is_not_sure_is_not_claimed():
    apart = [run(0, 0.7), run(1, 0.9), run(2, 0.5)]  # 0, 0.2 and −0.2 above
    assert "where nobody can tell it from the same mask re-rolled (−49.7 to 49.7 points)" in lottery.headline(apart)
    assert lottery.verdict(apart).startswith("Whether the starting numbers matter, nobody can tell")
    assert lottery.headline([run()]).endswith("above the same mask re-rolled: one seed, which proves nothing.")
    assert "proves nothing" in lottery.verdict([run()])
    worse = [run(0, 0.3), run(1, 0.31), run(2, 0.32)]
    assert lottery.verdict(worse).startswith("New starting numbers do better here")
    assert "below the same mask re-rolled" in lottery.headline(worse)


def test_without_controls_or_moments_it_asks():
    empty = replace(run(), moments=())
    assert lottery.headline([empty]).endswith("No control has been trained yet.") and lottery.verdict([]).endswith("?")
    assert not lottery.accuracy([empty]).figure.data and not lottery.accuracy([]).table[1]
    assert masks.matrices(empty).title.startswith("No round has ended") and rewinding.lots(empty) == {}


def test_a_run_that_goes_on_changes_no_mean():
    """Its tables have one round so far; it is a thin line beside the means of the others."""
    young = run(3, 0.1, (0.1,), state="running")
    young = replace(
        young, moments=(*young.moments[:-1], replace(young.moments[-1], arrays={"rounds:ticket": table(0, 0.1)}))
    )
    chart = lottery.accuracy([*THREE, young])
    assert chart.title == lottery.headline(THREE)
    assert lines(chart)[lottery.LANES["ticket"]].y == pytest.approx([92] * 4)
    alone = lines(chart)[f"{lottery.LANES['ticket']}, seed 3 alone"]
    assert alone.y == pytest.approx([10]) and alone.line.width < 2


def test_within_a_round_steps_begin_at_its_start():
    chart = lottery.within(THREE, 1)
    ticket, reinit = (lines(chart)[lottery.LANES[lane]] for lane in ("ticket", "reinit"))
    assert ticket.x == pytest.approx([10, 20]) and ticket.y == pytest.approx([80, 92])
    assert reinit.x == pytest.approx([10, 20]) and reinit.y == pytest.approx([50, 90])
    assert chart.title.startswith("Round 1, after its first 10 steps: the ticket stands 30.0 points above") and chart.alt
    assert lottery.within(THREE, 9).title == "Round 9: no control has been trained in it."


def test_a_lane_that_is_rewound_to_a_later_step_begins_there():
    late = replace(run(), recipe=replace(run().recipe, course=replace(run().recipe.course, rewind=5)))
    chart = lottery.within([late], 1)
    assert lines(chart)[lottery.LANES["ticket"]].x == pytest.approx([15, 25])
    assert lines(chart)[lottery.LANES["reinit"]].x == pytest.approx([10, 20])


def test_masks_say_what_is_empty():
    """Of three outputs the middle one has no weight left, of two inputs none is without."""
    chart = masks.matrices(run())
    assert chart.title == "After round 1, 1 of 3 outputs and 0 of 2 inputs of the first layer have no weight left."
    assert chart.figure.data[0].z.tolist() == [[100, 0], [0, 0], [0, 100]]
    assert chart.table[1] == ((1, "33.3%", "2 of 3", "2 of 2"),) and masks.rounds(run()) == {1: 0.5}


def test_every_deed_shows_what_it_does():
    lot = rewinding.lots(run())[1]
    trained = rewinding.weights(lot, rewinding.TRAIN)
    assert trained.figure.data[0].x == pytest.approx([0.1, -0.2, 0.3]) and trained.figure.data[0].y == pytest.approx(
        [0.2, -0.1, 0.01]
    )
    assert trained.title == "Round 1, trained: 33.3% of 3 sampled weights moved away from zero."
    pruned = rewinding.weights(lot, rewinding.PRUNE)
    gone, kept = pruned.figure.data
    assert gone.y == pytest.approx([0.01]) and gone.marker.color == theme.REMOVED and gone.marker.symbol == "x-thin"
    assert kept.y == pytest.approx([0.2, -0.1]) and kept.marker.color == theme.KEPT
    rewound = rewinding.weights(lot, rewinding.REWIND)
    assert rewound.figure.data[0].y == pytest.approx([0.1, -0.2]) == rewound.figure.data[0].x
    rolled = rewinding.weights(lot, rewinding.REROLL, np.array([0.5, 0.4, 0.3, 0.2]))
    assert rolled.figure.data[0].y == pytest.approx([0.5, 0.4]) and "new numbers" in rolled.title
    assert dict(rewound.table[1])["kept, with the sign that they started with"] == "100%"
    assert "not known here" in rewinding.weights(lot, rewinding.REROLL).title
    last = replace(lot, after=lot.before)
    assert "is the last one" in rewinding.weights(last, rewinding.PRUNE).title
