"""The shipped curves are what the engine measures today, on exactly these weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from pruneviz import shipped
from pruneviz.engine import curves as made
from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.engine.sweep import sweep
from pruneviz.recipe import Recipe

NAMES = sorted(path.parent.name for path in shipped.SAMPLES.glob("*/curves.json"))
POINTS = (0.0, 0.3, 0.6, 0.8, 0.95)


def test_four_samples_ship():
    assert {"digits_mlp", "digits_cnn", "digits_resnet", "digits_vit"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_five_points_of_each_curve_are_measured_again(name):
    found, subject = shipped.read(name), card.load(name)
    assert found.subject_sha256 == subject.sha256 and found.title == subject.title
    for (criterion, scope), curve in found.curves.items():
        recipe = Recipe(subject=name, criterion=criterion, scope=scope)
        standing = evaluate.stand(subject, recipe)
        again = evaluate.curve(subject, recipe, standing, Workspace(subject, standing.split.measured), POINTS)
        kept = {point.amount: point for point in curve.points}
        assert [kept[amount] for amount in POINTS] == list(again.points), (criterion, scope)
        assert (again.dense_value, again.calibration_n) == (curve.dense_value, curve.calibration_n)
        what, stored = sweep(subject, recipe, standing), found.sweeps[criterion, scope]
        assert np.array_equal(what.kept, stored.kept) and np.array_equal(what.gone, stored.gone)
        assert np.allclose(what.energy, stored.energy, atol=1e-6) and np.array_equal(what.removed, stored.removed)


@pytest.mark.parametrize("name", NAMES)
def test_tuned_points_are_trained_again(name):
    """Five fine-tuned points of each sample, the criteria taking turns: trained anew, they come out to the image."""
    found, subject = shipped.read(name), card.load(name)
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


def test_written_curves_read_back(tmp_path, monkeypatch):
    found = shipped.read("digits_mlp")
    shutil.copytree(shipped.SAMPLES / "digits_mlp", tmp_path / "digits_mlp")
    shipped.write(tmp_path / "digits_mlp" / "curves.json", found)
    monkeypatch.setattr(shipped, "SAMPLES", tmp_path)
    again = shipped.read("digits_mlp")
    assert again.curves == found.curves and again.tuned == found.tuned
    assert replace(again, curves={}, sweeps={}, tuned={}) == replace(found, curves={}, sweeps={}, tuned={})
    assert json.loads((tmp_path / "digits_mlp" / "curves.json").read_text("utf-8"))["versions"]["torch"]
