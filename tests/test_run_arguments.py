"""What a command line says about a run: where it comes from, what is set in it, and what varies."""

from __future__ import annotations

import argparse
import json

import pytest

from pruneviz import recipe_file, run_arguments
from pruneviz.course import Course
from pruneviz.recipe import Recipe

OPENS = Recipe(subject="digits_mlp", amount=0.9, course=Course(lab="schedule", steps=300))


def chosen(*arguments):
    parser = argparse.ArgumentParser()
    run_arguments.add_arguments(parser)
    return run_arguments.recipe(parser.parse_args(arguments), {"schedule": OPENS}.__getitem__)


def test_a_lab_a_file_and_a_link_say_the_same(tmp_path):
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(recipe_file.to_table(OPENS, "", "", {})))
    link = recipe_file.link(OPENS)
    said = (("--lab", "schedule"), ("--recipe", str(file)), ("--link", link), ("--link", f"http://here:8501/labs{link}"))
    assert {chosen(*one) for one in said} == {OPENS}


def test_choices_are_set_in_the_recipe_and_in_its_course():
    found = chosen(
        "--lab=schedule", "--set=steps=20", "--set=rate=0.0012", "--set=seed=3", "--set=amount=0.85", "--subject=a"
    )
    assert (found.course.steps, found.course.rate, found.seed, found.amount, found.subject) == (20, 0.0012, 3, 0.85, "a")
    assert found.course.lab == "schedule" and run_arguments.put(OPENS, "points", "0.5=0.2,1=0.9").course.points[1] == (
        1.0,
        0.9,
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("steps", "not NAME=VALUE"), ("nose=3", "unknown choice 'nose'; there are subject"), ("steps=x", "whole number"),
        ("amount=2", "cannot be"), ("seed=-1", "cannot be"), ("lab=x", "unknown choice"), ("batch=0", "out of range"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_said(said, words):
    with pytest.raises(ValueError, match=words):
        chosen("--lab=schedule", f"--set={said}")


def test_a_recipe_that_trains_nothing_is_refused():
    with pytest.raises(ValueError, match="trains nothing"):
        chosen("--link", "?m=digits_mlp&s=80")
    with pytest.raises(ValueError, match="could not be read"):
        chosen("--link", "?m=digits_mlp&run=schedule~steps:x")


def test_a_pattern_brings_the_amount_that_it_leaves_no_choice_of():
    assert run_arguments.put(OPENS, "granularity", "1:4").amount == 0.75
    assert run_arguments.put(OPENS, "granularity", "filter").amount == OPENS.amount


def test_seeds():
    assert run_arguments.seeds("0..3") == (0, 1, 2, 3) and run_arguments.seeds("5,1..2,5") == (5, 1, 2)
    for wrong in ("", "a", "3..1", "0..99999999", "-1"):
        with pytest.raises(argparse.ArgumentTypeError, match="seeds|range"):
            run_arguments.seeds(wrong)


def test_what_varies_is_combined_with_every_seed():
    found = list(run_arguments.varied(OPENS, (0, 1), ("rate=0.1,0.2", "schedule=cubic,one-shot")))
    assert len(found) == 8 and len({recipe for _, recipe in found}) == 8
    assert found[1][0] == {"rate": "0.1", "schedule": "cubic"} and found[1][1].seed == 1 and found[1][1].course.rate == 0.1
    assert list(run_arguments.varied(OPENS, (4,), ()))[0][1].seed == 4
    for none in ("rate=,", "rate=" + ",".join(["1"] * 10_000)):
        with pytest.raises(ValueError, match="sweep of"):
            list(run_arguments.varied(OPENS, (0, 1), (none,)))
