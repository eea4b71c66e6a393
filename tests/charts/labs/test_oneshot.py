"""One shot's chart: the best way first, its interval of other data, and words that say no more than the runs do."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pruneviz.charts.labs import oneshot
from pruneviz.course import Course
from pruneviz.engine import criterion, reconstruct, scope
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced


def run(criterion: str, method: str, seed: int, nats: float, state: str = "done", share: str = "weight") -> Traced:
    """A model of perplexity 20 that is so many nats worse afterwards, to a tenth either way."""
    values = {"dense": 20.0, "value": 20 * math.exp(nats), "n": 96.0, "sparsity": 0.7}
    values |= {"gain": -nats, "gain_low": -nats - 0.1, "gain_high": -nats + 0.1}
    recipe = Recipe("x", criterion, share, "row", 0.7, seed=seed, course=Course(lab="oneshot", method=method))
    return Traced(recipe, "", state, 35, 35, (Moment(35, 35, "done", values),))


def ways(*runs: Traced) -> dict[str, list[Traced]]:
    found: dict[str, list[Traced]] = {}
    for one in runs:
        found.setdefault(oneshot.way(one), []).append(one)
    return found


SOME = [run("wanda", "keep", seed, 0.5 + 0.001 * seed) for seed in range(3)]
SOME += [run("wanda", "sparsegpt", seed, 0.3 + 0.001 * seed) for seed in range(3)]


def test_every_method_on_the_shelf_has_words_and_the_choosers_are_those_that_choose():
    assert set(oneshot.METHODS) == set(reconstruct.shelf())
    assert set(oneshot.CHOOSES) == {key for key, one in reconstruct.shelf().items() if one.chooses}
    assert set(oneshot.CRITERIA) <= set(criterion.shelf())
    assert set(oneshot.SCOPES) == set(scope.shelf())


def under(key: str, *runs: Traced) -> list[Traced]:
    """These runs, under another scope."""
    return [replace(one, recipe=replace(one.recipe, scope=key)) for one in runs]


@pytest.mark.parametrize("key", scope.shelf())
def test_a_criterion_that_shares_out_is_named_and_titles_say_who_competed(key):
    """Where scores of all matrices are compared, SparseGPT by Wanda's shares and by magnitude's are two ways; else one."""
    rule = scope.find(key)
    compares = not (rule.quota or rule.rows)
    both = under(key, run("wanda", "sparsegpt", 0, 0.3), run("magnitude", "sparsegpt", 0, 0.4))
    names = {oneshot.way(one) for one in both}
    assert names == ({"SparseGPT, shares by Wanda", "SparseGPT, shares by magnitude"} if compares else {"SparseGPT"})
    found = ways(*under(key, *SOME))
    said = oneshot.SCOPES[key]
    assert said in oneshot.headline(found) and said.lower() in oneshot.verdict(found).lower()
    mixed = key in ("row", "layer")  # SparseGPT, the best here, compares in its own way: the words are of Wanda
    assert (f"Wanda alone, {said}," in oneshot.verdict(found)) is mixed
    assert oneshot.verdict(found).lower().startswith(said.lower()) is not mixed


def test_titles_of_all_scopes_differ_where_a_criterion_chooses():
    assert len({oneshot.headline(ways(*under(key, *SOME))) for key in scope.shelf()}) == len(scope.shelf())
    assert len({oneshot.outcomes(ways(*under(key, *SOME))).title for key in scope.shelf()}) == len(scope.shelf())


def test_what_chooses_for_itself_is_compared_neither_by_rows_nor_by_matrices():
    """A pattern leaves no choice either: its title names no scope."""
    alone = [run("wanda", one, 0, 0.3) for one in oneshot.CHOOSES]
    assert oneshot.compared(ways(*alone)) == oneshot.compared(ways(*under("layer", *alone))) == oneshot.ALIKE
    assert oneshot.compared(ways(*under("owl", *alone))) == "shared by OWL"
    assert oneshot.compared(ways(run("wanda", "keep", 0, 0.1, share="2:4"))) == ""
    assert oneshot.compared(ways(*alone, *under("owl", run("wanda", "keep", 0, 0.1)))) == ""


def test_that_some_compare_in_blocks_is_said_where_others_compare_by_rows():
    said = "compares blocks of columns over all rows; the others are compared row by row."
    assert oneshot.blocks(ways(*SOME)).endswith(said)
    pattern = [run("wanda", one, 0, 0.1, share="2:4") for one in ("keep", "sparsegpt")]
    assert {oneshot.blocks(ways(*some)) for some in (SOME[:3], SOME[3:], under("global", *SOME), pattern)} == {""}


def test_one_seed_is_named_and_seeds_that_nothing_shares_are_said():
    first, second = run("wanda", "keep", 4, 0.5), run("wanda", "sparsegpt", 4, 0.3)
    assert oneshot.verdict(ways(first, second)).endswith(": one seed, 4, which proves nothing.")
    other = run("wanda", "sparsegpt", 1, 0.3)
    assert oneshot.verdict(ways(first, other)).endswith(": no seed in common, which proves nothing.")


def test_the_best_stands_first_with_the_interval_of_its_change():
    chart = oneshot.outcomes(ways(*SOME))
    header, rows = chart.table
    assert header[0] == "way" and [row[0] for row in rows] == ["SparseGPT", "Wanda"]
    low, high = 20 * math.exp(0.301 - 0.1), 20 * math.exp(0.301 + 0.1)
    assert float(rows[0][1]) == pytest.approx(20 * math.exp(0.301), rel=1e-3)
    assert [float(one) for one in rows[0][2:4]] == pytest.approx([low, high], rel=1e-3) and rows[0][4] == 3
    assert "96 held-out windows" in chart.figure.layout.xaxis.title.text


def test_the_words_name_the_best_and_what_nobody_covered():
    said = "SparseGPT ends at a perplexity of 27.02, Wanda alone, compared row by row, at 33.01; dense it is 20.00."
    assert oneshot.headline(ways(*SOME)) == f"70% of the weights gone in one pass: {said}"
    assert "it does better than Wanda" in oneshot.verdict(ways(*SOME))
    close = [run("wanda", "sparsegpt", seed, 0.5 + 0.1 * (seed - 1)) for seed in range(3)]
    assert "nobody can tell" in oneshot.verdict(ways(*SOME[:3], *close))
    assert "proves nothing" in oneshot.verdict(ways(SOME[0], SOME[3]))
    assert oneshot.headline(ways(*SOME[:3])) == oneshot.QUESTION


def test_what_still_goes_on_changes_no_mean_and_what_is_far_stands_at_the_edge():
    going = replace(run("ria", "keep", 0, 0.1), state="running")
    chart = oneshot.outcomes(ways(*SOME, going, run("random", "keep", 0, 9.0)))
    assert [row[0] for row in chart.table[1]] == ["SparseGPT", "Wanda", "random"]
    assert max(float(x) for x in chart.figure.data[0].x) < 40
    assert oneshot.outcomes({}).title.startswith("No run has come to its end")


def test_the_chosen_way_is_bold_on_each_of_its_lines_and_no_other_is():
    chosen = oneshot.named(SOME[3].recipe)
    chart = oneshot.outcomes(ways(*SOME), chosen)
    assert chart.figure.layout.yaxis.ticktext == ("<b>SparseGPT</b>", "Wanda") and "SparseGPT is what is chosen" in chart.alt
    assert chart.figure.layout.yaxis.tickvals == chart.figure.layout.yaxis.categoryarray == ("SparseGPT", "Wanda")
    long = oneshot.outcomes(ways(run("wanda", "least_squares", 0, 0.3)), "Wanda + least squares")
    assert long.figure.layout.yaxis.ticktext == ("<b>Wanda</b><br><b>+ least squares</b>",)
    assert "<b>" not in str(oneshot.outcomes(ways(*SOME)).figure)


def test_far_ways_are_arrows_with_their_number_and_move_no_axis():
    chart = oneshot.outcomes(ways(*SOME, run("random", "keep", 0, 9.0)))
    arrow = chart.figure.data[1]
    assert arrow.marker.symbol == "triangle-right" and arrow.text[0].strip() == "162,062" and arrow.x[0] < 40
    assert chart.figure.layout.yaxis.categoryarray == ("SparseGPT", "Wanda", "random")


def test_where_samples_are_right_or_wrong_the_best_is_the_highest_in_points():
    """Dense 90%; 80% and 60% after it, each with its interval of the change."""

    def right(method: str, share: float) -> Traced:
        values = {"dense": 0.9, "accuracy": share, "n": 500.0, "gain_low": share - 0.92, "gain_high": share - 0.88}
        recipe = Recipe("x", "wanda", "weight", "row", 0.7, course=Course(lab="oneshot", method=method))
        return Traced(recipe, "", "done", 4, 4, (Moment(4, 4, "done", values),))

    found = ways(right("keep", 0.6), right("least_squares", 0.8))
    said = "Wanda + least squares ends at an accuracy of 80%, Wanda alone at 60%; dense it is 90%."
    assert oneshot.headline(found) == f"70% of the weights gone in one pass, compared row by row: {said}"
    assert oneshot.verdict(found).startswith(
        "Compared row by row, Wanda + least squares costs 10.0 points of accuracy, Wanda alone 30.0"
    )
    chart = oneshot.outcomes(found)
    assert chart.table[1][0] == ("Wanda + least squares", "80%", "78%", "82%", 1) and len(chart.figure.data) == 1
    assert "costs nothing" in oneshot.verdict(ways(right("keep", 0.95)))


def test_a_run_without_an_interval_is_a_dot_and_one_without_a_number_is_left_out():
    def bare(method: str, **values: float) -> Traced:
        recipe = Recipe("x", "wanda", course=Course(lab="oneshot", method=method))
        return Traced(recipe, "", "done", 1, 1, (Moment(1, 1, "done", {"dense": 20.0, **values}),))

    chart = oneshot.outcomes(ways(bare("keep", value=30.0, gain_low=-math.inf, gain_high=math.inf), bare("sparsegpt")))
    assert chart.table[1] == (("Wanda", "30.00", "–", "–", 1),)


def test_a_pattern_is_named_as_what_goes():
    assert oneshot.headline(ways(*(run("wanda", one, 0, 0.1, share="2:4") for one in ("keep", "sparsegpt")))).startswith(
        "2 of every 4 weights gone in one pass"
    )
