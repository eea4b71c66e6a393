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
    assert allowed.too_long(200_000) == "" and "200,001 training steps" in allowed.too_long(200_001)
    lanes = Course(lab="lottery", steps=2000, rounds=60, control="random")
    assert "242,000 training steps, and a run here may take 200,000" in asked.impossible(
        Recipe(subject="digits_mlp", amount=0.2, scope="layer", course=lanes)
    )


@pytest.mark.parametrize("own", [True], indirect=True)
def test_on_ones_own_machine_both_run(own):
    assert allowed.refused(replace(PLAIN, subject="own:0123456789abcdef01234567")) == "" == allowed.too_long(10**9)
