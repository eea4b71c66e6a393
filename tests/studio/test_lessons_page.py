"""Lessons on the page: steps tick off when they are done, the question is answered by what is measured, a teacher hides
controls, guesses stay without names, and a stranger's file or link is a word at most."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pruneviz import lesson_shelf, shipped_runs
from pruneviz.lesson_condition import Seen
from pruneviz.query import from_query, to_query
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, frame, guesses
from pruneviz.studio.lessons import found, measured, places, progress, reading, teacher
from tests.studio.test_pages import opened, said

LESSON = """+++
title = "Half of <b>it</b> *now*"
section = "Why $it$ works"
minutes = 1
start = "m=digits_mlp&s=10"
page = "slider"
[[step]]
say = "Drag to 90%."
page = "slider"
done = { amount = ">= 90%" }
[[step]]
say = "Choose random."
done = { criterion = "= random" }
[[claim]]
often = "It is said."
here = "{accuracy} are right, by lot {other.accuracy}."
recipe = "m=digits_mlp&s=50"
other = "m=digits_mlp&s=50&c=random"
[question]
ask = "How many points go?"
measure = { what = "points", first = "m=digits_mlp&s=0", then = "m=digits_mlp&s=50" }
choices = [ { say = "fewer than ten", below = 10 }, { say = "more" } ]
+++
The idea.

A ![picture](https://example.org/x.png) and <script>alert(1)</script>.
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A teacher's folder with a lesson and a file that is none."""
    (tmp_path / "01-half.md").write_text(LESSON, "utf-8")
    (tmp_path / "02-broken.md").write_text(LESSON.replace("minutes = 1", "minutes = 0"), "utf-8")
    monkeypatch.setenv("PRUNEVIZ_LESSONS", str(tmp_path))
    return tmp_path


def test_steps_tick_off_in_order_and_the_question_is_measured(folder):
    app = opened(lesson="half", m="digits_mlp", s="10")
    assert not app.exception and "step 1 of 2" in said(app) and "Drag to 90%." in said(app)
    app.segmented_control(key="criterion").set_value("random").run()  # the second step's action comes too early
    assert "step 1 of 2" in said(app)
    app.button(key="undo").click().run()
    app.button(key="lesson-skip").click().run()
    assert "step 2 of 2" in said(app) and "Skipped: Drag to 90%." in said(app)
    app.segmented_control(key="criterion").set_value("random").run()
    assert "all steps done" in said(app)
    app.button(key="undo").click().run()
    assert "all steps done" in said(app) and app.query_params["lesson"] == "half", "a tick stays"

    app.radio(key="lesson-answer-half").set_value(1).run()
    assert not app.exception
    told = said(app).replace("\\", "")
    assert "You said «more», but it is «fewer than ten»" in told and "0.2 points lost: from 98.2% to 98%" in told
    app.radio(key="lesson-answer-half").set_value(0).run()
    assert "You are right." in said(app)
    app.button(key="lesson-leave").click().run()
    assert "lesson" not in app.query_params and "Half of" not in said(app)


def test_the_list_has_every_lesson_and_a_sentence_about_each_broken_one(folder):
    app = opened("pages/learn/lessons.py", m="digits_mlp", lesson="half", s="90", c="random")
    assert not app.exception and "all steps done" in said(app)
    assert "in all" in app.title[0].value and "2 steps · all done, the question is open" in said(app)
    (trouble,) = [one.value for one in app.warning]
    assert "02\\-broken" in trouble and "whole number" in trouble
    lessons = lesson_shelf.read([lesson_shelf.HERE]).lessons
    assert {f"lesson-start-{name}" for name in (*lessons, "half")} <= {one.key for one in app.button}
    # The file's own signs mean nothing: neither in its title nor in its section.
    assert "Half of \\<b\\>it\\</b\\> \\*now\\*" in said(app)
    assert any("Why \\$it\\$ works" in one.value for one in app.subheader)

    app.button(key="lesson-start-half").click().run()
    assert not app.exception and "step 1 of 2" in said(app)
    link = {key: app.query_params[key] for key in app.query_params}
    assert (link["lesson"], link["s"]) == ("half", "10") and "c" not in link
    app.button(key="undo").click().run()
    assert app.query_params["c"] == "random", "what stood there before the lesson comes back"


def test_a_lesson_takes_nothing_away_for_good(folder):
    """Pins and limits are put aside with a word. Undo of the start closes the lesson; one press brings it all back."""
    pin = "m=digits_mlp&s=70"
    app = opened("pages/learn/lessons.py", m="digits_mlp", s="90", c="random", pin=pin, lim="points:1")
    before = dict(app.query_params)
    app.button(key="lesson-start-half").click().run()
    assert not app.exception and "pin" not in app.query_params and "1 pinned setting and 1 limit is put aside" in said(app)
    app.button(key="undo").click().run()
    assert dict(app.query_params) == before and "step 1 of 2" not in said(app)
    app.button(key="redo").click().run()
    assert app.query_params["lesson"] == ["half"] or app.query_params["lesson"] == "half"
    app.switch_page("pages/start/slider.py").run()
    app.segmented_control(key="criterion").set_value("gradient").run()
    app.button(key="lesson-back").click().run()
    assert dict(app.query_params) == before and "step 1 of 2" not in said(app)
    app.button(key="undo").click().run()
    assert "step 1 of 2" in said(app) or "step 2 of 2" in said(app), "and that is a step, too"


@pytest.mark.parametrize("name", ["nobody", "<b>bold</b>", "02-broken", "../../etc/passwd"])
def test_an_unknown_lesson_is_a_word(folder, name):
    app = opened(lesson=name, m="digits_mlp")
    assert not app.exception and "There is no lesson" in said(app) and "<b>" not in said(app)
    app.button(key="lesson-leave").click().run()
    assert "lesson" not in app.query_params


def test_no_text_can_fetch_a_picture():
    said = reading.shown("![a](https://x/y.png) ![b][c] [d](e) wow!")
    assert said == "&#33;[a](https://x/y.png) &#33;[b][c] [d](e) wow!"


@given(st.text(alphabet="\\![]()a", max_size=24))
def test_no_backslash_of_the_authors_brings_a_picture_back(text):
    """In Markdown a sign means nothing after an odd number of backslashes: so stands every ! that is left before a [."""
    said = reading.shown(text)
    for at in [at for at in range(len(said)) if said.startswith("![", at)]:
        assert (at - len(said[:at].rstrip("\\"))) % 2, (text, said)
    assert said.replace("&#33;", "!") == text


def test_a_teacher_hides_controls_and_their_settings_stay():
    controls = ["subject", "bring", "granularity", "criterion", "scope"]
    app = opened(m="digits_mlp", c="gradient", hide="~".join([*controls, "challenges", "page:reality"]))
    assert not app.exception
    keys = {one.key for one in [*app.selectbox, *app.get("button_group"), *app.button]}
    assert not keys & set(controls), keys & set(controls)
    assert app.query_params["c"] == "gradient" and "gradient" in said(app)
    shown = opened(m="digits_mlp", c="gradient")
    assert set(controls) <= {one.key for one in [*shown.selectbox, *shown.get("button_group"), *shown.button]}


def test_the_teachers_link_opens_the_lesson_without_the_hidden_controls(folder):
    app = opened("pages/learn/lessons.py", m="digits_mlp", s="77")
    app.multiselect(key="teacher-hides").set_value(["criterion", "page:reality"]).run()

    def link():
        (code,) = app.code
        return from_query(dict(parse_qsl(urlsplit(code.value).query)))

    recipe, words = link()
    assert not words and (recipe.amount, recipe.hidden, recipe.lesson) == (0.77, ("criterion", "page:reality"), "")
    app.selectbox(key="teacher-opens").set_value("half").run()
    recipe, words = link()
    assert not words and recipe == Recipe(
        subject="digits_mlp", amount=0.1, lesson="half", hidden=("criterion", "page:reality")
    )
    assert set(teacher.CONTROLS) - {"bring", "challenges", "pin"} <= set(Recipe.__dataclass_fields__)


def test_progress_is_of_one_lesson_and_begins_anew(monkeypatch):
    kept = {}
    monkeypatch.setattr(bench, "note", kept.__setitem__)
    monkeypatch.setattr(bench, "noted", kept.get)
    one = next(iter(lesson_shelf.read([lesson_shelf.HERE]).lessons.values()))
    assert progress.advance(one, Recipe(subject="nobody", amount=0.0), Seen("nowhere")).marks == ()
    progress.skip(one.name)
    progress.answered(one.name, 1)
    assert progress.of(one.name) == progress.Progress(("skipped",), 1) and progress.of("another") == progress.Progress()
    progress.forget(one.name)
    assert progress.of(one.name) == progress.Progress()


def test_places_are_named_by_their_addresses():
    at = places.Places(frame.PAGES)
    assert at.path("slider") == "" and at.path("weights") == "weights" and at.path("nowhere") == ""
    assert at.file("nowhere") == frame.PAGES[0][0] and at.title("weights") == "Weights"


@pytest.fixture
def clock(monkeypatch):
    """An empty memory, and a clock that the test sets."""
    monkeypatch.setattr(guesses, "_kept", {})
    time = [0.0]
    monkeypatch.setattr(guesses, "_now", lambda: time[0])
    return time


def test_whoever_has_guessed_sees_the_others_and_nobody_counts_twice(clock):
    for who, percent in (("anna", 40), ("ben", 90), ("anna", 70), ("cem", 40)):
        guesses.note("magnitude", who, percent)
    assert guesses.others("magnitude", "ben") == (40, 70) and guesses.others("magnitude", "anna") == (40, 90)
    assert guesses.others("magnitude", "somebody else") == () and guesses.others("obd", "ben") == ()
    kept = repr(guesses._kept)
    assert "anna" not in kept and "ben" not in kept


def test_guesses_are_bounded_and_forgotten_after_a_day(clock):
    for at in range(guesses.MOST + 20):
        guesses.note("magnitude", f"visitor {at}", at % 101)
    assert len(guesses.others("magnitude", f"visitor {guesses.MOST}")) == guesses.MOST - 1
    assert guesses.others("magnitude", "visitor 3") == ()
    clock[0] = guesses.DAY + 1
    assert guesses.others("magnitude", f"visitor {guesses.MOST}") == () and not guesses._kept["magnitude"]


def test_a_guess_counts_only_for_the_lessons_own_curve(folder, monkeypatch):
    start = found.shelf().lessons["half"].start
    assert guesses._asked(replace(start, lesson="half", amount=0.9, guess=70, pins=("m=digits_mlp",)))
    assert not guesses._asked(replace(start, lesson="half", criterion="random"))
    assert not guesses._asked(start) and not guesses._asked(replace(start, lesson="nobody"))
    monkeypatch.setenv("PRUNEVIZ_GUESSES", "0")
    assert not guesses._asked(replace(start, lesson="half"))


def test_claims_are_measured_when_they_are_opened(folder):
    app = opened(lesson="half", m="digits_mlp", s="10")
    assert "are right, by lot" not in said(app), "nothing is measured before it is asked for"

    def open_read():
        from pruneviz.studio.lessons import found as lessons_found
        from pruneviz.studio.lessons import reading as lessons_reading

        lessons_reading._claim(lessons_found.shelf().lessons["half"].claims[0], "claim")

    read = AppTest.from_function(open_read, default_timeout=180).run()
    assert not read.exception and "98% are right, by lot" in said(read) and "500 held-out images" in said(read)


LABS = {"regularise": "l1-and-l2", "schedule": "schedule", "movement": "movement", "lottery": "lottery", "size": "size"}
LABS |= {"oneshot": "oneshot"}
"""The labs by their addresses, and the lesson that begins on each."""


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("lab", "name"), LABS.items())
def test_a_labs_page_offers_its_lesson_and_begins_it(lab, name):
    app = opened(f"pages/labs/{lab}.py", m="digits_vit", s="33")
    ways = [one for one in app.button if (one.key or "").startswith("lesson-here-")]
    assert [one.key for one in ways] == [f"lesson-here-{name}"] and ways[0].label.endswith("min)")
    ways[0].click().run()
    one = lesson_shelf.read([lesson_shelf.HERE]).lessons[name]
    assert not app.exception and "step 1 of" in said(app) and app.query_params["lesson"] in (name, [name])
    assert from_query(dict(app.query_params))[0].course == one.start.course and "Nobody ran this setting yet" not in said(
        app
    )
    assert not [way for way in app.button if (way.key or "").startswith("lesson-here-")], "it is open already"
    app.button(key="lesson-leave").click().run()
    assert app.button(key=f"lesson-here-{name}")
    app.button(key="undo").click().run()
    app.button(key="undo").click().run()
    assert (app.query_params["m"], app.query_params["s"]) == ("digits_vit", "33") and "run" not in app.query_params


@pytest.mark.usefixtures("store")
def test_a_teacher_who_hides_the_lessons_hides_the_ways_to_them():
    app = opened("pages/labs/size.py", hide="page:lessons")
    assert not app.exception and not [one for one in app.button if (one.key or "").startswith("lesson-here-")]


@pytest.mark.usefixtures("store")
def test_a_deed_and_a_round_are_steps():
    """What stands in no link is watched where it is chosen, and its tick stays."""
    start = lesson_shelf.read([lesson_shelf.HERE]).lessons["lottery"].start
    app = opened("pages/labs/lottery.py", **to_query(replace(start, lesson="lottery")))
    for at, deed in enumerate(("train", "rewind", "reroll"), 2):
        app.segmented_control(key="deed").set_value(deed).run()
        assert not app.exception and f"step {at} of 6" in said(app)
    app.select_slider(key="ticket-round").set_value(6).run()
    assert "step 4 of 6" in said(app)
    app.select_slider(key="ticket-round").set_value(7).run()
    assert "step 5 of 6" in said(app)
    app.number_input(key="lab-rewind").set_value(40).run()
    assert "step 6 of 6" in said(app) and "Nobody ran this setting yet" in " ".join(one.value for one in app.info)
    app.button(key="to-slider").click().run()
    assert not app.exception and "all steps done" in said(app)
    app.radio(key="lesson-answer-lottery").set_value(2).run()
    told = said(app).replace("\\", "")
    assert "You said «the ticket is better», but it is «nobody can tell»" in told and "over 3 seeds" in told


def test_a_sentence_about_runs_says_what_it_rests_on_and_where_there_are_none(monkeypatch):
    def claim():
        from pruneviz import lesson_shelf as shelf
        from pruneviz.studio.lessons import reading as lessons_reading

        lessons_reading._claim(shelf.read([shelf.HERE]).lessons["size"].claims[0], "claim")

    read = AppTest.from_function(claim, default_timeout=180).run()
    assert not read.exception and "With 3,778 parameters each" in said(read) and "over 3 seeds" in said(read)
    one = lesson_shelf.read([lesson_shelf.HERE]).lessons["size"]
    assert measured.answer(one.question).right == 1
    monkeypatch.setattr(shipped_runs, "read", lambda subject, lab: [])
    read = AppTest.from_function(claim, default_timeout=180).run()
    assert not read.exception and "No run of this setting" in read.info[0].value and "nan" not in said(read)
    assert measured.answer(one.question) == measured.Answer(-1, measured.NO_RUN)
