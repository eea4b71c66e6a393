"""What a shipped sample knows before torch is in: a share of right samples, or a perplexity with its interval."""

from __future__ import annotations

from pruneviz import language_reference
from pruneviz.engine.tasks import language_modelling
from pruneviz.recipe import Recipe
from pruneviz.studio import kitchen, made_with, samples
from tests import author_text


@author_text.needed
def test_a_shipped_perplexity_is_what_is_measured():
    recipe = Recipe(subject="reference_lm", amount=0.6)
    first, measured = samples.report(recipe).score, kitchen.report(recipe).score
    assert (first.correct, first.dense_correct) == (None, None) == (measured.correct, measured.dense_correct)
    assert (first.metric, first.noun, first.n) == (measured.metric, measured.noun, measured.n)
    assert first.method == measured.method == language_modelling.method
    for one, other in zip((first.value, *first.interval), (measured.value, *measured.interval), strict=True):
        assert abs(one / other - 1) < 1e-3


def test_a_shipped_share_has_its_counts():
    score = samples.report(Recipe(subject="digits_mlp", amount=0.6)).score
    assert score.correct == round(score.value * score.n) and score.noun == "images" and score.method == ""


@author_text.needed
def test_a_link_names_the_text_that_a_perplexity_is_of():
    assert made_with.hashes("reference_lm", now=True)[1] == language_reference.sha256()
    assert made_with.hashes("reference_lm", now=False)[1] == ""
