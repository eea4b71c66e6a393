"""Movement: who goes by either rule, on networks of a few weights and on the digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pruneviz.engine.sources import card
from pruneviz.engine.subject import Sentences
from pruneviz.engine.training import private, second
from pruneviz.engine.training.labs import movement
from pruneviz.engine.training.memory import Memory
from tests.engine.training.lab_runs import course, interrupted, ran, same

SHORT = course(replace(movement.default, amount=0.7), steps=30, batch=32, every=15, rate=5e-3)


@pytest.fixture(name="subject", scope="module")
def subject_fixture():
    return card.load("digits_mlp")


def test_the_two_tasks_are_the_two_halves_of_the_classes(subject):
    first, then = second.tasks(subject, second.HALVES)
    assert (
        sorted(set(first.training.labels.tolist()))
        == [0, 1, 2, 3, 4]
        == [one - 5 for one in sorted(set(then.held_out.labels.tolist()))]
    )
    assert len(first.held_out) + len(then.held_out) == 500 and len(first.training) + len(then.training) == 1297


@pytest.mark.parametrize("method", movement.METHODS)
def test_a_run_resumed_is_the_run_uninterrupted(subject, method):
    recipe = course(SHORT, method=method, strength=50.0)
    whole = ran(subject, recipe)
    assert [moment.step for moment in whole[0]] == [15, 30, 45, 60]
    for at in (1, 2, 3, 4):
        assert same(whole, interrupted(subject, recipe, at)), at


def test_magnitude_removes_a_band_and_movement_a_wedge(subject):
    """By magnitude none that goes is larger than any that stays, so the two rules are one. By movement large ones go and
    small ones stay, and whether a weight stays hangs together with whether it grew: more so than by magnitude."""
    found = {}
    for method in ("magnitude", "movement"):
        moments, network, kept = ran(subject, course(SHORT, method=method, steps=60, every=60))
        arrays = moments[-1].arrays
        grew = np.sign(arrays["w_before"]) * (arrays["w_after"] - arrays["w_before"])
        found[method] = np.abs(arrays["w_after"]), arrays["kept"], float(np.corrcoef(grew, arrays["kept"])[0, 1])
        weights = 49_200
        assert int(sum((~one).sum() for one in kept.values())) == round(0.7 * weights) and "fc3.weight" not in kept
        assert arrays["mosaic"].sum() == weights and arrays["mosaic"][1].sum() == round(0.7 * weights)
        stays = np.concatenate([one.numpy().reshape(-1) for one in kept.values()])
        assert np.array_equal(np.unpackbits(arrays["stays"], count=weights).astype(bool), stays)
        assert all(not network[name][~one].any() for name, one in kept.items())
        if method == "magnitude":
            assert arrays["mosaic"][0, 1] == arrays["mosaic"][1, 0] == 0
    size, stays, by_size = found["magnitude"]
    assert size[~stays].max() <= size[stays].min()
    size, stays, by_growth = found["movement"]
    assert size[~stays].max() > size[stays].min() and by_growth > max(0.0, by_size)


def test_all_follow_the_schedule_and_the_soft_one_its_threshold(subject):
    recipe = course(SHORT, start=0.0, stop=0.5, schedule="linear", every=10)
    shares = [moment.values["amount"] for moment in ran(subject, recipe)[0]]
    assert shares == pytest.approx([0, 0, 0, 0.7 * 2 / 3, 0.7, 0.7])
    # Nothing pulls the scores down, and thirty steps of 0.01 bring none from 0 to the threshold's −2.2.
    soft = ran(subject, course(recipe, method="soft-movement", strength=0.0))
    assert soft[0][-1].values["sparsity"] == 0 and all(one.all() for one in soft[2].values())


def test_the_pull_is_the_slope_of_the_mean_chance_to_stay(subject):
    """strength · share · mean σ(S) over all scores, by autograd; the share of the way that the threshold has gone is a half:
    a linear ramp from 0 to the end, at step 15 of 30."""
    recipe = course(SHORT, method="soft-movement", strength=50.0, schedule="linear", start=0.0, stop=1.0)
    tuning = movement._Tuning(subject, recipe, private.trained(subject))
    tuning.settle(15)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for one in tuning._scores:
            one.normal_(generator=generator)
            one.grad = torch.ones_like(one)
    tuning._pull()
    pulled = [one.grad - 1 for one in tuning._scores]
    for one in tuning._scores:
        one.grad = None
    (50.0 * 0.5 * torch.cat([one.flatten() for one in tuning._scores]).sigmoid().mean()).backward()
    for mine, one in zip(pulled, tuning._scores, strict=True):
        assert torch.allclose(mine, one.grad, rtol=1e-3, atol=1e-6) and (one.grad > 0).all()


def test_a_stronger_pull_removes_more(subject, monkeypatch):
    """In thirty steps a score cannot fall to −2.2, so here it has to fall to −0.04 alone."""
    monkeypatch.setattr(movement, "THRESHOLD", 0.49)
    recipe = course(SHORT, method="soft-movement", every=30)
    gone = [ran(subject, course(recipe, strength=much))[0][-1].values["sparsity"] for much in (0.0, 300.0, 3000.0)]
    assert gone[0] < gone[1] - 0.05 < gone[2] - 0.1


def test_what_does_not_fit_is_said(subject):
    def refused(recipe):
        with pytest.raises(ValueError) as found:
            list(movement.run(subject, recipe, Memory()))
        return str(found.value)

    assert "unknown method 'drift'" in refused(course(SHORT, method="drift"))
    assert "choose the granularity weight" in refused(replace(SHORT, granularity="neuron"))
    assert "name upper-half" in refused(course(SHORT, second=""))
    assert "take their own amounts away" in refused(replace(SHORT, overrides=(("fc1.weight", 0.5),)))
    assert "spare fewer" in refused(replace(SHORT, spared=tuple(layer.name for layer in subject.layers)))
    assert "there are fc1.weight" in refused(replace(SHORT, spared=("fc9.weight",)))
    few = replace(subject, classes=("a", "b", "c"))
    with pytest.raises(ValueError, match="two classes for each of two tasks"):
        second.tasks(few, second.HALVES)


def test_texts_are_halved_with_all_that_belongs_to_them(subject):
    """Four texts of the classes 3, 0, 2, 1: the second task's are the first and the third."""
    tokens, lengths, labels = torch.arange(12).view(4, 3), torch.tensor([3, 2, 1, 3]), torch.tensor([3, 0, 2, 1])
    texts = tuple((word,) for word in "abcd")
    data = Sentences(tokens, lengths, labels, torch.zeros_like(tokens), (), texts)
    words = replace(subject, task="text_classification", held_out=data, training=data, classes=tuple("wxyz"))
    first, then = (one.training for one in second.tasks(words, second.HALVES))
    assert then.texts == (("a",), ("c",)) and then.labels.tolist() == [3, 2] and then.lengths.tolist() == [3, 1]
    assert first.stored.tolist() == tokens[[1, 3]].tolist() and len(first.types) == 2


def test_another_card_may_be_the_second_task(subject):
    first, then = second.tasks(subject, "digits_cnn")
    assert (
        first is subject and then.network is subject.network and torch.equal(then.training.labels, subject.training.labels)
    )
    other = replace(subject, classes=tuple("ab"))
    with pytest.raises(ValueError, match="10 classes, .* tells 2 apart"):
        second.tasks(other, "digits_cnn")
