"""A course and its text are the same thing; what is no course is one sentence."""

from __future__ import annotations

import pytest

from pruneviz.course import Course, from_text, to_text
from pruneviz.query import from_query, to_query
from pruneviz.recipe import Recipe

PINNED = {
    "": Course(),
    "lottery~rate:0.0012~rounds:8~rewind:100": Course(lab="lottery", rate=0.0012, rounds=8, rewind=100),
    "schedule~schedule:points~points:0.25=0.5,0.75=0.9": Course(
        lab="schedule", schedule="points", points=((0.25, 0.5), (0.75, 0.9))
    ),
}


@pytest.mark.parametrize("text", PINNED)
def test_pinned_texts_keep_their_meaning(text):
    assert from_text(text) == PINNED[text] and to_text(PINNED[text]) == text


@pytest.mark.parametrize(
    "text",
    ["lottery~steps:-1", "lottery~steps:1.5", "lottery~rate:nan", "lottery~rate:much", "lottery~threads:0", "a~colour:red",
     "a~steps:1~steps:2", "a~lab:b", "a~second:", "a~points:0.5", "a~points:2=0.5", "a~steps", "~" * 3000],
)  # fmt: skip
def test_what_is_no_course_is_said(text):
    with pytest.raises(ValueError):
        from_text(text)
    recipe, words = from_query({"run": text})
    assert recipe == Recipe() and len(words) == 1


def test_a_name_cannot_hold_what_parts_a_text():
    with pytest.raises(ValueError, match="no name"):
        Course(second="a~b")


def test_a_link_holds_the_course():
    recipe = Recipe(course=Course(lab="recover", steps=200))
    assert to_query(recipe)["run"] == "recover~steps:200" and from_query(to_query(recipe)) == (recipe, [])
