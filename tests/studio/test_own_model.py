"""A model that a visitor brought is a model as any other: on every page, here and in the worker, until it is gone."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.caps import Caps
from pruneviz.engine.sources import limits
from pruneviz.recipe import Recipe
from pruneviz.studio import admission, house_rules, kitchen, library, orders, reality, visitor
from pruneviz.studio.frame import PAGES
from tests.studio import brought, heavy
from tests.studio.test_pages import opened, said, strip

OWNER = "ann"


@pytest.fixture(autouse=True)
def ann(monkeypatch):
    monkeypatch.setattr(visitor, "name", lambda: OWNER)
    yield
    library.release(OWNER)


@pytest.fixture
def mine(tmp_path):
    return brought.model(OWNER, tmp_path)


@pytest.mark.parametrize("seconds", ["3600", "0"], ids=["here", "in the worker"])
@pytest.mark.parametrize("page", [path for path, _, name in PAGES if name != "reality"])
def test_it_opens_on_every_page(mine, page, seconds, monkeypatch):
    with heavy.weighing(monkeypatch, seconds):
        app = opened(page, m=mine, s="70", k="0")
        assert not app.exception and not app.warning and not app.error, (page, app.exception)
        assert app.selectbox(key="subject").value == mine and strip(app)["sparsity"] == "70%"


def settled(app: AppTest) -> AppTest:
    """The page Reality check once its measurement has ended."""
    last = time.monotonic() + 120
    while not any(button.key == "again" for button in app.button):
        assert time.monotonic() < last, said(app)
        time.sleep(0.2)
        app.run()
    return app


def test_its_time_is_measured_by_a_process_of_its_own_and_the_page_names_no_folder(mine, monkeypatch):
    monkeypatch.setattr(reality, "SECONDS", 0.05)
    app = settled(opened("pages/decide/reality.py", m=mine, g="neuron", s="50", batch="2", threads="1"))
    assert not app.exception and not app.error, [one.value for one in app.error]
    assert app.get("plotly_chart") and "Measured on" in said(app)
    command = app.code[0].value
    assert "--subject=path/to/subject.toml" in command and mine not in command and str(admission.place(mine)) not in command
    assert str(admission.place(mine)) not in " ".join([said(app), *(one.value for one in app.markdown)])


def test_what_goes_wrong_with_its_measurement_names_no_folder(mine):
    place = admission.place(mine)
    (library.place(mine) / "subject.toml").unlink()
    found = reality.Measuring(Recipe(subject=mine))
    reality._run(found)
    assert found.trouble.startswith("The measurement ended early") and "pruneviz-library" not in found.trouble
    assert place not in found.trouble


def test_the_worker_is_told_the_bounds_and_the_hashes_of_what_was_brought_and_of_nothing_else(mine, tmp_path, monkeypatch):
    caps = replace(Caps(), samples=40)
    monkeypatch.setattr(house_rules, "caps", lambda: caps)
    with heavy.weighing(monkeypatch, "0"):
        recipe = Recipe(subject=mine)
        subject = kitchen.subject(mine)
        assert len(subject.held_out) == 40
        job = orders._job(orders.Order("measure", recipe))
        assert job.limits == limits.limits(caps) and job.expects == (subject.sha256, subject.data_sha256)
        assert kitchen.whole_report(recipe, "test").score.n == 40, "the worker measures the samples that are shown"
    path = heavy.card(tmp_path)
    job = orders._job(orders.Order("measure", Recipe(subject=path)))
    assert job.limits is None and job.expects is None


def test_a_model_that_made_room_is_a_word_and_the_setting_before_and_undo_never_leads_back_to_it(tmp_path):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    first = brought.model(OWNER, tmp_path / "a")
    app = opened(m="digits_mlp", s="60")
    app.selectbox(key="subject").set_value(first).run()
    app.segmented_control(key="scope").set_value("layer").run()
    app.selectbox(key="subject").set_value("digits_mlp").run()
    library.take(OWNER, brought.model(OWNER, tmp_path / "b", "Another"), ("", ""), Caps(models=1))
    assert library.place(first) is None
    app.button(key="undo").click().run()
    assert not app.exception and "this model is not here" in app.warning[0].value
    assert app.selectbox(key="subject").value == "digits_mlp" and strip(app)["sparsity"] == "60%"
    assert app.button(key="undo").disabled
    app.run()
    assert not app.exception


def test_a_model_whose_files_were_touched_while_it_is_shown_is_a_word_and_the_default(mine):
    app = opened(m=mine)
    assert not app.exception and not app.warning
    at = library.place(mine) / "data" / "data.npz"
    os.utime(at, (1, 1))
    app.run()
    assert not app.exception and "this model is not here" in app.warning[0].value
    assert app.selectbox(key="subject").value == "digits_cnn"
