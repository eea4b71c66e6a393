"""The page Compare and the baseline everywhere: the same Reports as anywhere, one selection for all parts, a link."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from pruneviz.candidates import Candidate, paired
from pruneviz.query import to_pin, to_query
from pruneviz.recipe import Recipe
from pruneviz.studio import candidates, kitchen, pinned_curve
from tests.studio.test_pages import PAGES, PICTURE, opened, said, strip
from tests.test_candidates import report, sides

PAGE = "pages/decide/compare.py"
MLP = Recipe(subject="digits_mlp", amount=0.8)
A, B = replace(MLP, amount=0.9), replace(MLP, criterion="random", amount=0.5)


def pinned(*pins: Recipe, **live) -> dict[str, str]:
    return to_query(replace(MLP, pins=tuple(map(to_pin, pins)), **live))


def shown(app) -> dict[str, str]:
    """The specifications of the page's figures, by title."""
    return {chart.proto.alt: chart.proto.spec for chart in app.get("plotly_chart")}


def test_an_empty_page_teaches_what_a_pin_is_and_makes_one():
    app = opened(PAGE, **to_query(MLP))
    assert app.title[0].value == "Pin a setting, and every page compares with it." and not app.get("plotly_chart")
    app.button(key="pin-first").click().run()
    assert not app.exception and app.query_params["pin"] == to_pin(MLP)
    assert app.title[0].value.startswith("The live setting is A itself")
    assert any(one.value == "This is A" for one in app.caption)


def test_candidates_are_the_reports_of_the_kitchen_and_their_link_shows_the_same_figures():
    app = opened(PAGE, **to_query(MLP))
    app.button(key="pin-first").click().run()
    app.switch_page(PAGES[0]).run()
    app.segmented_control(key="criterion").set_value("random").run()
    app.switch_page(PAGE).run()
    app.checkbox(key="mark-live").set_value(True).run()
    assert not app.exception and len(shown(app)) == 3
    now, then = (kitchen.report(one) for one in (replace(MLP, criterion="random"), MLP))
    pair = paired(now, then)
    points = 100 * (now.score.value - then.score.value)
    low, high = (f"{end:.1f}".replace("-", "−") for end in pair.interval)
    between = f"(95% interval of the difference {low} to {high} points)"
    assert pair.interval[1] < 0 and f"{abs(points):.1f} points below A {between}" in app.title[0].value
    assert f"{pair.newly_wrong:,} of 500 images newly wrong, {pair.newly_right:,} newly right" in app.title[0].value
    table = next(one.value for one in app.markdown if "newly wrong / right" in one.value)
    assert f"| {pair.newly_wrong} / {pair.newly_right} |" in table and f"{100 * now.score.value:.1f}".rstrip("0") in table
    app.segmented_control(key="held_against").set_value("macs").run()
    assert app.query_params["cost"] == "macs" and "bud" not in app.query_params, "the search has a budget of its own"
    assert any("MACs left" in spec for spec in shown(app).values())
    link = {key: app.query_params[key] for key in app.query_params}
    assert shown(opened(PAGE, **link)) == shown(app)


def test_the_selection_is_followed_by_every_part_and_is_no_step():
    app = opened(PAGE, **pinned(A, B))
    before = shown(app)
    assert any("A keeps" in alt and "live" in alt for alt in before) and app.button(key="undo").disabled
    app.checkbox(key="mark-B").set_value(True).run()
    app.checkbox(key="mark-live").set_value(True).run()
    assert app.query_params["sel"] == "B~live" and app.button(key="undo").disabled
    after = shown(app)
    assert any("B keeps" in alt and "live" in alt for alt in after)
    assert sum(after.get(alt) != spec for alt, spec in before.items()) == 3


def test_a_candidate_is_returned_to_taken_away_and_made_the_baseline():
    app = opened(PAGE, **pinned(A, B))
    app.button(key="baseline-1").click().run()
    assert app.query_params["pin"].startswith(to_pin(B))
    app.button(key="return-0").click().run()
    assert app.query_params["c"] == "random" and "s" not in app.query_params  # half is what a link does not say
    assert strip(app)["sparsity"] == "50%" and any(one.value == "This is A" for one in app.caption)
    app.button(key="unpin-0").click().run()
    assert app.query_params["pin"] == to_pin(A)
    for _ in range(3):
        app.button(key="undo").click().run()
    assert app.query_params["pin"].startswith(to_pin(A)) and "c" not in app.query_params and strip(app)["sparsity"] == "80%"


@pytest.mark.parametrize("warm", [True, False])
def test_the_strip_says_what_the_live_setting_costs_against_a(warm, monkeypatch):
    monkeypatch.setattr(kitchen, "warm", lambda: warm)
    app = opened(**pinned(A))
    told = [one.value for one in app.caption if one.value.startswith("against A")]
    now, then = kitchen.report(MLP).score, kitchen.report(A).score
    (gained,) = [one for one in told if one.startswith(f"against A: {100 * (now.value - then.value):+.1f} points")]
    pair = paired(kitchen.report(MLP), kitchen.report(A))
    low, high = (f"{end:.1f}".replace("-", "−") for end in pair.interval)
    assert (f"({low} to {high})" in gained) is warm and "against A: −10.0 points" in told
    assert any("newly wrong" in one for one in told) is warm
    app.button(key="back").click().run()
    assert strip(app)["sparsity"] == "90%" and not [one for one in app.caption if one.value.startswith("against A")]


def test_a_sentence_states_a_difference_only_where_chance_cannot_explain_it():
    """Of 500 samples: 12 wrong and 5 right, 45 and 5, none at all, and what shipped without single samples."""
    first = replace(report(), subject="t")

    def said(both: int, wrong: int, right: int, neither: int) -> str:
        now, then = sides(both, wrong, right, neither)
        return candidates.sentence(Candidate("live", MLP, now), Candidate("A", A, then))

    unsure, sure = said(470, 12, 5, 13), said(440, 45, 5, 10)
    assert unsure.startswith("The live setting cannot be told from A by accuracy (95% interval of the difference −")
    assert "below" not in unsure and "12 of 500 images newly wrong, 5 newly right" in unsure
    assert sure.startswith("The live setting is 8.0 points below A (95% interval of the difference −")
    assert said(480, 0, 0, 20).startswith("The live setting is right on the same images as A")
    assert said(480, 5, 5, 10).startswith("The live setting cannot be told from A")
    shipped = [Candidate(name, of, replace(first, score=replace(first.score, samples="", right=b"")))
               for name, of in (("live", MLP), ("A", A))]  # fmt: skip
    assert "accuracy that cannot be told from A's" in candidates.sentence(*shipped)
    worse = [replace(one.report.score, correct=None, metric="perplexity", value=value, interval=(value - 1, value + 1))
             for one, value in zip(shipped, (9.0, 8.0), strict=True)]  # fmt: skip
    held = [replace(one, report=replace(one.report, score=score)) for one, score in zip(shipped, worse, strict=True)]
    assert "1.12 × A's perplexity, which could be chance" in candidates.sentence(*held)


def test_other_samples_and_what_cannot_be_measured_are_said_and_not_compared():
    """A quarter of the held-out data set aside makes other samples; a model that is not here makes none."""
    aside = replace(MLP, criterion="gradient", calibration="held-out")
    app = opened(PAGE, **pinned(aside))
    assert "measured on other samples" in app.title[0].value and "Not drawn: live was measured on other" in said(app)
    assert any("Not compared with A: it was measured on other samples" in one.value for one in app.caption)
    gone = replace(MLP, subject="nobody")
    app = opened(PAGE, **pinned(gone, A))
    assert not app.exception and "unknown" in said(app) and not any(one.key == "mark-A" for one in app.checkbox)
    app.button(key="unpin-0").click().run()
    assert app.query_params["pin"] == to_pin(A)


@pytest.mark.parametrize("pin", [{"m": PICTURE}, {"m": "digits_mlp", "c": PICTURE}, {"m": "digits_mlp", "p": PICTURE}])
def test_a_strangers_pin_is_words_and_no_markup(pin):
    """In the strip, in its hint and on the page Compare."""
    app = opened(PAGE, m="digits_mlp", s="80", pin=urlencode(pin))
    assert not app.exception, app.exception
    hints = [one.help for one in app.button if one.help]
    assert not [text for text in (said(app), *hints) if "![" in text or "](http" in text]
    assert "elsewhere" in said(app)


def test_settings_that_words_cannot_tell_apart_have_their_letters():
    own = [replace(MLP, overrides=(("fc1.weight", amount),)) for amount in (0.3, 0.4)]
    app = opened(PAGE, **pinned(*own))
    assert not app.exception and any("as in B" in one.value for one in app.markdown)


def test_the_baseline_lies_on_the_axis_that_counts_what_it_prunes():
    share = pinned_curve._share
    assert share(A, 0.9, 0.9, MLP) == 0.9 and share(replace(A, granularity="filter"), 0.5, 0.7, MLP) == 0.7
    assert share(A, 0.9, 0.9, replace(MLP, granularity="neuron")) is None
    assert candidates.way(MLP)[2:6] == ("weights", "magnitude", "globally", "80%")
