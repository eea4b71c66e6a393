"""The map and the shares say what was measured: squares, contour, diamonds, sentences and tables."""

from __future__ import annotations

import pytest

from pruneviz.allocation import Allocation, Half, Setting
from pruneviz.charts import allocation, sensitivity
from pruneviz.sensitivity import Cell, Row, Sensitivity

AMOUNTS = (0.1, 0.5, 0.9)


def cell(amount: float, value: float, wrong: int) -> Cell:
    return Cell(amount, int(100 * amount), 2000, value, 0.95, (value - 0.03, value + 0.03), wrong, 0, 0.1, 0.01)


def row(name: str, *values: float, **more) -> Row:
    cells = tuple(cell(amount, value, round(2000 * (0.95 - value))) for amount, value in zip(AMOUNTS, values, strict=False))
    return Row(name, name, 100, cells, **more)


def table(*rows: Row, **more) -> Sensitivity:
    usual = {"dense_value": 0.95, "chance": 0.1, "n": 2000, "metric": "accuracy", "noun": "images"} | more
    return Sensitivity("m", "magnitude", "weight", AMOUNTS, rows, **usual)


FOUND = table(row("a", 0.95, 0.9, 0.2), row("b", 0.95, 0.95, 0.95), Row("c", "c", 0, reason="tied to the embedding e"))


def test_the_map_has_a_square_for_every_cell_and_says_which_was_clicked():
    squares = sensitivity.matrix(FOUND, {}).figure.data[0]
    assert list(squares.customdata) == [f"{amount:g}:{name}" for name in "ab" for amount in AMOUNTS]
    assert list(squares.text) == ["", "−5", "−75", "", "", ""] and squares.marker.symbol == "square"
    assert [float(shade) for shade in squares.marker.color] == pytest.approx([1, 0.8 / 0.85, 0.1 / 0.85, 1, 1, 1])


def test_the_contour_runs_before_the_first_square_that_loses_a_point():
    contour = next(one for one in sensitivity.matrix(FOUND, {}).figure.data if one.mode == "lines")
    assert list(contour.x) == [0.5, 0.5, 2.5, 2.5, None] and list(contour.y) == [-0.5, 0.5, 0.5, 1.5, None]


def test_own_amounts_are_diamonds_where_they_lie():
    diamonds = next(one for one in sensitivity.matrix(FOUND, {"a": 0.7, "b": 0.1}).figure.data if one.mode == "markers")
    assert list(diamonds.x) == pytest.approx([1.5, 0.0]) and list(diamonds.y) == [0, 1]


def test_the_sentences_are_computed():
    assert (
        sensitivity.headline(FOUND)
        == "Pruned alone, a is the first to lose a point, at 50%; 1 of 2 stays within one for sure."
    )
    assert sensitivity.states(FOUND) == (
        "Of 3 layers 1 is robust, 1 is fragile and 1 cannot be pruned, each pruned alone. Fragile is said of the worst of 3 "
        "amounts, each tested alone at 5%: where nothing was lost, up to 1 square in 20 is called so all the same."
    )
    assert "none of 1" not in sensitivity.headline(table(row("b", 0.95, 0.95, 0.95)))
    assert sensitivity.headline(table(row("b", 0.95))).endswith("so far.")
    assert sensitivity.headline(table(row("b", 0.95, 0.95, 0.95))).endswith("does not lose a point on this grid.")
    assert sensitivity.headline(table(Row("c", "c", 0, reason="x"))) == "No layer of this model can be pruned alone."
    assert "2 layers are" in sensitivity.headline(table(row("a", 0.95, 0.5, 0.2), row("b", 0.95, 0.4, 0.2)))


def test_where_samples_are_too_few_no_sentence_says_that_nothing_is_lost():
    """12 newly wrong and 5 newly right of 500: neither a certain loss nor certainly none."""
    cells = tuple(Cell(amount, 1, 500, 0.946, 0.96, (0.92, 0.97), 12, 5, 0.1, 0.01) for amount in AMOUNTS)
    found = table(Row("a", "a", 100, cells), n=500)
    assert (
        sensitivity.headline(found)
        == "Pruned alone, the one layer is not sure to lose a point; it cannot be told on 500 images."
    )
    assert sensitivity.states(found) == "Of one layer 1 is neither for sure, each pruned alone."
    figure = sensitivity.matrix(found, {}).figure
    assert "95% interval" in figure.data[0].hovertext[0] and "chance could explain" in figure.data[0].hovertext[0]
    assert sensitivity.matrix(found, {}).table[1][0][2] == "cannot tell"
    names = [one.name for one in figure.data if one.name]
    assert names == ["the first point lost beyond chance"], "left of the line nothing is promised"
    frail = table(row("f", 0.95, 0.5, 0.2), Row("a", "a", 100, cells), n=500)
    assert sensitivity.headline(frail).endswith("at 50%; 1 of 2 cannot be told on 500 images.")


def test_the_table_has_every_row_and_says_why_not():
    header, rows = sensitivity.matrix(FOUND, {}).table
    assert header[3:] == ("10%", "50%", "90%") and rows[0][2:] == ("fragile, from 50%", "95.0%", "90.0%", "20.0%")
    assert rows[2][2] == "cannot be pruned: tied to the embedding e" and rows[2][3:] == ("–", "–", "–")


def test_names_from_files_are_no_markup():
    figure = sensitivity.matrix(table(Row("a", "<b>x</b>", 1, (cell(0.1, 0.9, 10),))), {}).figure
    assert figure.layout.yaxis.ticktext[0] == "&lt;b&gt;x&lt;/b&gt;" and "<b>x" not in figure.data[0].hovertext[0]


def half(correct: int) -> Half:
    return Half(200, correct, correct / 200, (correct / 200 - 0.03, correct / 200 + 0.03), 0.2)


def allocated(gains: int, losses: int, theirs: int) -> Allocation:
    dense = Setting("dense", (), 1000, choosing=half(196), reporting=half(195))
    best = Setting("solver", (("a", 0.9), ("b", 0.2)), 400, choosing=half(193), reporting=half(190))
    peer = Setting("global", (("a", 0.7), ("b", 0.5)), 400, "global", 0.6, half(170), half(theirs), gains, losses)
    layers = (("a", "a", 800), ("b", "b", 200))
    how = {"peers": (peer,), "complete": True}
    return Allocation(layers, 0.02, "parameters", 1000, dense, best, 0.96, "accuracy", "images", "weight", **how)


def test_a_difference_within_chance_is_not_called_one():
    sure, unsure = allocated(2, 22, 170), allocated(10, 14, 186)
    assert (
        allocation.versus(sure) == "At the same budget, on 200 other images, the search beats global pruning by 10.0 points."
    )
    assert "cannot be told from global (p = 0.541) pruning" in allocation.versus(unsure)
    assert "loses to global pruning by 4.0 points" in allocation.versus(allocated(10, 2, 198))


def test_the_shares_and_the_halves_are_drawn_with_their_numbers():
    found = allocated(2, 22, 170)
    shares, equal = allocation.shares(found), allocation.equal_budget(found)
    assert shares.title == "a loses most, 90%; b least, 20%."
    assert shares.table[1] == (("a", "800", "90%", "70%"), ("b", "200", "20%", "50%"))
    assert [row[0] for row in equal.table[1]] == ["dense", "the search", "global"]
    assert equal.table[1][2][1:5] == ("400", "85.0%", "170", "200") and equal.table[1][2][-2:] == ("2", "22")
    assert list(equal.figure.data[0].x) == pytest.approx([97.5, 95.0, 85.0])
