"""What a report compares: settings of the same samples only, and a word for each that is left out."""

from __future__ import annotations

from dataclasses import replace

from pruneviz.candidates import same_samples
from pruneviz.handout import gather, sections
from pruneviz.query import to_pin
from pruneviz.recipe import Recipe


def test_a_pin_of_other_samples_or_of_another_model_is_left_out_and_named(weights_case):
    """A quarter of the held-out data set aside makes other samples."""
    from pruneviz.engine.sources import card

    live = Recipe(subject="digits_mlp", amount=0.9)
    aside = replace(live, criterion="gradient", calibration="held-out")
    pins = (Recipe(subject="digits_cnn"), aside, replace(live, amount=0.5))
    ready = gather._ready(card.load(live.subject), replace(live, pins=tuple(map(to_pin, pins))))
    report = ready.report()
    found, left_out = gather._candidates(ready, report)
    assert [one.letter for one in found] == ["C", "live"] and all(same_samples(one.report, report) for one in found)
    assert left_out == (
        "The pinned setting A is not compared: it is of another model.",
        "The pinned setting B is not compared: it was measured on other samples than this setting.",
    )
    assert gather._candidates(gather._ready(ready.subject, live), report) == ((), ())
    html = sections.trade_off(replace(weights_case, left_out=left_out), {})
    assert all(one in html for one in left_out)


def test_heads_that_share_keys_are_called_groups_of_heads():
    """They go by the group and are counted so: a document that called them heads would count them wrongly."""
    from pruneviz.engine.sources import card

    for name, many in (("reference_lm", "groups of heads"), ("digits_vit", "attention heads")):
        live = Recipe(subject=name, granularity="head", amount=0.25)
        ready = gather._ready(card.load(name), live)
        assert gather.words(live, ready.report())["many"] == many
