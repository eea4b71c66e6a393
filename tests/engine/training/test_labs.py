"""The shelf of labs: laws that every lab keeps, each tried with a course of a few steps."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from pruneviz.engine.sources import card
from pruneviz.engine.subject import Samples, Subject, Windows
from pruneviz.engine.training import labs
from pruneviz.engine.training.labs import Lab
from pruneviz.engine.training.memory import Memory
from pruneviz.moment import Moment
from pruneviz.query import from_query, to_query
from pruneviz.recipe import Recipe

SHORT = {"steps": 7, "retrain": 5, "rounds": 2, "times": 3, "batch": 16, "rewind": 2, "every": 3}
MOST = 12
"""A run is taken up at so many of its moments, evenly: at all of them where there are no more."""


def tiny(recipe: Recipe) -> Recipe:
    """The same choices with a course of a few steps."""
    course = recipe.course
    cut = {name: min(most, getattr(course, name)) for name, most in SHORT.items()}
    return replace(recipe, course=replace(course, **cut))


@cache
def subject_of(name: str) -> Subject:
    """A sample with a few of its data."""
    whole = card.load(name)
    text = isinstance(whole.held_out, Windows)  # each window has many tokens
    return replace(whole, training=few(whole.training, 12 if text else 90), held_out=few(whole.held_out, 4 if text else 60))


def few(samples: Samples | Windows, n: int) -> Samples | Windows:
    return replace(samples, stored=samples.stored[:n], labels=samples.labels[:n])


def fingerprint(subject: Subject) -> str:
    """Of everything that a run could have touched in a subject."""
    digest = hashlib.sha256()
    for name, tensor in subject.network.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    for samples in (subject.training, subject.held_out):
        digest.update(samples.stored.numpy().tobytes() + samples.labels.numpy().tobytes())
    network = subject.network
    modes = [module.training for module in network.modules()]
    needs = [(one.requires_grad, one.grad is None) for one in network.parameters()]
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()]
    digest.update(repr((modes, needs, hooks)).encode())
    return digest.hexdigest()


def story(lab: Lab, subject: Subject, recipe: Recipe) -> tuple[list[Moment], list[dict], dict]:
    """A run from beginning to end: its moments, what it remembered at each, and what it remembers at the end."""
    memory, moments, pictures = Memory(), [], []
    for moment in lab.run(subject, recipe, memory):
        moments.append(moment)
        pictures.append(memory.tensors())
    return moments, pictures, memory.tensors()


@pytest.fixture(scope="module", params=list(labs.shelf()))
def told(request) -> tuple:
    lab = labs.find(request.param)
    subject, recipe = subject_of(lab.default.subject), tiny(lab.default)
    before, state = fingerprint(subject), torch.random.get_rng_state()
    found = story(lab, subject, recipe)
    assert fingerprint(subject) == before, "the subject was changed"
    assert torch.equal(torch.random.get_rng_state(), state), "the process's own generator was used"
    return lab, subject, recipe, *found


def test_a_lab_says_what_it_is_and_opens_with_its_own_recipe(told):
    lab = told[0]
    assert lab.title and lab.text.splitlines()[0].endswith(("?", "."))
    assert lab.default.course.lab == lab.key and from_query(to_query(lab.default))[0] == lab.default


def test_a_run_ends_at_its_bill_and_never_goes_back(told):
    lab, subject, recipe, moments, _, _ = told
    of = lab.planned(subject, recipe)
    steps = [moment.step for moment in moments]
    assert steps == sorted(steps) and steps[-1] == of and {moment.of for moment in moments} == {of}


def test_moments_are_plain_small_and_finite(told):
    for moment in told[3]:
        assert moment.stage and all(type(value) is float for value in moment.values.values()), moment.values
        assert all(np.isfinite(value) for value in moment.values.values()), moment.values
        assert all(type(one) is np.ndarray for one in moment.arrays.values())
        assert sum(one.nbytes for one in moment.arrays.values()) < 200_000


def test_a_run_resumed_is_the_run_uninterrupted(told):
    """Its process ends after a moment; another one, which has only the memory, tells the rest, to the bit."""
    lab, subject, recipe, moments, pictures, end = told
    places = np.unique(np.linspace(0, len(moments) - 1, MOST).round().astype(int))
    for at in places.tolist():
        memory = Memory({name: tensor.clone() for name, tensor in pictures[at].items()})
        rest = list(lab.run(subject, recipe, memory))
        assert len(rest) == len(moments) - at - 1, (at, [one.step for one in rest])
        assert all(one.same(other) for one, other in zip(rest, moments[at + 1 :], strict=True)), at
        again = memory.tensors()
        assert again.keys() == end.keys(), at
        assert all(torch.equal(again[name], tensor) for name, tensor in end.items()), at


def test_what_was_remembered_is_not_written_to_afterwards(told):
    """A store may write a picture of the memory while the run goes on."""
    lab, subject, recipe, *_ = told
    memory = Memory()
    run = lab.run(subject, recipe, memory)
    next(run)
    held = memory.tensors()
    before = copy.deepcopy(held)
    for _ in run:
        pass
    assert all(torch.equal(held[name], tensor) for name, tensor in before.items())


def test_closing_a_run_early_leaves_nothing_behind(told):
    lab, subject, recipe, *_ = told
    before, state = fingerprint(subject), torch.random.get_rng_state()
    run = lab.run(subject, recipe, Memory())
    for _ in range(2):
        next(run)
    run.close()
    assert fingerprint(subject) == before and torch.equal(torch.random.get_rng_state(), state)


def test_what_comes_of_a_run_is_a_network_of_which_the_pruned_part_is_zero(told):
    end = told[5]
    network, kept = labs.concluded(end)
    assert network and {name.partition("/")[0] for name in end} == {labs.RESULT}
    for name, stays in kept.items():
        assert stays.dtype is torch.bool and not network[name][~stays].any(), name


def test_a_network_without_training_data_is_refused(told):
    lab, subject, recipe, *_ = told
    with pytest.raises(ValueError, match="training"):
        list(lab.run(replace(subject, training=None), recipe, Memory()))


def test_an_unknown_lab_is_said():
    with pytest.raises(ValueError, match="unknown lab 'lottary'; there are .*schedule"):
        labs.find("lottary")
