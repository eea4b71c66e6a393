"""The charts of the anatomy: titles that their data say, a table twin, nothing that a browser cannot draw."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pruneviz.charts import anatomy, holes, river, theme
from pruneviz.report import GroupReport, LayerReport


def group(name: str, kept: str, reason: str = "", modules: tuple[str, ...] = (), blocks: tuple[str, ...] = ()):
    """A group whose units stay («1») or go («0»)."""
    stays = np.array([one == "1" for one in kept])
    scores = np.arange(len(kept), dtype=float)
    return GroupReport(name, name, "filter", len(kept), stays, scores, scores, modules, "", (), reason, blocks)


def layer(name: str, weights: int, kept: int) -> LayerReport:
    return LayerReport(f"{name}.weight", name, (weights,), weights, kept, 0, 0.0)


GROUPS = (group("conv1", "1100"), group("conv2", "11111110"), group("fc", "11", reason="it is the output"))
READS = {"conv1": ("conv2", 9), "conv2": ("fc", 10)}
HOLE = holes.Hole("whole rows", "the smallest rows", np.array([[1, 1, 1], [0, 0, 0]], bool))
CHARTS = {
    "treemap": lambda: anatomy.treemap([layer("a.b", 10, 4), layer("a.c", 2, 2), layer("d", 5, 0)], "model"),
    "widths": lambda: anatomy.widths(GROUPS, "filters"),
    "flow": lambda: river.flow(GROUPS, "filters"),
    "flow of many": lambda: river.flow([group(f"layer{at}", "10") for at in range(40)], "filters"),
    "no flow": lambda: river.flow([GROUPS[2]], "filters"),
    "hole": lambda: holes.hole(HOLE),
}


def test_names_are_read_or_left_out():
    """In the treemap none is set smaller than nine pixels; above the river none touches its edge, half of its width."""
    words = CHARTS["treemap"]().figure.layout.uniformtext
    assert (words.minsize, words.mode) == (9, "hide")
    gauges = next(one for one in CHARTS["flow"]().figure.data if one.mode == "text")
    assert all(y > units / 2 for y, units in zip(gauges.y, (4, 8), strict=False))


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_says_what_it_found_and_has_a_twin(name):
    chart = CHARTS[name]()
    json.dumps(json.loads(chart.figure.to_json()), allow_nan=False)
    assert chart.title.strip() and len(chart.alt) > 20 and not chart.figure.layout.title.text
    header, rows = chart.table
    assert all(len(row) == len(header) for row in rows) and (rows or name == "no flow")


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (GROUPS, "2 of 4 filters leave conv1, and they take 18 weights of conv2 along."),
        ((group("conv1", "1110"),), "1 of 4 filters leaves conv1, and it takes 9 weights of conv2 along."),
        ((group("conv1", "1111"), group("fc", "0", reason="output")), "All 4 filters stay."),
        ((group("conv1", "00"), group("conv2", "01")), "conv1 is empty: all 2 of its filters are gone."),
        ((group("fc", "1", reason="output"),), "This model has no filters that can go."),
        ((group("conv9", "110", modules=("conv9", "x", "y")),), "1 of 3 filters leaves conv9 and the 2 coupled with it."),
        ((group("b", "010", blocks=("b.0", "b.1", "b.2")),), "b.0 and b.2 leave as a whole: 2 of 3 filters."),
    ],
)
def test_the_headline_counts_what_goes_and_what_it_takes_along(groups, said):
    assert anatomy.headline(groups, "filters", READS) == said


def test_who_pays_is_said_with_both_ends():
    assert anatomy.uneven(GROUPS, "filters") == "conv1 loses 50% of its filters, conv2 12.5%: pruning is not uniform."
    even = (group("a", "10"), group("b", "0101"))
    assert anatomy.uneven(even, "filters") == "Every group loses the same share of its filters, 50%."
    assert anatomy.uneven(even[:1], "filters") == "" == anatomy.uneven((group("a", "1"), group("b", "1")), "filters")


def test_areas_of_the_treemap_add_up_and_what_goes_is_hatched():
    (tree,) = CHARTS["treemap"]().figure.data
    values = dict(zip(tree.ids, tree.values, strict=True))
    for at, parent in enumerate(tree.parents):
        assert parent == "" or parent in values, tree.ids[at]
    for name in values:
        inside = [value for value, parent in zip(tree.values, tree.parents, strict=True) if parent == name]
        assert not inside or sum(inside) == values[name]
    assert values["block:"] == 17 and values["block:a"] == 12 and values["a.b.weight/gone"] == 6
    hatched = {name for name, shape in zip(tree.ids, tree.marker.pattern.shape, strict=True) if shape}
    assert hatched == {"a.b.weight/gone", "d.weight/gone"}
    assert tree.marker.pattern.fgcolor[tree.ids.index("d.weight/gone")] == theme.REMOVED


def test_widths_before_and_after_stand_in_the_networks_order():
    bridge, ring, dot = anatomy.widths(GROUPS, "filters").figure.data
    assert list(ring.x) == [4, 8, 2] and list(dot.x) == [2, 7, 2] and list(dot.text) == ["4 → 2", "8 → 7", "2"]
    assert list(ring.y) == ["conv1", "conv2", "fc"] and ring.marker.symbol != dot.marker.symbol
    assert anatomy.widths(GROUPS, "filters").title == "Of 12 filters 9 stay; fc cannot be pruned."


def test_the_river_is_as_wide_as_what_passes_on():
    """At x = 0 two of four pass on, at x = 1 seven of eight: the river's banks lie at half of that."""
    top, _, water, _ = river.flow(GROUPS, "filters").figure.data
    for trace, widths in ((water, (2, 7)), (top, (4, 8))):
        for x, width in enumerate(widths):
            here = [y for at, y in zip(trace.x, trace.y, strict=True) if abs(at - x) < 1e-9]
            assert max(here) == pytest.approx(width / 2)
    assert top.fillpattern.shape == theme.REMOVED_PATTERN and water.fillcolor == theme.KEPT
    assert river.flow(GROUPS, "filters").title == "The narrowest place is conv1: 2 of 4 filters pass on."


def test_many_groups_become_a_few_stages_that_lose_nobody():
    _, rows = CHARTS["flow of many"]().table
    assert len(rows) <= river.STAGES and sum(row[1] for row in rows) == 80 and sum(row[2] for row in rows) == 40


def test_the_river_shows_the_two_groups_that_a_headline_names():
    groups = [group(f"layer{at}", {17: "1000", 30: "1111"}.get(at, "1100")) for at in range(40)]
    _, rows = river.flow(groups, "filters").table
    assert ("layer17", 4, 1, "25.0%") in rows and ("layer30", 4, 4, "100.0%") in rows and len(rows) <= river.STAGES + 1
    assert sum(row[1] for row in rows) == 160


def test_a_cell_is_the_share_of_its_weights_that_stay():
    kept = np.zeros((3, 300), bool)
    kept[1] = True
    kept[2, ::2] = True
    shares = holes.shrunk(kept)
    assert shares.shape[0] == 3 and shares.shape[1] <= holes.CELLS and 300 % shares.shape[1] == 0
    assert (shares[0] == 0).all() and (shares[1] == 1).all() and shares[2].mean() == pytest.approx(0.5)
    odd = holes.shrunk(np.ones((131, 1), bool))
    assert odd.shape[0] <= holes.CELLS and (odd == 1).all()


def test_only_whole_rows_leave_a_smaller_matrix():
    free = holes.Hole("single weights", "anywhere", np.array([[1, 0, 1], [0, 1, 0]], bool))
    assert HOLE.smaller == (1, 3) and HOLE.zeros == 0.5
    said = holes.headline("fc", (free, HOLE))
    assert said == "About 50% of fc gone in 2 ways; whole rows alone leave a smaller matrix, 1 × 3 instead of 2 × 3."
    assert "each leaves a matrix of 2 × 3" in holes.headline("fc", (free, free))
    assert holes.hole(HOLE).title == "Whole rows: 50% zeros" and "1 of 2 rows" in holes.hole(HOLE).alt


def test_names_from_files_are_only_words():
    """A model may be called anything: in a picture it is what it says, and no markup."""
    drawn = anatomy.treemap([layer("a.<i>b", 10, 4)], "<a href='http://x'>net</a>").figure.data[0]
    assert "&lt;a href='http://x'&gt;net&lt;/a&gt;" in drawn.labels and "&lt;i&gt;b · 10" in drawn.labels
    wide = anatomy.widths([group("<b>c", "10")], "filters").figure
    assert set(wide.data[1].y) == {"&lt;b&gt;c"} and wide.layout.yaxis.categoryarray == ("&lt;b&gt;c",)
