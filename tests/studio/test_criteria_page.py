"""The page «Criteria» on a language model: small is good, and what cannot be computed there is a sentence, no failure."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pruneviz.report import Score
from pruneviz.studio import words
from tests.engine.sources import stories
from tests.studio.test_pages import opened, said

PAGE = "pages/analyse/criteria.py"


@dataclass(frozen=True)
class Reported:
    score: Score


@dataclass(frozen=True)
class Compared:
    key: str
    report: Reported


def compared(correct: int | None = None, **values: float) -> str:
    """The title of the page where criteria have these values, each between a tenth less and a tenth more."""
    metric, n, noun = ("perplexity", 8, "windows") if correct is None else ("accuracy", 100, "images")
    scores = {
        key: Score(metric, one, correct, n, (0.9 * one, 1.1 * one), 0.0, 1.0, correct, 0, 0, noun)
        for key, one in values.items()
    }
    return words.compared([Compared(key, Reported(score)) for key, score in scores.items()])


@pytest.mark.parametrize(("title", "correct", "values"), [
    ("RIA has the best perplexity here, 80.00; random pruning has 5,245.", None,
     {"magnitude": 93, "ria": 80, "random": 5245}),
    ("RIA and Wanda cannot be told apart here: 80.00 at best; random pruning has 2 × 10⁷.", None,
     {"ria": 80, "wanda": 81, "random": 2e7}),
    ("Nobody beats random pruning here: 82.00 on 8 windows.", None, {"magnitude": 80, "random": 82}),
    ("Wanda has the best accuracy here, 80%; random pruning has 10%.", 50, {"wanda": 0.8, "random": 0.1}),
    ("Nobody beats random pruning here: 79% on 100 images.", 50, {"wanda": 0.8, "random": 0.79}),
])  # fmt: skip
def test_the_title_knows_which_way_is_better_and_how_names_are_written(title, correct, values):
    assert compared(correct, **values) == title


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return str((stories.folder(tmp_path_factory.mktemp("llama")) / "subject.toml").resolve())


@pytest.mark.parametrize("query", [{"c": "wanda", "p": "row", "s": "40"}, {"c": "ria", "g": "2:4"}])
def test_a_language_models_criteria_are_compared(card, query, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_CARDS", card)
    app = opened(PAGE, m=card, **query)
    assert not app.exception and not app.warning, app.exception
    assert "Not compared: " in said(app) and "Not shown: " in said(app) and "whose curvature is not computed" in said(app)
    refused = [one.value for one in app.caption if one.value.startswith(("Not compared", "Not shown"))]
    assert refused and all(one.endswith(".") and not one.endswith("..") for one in refused)
    offered = app.segmented_control(key="against").options
    assert {"magnitude", "gradient", "RIA", "Wanda"} < set(offered) and "optimal brain damage" not in offered
    assert app.segmented_control(key="against").value == "gradient"
    assert len(app.get("plotly_chart")) == 2 + ("g" not in query)


def test_deleted_weights_are_held_against_a_criterion_that_can_judge_them(card, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_CARDS", card)
    app = opened(PAGE, m=card, c="wanda", p="owl", s="40", k="20")
    assert not app.exception, app.exception
    assert len([one for one in app.get("plotly_chart") if "deleted alone" in one.proto.alt]) == 2


def test_what_is_published_for_another_competition_is_said_and_a_click_away():
    """Wanda compares within each output row: there One shot opens, and a page that compares globally may rank otherwise."""
    app = opened(PAGE, m="digits_mlp")
    assert "Wanda is published for a comparison per output row; here all compete globally" in said(app)
    app.button(key="compare-row").click().run()
    assert not app.exception and app.query_params["p"] == "row" and "published for a comparison" not in said(app)
    units = opened(PAGE, m="digits_mlp", g="neuron")
    assert "published for a comparison" not in said(units), "units have no output row"
