"""How far one pass goes: a line per way over what went, and words that name the furthest that was run, and no further."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pruneviz.charts.labs import inks, reach
from pruneviz.course import Course
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced


def run(method: str, amount: float, seed: int = 0, state: str = "done", **values: float) -> Traced:
    recipe = Recipe("x", "wanda", amount=amount, seed=seed, course=Course(lab="oneshot", method=method))
    return Traced(recipe, "", state, 1, 1, (Moment(1, 1, "done", values),))


def written(method: str, *ends: float) -> list[Traced]:
    """Perplexities at 30%, 50%, 70%; dense it is 20."""
    amounts = (0.3, 0.5, 0.7)
    return [
        run(
            method,
            amount,
            dense=20.0,
            value=value,
            gain_low=-math.log(value / 20) - 0.1,
            gain_high=-math.log(value / 20) + 0.1,
        )
        for amount, value in zip(amounts, ends, strict=False)
    ]


BOTH = {"Wanda": written("keep", 21.0, 26.0, 60.0), "SparseGPT": written("sparsegpt", 20.5, 23.0, 30.0)}


def test_a_line_has_the_mean_of_its_seeds_at_every_sparsity_and_nothing_of_what_goes_on():
    more = [replace(run("keep", 0.3, 1, dense=20.0, value=23.0)), run("keep", 0.9, state="running", value=1.0)]
    found = reach.lines({"Wanda": [*BOTH["Wanda"], *more], "one-swaps": [run("swaps", 0.3, state="failed")]})
    assert list(found) == ["Wanda"] and list(found["Wanda"]) == [0.3, 0.5, 0.7]
    there = found["Wanda"][0.3]
    assert (there.end.value, there.end.seeds, there.worse) == (22.0, 2, pytest.approx(1.1))


def test_one_sparsity_is_no_line():
    assert not reach.enough({}) and not reach.enough({name: runs[:1] for name, runs in BOTH.items()})
    assert reach.enough(BOTH)
    unknown = {"Wanda": [run("keep", amount, value=20.0) for amount in (0.3, 0.5)]}
    assert not reach.enough(unknown), "nothing says what the dense network measures"


def test_the_words_name_the_furthest_way_and_the_furthest_that_leaves_the_survivors_alone():
    said = "Within 1.25 × the dense perplexity, SparseGPT goes to 50%, Wanda alone to 30%, of the sparsities that were run."
    assert reach.verdict(BOTH) == said
    alone = {"Wanda": BOTH["Wanda"]}
    assert reach.verdict(alone).startswith("Within 1.25 × the dense perplexity, Wanda alone goes to 30%, of")
    nowhere = {"Wanda": written("keep", 26.0, 27.0), "SparseGPT": BOTH["SparseGPT"]}
    assert "SparseGPT goes to 50%, Wanda alone nowhere" in reach.verdict(nowhere)
    assert reach.verdict({"Wanda": written("keep", 26.0, 27.0)}).startswith("No way stays within")


def test_those_that_go_as_far_are_named_too_and_the_chosen_one():
    ways = {**BOTH, "one-swaps": written("swaps", 20.6, 23.5, 31.0)}
    both = "SparseGPT goes to 50%, and so does one-swaps; Wanda alone to 30%, of the sparsities that were run."
    assert reach.verdict(ways).endswith(both) and reach.verdict(ways, "one-swaps").endswith(both)
    ways["least squares"] = written("least_squares", 22.0, 27.0)
    said = reach.verdict(ways, "least squares")
    assert "and so does one-swaps; Wanda alone to 30%, least squares to 30%, of" in said
    ways["RIA"] = written("keep", 26.0, 27.0)
    assert "Wanda alone to 30%, RIA alone nowhere, of" in reach.verdict(ways, "RIA")
    many = {f"way {at}": written("swaps", 20.0 + at / 100, 23.0) for at in range(6)}
    assert reach.verdict(many).startswith("Within 1.25 × the dense perplexity, way 0 goes to 50%, and so do 5 more, of")


def test_a_way_looks_as_it_does_in_the_chart_of_one_matrix():
    drawn = {trace.name: trace for trace in reach.reach(BOTH).figure.data}
    for name, pair in (("Wanda", ("wanda", "keep")), ("SparseGPT", ("", "sparsegpt"))):
        look = inks.look(*pair, 0)
        assert (drawn[name].line.color, drawn[name].line.dash) == (look["color"], look["dash"])
        assert drawn[name].marker.symbol == look["marker"]


def test_two_ways_never_look_the_same():
    """SparseGPT by two criteria's shares, and two criteria that have no look of their own."""
    names = ("SparseGPT, shares by Wanda", "SparseGPT, shares by magnitude")
    ways = {name: written("sparsegpt", 20.0 + at, 23.0) for at, name in enumerate(names)}
    for key in ("gradient", "obd"):
        ways[key] = [replace(one, recipe=replace(one.recipe, criterion=key)) for one in written("keep", 22.0, 29.0)]
    drawn = [one for one in reach.reach(ways).figure.data if one.name in ways]
    assert len({(one.line.color, one.line.dash, one.marker.symbol) for one in drawn}) == len(ways) == 4


def test_what_is_near_again_further_on_was_not_reached():
    assert reach.reached(reach.lines({"w": written("keep", 21.0, 26.0, 22.0)})["w"], "perplexity") == 0.3
    assert reach.verdict({"w": written("keep", 25.2, 24.0)}).startswith(
        "No way stays within 1.25 × the dense perplexity, even at"
    )


def test_every_seed_is_held_against_its_own_dense_network():
    """Seeds that set other data aside are judged by other samples: 10 and 30 dense, both a fifth worse."""
    ways = {"Wanda": [run("keep", amount, seed, dense=dense, value=1.2 * dense)
                      for amount in (0.3, 0.5) for seed, dense in ((0, 10.0), (1, 30.0))]}  # fmt: skip
    assert reach.level(ways) == 20 and [one.worse for one in reach.lines(ways)["Wanda"].values()] == pytest.approx(
        [1.2, 1.2]
    )
    assert "Wanda alone goes to 50%" in reach.verdict(ways)
    assert reach.reach(ways).figure.layout.shapes[0].y0 == 20


@pytest.mark.parametrize(("low", "top"), [(12.4, 14.7), (24.7, 29.4), (0.98, 1.07), (20, 300), (33, 107)])
def test_an_axis_has_numbers_however_little_it_spans(low, top):
    found = reach._ticks(low, top)
    assert len(found) >= reach.TICKS and all(low <= one <= top for one in found) and found == sorted(set(found))


def test_of_two_that_reach_as_far_the_one_that_is_better_there_is_named():
    other = {"one-swaps": written("swaps", 20.6, 22.0, 31.0), **BOTH}
    assert reach.verdict(other).startswith("Within 1.25 × the dense perplexity, one-swaps goes to 50%")


def test_the_chart_draws_every_line_the_dense_network_and_the_intervals_of_two():
    chart = reach.reach({**BOTH, "one-swaps": written("swaps", 20.6, 23.5, 31.0)}, "Wanda")
    drawn = {trace.name: trace for trace in chart.figure.data}
    assert list(drawn["SparseGPT"].x) == [30, 50, 70] and list(drawn["SparseGPT"].y) == pytest.approx([20.5, 23, 30])
    assert {name for name, one in drawn.items() if one.error_y.array is not None} == {"Wanda", "SparseGPT"}
    assert [line.y0 for line in chart.figure.layout.shapes] == [20, 25] and chart.figure.layout.yaxis.type == "log"
    assert list(chart.figure.layout.xaxis.tickvals) == [30, 50, 70]
    header, rows = chart.table
    assert len(rows) == 9 and rows[0][0] == "SparseGPT", "the furthest first, as in the legend"
    assert rows[-3] == ("Wanda", "30%", "21.00", "19.00", "23.21", 1) and len(header) == len(rows[0])


def test_what_is_far_too_high_leaves_the_chart_and_is_told():
    """At 2.5 times the dense perplexity the axis ends; where nothing is as high, it ends earlier."""
    ways = {**BOTH, "random": written("keep", 100.0, 9000.0)}
    low, high = reach.reach(ways).figure.layout.yaxis.range
    assert 10**high == pytest.approx(50) and 10**low < 20 and reach.beyond(ways) == ["Wanda", "random"]
    alone = {"SparseGPT": BOTH["SparseGPT"]}
    axis = reach.reach(alone).figure.layout.yaxis
    assert 10 ** axis.range[1] == pytest.approx(31.5) and reach.beyond(alone) == [] and reach.beyond(BOTH) == ["Wanda"]
    assert list(axis.ticktext) == ["20", "25", "30"]


def test_accuracies_are_percent_and_near_is_five_points():
    ways = {
        "Wanda": [run("keep", amount, dense=0.9, accuracy=right) for amount, right in ((0.3, 0.86), (0.5, 0.84))],
        "SparseGPT": [run("sparsegpt", amount, dense=0.9, accuracy=right) for amount, right in ((0.3, 0.89), (0.5, 0.87))],
    }
    chart = reach.reach(ways)
    assert chart.title.startswith("Within 5 points of the dense accuracy, SparseGPT goes to 50%, Wanda alone to 30%")
    assert chart.figure.layout.shapes[0].y0 == pytest.approx(90) and list(chart.figure.data[1].y) == pytest.approx([86, 84])
    assert reach.beyond(ways) == () and chart.figure.layout.yaxis.type != "log"
