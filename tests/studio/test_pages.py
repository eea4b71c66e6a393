"""Each page runs from a link, alone, for every sample and for settings at the edge; the bench keeps its promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("pages/start/slider.py", "pages/see/weights.py", "pages/analyse/criteria.py")


def opened(page: str = PAGES[0], **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    if page != PAGES[0]:
        app.switch_page(page).run()
    return app


def said(app: AppTest) -> str:
    return " ".join(one.value for one in [*app.title, *app.warning, *app.markdown, *app.caption])


def strip(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("query", [{}, {"s": "0"}, {"s": "100", "p": "layer"}, {"c": "obd", "p": "lamp", "s": "92.5"}])
def test_every_page_opens_from_a_link(page, query):
    app = opened(page, **query, k="20", m="digits_mlp")
    assert not app.exception, app.exception
    assert strip(app)["sparsity"] == query.get("s", "50") + "%"


@pytest.mark.parametrize("page", PAGES)
def test_nonsense_in_the_link_is_a_word_and_the_default(page):
    app = opened(page, s="lots", m="nobody", zzz="1", own="::")
    assert not app.exception
    assert strip(app)["sparsity"] == "50%" and app.selectbox(key="subject").value == "digits_cnn"
    if page == PAGES[0]:
        assert len(app.warning) >= 4


def test_choices_reach_the_address_and_come_back_undone():
    app = opened()
    app.segmented_control(key="criterion").set_value("gradient").run()
    app.segmented_control(key="scope").set_value("layer").run()
    assert app.query_params["c"] == "gradient" and app.query_params["p"] == "layer"
    app.button(key="undo").click().run()
    assert app.query_params["c"] == "gradient" and "p" not in app.query_params
    app.button(key="undo").click().run()
    assert "c" not in app.query_params and app.segmented_control(key="criterion").value == "magnitude"
    app.button(key="redo").click().run()
    assert app.query_params["c"] == "gradient"


def test_a_new_model_forgets_what_was_said_of_the_old_ones_layers():
    app = opened(own="conv2.weight:30", keep="fc.weight", layer="conv3.weight")
    app.selectbox(key="subject").set_value("digits_mlp").run()
    assert not app.exception and app.query_params == {"m": "digits_mlp"}


def test_a_link_about_a_layer_that_is_not_there_is_a_sentence():
    app = opened(own="nowhere:30")
    assert not app.exception and any("no layer 'nowhere'" in one.value for one in app.warning)


def test_a_card_that_cannot_be_loaded_leaves_the_old_state(tmp_path, monkeypatch):
    card = tmp_path / "subject.toml"
    card.write_text('name = "Broken"\ntask = "image_classification"\nweights = "missing.safetensors"\n', "utf-8")
    monkeypatch.setenv("PRUNEVIZ_CARDS", str(card))
    app = opened()
    app.selectbox(key="subject").set_value(str(card.resolve())).run()
    assert not app.exception and len(app.warning) == 1
    assert app.selectbox(key="subject").value == "digits_cnn" and strip(app)["sparsity"] == "50%"


def test_every_chart_has_words_and_a_table():
    for page in PAGES[1:]:
        app = opened(page, k="20", m="digits_mlp")
        charts = app.get("plotly_chart")
        assert charts and all(len(chart.proto.alt) > 20 for chart in charts)
        assert len(app.expander) >= len(charts)
