"""The page «What breaks»: its numbers are the strip's, a class filters the examples, and whatever has no classes says so."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pruneviz.recipe import Recipe
from pruneviz.studio import breakage, breakage_words, kitchen, orders, wall
from tests.engine.sources import stories
from tests.studio.test_pages import opened, said, strip

PAGE = "pages/analyse/damage.py"
MODEL = "digits_mlp"


@pytest.fixture(scope="module")
def broken():
    return opened(PAGE, m=MODEL, s="90")


def test_the_numbers_are_those_of_the_strip(broken):
    assert not broken.exception, broken.exception
    found, report = (one(Recipe(subject=MODEL, amount=0.9)) for one in (breakage.found, kitchen.report))
    wrong, right = report.score.newly_wrong, report.score.newly_right
    assert (found.newly_wrong, found.newly_right) == (wrong, right) and wrong > 20
    assert f"{wrong:,} images turn wrong and {right:,} right" in said(broken)
    lost = 100 * (wrong - right) / found.n
    assert f"the average loses {lost:.1f}".removesuffix(".0") in broken.title[0].value
    assert f"«{found.worst.name}» {found.worst.points:g} points" in broken.title[0].value
    assert f"{found.n:,} held-out images" in said(broken) and "without fine-tuning" in said(broken)
    charts = broken.get("plotly_chart")
    assert len(charts) >= 5 and all(len(chart.proto.alt) > 20 for chart in charts)
    assert strip(broken)["sparsity"] == "90%"


def test_where_nothing_turns_wrong_the_title_does_not_wonder():
    """Half of the default sample: no image turns wrong and one turns right, so no class can have lost."""
    recipe = Recipe()
    found = breakage.found(recipe)
    assert (found.newly_wrong, found.newly_right > 0) == (0, True)
    title = breakage_words.headline(kitchen.report(recipe), found)
    assert title == f"50% of the weights go: of {found.n:,} images none turns wrong, and no class loses accuracy."


def test_choosing_a_class_shows_its_examples_and_an_example_looks_closer(broken):
    found = breakage.found(Recipe(subject=MODEL, amount=0.9))
    worst, buttons = found.worst, [one.key for one in broken.button if one.key.startswith("look-")]
    assert buttons[: wall.WRONG] == [f"look-{one.index}" for one in found.examples(wrong=True, most=wall.WRONG)]
    broken.selectbox(key="group").set_value(worst.index).run()
    assert broken.query_params["cls"] == str(worst.index)
    shown = [int(one.key.removeprefix("look-")) for one in broken.button if one.key.startswith("look-")]
    labels = {int(found.labels[np.flatnonzero(found.places == index)[0]]) for index in shown}
    assert shown and labels == {worst.index}
    assert f"{worst.newly_wrong:,} images of the class «{worst.name}» turn wrong" in said(broken)
    broken.button(key=f"look-{shown[0]}").click().run()
    assert broken.query_params["x"] == str(shown[0]) and "chosen" in broken.button(key=f"look-{shown[0]}").label
    broken.button(key=f"look-{shown[0]}").click().run()
    assert "x" not in broken.query_params and not broken.exception


def test_what_is_drawn_of_an_example_is_what_was_said_of_it():
    found = breakage.found(Recipe(subject=MODEL, amount=0.9))
    one = found.flips[0]
    tile = wall._tile(MODEL, one, None)
    assert (
        tile.count("data:image/png") == 1
        and f"before: <b>{one.before}</b> ✓" in tile
        and f"after: <b>{one.after}</b> ✗" in tile
    )
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", tile)]
    assert widths == [round(100 * chance, 1) for _, chance in (*one.top_before, *one.top_after)]
    assert tile.count(f"<u>{one.label}</u>") == sum(name == one.label for name, _ in (*one.top_before, *one.top_after))
    assert wall._percent(0.001) == "&lt;1%" and wall._percent(0.999) == "&gt;99%" and wall._percent(float("nan")) == "none"


def test_a_large_picture_travels_small():
    large = np.arange(200 * 100 * 3, dtype=np.int64).reshape(200, 100, 3).astype(np.uint8)
    small = wall.smaller(large)
    assert small.shape == (66, 33, 3) and small[0, 0, 0] == round(large[:3, :3, 0].mean())
    assert wall.smaller(large[:90, :90]) is not None and wall.smaller(large[:90, :90]).shape == (90, 90, 3)


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ({"s": "0", "cls": "99", "x": "7"}, "Nothing is removed"),
        ({"g": "2:4"}, "% of the weights go"),
        ({"g": "neuron", "s": "100", "c": "random"}, "% of the neurons go"),
    ],
)
def test_it_opens_at_the_edge(query, title):
    app = opened(PAGE, m=MODEL, **query)
    assert not app.exception, app.exception
    assert title in app.title[0].value and not app.warning
    assert ("What changes sides first" in [one.value for one in app.header]) == (":" not in query.get("g", ""))


def test_of_a_text_it_is_the_tokens(tmp_path, monkeypatch):
    card = str((stories.folder(tmp_path) / "subject.toml").resolve())
    monkeypatch.setenv("PRUNEVIZ_CARDS", card)
    app = opened(PAGE, m=card, s="60")
    assert not app.exception, app.exception
    assert re.search(r"[\d.]+% of the tokens become harder to predict", app.title[0].value)
    assert "hardest-hit hundredth" in said(app) and "there are no classes here" in said(app)
    assert not [one for one in app.selectbox if one.key == "group"]
    assert "pixels" not in said(app) + " ".join(one.value for one in app.header), "nothing is asked that has no answer"
    found = breakage.found(Recipe(subject=card, amount=0.6))
    assert found.tokens and found.tokens[0].rise > 0
    assert sum("| …" in one.value for one in app.markdown) == 1, "the table names the tokens and what comes before them"


def test_a_heavy_model_is_asked_of_the_worker(weighed, monkeypatch):
    monkeypatch.setattr(orders, "who", lambda: "ann/1")
    recipe = Recipe(subject=weighed, amount=0.9)
    orders.finished(kitchen.job_part(recipe), "breakage", panel=breakage.PANEL)
    found, score = breakage.found(recipe), kitchen.whole_report(recipe, "beside").score
    assert (found.n, found.newly_wrong, found.newly_right) == (score.n, score.newly_wrong, score.newly_right)
    assert breakage.first_flips_known(recipe) is None
    order = orders.wait(
        lambda: orders.look(kitchen.job_part(recipe, amount=0.0), "flips", breakage.AMOUNTS, breakage.PANEL),
        lambda one: one.state == "done",
    )
    assert order.latest.wrong[list(breakage.AMOUNTS).index(0.9)] == score.newly_wrong
    assert breakage.first_flips_known(recipe) is not None
