"""Pace: what a training step takes here, by the clock of a few."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from pruneviz.course import Course
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import private
from pruneviz.engine.training.exam import exam
from pruneviz.engine.training.loop import Stage, train

TRIED = 4
"""So many steps are timed, after a first one that warms up."""


def seconds(subject: Subject, course: Course) -> float:
    """Seconds for a step of such a course, the look at the held-out data after every `course.every` steps included."""
    network = private.trained(subject)
    few, generator = replace(course, every=1), torch.Generator().manual_seed(0)
    times = []
    for _ in train(Stage("pace", network, subject.training, few, 1 + TRIED, generator)):
        times.append(time.perf_counter())
    began = time.perf_counter()
    exam(subject, network)
    looked = time.perf_counter() - began
    return (
        sorted(after - before for before, after in zip(times, times[1:], strict=False))[TRIED // 2] + looked / course.every
    )
