"""Curves of heavy models: points of a few samples first, each says of how many, and nothing that was found shrinks again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz.recipe import Recipe
from pruneviz.report import PERCENTS, Curve, CurvePoint, wilson
from pruneviz.studio import curves, kitchen, orders, panels, words
from pruneviz.studio.order import better
from pruneviz.studio.scrubber.panel import payload


def point(amount: float, correct: int, n: int, of: int = 500) -> CurvePoint:
    return CurvePoint(amount, amount, correct / n, correct, n, wilson(correct, n), (0, 0), of=of)


def curve(*points: CurvePoint) -> Curve:
    return Curve("m", "magnitude", "global", 0, "none", 0, points, 0.9, 0.1)


def test_the_worker_measures_the_whole_curve_and_its_points_are_those_of_a_report(weighed):
    recipe = Recipe(subject=weighed, amount=0.5)
    begun, done = curves.curve(recipe)
    assert not done and [one.amount for one in begun.points][:1] == [0.0]
    assert curves.baseline(recipe) is None  # one after the other
    orders.wait(lambda: orders.look(kitchen.job_part(recipe, amount=0.0), "curve", curves.NODES), lambda one: one.over)
    whole, done = curves.curve(recipe)
    assert done and len(whole.points) == PERCENTS and panels.complete(whole)
    assert [one.amount for one in whole.points] == sorted(curves.NODES)
    assert next(one for one in whole.points if one.amount == 0.5).value == kitchen.report(recipe).score.value
    curves.sweep(recipe)
    orders.finished(kitchen.job_part(recipe, amount=0.0), "sweep")  # its one result is there a moment before its end
    orders.finished(kitchen.job_part(recipe), "measure")
    assert curves.known(recipe) and not curves.known(replace(recipe, amount=0.6))
    with pytest.MonkeyPatch.context() as broken:  # a baseline that cannot be measured is none, and no trouble of the page
        asked = orders._job
        broken.setattr(orders, "_job", lambda one: replace(asked(one), kind="dance"))
        assert curves.baseline(recipe) is None
    failed = orders.look(kitchen.job_part(replace(recipe, criterion="random")), "measure")
    orders.resume([failed])
    assert curves.baseline(recipe) is not None and curves.baseline(replace(recipe, criterion="random")) is None


def test_what_goes_on_after_a_pause_does_not_lose_what_was_found(weighed):
    recipe = kitchen.job_part(Recipe(subject=weighed), amount=0.0)
    half = curves.NODES[:50]
    orders.wait(lambda: orders.look(recipe, "curve", half), lambda one: one.over)
    order = orders.look(recipe, "curve", curves.NODES)
    found = orders.look(recipe, "curve", half).latest
    order.latest, order.ticket = found, None
    assert set(orders._job(order).nodes) == set(curves.NODES) - set(half)


def test_a_point_of_more_samples_takes_the_place_of_one_of_fewer_and_never_the_other_way_round():
    known = curve(point(0.0, 450, 500), point(0.5, 60, 64), point(0.8, 32, 64))
    found = better(known, curve(point(0.0, 58, 64), point(0.5, 430, 500), point(0.9, 6, 64)))
    assert [(one.amount, one.n) for one in found.points] == [(0.0, 500), (0.5, 500), (0.8, 64), (0.9, 64)]
    assert better(None, known) is known


def test_the_slider_is_told_which_points_are_of_fewer_samples():
    line = panels.line(curve(point(0.0, 450, 500), point(0.5, 60, 64)), "one shot")
    assert line.n == [500, 64] and panels.line(curve(point(0.0, 450, 500)), "one shot").n is None
    assert not panels.complete(curve(*(point(percent / 100, 60, 64) for percent in range(PERCENTS))))
    assert panels.complete(curve(*(point(percent / 100, 450, 500) for percent in range(PERCENTS))))


def test_a_report_of_the_first_samples_says_so_everywhere(monkeypatch):
    report = kitchen.report(Recipe(subject="digits_mlp", amount=0.5))
    few = replace(report, score=replace(report.score, n=96, of=500, interval=wilson(90, 96), dense_correct=93))
    sweep = curves.sweep(Recipe(subject="digits_mlp", criterion="random", seed=1))
    rough = curve(point(0.0, 450, 500), point(0.5, 60, 64))
    panel = panels.hero(Recipe(subject="digits_mlp"), few, rough, sweep, title="m", baseline=None, tuned=None, trail=[])
    told = payload(panel)
    assert told["n"] == 500 and told["exact"]["n"] == 96 and told["curve"]["n"] == [500, 64]
    assert told["cliff"] is None and told["halves"] is None and not told["complete"]
    assert "of 64 images so far" in words.start(few, rough, 0)
    begun = curves._begun(replace(few, subject="digits_mlp"))
    assert [one.n for one in begun.points] == [96, 96] and all(one.partial for one in begun.points)
    assert begun.points[0].interval == wilson(93, 96), "the dense network was measured on as few"
    perplexity = replace(few, score=replace(few.score, metric="perplexity", correct=None, dense_correct=None))
    assert [one.amount for one in curves._begun(perplexity).points] == [few.amount], "no interval, no point"


def test_how_long_a_curve_takes_is_told_before_it_begins(weighed):
    coarse, whole = curves.seconds(weighed)
    assert 0 < coarse < whole and coarse == pytest.approx(whole * 64 / 80)
