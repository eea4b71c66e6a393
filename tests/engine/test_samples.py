"""Which samples a Report is of, and who was right: two settings are held against each other sample by sample."""

from __future__ import annotations

import numpy as np

from pruneviz.candidates import paired
from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe


def measured(**how):
    recipe = Recipe(subject="digits_mlp", **how)
    subject = card.load(recipe.subject)
    standing = evaluate.stand(subject, recipe)
    workspace = Workspace(subject, standing.split.measured)
    return evaluate.evaluate(subject, recipe, standing, workspace), standing, workspace


def test_flips_between_two_settings_are_those_of_a_plain_loop():
    (first, standing, workspace), (second, other, _) = measured(amount=0.9), measured(amount=0.95, scope="layer")
    before, after = (
        workspace.amount(one.ranking, report.amount, {}) for one, report in ((standing, first), (other, second))
    )
    wrong = sum(bool(was) and not now for was, now in zip(before.correct, after.correct, strict=True))
    right = sum(not was and bool(now) for was, now in zip(before.correct, after.correct, strict=True))
    found = paired(second, first)
    assert (found.newly_wrong, found.newly_right, found.n) == (wrong, right, first.score.n) and wrong > 0
    assert np.unpackbits(np.frombuffer(first.score.right, np.uint8), count=500).sum() == first.score.correct


def test_samples_have_a_name_of_their_own():
    whole, aside, moved = measured(), measured(criterion="gradient", calibration="held-out"), None
    assert whole[0].score.samples == measured(amount=0.7, criterion="random")[0].score.samples != aside[0].score.samples
    moved = measured(criterion="gradient", calibration="held-out", seed=1)
    assert moved[0].score.samples != aside[0].score.samples and paired(moved[0], aside[0]) is None
    few = np.arange(64)
    assert whole[2].named(few) != whole[2].named(few + 1) and len(whole[2].named(few)) == 16
