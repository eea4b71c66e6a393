"""What breaks adds up to what a Report counts: to the class, to the sample, and of a text to the token."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from pruneviz.breakage import changes
from pruneviz.confidence import BINS, Bin, calibration_error, overconfidence, reliability
from pruneviz.engine import breakage, evaluate, grid, progress
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.engine.subject import Sentences
from pruneviz.recipe import Recipe
from tests.engine.test_progress import of_windows

CASES = {
    "weights": Recipe(amount=0.85),
    "neurons": Recipe(granularity="neuron", amount=0.7),
    "1:4": Recipe(granularity="1:4", amount=0.75),
    "own amounts": Recipe(amount=0.5, overrides=(("fc1.weight", 0.9),)),
    "another metric": Recipe(amount=0.85),
}
AMOUNTS = (0.25, 0.5, 0.75, 1.0)


@cache
def digits():
    return card.load("digits_mlp")


def ready(name: str, **change):
    if name == "windows":
        subject, recipe = of_windows(), Recipe(amount=0.4)
    else:
        subject, recipe = replace(digits(), metric="macro_f1" if name == "another metric" else ""), CASES[name]
    recipe = replace(recipe, **change)
    standing = evaluate.stand(subject, recipe)
    return subject, recipe, standing, Workspace(subject, standing.split.measured)


@pytest.fixture(autouse=True)
def _a_hundred_at_a_time(monkeypatch):
    monkeypatch.setattr(grid, "size", lambda *_, **__: 100)


@pytest.mark.parametrize("name", CASES)
def test_it_adds_up_to_the_report(name):
    subject, recipe, standing, workspace = ready(name)
    score = evaluate.evaluate(subject, recipe, standing, workspace).score
    found = breakage.breakage(subject, recipe, standing, workspace)
    assert (found.n, found.of, found.metric, found.noun) == (score.n, score.n, score.metric, score.noun)
    assert sum(row.n for row in found.classes) == score.n
    assert sum(row.correct for row in found.classes) == score.correct
    assert sum(row.dense_correct for row in found.classes) == score.dense_correct
    assert (found.newly_wrong, found.newly_right) == (score.newly_wrong, score.newly_right)
    assert all(row.correct == row.dense_correct - row.newly_wrong + row.newly_right for row in found.classes)
    drops = [row.points for row in found.classes]
    assert drops == sorted(drops, reverse=True) and found.worst is found.classes[0]
    assert found.newly_wrong + found.newly_right > 0, "the setting is to break something"


def test_confusions_hold_every_sample_once():
    subject, recipe, standing, workspace = ready("weights")
    found = breakage.breakage(subject, recipe, standing, workspace)
    said = workspace.outputs(standing.ranking, recipe.amount, {}).argmax(1).numpy()
    labels = subject.held_out.labels.numpy()
    plain = np.zeros((len(subject.classes),) * 2, dtype=int)
    for label, one in zip(labels, said, strict=True):
        plain[label, one] += 1
    assert np.array_equal(found.confusion, plain)
    counted = {row.index: row.n for row in found.classes}
    assert all(int(found.dense_confusion[at].sum()) == counted.get(at, 0) for at in range(len(subject.classes)))
    rows, columns, more = changes(found)
    difference = found.confusion - found.dense_confusion
    assert int(more.sum()) == 0 and np.array_equal(difference[rows, columns], more)
    assert len(more) == np.count_nonzero(difference)


def test_flips_are_the_very_samples_with_what_was_said_of_them():
    subject, recipe, standing, workspace = ready("weights")
    found = breakage.breakage(subject, recipe, standing, workspace)
    dense, pruned = (workspace.outputs(standing.ranking, amount, {}).softmax(1) for amount in (0.0, recipe.amount))
    labels = subject.held_out.labels
    right = [one.argmax(1) == labels for one in (dense, pruned)]
    assert {one.index for one in found.examples(most=10**6)} == set(torch.where(right[0] != right[1])[0].tolist())
    assert {one.index for one in found.examples(wrong=True, most=10**6)} == set(
        torch.where(right[0] & ~right[1])[0].tolist()
    )
    for one in found.examples():
        for said, top, name in ((dense, one.top_before, one.before), (pruned, one.top_after, one.after)):
            chances, classes = said[one.index].topk(3)
            assert [pair[0] for pair in top] == [subject.classes[at] for at in classes] and top[0][0] == name
            assert [pair[1] for pair in top] == pytest.approx(chances.tolist(), abs=1e-6)
        assert one.label == subject.classes[int(labels[one.index])] and found.example(one.index) == one
        assert one.wrong == bool(right[0][one.index]) and one in found.examples(one.group)
    sure = [one.top_before[0][1] for one in found.examples(wrong=True)]
    assert sure == sorted(sure, reverse=True), "those first of which the dense network was surest"


@pytest.mark.parametrize("name", ["weights", "neurons", "another metric"])
def test_where_nothing_goes_nothing_changes_sides(name):
    subject, recipe, standing, workspace = ready(name, amount=0.0)
    found = breakage.breakage(subject, recipe, standing, workspace)
    assert not len(found.flipped) and found.flips == () and not found.newly_wrong and not found.newly_right
    assert not len(changes(found)[0]) and found.reliability[0] == found.reliability[1]


def test_step_by_step_is_the_same_as_at_once(monkeypatch):
    subject, recipe, standing, workspace = ready("weights")
    whole = breakage.breakage(subject, recipe, standing, Workspace(subject, standing.split.measured))
    monkeypatch.setattr(progress, "STEP", 0.0)
    steps = list(breakage.breakages(subject, recipe, standing, workspace))
    assert [one.n for one in steps] == [100, 200, 300, 400, 500] and [one.partial for one in steps] == [True] * 4 + [False]
    for one in steps:
        assert sum(row.n for row in one.classes) == one.n and {*one.places[one.flipped]} <= {*whole.places[whole.flipped]}
    assert steps[-1].classes == whole.classes and steps[-1].flips == whole.flips
    asked = iter([False] * 4 + [True] * 99)
    stopped = list(
        breakage.breakages(subject, recipe, standing, Workspace(subject, standing.split.measured), lambda: next(asked))
    )
    assert len(stopped) < len(steps) and all(one.partial for one in stopped)


def test_tokens_of_a_window_add_up_to_its_loss():
    subject, recipe, standing, workspace = ready("windows")
    found = breakage.breakage(subject, recipe, standing, workspace, most=10**6)
    run = workspace.detailed(workspace.run(standing.ranking, recipe.amount, {}))
    workspace.advance(run, 1e9)
    measured, dense = run.outcomes.measurement(), workspace.dense()
    for one in (measured, dense):
        assert one.details["token_losses"].sum(1) == pytest.approx(one.losses, rel=1e-5)
    rises = measured.details["token_losses"] - dense.details["token_losses"]
    assert found.spread.harder == len(found.tokens) == int((rises > 0).sum())
    assert found.spread.tokens == rises.size and found.spread.easier == int((rises < 0).sum())
    assert [one.rise for one in found.tokens] == sorted((one.rise for one in found.tokens), reverse=True)
    for one in found.tokens[:20]:
        assert one.loss == measured.details["token_losses"][one.window, one.place]
        assert one.text == subject.classes[int(subject.held_out.labels[one.window, one.place])]
        read = subject.held_out.stored[one.window, : one.place + 1].tolist()
        assert one.before_context == "".join(subject.classes[token] for token in read)[-breakage.CONTEXT :]
    up = np.sort(rises[rises > 0])[::-1]
    assert found.spread.share == pytest.approx(up[: max(1, round(rises.size / 100))].sum() / up.sum(), rel=1e-5)
    assert found.classes == () and found.worst is None and found.flips == ()


def test_passages_are_the_windows_that_rise_most_in_between_and_least():
    subject, recipe, standing, workspace = ready("windows")
    found = breakage.breakage(subject, recipe, standing, workspace)
    run = workspace.detailed(workspace.run(standing.ranking, recipe.amount, {}))
    workspace.advance(run, 1e9)
    measured, dense = run.outcomes.measurement(), workspace.dense()
    rises = measured.losses - dense.losses
    order = sorted(range(found.n), key=lambda at: -rises[at])
    assert [one.window for one in found.passages] == [order[0], order[found.n // 2], order[-1]]
    for one in found.passages:
        losses = dense.details["token_losses"][one.window], measured.details["token_losses"][one.window]
        assert np.array_equal(one.dense_losses, losses[0]) and np.array_equal(one.losses, losses[1])
        assert one.lead == subject.classes[int(subject.held_out.stored[one.window, 0])]
        assert one.texts == tuple(subject.classes[int(token)] for token in subject.held_out.labels[one.window])
        assert one.perplexities == pytest.approx([np.exp(part.mean()) for part in losses], rel=1e-5)


def test_padding_is_no_token():
    subject = of_windows()
    labels = subject.held_out.labels.clone()
    labels[:, 5:] = -100
    subject = replace(subject, held_out=replace(subject.held_out, labels=labels))
    recipe = Recipe(amount=0.4)
    standing = evaluate.stand(subject, recipe)
    found = breakage.breakage(subject, recipe, standing, Workspace(subject, standing.split.measured), most=10**6)
    assert found.spread.tokens == 5 * len(labels) and all(one.place < 5 for one in found.tokens)


@pytest.mark.parametrize("name", ["weights", "neurons", "own amounts"])
def test_first_flips_are_those_of_a_plain_loop(name):
    subject, recipe, standing, workspace = ready(name)
    *_, found = breakage.first_flips(recipe, standing, workspace, AMOUNTS)
    what = evaluate.asked(recipe, standing)
    said = [workspace.amount(standing.ranking, amount, *what).correct for amount in AMOUNTS]
    dense = workspace.dense().correct
    for at in range(found.n):
        turned = [amount for amount, one in zip(AMOUNTS, said, strict=True) if one[at] != dense[at]]
        assert found.of_sample(int(found.places[at])) == (turned[0] if turned else None)
    assert found.wrong.tolist() == [int((dense & ~one).sum()) for one in said] and not found.partial
    firsts = [found.of_sample(int(found.places[at])) for at in found.order]
    assert firsts == sorted(firsts) and len(firsts) == int((found.first >= 0).sum())


def test_first_flips_need_a_right_and_a_wrong():
    _, recipe, standing, workspace = ready("windows")
    with pytest.raises(ValueError, match="look at the tokens"):
        list(breakage.first_flips(recipe, standing, workspace, AMOUNTS))


def test_reliability_by_hand():
    """Two answers at 0.95, one of them right; one at 0.55, right: the mean confidence is 245/3 %, the accuracy 200/3 %."""
    bins = reliability(np.array([0.95, 0.55, 0.95]), np.array([True, True, False]))
    assert bins == (Bin(0.5, 0.6, 1, 1, 0.55), Bin(0.9, 1.0, 2, 1, 0.95))
    assert overconfidence(bins) == pytest.approx((245 - 200) / 3)
    assert calibration_error(bins) == pytest.approx((45 + 90) / 3)
    assert reliability(np.array([1.0, np.nan]), np.array([True, True])) == (Bin((BINS - 1) / BINS, 1.0, 1, 1, 1.0),)
    assert overconfidence(()) is None and calibration_error(()) is None


def test_the_brightest_of_all_samples_is_looked_for_once(monkeypatch):
    subject, looked, found = digits(), [], torch.Tensor.max
    subject = replace(subject, held_out=replace(subject.held_out))
    monkeypatch.setattr(torch.Tensor, "max", lambda self, *how: looked.append(self.numel()) or found(self, *how))
    for index in range(5):
        breakage.picture(subject, index)
    assert looked.count(subject.held_out.stored.numel()) == 1


def test_a_sample_is_shown_as_it_is_stored():
    subject = digits()
    shown = breakage.picture(subject, 7)
    stored = subject.held_out.stored[7, 0].numpy()
    assert shown.shape == (8, 8, 3) and shown.dtype == np.uint8 and shown.max() == 255 and shown.min() == 0
    assert np.array_equal(np.argsort(shown[..., 1], axis=None, kind="stable"), np.argsort(stored, axis=None, kind="stable"))
    assert breakage.picture(subject, 10**6) is None and breakage.text(subject, 7) == ""
    whole = torch.arange(12, dtype=torch.uint8).view(1, 3, 2, 2) * 20
    colour = replace(subject, held_out=replace(subject.held_out, stored=whole))
    assert np.array_equal(breakage.picture(colour, 0), whole[0].permute(1, 2, 0).numpy())
    told = Sentences(whole[0, 0], *[torch.ones(2, dtype=torch.int64)] * 2, whole[0, 0], texts=(("one", "two"), ("three",)))
    texts = replace(subject, held_out=told)
    assert breakage.picture(texts, 0) is None and breakage.text(texts, 0) == "one | two" and breakage.text(texts, 5) == ""
