"""What a batch of class scores means: right or wrong, in nats, and as a share with its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pruneviz.engine import tasks
from pruneviz.report import wilson

TASK = tasks.find("image_classification")


def test_two_images_by_hand():
    """Scores (ln 3, 0) give class 0 the probability 3/4: a loss of ln 4/3 for label 0, ln 4 for label 1."""
    outputs, targets = torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]]), torch.tensor([0, 1])
    losses, counts, correct = TASK.losses(outputs, targets), TASK.counts(targets), TASK.correct(outputs, targets)
    assert losses.tolist() == pytest.approx([math.log(4 / 3), math.log(4)])
    assert counts.tolist() == [1, 1] and correct.tolist() == [True, False]
    for parts in ((losses, counts, correct), tuple(one.numpy() for one in (losses, counts, correct))):
        assert TASK.value(*parts) == 0.5 and TASK.interval(*parts) == wilson(1, 2)


def test_the_words_that_others_read():
    assert (TASK.metric, TASK.better, TASK.noun) == ("accuracy", "higher", "images") and TASK.chance(10) == 0.1


def test_a_share_is_a_whole_number_of_images():
    correct = np.arange(1000) % 3 > 0
    assert TASK.value(np.zeros(1000), np.ones(1000, int), correct) == 666 / 1000


@pytest.mark.parametrize("outputs", [torch.zeros(1, 3, 4), torch.zeros(3), torch.zeros(2, 0), {"logits": torch.zeros(1, 3)}])
def test_outputs_that_are_no_class_scores_are_refused(outputs):
    with pytest.raises(ValueError, match="one number per class"):
        TASK.classes(outputs, torch.zeros(1, dtype=torch.int64))


def test_labels_that_name_no_class_are_refused():
    assert TASK.classes(torch.zeros(1, 3), torch.zeros(1)) == 3
    TASK.check(torch.tensor([0, 2]), 3)
    for low, high in ((0, 3), (-1, 2), (-100, 0)):
        with pytest.raises(ValueError, match=f"from {low} to {high} do not fit 3 classes, which count from 0 to 2"):
            TASK.check(torch.tensor([low, high]), 3)


def test_an_unknown_task_gets_the_list():
    with pytest.raises(
        ValueError, match="unknown task 'juggling'; there are image_classification, language_modelling, text_classification"
    ):
        tasks.find("juggling")
