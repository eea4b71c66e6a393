"""What the lessons say is so: every claim is measured here on the shipped models, or has a source that was read."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from urllib.parse import parse_qsl

import pytest

from pruneviz import findings, lesson_fields, lesson_figure, lesson_shelf, scale, shipped
from pruneviz.course import Course
from pruneviz.engine import curves, evaluate
from pruneviz.engine.distribution import shape_of
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.engine.training import labs, tickets
from pruneviz.lesson import Lesson
from pruneviz.lesson_condition import Seen
from pruneviz.lesson_figure import Figure, read
from pruneviz.query import from_query
from pruneviz.recipe import Recipe
from pruneviz.report import LayerShape, Report
from pruneviz.studio import catalogue
from pruneviz.traced import spread

SECTIONS = (
    "Why Pruning Works: Over-Parameterization",
    "Pruning Criteria: What to Remove",
    "Unstructured vs. Structured Pruning",
    "The Lottery Ticket Hypothesis",
    "Pruning Schedules and Gradual Pruning",
    "Practical Results at Scale",
)
"""The sections of the textbook."""
TOPICS = (
    "over-parameterisation", "weight-shape", "magnitude", "gradient", "obd", "l1-and-l2", "structure", "filters", "heads",
    "layers", "prune-and-retrain", "schedule", "movement", "lottery", "size", "oneshot", "results-at-scale",
    "why-not-faster",
)  # fmt: skip
OF_LABS = {"regularise": "l1-and-l2", "schedule": "schedule", "movement": "movement", "lottery": "lottery", "size": "size"}
OF_LABS |= {"oneshot": "oneshot"}
"""The lesson of each lab."""
LONG = {"lottery": (450, 7)}
"""A lesson that has to say more: so many words, and claims."""
SHELF = lesson_shelf.read([lesson_shelf.HERE])
LESSONS = {name: one for name, one in SHELF.lessons.items() if name in TOPICS}
REMEMBERED = ("DeepSparse", "Elastic", "1.57", "1.82", "2.16", "98.5%", "4.5 hours")
"""Of such nobody has seen the source: no text may lean on it."""
RIGHT = {
    "over-parameterisation": 0, "weight-shape": 0, "magnitude": 2, "gradient": 0, "obd": 0, "l1-and-l2": 2, "structure": 2,
    "filters": 0, "heads": 2, "layers": 2, "prune-and-retrain": 2, "schedule": 2, "movement": 2, "lottery": 1, "size": 1,
    "oneshot": 0, "results-at-scale": 2, "why-not-faster": 0,
}  # fmt: skip
"""The answer of each question on which the words after it lean."""


@cache
def subject(name: str):
    return card.load(shipped.SAMPLES / name)


@cache
def measured(recipe: Recipe) -> Report:
    model = subject(recipe.subject)
    standing = evaluate.stand(model, recipe)
    return evaluate.evaluate(model, recipe, standing, Workspace(model, standing.split.measured))


def at(query: str) -> Report:
    """The Report of a link's setting."""
    recipe, words = from_query(dict(parse_qsl(query)))
    assert words == []
    return measured(recipe)


def right(query: str) -> float:
    """The share of held-out images that is right."""
    return at(query).score.value


def texts(one: Lesson) -> str:
    claims = " ".join(f"{claim.often} {claim.paper} {claim.here}" for claim in one.claims)
    return f"{one.title} {one.idea} {one.text} {claims} {one.question.ask} {one.question.after}"


def test_every_lesson_is_there_in_order():
    assert SHELF.troubles == ()
    assert tuple(name for name in SHELF.lessons if name in TOPICS) == TOPICS
    assert {one.section for one in LESSONS.values()} == set(SECTIONS)


@pytest.mark.parametrize("one", LESSONS.values(), ids=LESSONS)
def test_a_lesson_is_short_and_every_claim_has_a_footing(one):
    words, claims = LONG.get(one.name, (350, 4))
    assert 150 <= len(f"{one.idea} {one.text}".split()) <= words and len(one.idea.split()) <= 60
    assert 3 <= len(one.steps) <= 6 and 1 <= len(one.claims) <= claims
    for claim in one.claims:
        assert (claim.paper and claim.source and claim.url) or (claim.here and (claim.recipe or claim.figures))
        assert not claim.source or re.search(r"\b(19|20)\d\d\b", claim.source), claim.source
    assert not [word for word in REMEMBERED if word in texts(one)]
    assert not re.search(r"\d %", texts(one)), "a percent sign follows its number at once, as in the rest of the app"


def test_a_papers_claim_says_no_more_than_its_source():
    """What follows from a definition, or why something is so, stands in the text: neither Si's abstract nor SparseGPT's
    table says it."""
    one = LESSONS["weight-shape"]
    said = {claim.source.partition(" ")[0]: claim.paper for claim in one.claims if claim.paper}
    assert "exponential" not in said["Si"] and "exponential" in texts(one)
    assert "input" not in said["Frantar"] and "large input" in texts(one) and "8.35" in said["Frantar"]


@pytest.mark.parametrize("one", LESSONS.values(), ids=LESSONS)
def test_a_lesson_begins_with_a_shipped_model_that_can_do_it(one):
    for recipe in {one.start, *(claim.recipe for claim in one.claims if claim.recipe)}:
        assert recipe.subject in shipped.titles() and catalogue.fitting(recipe) == recipe
        evaluate.check(subject(recipe.subject), recipe)


@pytest.mark.parametrize("one", LESSONS.values(), ids=LESSONS)
def test_no_step_is_done_before_it_is_asked_for(one):
    assert not one.steps[0].holds(one.start, Seen(one.page))


def test_steps_name_models_as_the_menu_does():
    titles = shipped.titles()
    for one in LESSONS.values():
        for step in one.steps:
            for condition in step.done:
                if condition.field == "subject":
                    called = re.search(r"\*\*(Digits, [^*]+)\*\*", step.say)
                    assert titles[condition.values[0]].startswith(called[1]), step.say


@pytest.mark.parametrize("one", LESSONS.values(), ids=LESSONS)
def test_measured_claims_are_measured_and_say_everything(one):
    for claim in one.claims:
        if claim.figures:
            said = lesson_figure.fill(claim.here, dict(claim.figures))
            assert "{" not in said and "nan" not in said and re.search(r"\d%|points", said)
            assert "3 seeds" in lesson_figure.footing([figure for _, figure in claim.figures])
        elif claim.here:
            said = lesson_fields.fill(claim.here, measured(claim.recipe), claim.other and measured(claim.other))
            assert "{" not in said and re.search(r"\d%", said)


@pytest.mark.parametrize("one", LESSONS.values(), ids=LESSONS)
def test_the_answer_is_the_one_on_which_the_words_lean(one):
    asked = one.question
    if asked.what == "most":
        values = [measured(choice.recipe).score.value for choice in asked.choices]
        assert values.index(max(values)) == RIGHT[one.name] and values.count(max(values)) == 1
        return
    if asked.figures:
        value = lesson_figure.value(asked.what, asked.figures)
        assert asked.right(value) == RIGHT[one.name] and "3 seeds" in lesson_figure.footing(asked.figures), value
        return
    value = lesson_fields.value(asked.what, measured(asked.then), asked.first and measured(asked.first))
    assert asked.right(value) == RIGHT[one.name], value


def apart(better: str, worse: str) -> bool:
    """Whether one setting is better than another by more than both 95% intervals."""
    return at(better).score.interval[0] > at(worse).score.interval[1]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("m=digits_cnn", "m=digits_cnn&c=random"),
        ("m=digits_mlp&s=90", "m=digits_mlp&c=random&s=90"),
        ("m=digits_mlp&s=90", "m=digits_mlp&p=layer&s=90"),
        ("m=digits_vit&c=gradient&s=60", "m=digits_vit&s=60"),
        ("m=digits_cnn&s=80", "m=digits_cnn&c=gradient&s=80"),
        ("m=digits_cnn&s=80", "m=digits_cnn&c=obd&s=80"),
        ("m=digits_resnet&c=obd&s=70", "m=digits_resnet&s=70"),
        ("m=digits_mlp&s=80", "m=digits_vit&s=80"),
        ("m=digits_cnn", "m=digits_cnn&g=filter&s=30"),
        ("m=digits_cnn&g=filter&s=10", "m=digits_cnn&g=filter&p=layer&s=10"),
        ("m=digits_cnn&g=filter&s=20", "m=digits_cnn&g=filter&s=20&pool=l1"),
        ("m=digits_vit&g=layer&c=alternate&s=25", "m=digits_vit&g=layer&c=top&s=25"),
        ("m=digits_vit&g=layer&c=top&s=25", "m=digits_vit&g=layer&c=bottom&s=25"),
        ("m=digits_vit&g=layer&c=alternate&s=25", "m=digits_vit&g=layer&c=alternate"),
    ],
)
def test_what_the_texts_call_better_is_better_beyond_both_intervals(better, worse):
    assert at(better).score.interval[0] > at(worse).score.interval[1]


def test_the_numbers_in_the_texts_hold():
    """What a text says in words of a shipped model, without a place that the app fills."""
    assert 0.03 < at("m=digits_mlp").score.value - right("m=digits_mlp&s=80") < 0.05  # «a few points»
    assert 0.15 < at("m=digits_mlp&s=80").energy_removed < 0.25  # «about a fifth»
    assert 0.28 < at("m=digits_vit&s=80").energy_removed < 0.38  # «about a third»
    assert abs(at("m=digits_cnn&g=filter&s=30").sparsity - 0.5) < 0.01  # «about half of the weights again»
    heads, layers = at("m=digits_vit&g=head&s=25"), at("m=digits_vit&g=layer&s=25")
    assert (heads.units, heads.units_removed, layers.units, layers.units_removed) == (16, 4, 4, 1)
    first = next(one for one in subject("digits_cnn").layers if one.name == "conv1.weight")
    assert subject("digits_cnn").parameter(first)[0].numel() == 9  # «nine weights each»


def test_the_break_is_deeper_than_all_before_it():
    curve = shipped.read("digits_cnn").curves["magnitude", "global"]
    cliff = findings.cliff(curve)
    before = next(point for point in curve.points if point.amount == cliff.start)
    assert cliff.points > 100 * (curve.dense_value - before.value)
    flat = next(point for point in curve.points if point.amount == 0.5)
    assert abs(flat.value - curve.dense_value) < 0.01


def test_fine_tuning_mends_what_the_lesson_says_it_mends():
    assert (len(curves.TUNED_NODES), curves.TUNING.epochs) == (7, 3)
    cnn, vit = (shipped.read(name) for name in ("digits_cnn", "digits_vit"))
    after = {point.amount: point.value for point in cnn.tuned["magnitude", "global"].points}
    shot = {point.amount: point.value for point in cnn.curves["magnitude", "global"].points}
    assert after[0.8] > cnn.curves["magnitude", "global"].dense_value - 0.01 and shot[0.9] < 0.15 < 0.95 < after[0.9]
    mended = {point.amount: point.value for point in vit.tuned["magnitude", "global"].points}
    assert mended[0.9] < 0.6


@cache
def shape(model: str, layer: str) -> LayerShape:
    one = next(one for one in subject(model).layers if one.name == layer)
    return shape_of(one.name, one.label, subject(model).parameter(one))


def test_the_shapes_are_those_that_the_lessons_speak_of():
    assert shape("digits_mlp", "fc2.weight").best.law == "laplace"
    assert shape("digits_mlp", "fc1.weight").best.law == shape("digits_cnn", "conv3.weight").best.law == "gauss"
    assert max(subject("digits_mlp").layers, key=lambda one: one.size).name == "fc2.weight"
    for name in shipped.titles():
        assert all(not (subject(name).parameter(one) == 0).any() for one in subject(name).layers), "no exact zero"
    cards = {name: (shipped.SAMPLES / name / "card.md").read_text("utf-8") for name in ("digits_mlp", "digits_vit")}
    assert "weight decay 0.5" in cards["digits_mlp"] and "weight decay 0.1" in cards["digits_vit"]


def test_the_lesson_on_scale_prints_what_the_chart_draws():
    said = texts(LESSONS["results-at-scale"])
    printed = [one.score for study in (scale.BERT, scale.RESNET) for one in (*study.papers, *study.controls)]
    for number in (82.3, 84.9, 83.8, 59.6, 75.58, 76.52, 70.21):
        assert number in printed and f"{number:g}" in said
    assert f"{100 - scale.VGG.papers[0].score:.2f}" in said and f"{100 - scale.VGG.dense:.2f}" in said
    small, large = scale.OPT[0], scale.OPT[-1]
    assert all(f"{one:g}" in said for one in (small.dense, small.sparsegpt, large.dense, large.sparsegpt))
    assert all(study.beaten for study in scale.placed())  # «in all three pairs the paper did better»


def figure(lesson: str, written: str) -> Figure:
    return read(written, LESSONS[lesson].start)


def mean(lesson: str, written: str) -> float:
    return spread([*lesson_figure.known(figure(lesson, written)).values()]).mean


def side(lesson: str, then: str, first: str) -> int:
    """On which side of zero the difference of two figures surely is."""
    return lesson_figure.sure(lesson_figure.apart(figure(lesson, first), figure(lesson, then)))


def test_every_lab_has_its_lesson_and_opens_with_the_labs_own_course():
    """A learner begins where runs are: the setting that the lab opens with, but for the choice that is to be changed."""
    for lab, name in OF_LABS.items():
        one, opens = LESSONS[name], labs.find(lab).default
        assert (one.page, one.start.course.lab) == (lab, lab) and labs.find(lab).planned(
            subject(one.start.subject), one.start
        )
        begun = replace(one.start.course, schedule="", penalty="", strength=0.0, method="")
        assert begun == replace(opens.course, schedule="", penalty="", strength=0.0, method=""), name
        own = replace(one.start, course=Course(), lesson="", subject=opens.subject)
        assert own == replace(opens, course=Course()) and one.start.subject in (opens.subject, "digits_cnn")
        assert any(claim.figures for claim in one.claims) and any(claim.paper for claim in one.claims)
        assert {step.page for step in one.steps} <= {lab, "slider", "weights"}


def test_the_lesson_on_tickets_counts_as_the_lab_does():
    """The formula in the text, for every round; and the sizes that it names."""
    one, found = LESSONS["lottery"], subject("digits_mlp")
    output = tickets.output(found)
    small = next(layer for layer in found.layers if layer.name == output)
    assert (found.weights, small.size, small.shape[0]) == (50_200, 1_000, 10) and "1,000 of 50,200 weights" in one.text
    assert one.start.amount == 0.2 and "(49{,}200 \\cdot 0.8^n + 1{,}000 \\cdot 0.9^n) / 50{,}200" in one.text
    for n in range(15):
        formula = (49_200 * 0.8**n + 1_000 * 0.9**n) / 50_200
        asked = tickets.after(found, one.start, output, n)
        assert formula == pytest.approx(1 - tickets.share(found, asked), abs=2e-4)
        assert formula == pytest.approx(mean("lottery", f"left at {n}"), abs=2e-4)
    assert mean("lottery", "left at 7") == pytest.approx(0.21, abs=0.006), "«about a fifth»"


def test_what_the_lesson_on_tickets_says_of_its_runs_holds():
    assert side("lottery", "ticket at 7-14", "reinit at 7-14") == 1 and side("lottery", "ticket at 7", "reinit at 7") == 1
    gaps = [mean("lottery", f"ticket at {n}") - mean("lottery", f"reinit at {n}") for n in range(1, 15)]
    assert gaps.index(max(gaps)) == 13, "«further ahead than in any round before»"
    widths = [
        lesson_figure.apart(figure("lottery", f"reinit at {n}"), figure("lottery", f"ticket at {n}")) for n in range(1, 15)
    ]
    spans = [one.high - one.low for one in widths]
    assert spans.index(max(spans)) == 13, "«there the seeds differ most from each other»"
    assert side("lottery", "reinit at 7-14", "random at 7-14") == 0, "«not to find a difference»"


def test_what_the_lessons_of_the_other_labs_say_of_their_runs_holds():
    penalties = [f"with penalty:{one} strength:{strength}" for one, strength in (("none", 0), ("l1", 0.0003), ("l2", 0.005))]
    at_half = [mean("l1-and-l2", f"before at 50% {one}") for one in penalties]
    assert max(at_half) - min(at_half) < 0.005, "«at 50% the three are alike»"
    for one in penalties[1:]:
        assert side("l1-and-l2", f"after at 98% {one}", f"after at 98% {penalties[0]}") == 1
    assert side("l1-and-l2", f"after at 98% {penalties[1]}", f"after at 98% {penalties[2]}") == 0
    falls = [mean("schedule", f"fall with schedule:{one}") for one in ("rounds", "cubic", "linear", "one-shot")]
    assert min(falls) > 0.2, "«on the way it hurts»"
    assert mean("schedule", "accuracy with schedule:one-shot") > 0.98, "«the steps that follow bring it back»"
    tiny, wide = (f"accuracy with method:small width:{one}" for one in (0.5, 2))
    assert side("size", wide, tiny) == 1, "«so size does not matter»"
    spans = [spread([*lesson_figure.known(figure("size", one)).values()]) for one in (tiny, wide)]
    assert spans[0].high - spans[0].low > 3 * (spans[1].high - spans[1].low), "«end far apart from seed to seed»"


def test_what_the_lesson_on_one_shot_says_of_choosing_and_covering_holds():
    """Choosing by Wanda saves what magnitude costs more; covering saves what Wanda alone costs more; seed by seed."""
    ways = ("method:keep criterion:magnitude", "method:keep", "method:least_squares")
    size, plain, fit = (lesson_figure.known(figure("oneshot", f"perplexity with {one}")) for one in ways)
    gains = [(size[seed] - plain[seed], plain[seed] - fit[seed]) for seed in plain]
    assert all(min(pair) > 2 for pair in gains), "«about as much»: both are worth something"
    more = spread([covering - choosing for choosing, covering in gains])
    assert more.n == 3 and more.low < 0 < more.high, "«over three draws of text nobody can tell which is worth more»"
