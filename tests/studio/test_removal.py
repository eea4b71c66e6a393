"""Of a heavy model the worker removes, writes and leaves out one by one: the same as would be found here, and it can end."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from pruneviz.engine import compared, evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe
from pruneviz.studio import cutting, kitchen, orders, units

HALF = Recipe(granularity="neuron", amount=0.5)


@pytest.fixture
def recipe(weighed) -> Recipe:
    return replace(HALF, subject=weighed)


@pytest.fixture(scope="module")
def here(path):
    """The model, where its units stand and a bench, without any of the app."""
    subject = replace(card.load(path), name=path)
    standing = evaluate.stand(subject, replace(HALF, subject=path))
    return subject, standing, Workspace(subject, standing.split.measured)


def test_the_worker_removes_for_real_and_proves_it(recipe, here):
    found = cutting.remove(recipe)
    report = evaluate.evaluate(here[0], recipe, here[1], here[2])
    *_, (n, local) = compared.removed(here[0], recipe, here[1], report.score)
    assert found == local and n == found.n == len(here[0].held_out) and found.same and not found.trouble
    assert found.parameters[1] < found.parameters[0] and found.difference <= 1e-9
    assert cutting.proof(found, "accuracy").startswith("Proven:")


def test_the_worker_writes_what_is_downloaded(recipe):
    names = zipfile.ZipFile(io.BytesIO(cutting.archive(recipe))).namelist()
    assert any(name.endswith("weights.safetensors") for name in names) and any("subject.toml" in name for name in names)


def test_what_was_downloaded_can_be_downloaded_again_when_its_file_has_made_room(recipe):
    first = zipfile.ZipFile(io.BytesIO(cutting.archive(recipe))).namelist()
    written = list(orders.queue().folder.glob("*.zip"))
    assert written
    for path in written:
        path.unlink()
    assert zipfile.ZipFile(io.BytesIO(cutting.archive(recipe))).namelist() == first


def test_the_worker_leaves_each_unit_out_alone(recipe, here):
    assert units.alone_known(recipe) == {} and units.alone_missing(recipe) == here[1].ranking.n
    told = []
    units.leave_one_out(recipe, told.append)
    found = units.alone_known(recipe)
    assert units.alone_missing(recipe) == 0 and told == sorted(told)
    name = next(iter(found))
    one = replace(recipe, amount=0.0, gone=(f"{name}:3",))
    score = evaluate.evaluate(here[0], one, here[1], here[2]).score
    assert (found[name].lost[3], found[name].won[3]) == (score.newly_wrong, score.newly_right)
    assert found[name].points[3] == pytest.approx(100 * (score.value - score.dense_value))


def test_what_was_left_out_before_a_cancel_stays(recipe):
    asked = kitchen.job_part(units._shared(recipe))
    order = orders.wait(lambda: orders.look(asked, units.ALONE), lambda one: one.latest is not None)
    orders.stop([order])
    known = int(np.isfinite(order.latest[0]).sum())
    assert known > 0 and units.alone_missing(recipe) == order.latest.shape[1] - known
