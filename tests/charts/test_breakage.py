"""The charts of what breaks, from answers small enough to count: who pays, who is taken for whom, how sure the model is."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace

import numpy as np
import pytest

from pruneviz import verdict
from pruneviz.breakage import (
    Breakage,
    Likeliest,
    Sides,
    TokenRise,
    TokenSpread,
    class_rows,
    flipped,
)
from pruneviz.charts import breakage as charts
from pruneviz.charts import picture, theme
from pruneviz.confidence import reliability
from pruneviz.first_flips import FirstFlips
from pruneviz.report import wilson


def broken(labels, before, after, names=("cat", "dog", "eel"), sure=0.9) -> Breakage:
    """What three networks' worth of fingers can count: labels, what was said, what is said."""
    said = [np.array(one, dtype=np.int32) for one in (labels, before, after)]
    sides = Sides(*said, np.arange(len(labels)) + 100, tuple(names))
    certain = np.full(len(labels), sure, dtype=np.float32)
    turned = flipped(sides, certain, certain)
    tops = [Likeliest(one[turned][:, None], certain[turned][:, None]) for one in said[1:]]
    lines = tuple(reliability(certain, one == said[0]) for one in said[1:])
    rows, n = class_rows(sides), len(labels)
    return Breakage(rows, sides.names, n, n, "accuracy", "images", *said, sides.places, turned, *tops, lines)


FOUR = broken([0, 0, 1, 1, 1, 2], before=[0, 0, 1, 1, 2, 2], after=[1, 1, 1, 2, 1, 2])
"""Both cats become dogs, one dog an eel, and one dog that was an eel is right again."""
SAME = broken([0, 1, 2], before=[0, 1, 1], after=[0, 1, 1])


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch):
    """What can be counted on two hands has classes of two and three."""
    monkeypatch.setattr("pruneviz.breakage.FEW", 1)


def test_no_class_of_a_few_samples_is_singled_out(monkeypatch):
    monkeypatch.setattr("pruneviz.breakage.FEW", 4)
    title = charts.per_class(FOUR).title
    assert title == "1 of 3 classes loses accuracy; of 3 images each, at most, none can be singled out."
    monkeypatch.setattr("pruneviz.breakage.FEW", 3)
    assert charts.per_class(FOUR).title.startswith("«cat» loses")


def test_who_pays_is_on_top_with_their_intervals():
    chart = charts.per_class(FOUR)
    said = "«cat» loses 100 points (0 of its 2 are right, 2 were); the average loses 33.3 points."
    low, high = (f"{end:.1f}".replace("-", "−") for end in verdict.class_lost(FOUR.worst, 3)[1])
    assert chart.title == (
        f"{said} Picked after the fact as the worst of 3: {low} to {high} points (95%, corrected for the pick, Šidák), "
        "perhaps by chance."
    )
    before, after = chart.figure.data[1:]
    assert [row[0] for row in chart.table[1]] == ["cat", "dog", "eel"]
    assert list(after.x) == pytest.approx([0, 200 / 3, 100]) and list(before.x) == pytest.approx([100, 200 / 3, 100])
    low, high = wilson(0, 2)
    assert after.error_x.array[0] == pytest.approx(100 * high) and after.error_x.arrayminus[0] == pytest.approx(0, abs=1e-6)
    assert [one[0] for one in after.customdata] == [0, 1, 2], "a click says which class it was"
    assert "so far" in charts.per_class(replace(FOUR, of=60)).figure.layout.xaxis.title.text
    assert "n = 6" in chart.figure.layout.xaxis.title.text and "no fine-tuning" in chart.figure.layout.xaxis.title.text


def test_an_average_that_hides_everything():
    """One cat is lost and one dog won: nothing on average."""
    hidden = broken([0, 0, 1, 1], before=[0, 0, 0, 1], after=[0, 1, 1, 1])
    assert "although nothing is lost on average" in charts.per_class(hidden).title
    assert charts.turns(hidden).title.endswith("the average is unchanged, and 2 answers are not.")
    won = broken([0, 1], before=[0, 0], after=[0, 1])
    assert charts.per_class(won).title == "No class loses accuracy; over all classes it changes by +50.0 points."
    tied = broken([0, 1, 2], before=[0, 1, 2], after=[1, 0, 2])
    assert charts.per_class(tied).title.startswith("«cat» and 1 more class lose 100 points each")


def test_many_classes_are_cut_and_said():
    labels = np.arange(50)
    many = broken(
        labels, labels, np.where(labels % 2, labels, (labels + 1) % 50), names=tuple(f"class {at}" for at in labels)
    )
    chart = charts.per_class(many)
    assert len(chart.figure.data[2].x) == charts.CLASSES and len(chart.table[1]) == 50
    assert "20 more classes are in the table" in chart.alt
    flow = charts.turns(many).figure.data[0]
    assert "other classes before" in flow.node.label and sum(flow.link.value) == 25
    matrix = charts.confusion(many)
    assert len(matrix.figure.layout.yaxis.tickvals) <= 14 and "more classes change and are in the table" in matrix.alt
    assert len(matrix.table[1]) == 50


def test_the_difference_of_the_confusions_cell_by_cell():
    chart = charts.confusion(FOUR)
    (squares,) = chart.figure.data
    cells = {(int(y), int(x)): text for x, y, text in zip(squares.x, squares.y, squares.text, strict=True)}
    assert cells == {(0, 0): "−2", (0, 1): "+2"}, "the dogs that change places with each other leave their row as it was"
    assert squares.marker.color[1] != squares.marker.color[0] and squares.textfont.color == theme.ON_PALE
    assert chart.title == "«cat» is taken for «dog» 2 times more than before; no pair gains more."
    assert chart.table[1][0] == ("cat", "cat", 2, 0, "−2")


def test_a_flow_holds_every_sample_that_changed_sides():
    chart = charts.turns(FOUR)
    (flow,) = chart.figure.data
    assert (
        chart.title
        == "Of 6 images 3 turn wrong (purple) and 1 turn right (green): the average shows only the difference, 2."
    )
    named = {
        (flow.node.label[source], flow.node.label[target]): (value, color)
        for source, target, value, color in zip(
            flow.link.source, flow.link.target, flow.link.value, flow.link.color, strict=True
        )
    }
    wrong, right = (theme.faded(one, 0.5) for one in (theme.RISE, theme.FALL))
    assert named == {
        ("cat before", "dog now"): (2, wrong), ("dog before", "eel now"): (1, wrong), ("eel before", "dog now"): (1, right),
    }  # fmt: skip


def test_nothing_changes_and_every_chart_says_so():
    assert charts.per_class(SAME).title == "No class pays: not one of 3 images changes sides."
    assert charts.turns(SAME).title == "Nothing changes sides: 3 of 3 images are judged as before."
    assert charts.confusion(SAME).title.startswith("Nobody is taken for somebody else")
    assert not charts.turns(SAME).table[1] and not charts.confusion(SAME).table[1]


def test_it_says_how_sure_the_model_is():
    """Nine tenths sure of six answers, of which three are right: 40 points too sure; before, five of six."""
    chart = charts.reliability(FOUR)
    assert chart.title.startswith("The pruned model is 40.0 points too sure of itself on average")
    assert "6.7 points before, 40.0 after" in chart.title
    assert [row[3:5] for row in chart.table[1]] == [(6, 5), (6, 3)]
    modest = broken([0, 1], before=[0, 1], after=[0, 1], sure=0.6)
    assert "40.0 points too modest" in charts.reliability(modest).title
    assert "as right as it says" in charts.reliability(broken([0], [0], [0], sure=1.0)).title


def test_tokens_that_became_a_surprise():
    rises = (TokenRise("ball", "a big,\nred ", 0.0, 5.0, 3, 7), TokenRise(" ", "two", 1.0, 2.0, 0, 1))
    said = replace(SAME, classes=(), tokens=rises, spread=TokenSpread(100, 60, 30, 0.25), noun="windows")
    chart = charts.tokens(said)
    assert "«ball» after «…a big,↵red » had a chance of 100%, now a chance of 0.7%" in chart.title
    assert "the hardest-hit hundredth of the tokens has 25% of all rises" in chart.title
    assert list(chart.figure.data[1].x) == [0.0, 1.0] and list(chart.figure.data[2].x) == [5.0, 2.0]
    assert chart.table[1][1][1] == "␣" and chart.table[1][0][2:4] == ("100%", f"{100 * math.exp(-5):.1f}%")
    rare = replace(said, tokens=(TokenRise("ball", "red ", 0.0, 11.0, 3, 7),), spread=None)
    assert charts.tokens(rare).title == "«ball» after «…red » had a chance of 100%, now 1 in 60,000."
    assert charts.tokens(replace(said, tokens=())).title == "No token's loss rises."


def test_what_changes_sides_first():
    """Of three: the second at 50 %, the first at 75 %, the third never."""
    right = np.array([True, True, False])
    found = FirstFlips(
        (0.25, 0.5, 0.75), np.array([2, 1, -1]), right, np.array([0, 1, 2]), np.arange(3), np.zeros(3, int), ("a",)
    )
    chart = charts.first_flips(found, 0.6, "sparsity")
    assert chart.title == "1 of 3 images has changed sides by 50%; half of those that ever do by 50%."
    assert list(chart.figure.data[1].y) == [0, 1, 2] and chart.table[1][2] == ("75%", 2, 2)
    assert found.order.tolist() == [1, 0] and found.of_sample(0) == 0.75 and found.of_sample(2) is None
    never = replace(found, first=np.full(3, -1), wrong=np.zeros(3, int))
    assert charts.first_flips(never, 0.6, "sparsity").title == "Not one of 3 images changes sides up to 75%."


def test_names_are_words_and_never_markup():
    evil = broken([0, 1], before=[0, 1], after=[1, 1], names=("<b>x</b>", "y" * 99))
    for chart in (charts.per_class(evil), charts.confusion(evil), charts.turns(evil)):
        drawn = chart.figure.to_json()
        assert "<b>x" not in drawn.encode().decode("unicode_escape") and "y" * 60 not in drawn


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 5, 3), (64, 48, 3)])
def test_a_picture_is_its_very_pixels(shape):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    uri = picture.data_uri(pixels)
    head, data = uri.split(",")
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), pixels)


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match=r"uint8 \[H, W, 3\]; got float64 \[2, 2\]"):
        picture.data_uri(np.zeros((2, 2)))
