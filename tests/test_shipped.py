"""The shipped curves are what the engine measures today, on exactly these weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from pruneviz import language_reference, shipped
from pruneviz.engine import criterion as criteria
from pruneviz.engine import curves as made
from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.engine.sweep import sweep
from pruneviz.recipe import Recipe
from tests import author_text

NAMES = sorted(path.parent.name for path in shipped.SAMPLES.glob("*/curves.json"))
OF_THIS_TEXT = [pytest.param(name, marks=author_text.needed if shipped.made(name).text_sha256 else ()) for name in NAMES]
POINTS = (0.0, 0.3, 0.6, 0.8, 0.95)


def test_five_samples_ship():
    assert {"digits_mlp", "digits_cnn", "digits_resnet", "digits_vit", "reference_lm"} <= set(NAMES)


def as_it_is_known(point):
    """A point as it is; of a perplexity, whose last digits are the processor's, as far as it says something."""
    if point.correct is not None:
        return point
    return replace(point, value=pytest.approx(point.value, rel=1e-3), interval=pytest.approx(point.interval, rel=1e-3))


@pytest.mark.parametrize("name", OF_THIS_TEXT)
def test_five_points_of_each_curve_are_measured_again(name):
    found, subject = shipped.read(name), card.load(name)
    assert found.subject_sha256 == subject.sha256 and found.title == subject.title
    workspaces: dict[tuple[int, ...], Workspace] = {}  # the dense network is run once on the same samples
    for (criterion, scope), curve in found.curves.items():
        recipe = Recipe(subject=name, criterion=criterion, scope=scope)
        standing = evaluate.stand(subject, recipe)
        points = POINTS if found.tuned else POINTS[:3]  # a perplexity takes its time
        samples = tuple(standing.split.measured.tolist())
        if samples not in workspaces:
            workspaces[samples] = Workspace(subject, standing.split.measured)
        again = evaluate.curve(subject, recipe, standing, workspaces[samples], points)
        kept = {point.amount: point for point in curve.points}
        assert [as_it_is_known(kept[amount]) for amount in points] == list(again.points), (criterion, scope)
        assert (again.dense_value, again.calibration_n) == (pytest.approx(curve.dense_value, rel=1e-3), curve.calibration_n)
        what, stored = sweep(subject, recipe, standing), found.sweeps[criterion, scope]
        assert np.array_equal(what.removed, stored.removed)
        if found.tuned or "absolute_gradient" not in criteria.find(criterion).needs:
            assert np.array_equal(what.kept, stored.kept) and np.array_equal(what.gone, stored.gone)
            assert np.allclose(what.energy, stored.energy, atol=1e-6)
            continue
        # A language model's gradients are long sums, which every processor adds up in its own order: at the very edge of
        # what goes, a weight may change places with its neighbour. Here and there, never by more.
        for here, there in ((what.kept, stored.kept), (what.gone, stored.gone)):
            assert np.abs(here - there).max() <= 2 and (here != there).mean() < 0.01
        assert np.allclose(what.energy, stored.energy, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_tuned_points_are_trained_again(name):
    """Five fine-tuned points of each sample, the criteria taking turns: trained anew, they come out to the image."""
    found, subject = shipped.made(name), card.load(name)
    for at, (criterion, scope) in zip(range(5), [*found.tuned] * 5, strict=False):
        point = found.tuned[criterion, scope].points[at + 1]
        recipe = Recipe(subject=name, criterion=criterion, scope=scope)
        standing = evaluate.stand(subject, recipe)
        assert list(made.tuned_points(subject, recipe, standing, [point.amount])) == [point]


def test_other_weights_have_no_curves(tmp_path, monkeypatch):
    shutil.copytree(shipped.SAMPLES / "digits_mlp", tmp_path / "digits_mlp")
    monkeypatch.setattr(shipped, "SAMPLES", tmp_path)
    assert shipped.read("digits_mlp") is not None
    with (tmp_path / "digits_mlp" / "weights.safetensors").open("ab") as file:
        file.write(b"\0")
    assert shipped.read("digits_mlp") is None and shipped.read("nobody") is None and shipped.read("../digits_mlp") is None


@pytest.mark.parametrize("name", ["digits_mlp", "reference_lm"])
def test_written_curves_read_back(tmp_path, monkeypatch, name):
    found = shipped.made(name)
    shutil.copytree(shipped.SAMPLES / name, tmp_path / name)
    shipped.write(tmp_path / name / "curves.json", found)
    monkeypatch.setattr(shipped, "SAMPLES", tmp_path)
    again = shipped.made(name)
    assert again.curves == found.curves and again.tuned == found.tuned
    assert replace(again, curves={}, sweeps={}, tuned={}) == replace(found, curves={}, sweeps={}, tuned={})
    assert json.loads((tmp_path / name / "curves.json").read_text("utf-8"))["versions"]["torch"]


def test_on_another_text_there_are_no_curves_but_still_a_model(monkeypatch):
    """Another Python's text has other perplexities: they are measured there, and the menu has the model as before."""
    found = shipped.made("reference_lm")
    assert not found.tuned
    monkeypatch.setattr(language_reference, "sha256", lambda: found.text_sha256)
    assert shipped.read("reference_lm").curves == found.curves
    monkeypatch.setattr(language_reference, "sha256", lambda: "0" * 64)
    assert shipped.read("reference_lm") is None and shipped.made("reference_lm").curves == found.curves
    assert shipped.titles()["reference_lm"] == found.title
    assert shipped.read("digits_mlp") is not None
