"""Each page runs from a link, alone, for every sample and for settings at the edge; the bench keeps its promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from pruneviz.engine.sources import architecture

ROOT = Path(__file__).resolve().parents[2]
PICTURE = "![x](http://elsewhere/x.png)"
"""What a stranger's link may hold: as Markdown, a picture that is fetched from wherever it lies."""
PAGES = ("pages/start/slider.py", "pages/see/weights.py", "pages/analyse/criteria.py")
"""The pages about weights; `test_anatomy_page` and `test_reality_page` open the others."""


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
    app = opened(page, s="lots", m=PICTURE, zzz="1", own="::", k="20")
    assert not app.exception and not [one.value for one in app.warning if "![" in one.value or "](" in one.value]
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
    assert not app.exception and {key: app.query_params[key] for key in app.query_params if key not in ("mh", "dh")} == {
        "m": "digits_mlp"
    }


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


def test_a_card_without_training_data_opens_every_page(tmp_path, monkeypatch):
    """Criteria that look at data then calibrate on a quarter of the held-out data, and the page says so."""
    images = np.random.default_rng(0).integers(0, 17, (80, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", x_test=images, y_test=np.arange(80) % 10)
    weights = ROOT / "sample_models" / "digits_mlp" / "weights.safetensors"
    (tmp_path / "subject.toml").write_text(
        f'name = "No training data"\ntask = "image_classification"\nweights = "{weights}"\n'
        '[architecture]\nbuild = "digits_mlp"\n[data]\nfile = "data.npz"\nsplit = "test"\nscale = 16\n',
        "utf-8",
    )
    card = str((tmp_path / "subject.toml").resolve())
    monkeypatch.setenv("PRUNEVIZ_CARDS", card)
    for page in PAGES:
        app = opened(page, m=card, k="20", c="gradient")
        assert not app.exception, app.exception
        assert app.selectbox(key="subject").value == card and not app.warning
    assert "20 calibration samples (held-out split)" in said(opened(m=card, c="gradient"))


@pytest.mark.parametrize("query", [{"vs": "bogus"}, {"each": "bogus:30"}, {"m": "/etc/hostname"}, {"c": "bogus"}])
def test_a_link_that_names_what_is_not_there_is_a_sentence(query):
    for page in (PAGES[0], PAGES[2]):
        app = opened(page, k="20", **query)
        assert not app.exception, app.exception
    assert any("unknown" in one.value for one in opened(**query).warning)


def test_every_chart_has_words_and_a_table():
    for page in PAGES[1:]:
        app = opened(page, k="20", m="digits_mlp")
        charts = app.get("plotly_chart")
        assert charts and all(len(chart.proto.alt) > 20 for chart in charts)
        assert len(app.expander) >= len(charts)


UNITS = [("digits_cnn", "filter"), ("digits_mlp", "neuron"), ("digits_vit", "head"), ("digits_resnet", "layer")]


@pytest.mark.parametrize(("model", "granularity"), UNITS)
def test_units_reach_the_slider_and_the_criteria(model, granularity):
    for page in (PAGES[0], PAGES[2]):
        app = opened(page, m=model, g=granularity, s="25")
        assert not app.exception and not app.warning, (app.exception, [one.value for one in app.warning])
        shown = strip(app)
        assert shown["pruning ratio"].endswith("%") and {"parameters removed", "MACs removed"} <= set(shown)
    assert "25" in app.query_params["s"]


def test_a_pattern_is_a_choice_and_not_an_amount():
    app = opened(m="digits_mlp", g="2:4")
    assert not app.exception and not app.warning
    assert strip(app)["sparsity"] == "50%"
    app.segmented_control(key="pattern").set_value("1:4").run()
    assert app.query_params["g"] == "1:4" and strip(app)["sparsity"] == "75%"
    app = opened(PAGES[2], m="digits_mlp", g="4:8")
    assert not app.exception and not app.warning
    app = opened(m="digits_mlp", g="1:4")  # a link that says no amount means the pattern's own
    assert not app.exception and not app.warning and strip(app)["sparsity"] == "75%"
    app = opened(m="digits_mlp", g="2:4", s="80")
    assert not app.exception and "leave the amount out" in app.warning[0].value


def test_another_granularity_keeps_what_still_fits():
    app = opened(m="digits_cnn", g="filter", c="bn_scale", p="isomorphic", gone="conv1:3", s="20")
    assert not app.warning and app.selectbox(key="criterion").value == "bn_scale"
    app.segmented_control(key="granularity").set_value("weight").run()
    assert not app.exception and not app.warning
    assert app.segmented_control(key="criterion").value == "magnitude" and "gone" not in app.query_params
    app.button(key="undo").click().run()
    assert app.query_params["gone"] == "conv1:3" and app.selectbox(key="criterion").value == "bn_scale"


def test_another_model_without_such_units_is_pruned_by_weights():
    app = opened(m="digits_vit", g="head", s="25")
    app.selectbox(key="subject").set_value("digits_mlp").run()
    assert not app.exception and not app.warning
    assert app.segmented_control(key="granularity").value == "weight" and "g" not in app.query_params


@pytest.mark.parametrize("query", [{"g": "head"}, {"g": "atom"}, {"g": "filter", "gone": "nobody:3"}, {"g": "2:9:4"}])
def test_units_that_are_not_there_are_a_sentence(query):
    app = opened(m="digits_cnn", **query)
    assert not app.exception and len(app.warning) == 1 and strip(app)["sparsity"] == "50%"


def without_batch_norm(folder: Path) -> str:
    """A card of a network whose filters have no BatchNorm to be judged by."""
    network, chance = architecture.build("lenet5"), torch.Generator().manual_seed(0)
    weights = {name: 0.1 * torch.randn(tensor.shape, generator=chance) for name, tensor in network.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    labels = np.arange(60) % 10
    np.savez(folder / "data.npz", x_test=images, y_test=labels, x_train=images, y_train=labels)
    (folder / "subject.toml").write_text(
        'name = "Plain"\nweights = "weights.safetensors"\n[architecture]\nbuild = "lenet5"\n[data]\nfile = "data.npz"\n',
        "utf-8",
    )
    return str((folder / "subject.toml").resolve())


def test_criteria_that_cannot_judge_a_model_are_named_and_left_out(tmp_path, monkeypatch):
    card = without_batch_norm(tmp_path)
    monkeypatch.setenv("PRUNEVIZ_CARDS", card)
    app = opened(PAGES[2], m=card, g="filter", s="20")
    assert not app.exception and not app.warning, app.exception
    assert "Not compared: " in said(app) and "has no BatchNorm" in said(app)
    refused = opened(m=card, g="filter", c="bn_scale")
    assert not refused.exception and "has no BatchNorm" in refused.warning[0].value


def test_leaving_out_one_by_one_is_waited_for_on_request():
    app = opened(PAGES[2], m="digits_vit", g="layer", s="25")
    assert not app.exception and not [one for one in app.get("plotly_chart") if "deleted alone" in one.proto.alt]
    app.button(key="truth").click().run()
    assert not app.exception and [one for one in app.get("plotly_chart") if "deleted alone" in one.proto.alt]
    chosen = opened(m="digits_vit", g="layer", c="leave_one_out", s="25")
    assert not chosen.exception and not chosen.warning


def test_the_floor_is_the_visitors_to_lift():
    app = opened(m="digits_mlp", g="neuron", s="100")
    assert strip(app)["pruning ratio"] != "100%" and "always stays" in said(app)
    app.selectbox(key="floor").set_value(0).run()
    assert not app.exception and app.query_params["floor"] == "0" and strip(app)["pruning ratio"] == "100%"
