"""A tiny lab for tests: one matrix learns digits, half of it goes, the rest learns on. As slow as its `times` says."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn

from pruneviz.course import Course
from pruneviz.engine.mask import Mask
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.labs import Lab, conclude
from pruneviz.engine.training.loop import Stage, train
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

COURSE = Course(lab="tiny", steps=6, retrain=6, batch=16, every=1, times=1)
RECIPE = Recipe(subject="digits_mlp", course=COURSE)


def planned(subject, recipe):
    return recipe.course.steps + recipe.course.retrain


def run(subject, recipe, memory):
    """As many moments as steps; each takes `times` − 1 milliseconds longer than it has to, and has an array."""
    course, network = recipe.course, nn.Linear(64, 10)
    generator = torch.Generator().manual_seed(recipe.seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 10)
    flat = nn.Sequential(nn.Flatten(), network)
    if course.method == "refuse":
        raise ValueError("this subject does\nnot fit")
    for tick in train(Stage("train", flat, subject.training, course, course.steps, generator), memory):
        yield _moment(recipe, "train", tick.step, tick, network)
    weight = network.weight.detach().numpy()
    mask = Mask((np.abs(weight) > np.median(np.abs(weight))).reshape(-1), ("1.weight",), (weight.shape,))
    if "mask" in memory:
        mask = Mask(memory["mask"].numpy(), mask.names, mask.shapes)
    memory["mask"] = torch.from_numpy(mask.flat)
    held = Held(flat, mask)
    for tick in train(Stage("rest", flat, subject.training, course, course.retrain, generator, held=held), memory):
        yield _moment(recipe, "rest", course.steps + tick.step, tick, network)
    conclude(memory, flat, held.kept())


def _moment(recipe, stage, step, tick, network):
    time.sleep((recipe.course.times - 1) / 1000)
    if recipe.course.method == "endless":
        time.sleep(600)
    if recipe.course.method == "broken":
        raise KeyError("secret")
    counts = np.histogram(network.weight.detach().numpy(), 4)[0]
    return Moment(step, planned(None, recipe), stage, {"loss": tick.loss, "nothing": float("nan")}, {"histogram": counts})


LAB = Lab("tiny", "Tiny", "One matrix.", RECIPE, planned, run)
