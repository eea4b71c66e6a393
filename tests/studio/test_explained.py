"""Which pixels count, as a page shows it: asked at once of a small model, only on request of a heavy one, never of texts."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.attribution import METHODS
from pruneviz.engine import evaluate, explain
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe
from pruneviz.studio import explained, kitchen
from tests.engine.sources.stories import folder

SCRIPT = """
from pruneviz.studio import bench, explained
bench.open_bench(lambda recipe: None)
explained.pair(bench.recipe_now(), bench.recipe_now().example)
"""


def opened(**query: str) -> AppTest:
    app = AppTest.from_string(SCRIPT, default_timeout=180)
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def said(app: AppTest) -> str:
    return " ".join(one.value for one in [*app.header, *app.markdown, *app.info])


@pytest.fixture(scope="module")
def shown() -> AppTest:
    return opened(m="digits_cnn", s="90", x="3")


def test_the_finding_is_the_title_and_every_chart_has_words_and_a_table(shown):
    assert not shown.exception, shown.exception
    recipe = Recipe(amount=0.9)
    found = explained.attributed(recipe, 3, "saliency")
    assert f"rank agreement {found.agreement:.2f}" in shown.header[0].value
    charts = shown.get("plotly_chart")
    assert [one.value for one in shown.subheader][0].startswith("The image: «2»")
    assert len(charts) == len(shown.subheader) == len(shown.expander) == 4 and all(one.proto.alt for one in charts)
    words = said(shown)
    assert "Held-out image 3, «2»: the dense network says 2, the pruned one" in words and "one shot, no fine-tuning" in words
    assert "Simonyan" in words and "computed by captum" in words and "is an example, not a measurement" in words


def test_another_method_is_another_map_and_another_source(shown):
    for method, words in (
        ("integrated-gradients", "of 12 in the dense network"),
        ("occlusion", "The square is 2 × 2 pixels"),
    ):
        shown.segmented_control(key="attribution").set_value(method).run()
        assert not shown.exception and words in said(shown) and METHODS[method].cite in said(shown)


def test_what_is_shared_is_kept_and_cannot_be_written(shown):
    found = explained.attributed(Recipe(amount=0.9), 3, "saliency")
    assert found is explained.attributed(Recipe(amount=0.9, example=5, layer="conv1.weight"), 3, "saliency")
    with pytest.raises(ValueError, match="read-only"):
        found.dense[0, 0] = 1


def test_nothing_is_drawn_of_no_example_and_of_texts(tmp_path):
    app = opened(m="digits_cnn")
    assert not app.exception and app.header[0].value == explained.QUESTION and "Choose an example above" in said(app)
    text = opened(m=folder(tmp_path), x="0")
    assert not text.exception and "looks at no images" in said(text)
    assert not app.get("plotly_chart") and not text.get("plotly_chart")


def test_an_example_that_is_not_there_is_a_sentence():
    app = opened(m="digits_cnn", x="500")
    assert not app.exception and "no held-out sample 500; there are 0 to 499" in said(app).replace("\\", "")


def test_a_heavy_model_is_asked_in_the_worker_and_only_on_request(weighed):
    recipe = Recipe(subject=weighed, amount=0.8)
    waiting = opened(m=weighed, s="80", x="2")
    assert not waiting.exception and not waiting.get("plotly_chart") and waiting.button(key="ask-pixels")
    there = explained.attributed(recipe, 2, "occlusion")
    subject = card.load(weighed)
    standing = evaluate.stand(subject, kitchen.job_part(recipe))
    here = explain.attributions(subject, recipe, standing, 2, "occlusion")
    assert np.allclose(there.dense, here.dense, atol=1e-5) and np.allclose(there.pruned, here.pruned, atol=1e-5)
    assert (there.target, there.said, there.label, there.other) == (here.target, here.said, here.label, here.other)
    asked = waiting.button(key="ask-pixels").click().run()
    assert not asked.exception and len(asked.get("plotly_chart")) == 4
