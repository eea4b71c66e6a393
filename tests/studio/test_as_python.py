"""«Copy as Python» on a page: written when it is opened, and for a heavy model written by the worker."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

from streamlit.testing.v1 import AppTest

from pruneviz.engine import evaluate
from pruneviz.engine.export import script
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe
from pruneviz.studio import as_python
from tests.studio.test_pages import opened

SETTING = Recipe(granularity="neuron", amount=0.5)


def folded(app: AppTest):
    return next(one for one in app.expander if one.label == as_python.LABEL)


def test_closed_it_costs_nothing_and_open_it_is_the_script():
    app = opened(m="digits_mlp", s="90")
    assert not app.exception and not folded(app).code
    app.session_state["as-python"] = True
    app.run()
    text = folded(app).code[0].value
    assert not app.exception and text == as_python.offered(Recipe(subject="digits_mlp", amount=0.9)).text.strip()
    assert "AMOUNT = 0.9" in text and "90% asked for" in text


def test_after_others_the_first_script_of_a_heavy_model_is_there_again(weighed):
    recipe = replace(SETTING, subject=weighed)
    first = as_python.offered(recipe).text
    others = [as_python.offered(replace(recipe, amount=amount)).text for amount in (0.2, 0.3)]
    assert as_python.offered(recipe).text == first and first not in others


def test_the_worker_writes_what_would_be_written_here(weighed, path):
    recipe = replace(SETTING, subject=weighed)
    subject = replace(card.load(path), name=path)
    standing = evaluate.stand(subject, recipe)
    score = evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured)).score
    here, found = script.script(subject, recipe, standing, score), as_python.offered(recipe)
    assert (found.text, found.needs) == (here.text, tuple(name for name, _ in here.files))
    with zipfile.ZipFile(io.BytesIO(found.packed())) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            script.NAME: here.text.encode(), **dict(here.files),
        }  # fmt: skip
