"""What a page does not run, whatever a link says: each refusal is one sentence, and nothing is read or built for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz.course import Course
from pruneviz.recipe import Recipe
from pruneviz.studio import house_rules
from pruneviz.studio.labs import allowed, asked

PLAIN = Recipe(course=Course(lab="lottery", steps=100))


@pytest.fixture(params=[False])
def own(request, monkeypatch):
    """Whose server it is: a shared one, or one's own."""
    monkeypatch.setattr(house_rules, "own_machine", lambda: request.param)
    house_rules.caps.cache_clear()
    yield request.param
    house_rules.caps.cache_clear()


def test_what_a_lab_opens_with_is_run(own):
    from pruneviz.engine.training import labs

    assert [allowed.refused(lab.default) for lab in labs.shelf().values()] == [""] * len(labs.shelf())
    assert allowed.refused(PLAIN) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"second": "/etc/passwd"}, "not with '/etc/passwd'"),
        ({"second": "../digits_mlp"}, "a page goes on with"),
        ({"second": "own:0123456789abcdef01234567"}, "a page goes on with"),
        ({"width": 100.0}, "widens a network up to 4 times, not 100"),
        ({"threads": 64}, "64 threads are asked for"),
    ],
)
def test_what_reads_files_or_fills_memory_is_refused(change, said):
    assert said in allowed.refused(replace(PLAIN, course=replace(PLAIN.course, **change)))


def test_a_shared_server_keeps_nothing_that_was_lent(own):
    assert "forgets what you brought" in allowed.refused(replace(PLAIN, subject="own:0123456789abcdef01234567"))


def test_a_shared_server_runs_no_endless_course_however_its_steps_come_together(own):
    """60 rounds of 2,000 steps in two lanes, after the dense one's: no single number of these is large."""
    assert allowed.too_long(PLAIN, 200_000 // 8) == "" and "200,001 training steps" in allowed.too_long(PLAIN, 200_001)
    lanes = Course(lab="lottery", steps=2000, rounds=60, control="random")
    assert "242,000 training steps, and a run here may take 200,000" in asked.impossible(
        Recipe(subject="digits_mlp", amount=0.2, scope="layer", course=lanes)
    )


@pytest.mark.parametrize("own", [True], indirect=True)
def test_on_ones_own_machine_both_run(own):
    assert allowed.refused(replace(PLAIN, subject="own:0123456789abcdef01234567")) == "" == allowed.too_long(PLAIN, 10**9)
    assert allowed.too_slow(10**5) == ""


@pytest.mark.parametrize(
    ("course", "said"),
    [
        ({"steps": 400, "batch": 65_536}, "trains on 26,214,400 samples, its steps times its batch, and a run"),
        ({"steps": 2_001, "every": 1}, "stores 2,001 moments, and a run here may store 2,000: look at it less often"),
    ],
)
def test_neither_a_large_batch_nor_frequent_looks_escape_the_bill(own, course, said):
    """Few steps all of them; what a moment fills is what a link would fill the store with."""
    recipe = Recipe(subject="digits_mlp", amount=0.8, course=Course(lab="schedule", **course))
    assert said in allowed.too_long(recipe, recipe.course.steps) and said.partition(":")[0] in asked.impossible(recipe)
    half = replace(recipe, course=replace(recipe.course, steps=recipe.course.steps // 2))
    assert allowed.too_long(half, half.course.steps) == "" == asked.impossible(half)


def test_what_is_known_to_take_hours_is_not_begun(own):
    assert allowed.too_slow(7_200) == "" == allowed.too_slow(0.0)
    assert allowed.too_slow(9_000) == (
        "it takes about 9,000 seconds on this machine, and a run here may take 7,200: choose fewer steps"
    )
