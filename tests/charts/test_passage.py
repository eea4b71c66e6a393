"""A passage on the colours of its losses, from four tokens that can be counted, and how two networks carry it on."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from pruneviz.breakage import Passage
from pruneviz.charts import passage as charts
from pruneviz.charts import theme
from pruneviz.continuation import Continuation

TEN = math.log(10)
FOUR = Passage(
    7, "the", (" <a>", "\n", " of", " it"), np.array([0.0, 3.0, 1.0, 1.0]), np.array([TEN + 0.1, 0.0, 1.0, 2.0]), 0, 3
)
"""One token becomes a tenth as likely, one more than ten times as likely, one stays, and one is in between."""


def test_every_token_stands_on_the_colour_of_its_rise():
    found = charts.passage(FOUR)
    spans = re.findall(r'<span( class="[\w-]+")? style="background:(#\w{6})" title="([^"]+)">([^<]*)</span>', found.html)
    assert [one[3] for one in spans] == [" &lt;a&gt;", "↵\n", " of", " it"], "words of a file are words, not markup"
    harder, easier = theme.pale(theme.RISE, 1.0), theme.pale(theme.FALL, 1.0)
    assert [one[1] for one in spans] == [harder, easier, theme.SIGNED_ZERO, theme.pale(theme.RISE, 1 / TEN)]
    assert [one[0] for one in spans] == [' class="pv-harder"', ' class="pv-easier"', "", ""], "colour is not the only sign"
    assert spans[1][2] == "loss 3 → 0 nats" and "<i>the</i>" in found.html


def test_the_title_counts_and_the_table_has_every_token():
    """exp of the mean losses: e^(5/4) before, e^((ln 10 + 3.1)/4) after."""
    found = charts.passage(FOUR)
    before, after = (f"{math.exp(total / 4):.3g}" for total in (5.0, TEN + 3.1))
    assert (
        found.title
        == f"In this passage perplexity goes from {before} to {after}: 1 of 4 tokens is a tenth as likely, or less."
    )
    assert found.alt.startswith(found.title) and "4 tokens" in found.alt
    header, rows = found.table
    assert header[0] == "token" and [row[0] for row in rows] == [" <a>", "↵", " of", " it"]
    assert rows[0][1:3] == ("100%", "9%") and rows[1][5] == "−3"


def test_a_network_that_breaks_has_no_colour_beyond_the_last():
    broken = Passage(0, "", ("a", "b"), np.array([1.0, 1.0]), np.array([np.inf, np.nan]), 0, 1)
    found = charts.passage(broken)
    assert found.html.count(f'class="pv-harder" style="background:{theme.pale(theme.RISE, 1.0)}" title') == 2
    assert "to inf: 2 of 2 tokens are" in found.title


def light(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("rise", [-9.0, -TEN / 2, 0.0, TEN / 2, 9.0])
def test_words_are_read_on_every_ground(rise):
    """At least 4.5 : 1 (WCAG 1.4.3): black on light pages, white on dark ones."""
    assert (light(charts.ground(rise)) + 0.05) / 0.05 > 4.5
    assert 1.05 / (light(charts.ground(rise, dark=True)) + 0.05) > 4.5


def test_a_dark_page_has_a_dark_sheet():
    pruned = Continuation(3, "Say", (" x", " y"), (" a", " b"), (" a", " c"))
    for found in (charts.passage(FOUR, dark=True), charts.continuation(pruned, dark=True)):
        grounds = re.findall(r"background:(#\w{6})", found.html)
        assert len(grounds) > 1 and max(map(light, grounds)) < 0.2 and f"color:{theme.ON_DEEP}" in found.html


def test_blanks_at_the_end_of_a_line_stay_in_the_box():
    """Under «pre-wrap» they hang out of it, with their ground."""
    assert "white-space:break-spaces" in charts.passage(FOUR).html


@pytest.mark.parametrize(
    ("pruned", "said"),
    [((" a", " b"), "never part"), ((" a", " c"), "part after 1 of 2 tokens"), ((" c", " b"), "part at once")],
)
def test_where_the_two_part_is_the_finding(pruned, said):
    found = charts.continuation(Continuation(3, "Say", (" x", " y"), (" a", " b"), pruned))
    assert found.title == f"The dense and the pruned network {said}." and found.html.count("<i>Say</i>") == 3
    marked = re.findall(r'<span style="background:[^"]+">([^<]*)</span>', found.html)
    assert marked == {"never part": [], "part at once": [" a b", " c b"]}.get(said, [" b", " c"])
    assert found.table[1][2] == ("pruned", "".join(pruned))
