"""The name of a network that came of a run says all of that run, fits into a link, and is never anything else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz import came_of
from pruneviz.course import Course
from pruneviz.engine import reconstruct, scope
from pruneviz.query import LONGEST_PIN, from_pin, from_query, to_pin, to_query
from pruneviz.recipe import Recipe

COURSE = Course(lab="recover", method="fine-tune", steps=200, rate=1e-3)
RUN = Recipe(subject="digits_mlp", amount=0.7, course=COURSE)


@given(
    subject=st.sampled_from(["digits_cnn", "own:0123456789abcdef01234567", "/a place/with@signs & more/subject.toml"]),
    amount=st.floats(0, 1), seed=st.integers(0, 2**63 - 1), rounds=st.integers(1, 100), layer=st.text(max_size=8),
)  # fmt: skip
def test_a_name_is_the_run_whatever_is_looked_at_and_travels_in_links_and_pins(subject, amount, seed, rounds, layer):
    run = Recipe(subject=subject, amount=amount, seed=seed, layer=layer, course=Course(lab="lottery", rounds=rounds))
    name = came_of.name(run)
    assert came_of.run(name) == replace(run, layer="") and came_of.root(name) == subject
    shown = Recipe(subject=name, amount=0.5)
    assert from_query(to_query(shown)) == (shown, []) and from_pin(to_pin(shown)) == shown
    again = came_of.name(replace(shown, course=COURSE))
    assert came_of.root(again) == subject and came_of.run(again).subject == name
    loose = name.replace("%3A", ":").replace("%7E", "~")
    assert came_of.run(loose) == came_of.run(name) and from_query({"m": loose})[0].subject == name, "one spelling"
    assert came_of.parts(came_of.at(again, "/there@home/x")) == (again, "/there@home/x")


@pytest.mark.parametrize("name", ["digits_cnn", "run:", "run:m=digits_cnn", "run:run=lottery&q=1", "run:nonsense"])
def test_what_is_no_run_is_none(name):
    assert came_of.run(name) is None and came_of.root(name) == name and came_of.parts(f"{name}@/place") is None
    if name.startswith("run:"):
        recipe, words = from_query({"m": name})
        assert recipe == Recipe() and "could not be read" in words[0]


def test_a_recipe_that_trains_nothing_names_no_network_and_a_name_has_an_end():
    with pytest.raises(ValueError, match="trains nothing"):
        came_of.name(Recipe())
    long = "run:" + "m=" + "x" * LONGEST_PIN
    assert from_query({"m": long})[0] == Recipe()


@pytest.mark.parametrize(
    "course, words",
    [
        (COURSE, "recovered at 70%, 200 steps"),
        (replace(COURSE, distil=0.5), "recovered at 70%, 200 steps, taught"),
        (Course(lab="recover", method="batchnorm", steps=5), "BatchNorm counted anew at 70%, 5 batches"),
        (Course(lab="lottery", rounds=1), "a lottery ticket, 1 round of 70%"),
        (Course(lab="regularise", penalty="l1"), "trained with L1"),
    ],
)
def test_its_title_says_what_was_done(course, words):
    assert came_of.words(replace(RUN, course=course)) == words


SHOT = replace(RUN, criterion="wanda", scope="row", course=Course(lab="oneshot", method="keep"))


def shot(method: str, scope: str = "row", **more) -> Recipe:
    return replace(SHOT, scope=scope, course=replace(SHOT.course, method=method), **more)


@pytest.mark.parametrize(
    "run, words",
    [
        (shot("sparsegpt"), "70% by sparsegpt"),
        (shot(""), "70% by wanda"),
        (shot("swaps_refit", granularity="2:4", seed=3), "2:4 by wanda and swaps and least squares, seed 3"),
        (shot("sparsegpt", "layer"), "70% by sparsegpt"),
        (shot("keep", "layer"), "70% by wanda, matrix by matrix"),
        (shot("sparsegpt", "owl", seed=2), "70% by sparsegpt, shares by OWL, seed 2"),
        (shot("least_squares", "erk"), "70% by wanda and least squares, shares by ERK"),
        (shot("sparsegpt", "global", criterion="magnitude"), "70% by sparsegpt, shares by magnitude, globally"),
        (shot("sparsegpt", "std"), "70% by sparsegpt, shares by wanda, by deviation"),
        (shot("keep", "lamp"), "70% by wanda, by LAMP"),
        (shot("sparsegpt", "global", granularity="2:4"), "2:4 by sparsegpt"),
    ],
)
def test_of_one_shot_its_title_says_who_chose_who_covered_and_who_shared(run, words):
    """No step was taken, so none is said. As much of each matrix, row by row, is what goes without saying."""
    assert came_of.words(run) == f"pruned in one shot at {words}"


def test_titles_tell_apart_what_is_not_the_same_run():
    runs = [
        shot("sparsegpt", scope, criterion=criterion, seed=seed)
        for scope in ("row", "global", "owl", "std", "lamp", "erk")
        for criterion in ("wanda", "magnitude")
        for seed in (0, 1)
        if came_of.opinion(shot("sparsegpt", scope)) or criterion == "wanda"
    ]
    assert len({came_of.words(run) for run in runs}) == len(runs) == 18


def test_a_criterion_is_named_where_it_decides_anything():
    """Which weights go, or, where scores of all matrices are compared, how much each gives: so say the scopes themselves."""
    compared = {key for key, one in scope.shelf().items() if one.quota is None and not one.rows}
    assert compared == set(came_of.COMPARED)
    for key in scope.shelf():
        assert came_of.opinion(shot("keep", key)) == came_of.opinion(shot("", key)) == "wanda"
        assert came_of.opinion(shot("sparsegpt", key)) == ("wanda" if key in compared else "")
        assert came_of.opinion(shot("sparsegpt", key, granularity="2:4")) == ""
    for key, method in reconstruct.shelf().items():
        assert (came_of.opinion(shot(key)) == "") == method.chooses


def test_it_opens_at_what_its_run_took():
    assert came_of.opened(RUN, 0.6998).amount == 0.6998
    pattern = came_of.opened(replace(RUN, granularity="2:4", amount=0.5, criterion="obd"), 0.5)
    assert (pattern.granularity, pattern.criterion, pattern.amount) == ("weight", "magnitude", 0.5)
    filters = replace(RUN, granularity="filter", scope="layer", amount=0.3)
    opened = came_of.opened(filters, 0.4)
    assert (opened.granularity, opened.scope, opened.amount) == ("filter", "layer", 0.3)
    cut = replace(filters, course=replace(COURSE, method="fine-tune-removed"))
    assert came_of.opened(cut, 0.4).amount == 0, "there is nothing left to remove"
