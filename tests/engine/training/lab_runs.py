"""Runs of labs on a few samples: what the tests of single labs share."""

from __future__ import annotations

from dataclasses import replace

import torch

from pruneviz.engine.subject import Subject
from pruneviz.engine.training import labs
from pruneviz.engine.training.memory import Memory
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe


def ran(subject: Subject, recipe: Recipe) -> tuple[list[Moment], dict, dict]:
    """A whole run: its moments, the state of the network that came of it, and what stays of what was pruned."""
    memory = Memory()
    moments = list(labs.find(recipe.course.lab).run(subject, recipe, memory))
    return moments, *labs.concluded(memory.tensors())


def interrupted(subject: Subject, recipe: Recipe, after: int) -> tuple[list[Moment], dict, dict]:
    """The same run, ended after so many moments and taken up by one that has only the memory."""
    lab, memory = labs.find(recipe.course.lab), Memory()
    run = lab.run(subject, recipe, memory)
    told = [next(run) for _ in range(after)]
    memory = Memory({name: one.clone() for name, one in memory.tensors().items()})
    run.close()
    told += lab.run(subject, recipe, memory)
    return told, *labs.concluded(memory.tensors())


def same(one: tuple, other: tuple) -> bool:
    """Whether two runs tell the same and come to the same, to the bit."""
    (moments, *tensors), (others, *theirs) = one, other
    return (
        len(moments) == len(others)
        and all(a.same(b) for a, b in zip(moments, others, strict=True))
        and all(a.keys() == b.keys() for a, b in zip(tensors, theirs, strict=True))
        and all(torch.equal(a[name], b[name]) for a, b in zip(tensors, theirs, strict=True) for name in a)
    )


def course(recipe: Recipe, **changes) -> Recipe:
    """The Recipe with another course."""
    return replace(recipe, course=replace(recipe.course, **changes))
