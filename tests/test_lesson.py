"""Lessons are read from files: every part means what docs/lessons.md says, and a broken one is one sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pruneviz import lesson_condition, lesson_fields, lesson_figure, lesson_file, lesson_shelf
from pruneviz.course import Course
from pruneviz.lesson_condition import Seen
from pruneviz.recipe import Recipe
from pruneviz.report import Cost, LayerReport, Report, Score

ROOT = Path(__file__).resolve().parents[1]
WHOLE = """+++
title = "Half of it"
section = "Why pruning works"
minutes = 3
start = "m=digits_mlp&s=10"
page = "slider"
[[step]]
say = "Drag to 50 %."
page = "slider"
done = { amount = [">= 50%", "< 0.9"], criterion = "not random" }
[[step]]
say = "Look at the weights."
done = { page = "in weights, anatomy" }
[[claim]]
often = "It is said."
paper = "It is reported."
source = "Somebody 2020, Table 1"
url = "https://example.org/paper"
[[claim]]
often = "It is said, too."
here = "{accuracy} of {n} {samples}; by lot {other.accuracy}."
recipe = "m=digits_mlp&s=50"
other = "m=digits_mlp&s=50&c=random"
[question]
ask = "How many points go?"
after = "So it is."
measure = { what = "points", first = "m=digits_mlp&s=0", then = "m=digits_mlp&s=90" }
choices = [ { say = "few", below = 1 }, { say = "some", below = 10 }, { say = "many" } ]
+++
The idea,
in two lines.

The text.

More of it.
"""


def report(**other) -> Report:
    score = Score("accuracy", 0.8, 80, 100, (0.71, 0.867), 0.5, 0.95, 95, 16, 1)
    layer = LayerReport("fc.weight", "fc", (10, 20), 200, 100, 100, 0.1)
    cost = Cost(250, 125, 1000.0, 250.0)
    whole = Report(
        "m", "magnitude", "neuron", "global", 0.5, 0, "", 0, 200, 100, 0.5, None, 0.1, (layer,), "", "", score, units=8,
        units_removed=4, cost=cost,
    )  # fmt: skip
    return replace(whole, **other)


def test_a_lesson_is_read_whole():
    one = lesson_file.parse(WHOLE, "half")
    assert (one.name, one.title, one.minutes, one.page) == ("half", "Half of it", 3, "slider")
    assert one.start == Recipe(subject="digits_mlp", amount=0.1)
    assert one.idea == "The idea,\nin two lines." and one.text == "The text.\n\nMore of it."
    assert [step.page for step in one.steps] == ["slider", ""]
    assert one.claims[0].url == "https://example.org/paper" and one.claims[0].recipe is None
    assert one.claims[1].other == Recipe(subject="digits_mlp", criterion="random")
    assert one.question.first == Recipe(subject="digits_mlp", amount=0.0) and one.question.after == "So it is."


def test_a_step_is_done_when_all_of_its_conditions_hold():
    first, second = lesson_file.parse(WHOLE, "half").steps
    done = Recipe(amount=0.5)
    assert first.holds(done, Seen("anywhere")) and first.holds(replace(done, amount=0.8999), Seen("slider"))
    assert not first.holds(replace(done, amount=0.49), Seen("slider")) and not first.holds(
        replace(done, amount=0.9), Seen("slider")
    )
    assert not first.holds(replace(done, criterion="random"), Seen("slider"))
    assert second.holds(Recipe(), Seen("anatomy")) and not second.holds(Recipe(), Seen("slider"))


@pytest.mark.parametrize(
    ("field", "said", "yes", "no"),
    [
        ("criterion", "= obd", Recipe(criterion="obd"), Recipe()),
        ("amount", "= 90%", Recipe(amount=0.9), Recipe(amount=0.91)),
        ("amount", "> 50%", Recipe(amount=0.51), Recipe(amount=0.5)),
        ("guess", ">= 0", Recipe(guess=0), Recipe()),
        ("pins", ">= 1", Recipe(pins=("m=digits_mlp",)), Recipe()),
        ("pins", "= 0", Recipe(), Recipe(pins=("m=digits_mlp",))),
        ("spared", "has conv1.weight", Recipe(spared=("conv1.weight",)), Recipe(spared=("conv2.weight",))),
        ("limits", "has points", Recipe(limits=(("points", 1.0),)), Recipe()),
        ("scope", "in layer, erk", Recipe(scope="erk"), Recipe()),
        ("seed", "not 0", Recipe(seed=1), Recipe()),
        ("batch", 64, Recipe(batch=64), Recipe()),
        ("lab", "= lottery", Recipe(course=Course(lab="lottery")), Recipe()),
        ("penalty", "not none", Recipe(course=Course(penalty="l1")), Recipe()),
        ("rewind", "> 0", Recipe(course=Course(rewind=40)), Recipe()),
        ("width", ">= 200%", Recipe(course=Course(width=2.0)), Recipe(course=Course(width=1.75))),
        ("points", ">= 1", Recipe(course=Course(points=((0.5, 0.2),))), Recipe()),
        ("threads", "= 0", Recipe(course=Course(threads=2)), Recipe(threads=1)),  # both have it: the Recipe's counts
    ],
)
def test_conditions(field, said, yes, no):
    condition = lesson_condition.read(field, f"= {said}" if isinstance(said, int) else said)
    assert condition.holds(yes, Seen("slider")) and not condition.holds(no, Seen("slider"))


@pytest.mark.parametrize(
    ("field", "said", "yes", "no"),
    [
        ("page", "= lottery", Seen("lottery"), Seen("slider")),
        ("timed", "= yes", Seen("reality", timed="yes"), Seen("reality")),
        ("deed", "= rewind", Seen("lottery", deed="rewind"), Seen("lottery", deed="reroll")),
        ("deed", "not rewind", Seen("lottery"), Seen("lottery", deed="rewind")),
        ("round", ">= 7", Seen("lottery", round=7), Seen("lottery", round=6)),
    ],
)
def test_conditions_on_what_is_looked_at(field, said, yes, no):
    condition = lesson_condition.read(field, said)
    assert condition.holds(Recipe(), yes) and not condition.holds(Recipe(), no)


def test_a_sentence_is_filled_from_the_report():
    sentence = (
        "{accuracy} ({low} to {high}) of {n} {samples}, {points}, {parameters}, {macs}; {other.units_left}, {other.dense}"
    )
    other = report(units=10)
    assert lesson_fields.fill(sentence, report(), other) == (
        "80% (71% to 86.7%) of 100 images, −15.0 points, 50%, 75%; 6, 95%"
    )
    assert lesson_fields.fill("{macs}", report(units=0)) == "0%"  # zeros make no matrix smaller
    assert all(isinstance(read(report()), str) for read in lesson_fields.FIELDS.values())
    assert lesson_fields.footing(report()) == (
        "accuracy on 100 held-out images, 95% interval 71% to 86.7%; one shot, no fine-tuning"
    )


def test_a_question_is_answered_by_what_is_measured():
    asked = lesson_file.parse(WHOLE, "half").question
    dense = report(score=replace(report().score, value=0.95))
    assert lesson_fields.value("points", report(), dense) == pytest.approx(15) and asked.right(15) == 2
    assert [asked.right(value) for value in (-3, 0.99, 1, 9.99, 10, 400)] == [0, 0, 1, 1, 2, 2]
    kinds = [kind for kind in lesson_file.KINDS if kind not in ("points", "cliff", "most", *lesson_file.OF_RUNS)]
    values = {kind: lesson_fields.value(kind, report()) for kind in kinds}
    expected = {"accuracy": 80, "wrong": 16, "sparsity": 50, "energy": 10, "parameters": 50, "macs": 75}
    assert values == pytest.approx(expected)


BROKEN = [
    ("minutes = 3", 'minutes = "three"', "whole number"),
    ("minutes = 3", "minutes = true", "whole number"),
    ('title = "Half of it"', 'titel = "Half of it"', "titel"),
    ('title = "Half of it"', "title = ''", "title"),
    ("s=10", "s=lots", "start"),
    ("m=digits_mlp&s=10", "nonsense", "start"),
    ('page = "slider"\n[[step]]', 'page = "../etc"\n[[step]]', "page"),
    ('page = "in weights, anatomy"', 'wheather = "= x"', "wheather"),
    ('page = "in weights, anatomy"', 'amount = ">= much"', "much"),
    ('page = "in weights, anatomy"', 'criterion = ">= 3"', "criterion"),
    ('page = "in weights, anatomy"', 'course = "= x"', "course"),
    ('page = "in weights, anatomy"', 'round = ">= many"', "many"),
    ('page = "in weights, anatomy"', 'amount = "90%"', "no condition"),
    ("done = { page", "dome = { page", "step 2"),
    ('source = "Somebody 2020, Table 1"', "", "source"),
    ("https://example.org/paper", "javascript:alert(1)", "https://"),
    ("{accuracy} of", "{acuracy} of", "acuracy"),
    ('other = "m=digits_mlp&s=50&c=random"', "", "other.accuracy"),
    ('what = "points"', 'what = "happiness"', "happiness"),
    ("below = 10", "below = 1", "rise"),
    ('{ say = "many" }', '{ say = "many", below = 99 }', "rise"),
    ('ask = "How many points go?"', "", "ask"),
    ("[question]", "[[question]]", "question"),
    ("+++\nThe idea", "The idea", "front matter"),
    ("The idea,\nin two lines.\n\nThe text.\n\nMore of it.\n", "", "no text"),
    ('title = "Half of it"', "title = ", "TOML"),
]


@pytest.mark.parametrize(("old", "new", "said"), BROKEN)
def test_a_broken_lesson_is_one_sentence(tmp_path, old, new, said):
    assert WHOLE.count(old) == 1
    (tmp_path / "02-broken.md").write_text(WHOLE.replace(old, new), "utf-8")
    (tmp_path / "01-whole.md").write_text(WHOLE, "utf-8")
    shelf = lesson_shelf.read([tmp_path])
    assert [*shelf.lessons] == ["whole"]
    (trouble,) = shelf.troubles
    assert trouble.startswith("«02-broken.md»") and said in trouble and "\n" not in trouble and len(trouble) < 450


def test_files_that_are_no_lessons_are_words(tmp_path):
    (tmp_path / "01-no text.md").write_bytes(b"+++")
    (tmp_path / "02-latin.md").write_bytes("+++ ü".encode("latin-1"))
    (tmp_path / "03-long.md").write_bytes(b"x" * (lesson_file.LONGEST + 1))
    (tmp_path / "04-folder.md").mkdir()
    (tmp_path / "05-nowhere.md").symlink_to(tmp_path / "gone")
    (tmp_path / "notes.txt").write_text("not meant", "utf-8")
    shelf = lesson_shelf.read([tmp_path, tmp_path / "no-such-folder"])
    assert not shelf.lessons and len(shelf.troubles) == 6
    for trouble, words in zip(
        shelf.troubles, ("name", "UTF-8", "split", "no file", "cannot be read", "folder"), strict=True
    ):
        assert words in trouble


def test_a_later_folder_replaces_a_lesson_and_a_changed_file_is_read_again(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    (first / "01-half.md").write_text(WHOLE, "utf-8")
    (second / "77-half.md").write_text(WHOLE.replace("Half of it", "Mine"), "utf-8")
    assert [one.title for one in lesson_shelf.read([first, second]).lessons.values()] == ["Mine"]
    (second / "77-half.md").write_text(WHOLE.replace("Half of it", "Mine again"), "utf-8")
    (second / "78-other.md").write_text(WHOLE.replace("Why pruning works", "Why not"), "utf-8")
    (second / "79-last.md").write_text(WHOLE, "utf-8")
    sections = lesson_shelf.read([first, second]).sections()
    assert {name: [one.name for one in many] for name, many in sections.items()} == {
        "Why pruning works": ["half", "last"],
        "Why not": ["other"],
    }
    assert lesson_shelf.read([first, second]).lessons["half"].title == "Mine again"


def test_the_documentation_shows_a_lesson_that_works_and_names_every_field():
    text = (ROOT / "docs" / "lessons.md").read_text("utf-8")
    example = re.search(r"```\n(\+\+\+\n.*?)```", text, re.DOTALL)[1]
    assert lesson_file.parse(example, "example").steps
    known = (*lesson_fields.FIELDS, *lesson_file.KINDS, *lesson_figure.WHAT, *lesson_condition.APART)
    for word in (*known, *lesson_condition.WORDS, *lesson_condition.NUMERIC):
        assert f"`{word}`" in text or f"`{{{word}}}`" in text, word


def test_a_step_that_wants_times_is_not_done_before_they_are_measured():
    """The lesson on speed ticks when the page has measured, not when it is opened."""
    one = lesson_shelf.read([lesson_shelf.HERE]).lessons["why-not-faster"]
    start, here = one.start, one.steps[0]
    assert not here.holds(start, Seen("reality")) and here.holds(start, Seen("reality", timed="yes"))
    assert not here.holds(start, Seen("slider", timed="yes")), "measured elsewhere, it is not looked at"
    last = one.steps[-1]
    less = replace(start, granularity="filter", amount=0.5)
    assert not last.holds(less, Seen("reality")) and last.holds(less, Seen("reality", timed="yes"))
