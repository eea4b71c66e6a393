"""A language model's text on a page: the passage that is chosen, and what both networks write, at once or by the worker."""

from __future__ import annotations

import pytest

from pruneviz.continuation import TOKENS
from pruneviz.engine import continuation, evaluate
from pruneviz.recipe import Recipe
from pruneviz.studio import breakage, kitchen, orders, passages
from tests.engine.sources import stories
from tests.studio import heavy
from tests.studio.test_pages import opened, said

PAGE = "pages/analyse/damage.py"


@pytest.fixture(scope="module")
def teller(tmp_path_factory) -> str:
    """The card of a small story teller."""
    return str((stories.folder(tmp_path_factory.mktemp("teller")) / "subject.toml").resolve())


def test_three_passages_are_offered_and_the_chosen_one_is_written_on(teller, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_CARDS", teller)
    app, found = opened(PAGE, m=teller, s="60"), breakage.found(Recipe(subject=teller, amount=0.6))
    assert not app.exception, app.exception
    hardest, middle, least = found.passages
    assert hardest.rises.mean() >= middle.rises.mean() >= least.rises.mean()
    names = [f"window {hardest.window}, hardest hit", f"window {middle.window}, in the middle"]
    assert list(app.segmented_control(key="example").options)[:2] == names
    assert f"beginning of the held-out window {hardest.window}" in said(app)
    before, after = (f"{one:.3g}" for one in least.perplexities)
    app.segmented_control(key="example").set_value(least.window).run()
    assert app.query_params["x"] == str(least.window) and not app.exception
    titles = [one.value for one in app.subheader]
    assert any(f"perplexity goes from {before} to {after}" in one for one in titles)
    assert f"beginning of the held-out window {least.window}" in said(app)


def test_of_a_heavy_model_the_worker_writes_and_only_when_asked(teller, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_CARDS", teller)
    monkeypatch.setattr(orders, "who", lambda: "ann/1")
    recipe = Recipe(subject=teller, amount=0.6)
    subject = kitchen.subject(teller)
    mine = continuation.continued(subject, recipe, evaluate.stand(subject, recipe), 2)
    with heavy.weighing(monkeypatch, "0"):
        assert kitchen.heavy(teller)
        theirs = orders.first(kitchen.job_part(recipe), "continuations", (2,), passages.PANEL)
        assert theirs == mine and len(theirs.pruned) == TOKENS
        app = opened(PAGE, m=teller, s="60")
        assert not app.exception, app.exception
        assert [one for one in app.button if one.key == "ask-continuation"] and "tokens each" not in said(app)
    heavy.forget(teller)


def test_of_images_there_is_nothing_to_read():
    assert breakage.found(Recipe(subject="digits_mlp", amount=0.9)).passages == ()
