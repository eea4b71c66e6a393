"""The page «Results at scale»: every row with its source, one's own curve where there is one, and a word where not."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.engine.curves import TUNING
from pruneviz.scale import STUDIES

ROOT = Path(__file__).resolve().parents[2]


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    for key, value in query.items():
        app.query_params[key] = value
    return app.run().switch_page("pages/learn/scale.py").run()


def said(app: AppTest) -> str:
    return " ".join(one.value for one in [*app.title, *app.markdown])


def test_every_study_stands_on_the_page_with_its_source():
    app = opened()
    assert not app.exception and len(app.get("plotly_chart")) == 2
    for study in STUDIES:
        assert study.often in said(app) and study.source.url in said(app)
    assert "In one shot «Digits, three convolutions»" in app.title[0].value and "500 held-out images" in said(app)
    assert TUNING.epochs == 3 and "three epochs of fine-tuning" in said(app)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"m": "digits_mlp", "g": "neuron", "s": "25"}, "no measured curve after fine-tuning"),
        ({"m": "digits_mlp", "g": "2:4"}, "A pattern has no curve of its own"),
    ],
)
def test_other_choices_open_too(query, words):
    app = opened(**query)
    assert not app.exception and words in said(app)
