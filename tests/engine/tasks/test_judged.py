"""A task judged by another metric, all the way from a batch's outputs to a Report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.engine import evaluate, metrics, tasks
from pruneviz.engine.measure import Workspace
from pruneviz.engine.outcomes import measurement
from pruneviz.recipe import Recipe
from tests.engine.conftest import tiny_subject
from tests.engine.networks import images, randomised

TEXTS = tasks.find("text_classification")


def test_texts_are_judged_as_images_are_but_are_called_texts():
    outputs, targets = torch.tensor([[1.0, 0.0], [3.0, 2.0]]), torch.tensor([0, 1])
    assert (TEXTS.metric, TEXTS.noun, TEXTS.better, TEXTS.shares) == ("accuracy", "texts", "higher", True)
    assert TEXTS.correct(outputs, targets).tolist() == [True, False] and TEXTS.predictions(outputs).tolist() == [0, 0]
    assert TEXTS.losses(outputs, targets)[1] == pytest.approx(np.log(1 + np.e))


@pytest.mark.parametrize("name", ["macro_f1", "matthews"])
@pytest.mark.parametrize("task", ["image_classification", "text_classification"])
def test_another_metric(name, task):
    judged, metric = tasks.judged(task, name), metrics.find(name)
    labels = torch.tensor([0, 1, 1, 0, 2, 2, 1, 0])
    outputs = nn.functional.one_hot(torch.tensor([0, 1, 0, 0, 2, 1, 1, 2]), 3).float()
    batches = [(outputs[:3], labels[:3]), (outputs[3:], labels[3:])]
    found = measurement(judged, iter(batches))
    assert found.value == metric.value(labels.numpy(), outputs.argmax(1).numpy())
    assert found.interval == tuple(metric.interval(labels.numpy(), outputs.argmax(1).numpy()))
    assert found.correct.sum() == 5 and found.value != 5 / 8
    assert (judged.metric, judged.method, judged.shares) == (metric.metric, "bootstrap over samples, 1,000 draws", False)
    assert judged.chance(4) == metric.chance(4) and judged.noun == tasks.find(task).noun


def test_the_tasks_own_metric_is_the_task():
    for name in ("", "accuracy"):
        assert tasks.judged("text_classification", name) is TEXTS
    assert tasks.judged("language_modelling", "perplexity") is tasks.find("language_modelling")


def test_metrics_that_do_not_fit_get_a_sentence():
    with pytest.raises(ValueError, match="judged by perplexity, not by 'accuracy'"):
        tasks.judged("language_modelling", "accuracy")
    with pytest.raises(ValueError, match="unknown metric 'f2'; there are accuracy, macro_f1, matthews"):
        tasks.judged("image_classification", "f2")


def test_a_report_says_what_was_measured():
    """Three classes, 24 images: the Report's value, interval and curve are the metric's, not the accuracy's."""
    network = randomised(nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 3)))
    subject = replace(tiny_subject(network, *images()), metric="macro_f1", task="text_classification")
    recipe = Recipe(subject="tiny", amount=0.5)
    standing = evaluate.stand(subject, recipe)
    workspace = Workspace(subject, standing.split.measured)
    score = evaluate.evaluate(subject, recipe, standing, workspace).score
    said = workspace.outputs(standing.ranking, 0.5, {}).argmax(1).numpy()
    right = subject.held_out.labels.numpy()
    assert (score.metric, score.noun, score.method) == ("macro F1", "texts", "bootstrap over samples, 1,000 draws")
    assert score.correct == (said == right).sum() and score.value == pytest.approx(
        metrics.find("macro_f1").value(right, said)
    )
    curve = evaluate.curve(subject, recipe, standing, workspace, [0.0, 0.5])
    assert (curve.metric, curve.noun, curve.chance) == ("macro F1", "texts", 1 / 3)
    assert curve.points[1].value == score.value
    # Halves count right samples: they say nothing of a mean of F1.
    assert all(point.half == (0, 0) for point in curve.points if point.value != point.correct / point.n)


def test_one_output_is_no_classifier():
    with pytest.raises(ValueError, match="one number, where a classifier gives one per class"):
        TEXTS.classes(torch.zeros(2, 1), torch.zeros(2))


def test_outputs_that_nobody_named_are_refused():
    TEXTS.unnamed(torch.tensor([0, 9]), 10)
    with pytest.raises(ValueError, match="tells 20 classes apart but the labels end at 9"):
        TEXTS.unnamed(torch.tensor([0, 9]), 20)
    with pytest.raises(ValueError, match="first_label = 1"):
        TEXTS.check(torch.tensor([1, 10]), 10)
