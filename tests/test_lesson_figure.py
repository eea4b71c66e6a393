"""Figures of a lesson: read of runs seed by seed, held against each other, and the same as the labs' charts say."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest

from pruneviz import lesson_figure, lesson_file, shipped_runs
from pruneviz.charts.labs import lottery, regularise, schedule
from pruneviz.charts.labs import size as sizes
from pruneviz.charts.labs.lanes import Lane, lanes
from pruneviz.course import Course
from pruneviz.lesson_figure import read
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced, difference, spread
from tests.test_lesson import WHOLE

START = Recipe(subject="digits_mlp", amount=0.2, scope="layer", course=Course(lab="lottery"))


def run(seed: int, tickets, rolled, **other) -> Traced:
    """A run of tickets: in each round so many are right, of 50%, 25%, … of the weights."""
    arrays = {
        f"rounds:{lane}": np.array([(at, 0.5**at, right) for at, right in enumerate(told, 1)])
        for lane, told in (("ticket", tickets), ("reinit", rolled))
    }
    moments = (Moment(9, 9, "round 2", {"accuracy": tickets[-1], "n": 10.0}, arrays),)
    return Traced(replace(START, seed=seed, **other), "", "done", 9, 9, moments, shipped=True)


@pytest.fixture
def runs(monkeypatch):
    """Two seeds, of which the second has one more of ten right with the ticket; and a run of another setting."""
    known = [
        run(1, (0.9, 0.8), (0.8, 0.6)),
        run(0, (0.9, 0.6), (0.8, 0.5)),
        run(0, (0.1, 0.1), (0.1, 0.1), amount=0.3),
        replace(run(2, (0.1, 0.1), (0.1, 0.1)), state="running"),
    ]
    monkeypatch.setattr(
        shipped_runs, "read", lambda subject, lab: known if (subject, lab) == ("digits_mlp", "lottery") else []
    )
    return known


def test_a_figure_is_of_every_ended_run_of_the_setting(runs):
    assert lesson_figure.known(read("ticket at 2", START)) == {0: 0.6, 1: 0.8}
    assert lesson_figure.known(read("ticket at 1-2", START)) == pytest.approx({0: 0.75, 1: 0.85})
    assert lesson_figure.known(read("left at 2", replace(START, layer="fc1.weight"))) == {0: 0.25, 1: 0.25}
    assert lesson_figure.known(read("ticket at 1 with amount:30%", START)) == {0: 0.1}
    assert lesson_figure.known(read("steps", START)) == {0: 9.0, 1: 9.0}
    for lost in ("ticket at 3", "random at 1", "before at 95%", "fall", "swapped", "parameters", "accuracy with rounds:3"):
        assert lesson_figure.known(read(lost, START)) == {}


def test_two_figures_are_held_against_each_other_seed_by_seed(runs):
    """0.1 and 0.2 apart: mean 0.15, and Student's interval with one degree of freedom is ± 12.7 · 0.05."""
    first, then = read("reinit at 2", START), read("ticket at 2", START)
    found = lesson_figure.apart(first, then)
    assert (found.mean, found.low) == (pytest.approx(0.15), pytest.approx(0.15 - 12.7062 * 0.05))
    assert lesson_figure.value("apart", (first, then)) == pytest.approx(15)
    assert lesson_figure.value("sure", (first, then)) == 0 and lesson_figure.value("figure", (then,)) == pytest.approx(70)
    assert lesson_figure.said("sure", (first, then)) == "+15.0 points (−48.5 to +78.5: nobody can tell)"
    always = (read("reinit at 1", START), read("ticket at 1", START))
    assert lesson_figure.value("sure", always) == 0, "one of ten samples is no difference, in however many seeds"
    many = [replace(one.moments[0], values=one.moments[0].values | {"n": 1000.0}) for one in runs]
    runs[:] = [replace(one, moments=(moment,)) for one, moment in zip(runs, many, strict=True)]
    assert lesson_figure.value("sure", always) == 1 and lesson_figure.value("sure", always[::-1]) == -1


def test_a_sentence_is_filled_from_runs(runs):
    figures = {"t": read("ticket at 2", START), "r": read("reinit at 2", START), "bill": read("steps", START)}
    said = lesson_figure.fill("{t.mean}, {t}, {t - r}, {bill}; {other} stays", {**figures, "other": figures["r"]})
    assert said == "70%, 70% (0 to 100), +15.0 points (−48.5 to +78.5: nobody can tell), 9; 55% (0 to 100) stays"
    assert lesson_figure.footing([*figures.values()]) == (
        "means over 2 seeds, 95% intervals, on 10 held-out samples; runs shipped with the model"
    )
    assert lesson_figure.footing([figures["t"], read("random at 1", START)]) == ""
    runs[:] = runs[:1]
    assert "one seed, which proves nothing" in lesson_figure.footing([figures["t"]])
    assert lesson_figure.fill("{t}, {t - r}", figures) == "80%, +20.0 points (one seed, which proves nothing)"
    assert lesson_figure.value("sure", (figures["r"], figures["t"])) == 0


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("happiness", "no figure"),
        ("ticket", "wants a place"),
        ("accuracy at 3", "wants no place"),
        ("ticket at x", "no figure"),
        ("ticket at 3 with pace:4", "pace"),
        ("ticket at 3 with rounds:many", "rounds"),
        ("ticket at 3 with amount:much", "much"),
        (7, "no figure"),
    ],
)
def test_what_is_no_figure_is_a_sentence(said, words):
    with pytest.raises(ValueError, match=words):
        read(said, START)
    with pytest.raises(ValueError, match="start names none"):
        read("accuracy", Recipe())


def test_a_perplexity_is_a_number_and_no_share(monkeypatch):
    """36 and 38: mean 37, and Student's interval with one degree of freedom is ± 12.7 · 1. Other ways are other settings."""
    start = Recipe(subject="reference_lm", criterion="wanda", course=Course(lab="oneshot", method="sparsegpt"))

    def ended(value: float, **own) -> Traced:
        return Traced(replace(start, **own), "", "done", 1, 1, (Moment(1, 1, "done", {"value": value, "n": 96.0}),))

    kept = ended(50.0, criterion="magnitude", course=Course(lab="oneshot", method="keep"))
    runs = [ended(36.0), ended(38.0, seed=1), kept]
    monkeypatch.setattr(shipped_runs, "read", lambda subject, lab: runs)
    figures = {"p": read("perplexity", start), "k": read("perplexity with method:keep criterion:magnitude", start)}
    assert lesson_figure.value("figure", (figures["p"],)) == 37.0
    assert lesson_figure.fill("{p}, {p.mean}, {k}", figures) == "37.00 (24.29 to 49.71), 37.00, 50.00"
    runs.append(replace(kept, recipe=replace(kept.recipe, seed=1)))
    assert lesson_figure.fill("{k}", figures) == "50.00 (the same for every seed)", (
        "an interval of no width looks like a slip"
    )
    assert read("perplexity with granularity:2:4", start).runs == replace(start, granularity="2:4")


OF_RUNS = WHOLE.replace("s=10", "s=20&p=layer&run=lottery").replace(
    'recipe = "m=digits_mlp&s=50"\nother = "m=digits_mlp&s=50&c=random"',
    'figures = { t = "ticket at 2", r = "reinit at 2" }',
)
OF_RUNS = OF_RUNS.replace('here = "{accuracy} of {n} {samples}; by lot {other.accuracy}."', 'here = "{t} and {t - r}."')
OF_RUNS = OF_RUNS.replace(
    '{ what = "points", first = "m=digits_mlp&s=0", then = "m=digits_mlp&s=90" }',
    '{ what = "apart", first = "reinit at 2", then = "ticket at 2" }',
)


def test_a_lessons_file_writes_figures():
    one = lesson_file.parse(OF_RUNS, "half")
    assert dict(one.claims[1].figures) == {"t": read("ticket at 2", START), "r": read("reinit at 2", START)}
    assert one.question.figures == (read("reinit at 2", START), read("ticket at 2", START)) and one.question.then is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{t - r}", "{t - s}", "«s»"),
        ("{t} and", "{ticket} and", "«ticket»"),
        ('figures = { t = "ticket at 2", r = "reinit at 2" }', "figures = 3", "no figures"),
        ('r = "reinit at 2" }\n', 'r = "reroll at 2" }\n', "claim 2: «reroll at 2»"),
        ('first = "reinit at 2", ', "", "the question: «None»"),
        ("&run=lottery", "", "start names none"),
    ],
)
def test_a_broken_figure_is_a_sentence(old, new, words):
    assert OF_RUNS.count(old) == 1
    with pytest.raises(ValueError, match=words):
        lesson_file.parse(OF_RUNS.replace(old, new), "half")


def by(runs, field: str, names) -> dict[str, Lane]:
    """The lane of each value of a choice of the course."""
    groups = {name: [one for one in runs if getattr(one.recipe.course, field) == name] for name in names}
    return {lane.name: lane for lane in lanes(groups, names, {})}


def test_what_lessons_quote_is_what_the_labs_charts_say():
    """The charts count by ways of their own."""
    tickets = [one for one in shipped_runs.read("digits_mlp", "lottery") if not one.recipe.course.second]
    start = replace(tickets[0].recipe, seed=0)
    for lane in ("reinit", "random"):
        mine = lesson_figure.apart(read(f"{lane} at 7-14", start), read("ticket at 7-14", start))
        assert astuple(mine) == pytest.approx(astuple(lottery.gap(tickets, lane)[1]))
    assert "on 500 held-out samples" in lesson_figure.footing([read("ticket at 7", start)]), "and not those of a carried one"
    stops = lottery.lanes(tickets, "accuracy")["random"]
    assert [stop.value.mean for stop in stops] == pytest.approx(
        [spread([*lesson_figure.known(read(f"random at {stop.round}", start)).values()]).mean for stop in stops]
    )
    found = shipped_runs.read("digits_mlp", "regularise")
    pair, start = by(found, "penalty", ("l1", "l2")), replace(found[0].recipe, seed=0)
    first, then = "with penalty:l2 strength:0.005", "with penalty:l1 strength:0.0003"
    for when in ("before", "after"):
        mine = lesson_figure.apart(read(f"{when} at 95% {first}", start), read(f"{when} at 95% {then}", start))
        assert astuple(mine) == pytest.approx(astuple(regularise.gap(pair["l1"], pair["l2"], when, 0.95)))
    found = shipped_runs.read("digits_cnn", "schedule")
    for name, lane in by(found, "schedule", ("one-shot", "linear", "cubic", "rounds")).items():
        figure = read(f"fall with schedule:{name}", replace(found[0].recipe, seed=0))
        assert spread([*lesson_figure.known(figure).values()]).mean == pytest.approx(schedule.deepest(lane).mean)
    found = [one for one in shipped_runs.read("digits_cnn", "size") if one.recipe.course.width == 0.5]
    lane = by(found, "method", ("pruned", "scratch"))
    start = replace(lane["pruned"].runs[0].recipe, seed=0)
    mine = lesson_figure.apart(read("accuracy with method:scratch", start), read("accuracy with method:pruned", start))
    assert astuple(mine) == pytest.approx(astuple(difference(lane["pruned"].runs, lane["scratch"].runs, "accuracy")))
    count = lesson_figure.fill("{p}", {"p": read("parameters", start)})
    assert count == f"{sizes.parameters({'pruned': found})[0]:,}" == "1,030"
