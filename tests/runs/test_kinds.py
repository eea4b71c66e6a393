"""Kinds: a worker finds what the engine finds here, bit for bit, and what is urgent goes before what fills a chart."""

from __future__ import annotations

import os
import shutil
import tomllib
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pruneviz.caps import Caps
from pruneviz.engine import evaluate, restand
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.engine.sources.limits import LOCAL
from pruneviz.engine.sweep import sweep
from pruneviz.recipe import Recipe
from pruneviz.runs.jobs import Job
from pruneviz.runs.queue import Queue

MODEL = "digits_mlp"
WEIGHTS = Recipe(subject=MODEL, amount=0.8)
UNITS = Recipe(subject=MODEL, granularity="neuron", criterion="leave_one_out", amount=0.4)


@pytest.fixture(autouse=True)
def one_thread():
    """As the worker has here, whatever a test before this one set: another order of sums is another last bit."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def queue():
    made = Queue(Caps(), threads=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def subject():
    return card.load(MODEL)


def done(queue, kind, recipe, nodes=(), who="ann/1"):
    ticket = queue.watch(Job(kind, recipe, MODEL, nodes), who)
    assert ticket.wait(60) and ticket.state == "done", ticket.trouble
    assert len(ticket.results) == 1
    return ticket.results[0]


@pytest.mark.parametrize(
    "recipe", [WEIGHTS, replace(WEIGHTS, criterion="obd", seed=3), UNITS], ids=lambda one: one.criterion
)
def test_a_measurement_is_the_engines(queue, subject, recipe):
    standing = evaluate.stand(subject, recipe)
    here = evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured))
    there = done(queue, "measure", recipe)
    assert (there.score, there.layers, there.mask_sha256, there.notes) == (
        here.score,
        here.layers,
        here.mask_sha256,
        here.notes,
    )
    assert (there.subject, there.threshold, there.cost) == (MODEL, here.threshold, here.cost)
    assert [group.kept.tolist() for group in there.groups] == [group.kept.tolist() for group in here.groups]


def test_a_curve_is_the_engines(queue, subject):
    recipe, nodes = replace(WEIGHTS, amount=0.0), (0.0, 0.9, 0.5, 0.95)
    standing = evaluate.stand(subject, recipe)
    here = evaluate.curve(subject, recipe, standing, Workspace(subject, standing.split.measured), sorted(nodes))
    there = done(queue, "curve", recipe, nodes)
    assert replace(there, seconds=0) == replace(here, seconds=0)


def test_a_curve_goes_on_where_the_worker_before_was(queue, subject):
    """What a worker before had found is not measured again."""
    from pruneviz.runs import kinds
    from pruneviz.runs.larder import Larder

    class Alone:
        larder = Larder(10**9)

        def pause(self, done, of):
            pass

        def stopped(self):
            return False

    recipe, nodes = replace(WEIGHTS, amount=0.0), (0.0, 0.9, 0.5, 0.95)
    job = Job("curve", recipe, MODEL, nodes)
    whole = [step for step in kinds.curve(job, Alone(), []) if step.result is not None]
    rest = [step for step in kinds.curve(job, Alone(), [whole[1].result]) if step.result is not None]
    assert len(rest) == len(whole) - 2
    assert replace(rest[-1].result, seconds=0) == replace(whole[-1].result, seconds=0)
    assert (rest[-1].done, rest[-1].of) == (whole[-1].done, whole[-1].of) == (2000, 2000)


@pytest.mark.parametrize("nodes", [(), ("layer", "fc1.weight", True)])
def test_a_sweep_is_the_engines(queue, subject, nodes):
    nodes = nodes and ("layer", subject.layers[0].name, True)
    standing = evaluate.stand(subject, WEIGHTS)
    here = sweep(subject, WEIGHTS, standing, only=nodes[1] if nodes else "", absolute=bool(nodes))
    there = done(queue, "sweep", WEIGHTS, nodes)
    assert there.layers == here.layers
    for name in ("removed", "energy", "threshold", "kept", "edges", "total", "gone"):
        assert np.array_equal(getattr(there, name), getattr(here, name)), name


def test_where_units_stand_comes_back_as_scores(queue, subject):
    there = done(queue, "stand", UNITS)["units"]
    here = evaluate.stand(subject, UNITS)
    assert list(there) == list(here.ranking.split(here.ranking.scores))
    again = evaluate.stand(subject, UNITS, None, there)
    assert np.array_equal(again.ranking.scores, here.ranking.scores)


def test_how_far_it_is_and_then_the_scores(queue):
    """What a criterion says unit by unit is progress; what comes at its end is not taken for something older."""
    ticket = queue.watch(Job("stand", replace(UNITS, seed=7), MODEL), "ann/1")
    assert ticket.wait(60, lambda one: one.progress) and ticket.progress[1] > 1
    assert ticket.wait(60) and ticket.state == "done" and len(ticket.results[0]["units"]) > 0


def test_where_weights_stand_comes_back_as_a_file(queue, subject):
    recipe = replace(WEIGHTS, criterion="obd")
    there, here = done(queue, "stand", recipe), evaluate.stand(subject, recipe)
    assert there["curvature"] == here.curvature and there["seconds"] > 0
    assert os.path.dirname(there["path"]) == str(queue.folder)
    stored = load_file(there["path"])
    assert len(stored) == len(here.scores)
    for key, scores in zip(sorted(stored), here.scores, strict=True):
        assert stored[key].equal(scores)


def test_what_a_scope_looked_at_comes_back_with_the_file(queue, subject):
    """The same mask from the scores in the file, though the server itself looks at no data."""
    recipe = replace(WEIGHTS, scope="owl", amount=0.6)
    there, here = done(queue, "stand", recipe), evaluate.stand(subject, recipe)
    assert there["later"] == here.later and max(here.later) > 0
    again = restand.restand(subject, recipe, there)
    assert again.split.source == here.split.source == "training"
    assert evaluate.mask(recipe, again).sha256() == evaluate.mask(recipe, here).sha256()


def test_what_is_urgent_goes_first(queue, tmp_path):
    slow = queue.watch(Job("tests.runs.tiny:count", Recipe(), str(tmp_path / "card"), (10_000, 0.01)), "ann/1")
    assert slow.wait(60, lambda one: one.steps)
    before = slow.steps
    done(queue, "measure", replace(WEIGHTS, amount=0.123))
    assert slow.state == "running" and slow.steps < 9_000
    assert slow.wait(60, lambda one: one.steps > before + 1)  # and goes on
    assert queue.cancel(slow) == "cancelled"


def test_inside_a_long_step_others_get_their_turn(queue, tmp_path):
    """A criterion that goes unit by unit is one long step; in its pauses a measurement is made, and it is heard."""
    slow = queue.watch(Job("tests.runs.tiny:patient", Recipe(), str(tmp_path / "card"), (10_000,)), "ann/1")
    assert slow.wait(60, lambda one: one.steps > 3)
    done(queue, "measure", replace(WEIGHTS, amount=0.456))
    assert slow.wait(60, lambda one: one.seconds_left)
    assert slow.state == "running" and 0 < slow.progress[0] < 10_000 and slow.seconds_left > 0
    pids = queue.pids()
    assert queue.cancel(slow) == "cancelled"
    assert queue.pids() == pids  # no force was needed


def test_what_is_half_made_is_waited_for(queue):
    """A measurement whose ranking is half made, by a job inside whose step it would go first, waits and then takes it."""
    recipe = replace(UNITS, scope="layer")
    standing = queue.watch(Job("stand", recipe, MODEL), "ann/1")
    report = queue.watch(Job("measure", recipe, MODEL), "ann/1")
    assert standing.wait(60) and report.wait(60)
    assert (standing.state, report.state) == ("done", "done"), (standing.trouble, report.trouble)


def test_what_cannot_be_answered_is_one_sentence(queue):
    ticket = queue.watch(Job("measure", replace(WEIGHTS, criterion="nonsense"), MODEL), "ann/1")
    assert ticket.wait(60) and ticket.state == "failed"
    assert ticket.trouble.startswith("unknown criterion 'nonsense'") and "\n" not in ticket.trouble
    # Nobody hears where a server keeps what was brought.
    ticket = queue.watch(Job("measure", replace(WEIGHTS, subject="own:0123"), "/nowhere/subject.toml"), "ann/1")
    assert ticket.wait(60) and ticket.trouble == "the files of own:0123 are here no more: bring it again"


@pytest.fixture
def brought(tmp_path):
    """A model with data of its own: the digits' test images three times over, as somebody would bring them."""
    from pruneviz.engine.export import toml
    from pruneviz.engine.sources import digits
    from pruneviz.engine.sources.card import SHIPPED

    folder, held = tmp_path / "brought", digits.split()
    shutil.copytree(SHIPPED / MODEL, folder)
    labels = np.concatenate([held["y_test"]] * 3)
    np.savez(folder / "d.npz", x_test=np.concatenate([held["x_test"]] * 3).astype("uint8"), y_test=labels)
    table = tomllib.loads((folder / "subject.toml").read_text("utf-8"))
    table["data"] = {key: value for key, value in table["data"].items() if key != "set"} | {"file": "d.npz"}
    (folder / "subject.toml").write_text(toml.text(table), "utf-8")
    return folder


def test_the_worker_measures_what_the_server_let_in(queue, brought):
    """Of more samples than a server takes, both draw the same; of all of them, another number comes out."""
    recipe = Recipe(subject="own:0123", amount=0.8)
    for most in (300, 1 << 31):
        limits = replace(LOCAL, samples=most)
        here = card.load(brought, limits)
        job = Job("measure", recipe, str(brought), limits=limits, expects=(here.sha256, here.data_sha256))
        ticket = queue.watch(job, "ann/1")
        assert ticket.wait(60) and ticket.state == "done", ticket.trouble
        assert ticket.results[-1].score.n == len(here.held_out) == min(most, 1500)
    wrong = queue.watch(replace(job, limits=None, expects=(here.sha256, f"{here.data_sha256}+300of1500")), "ann/1")
    assert wrong.wait(60) and wrong.state == "failed" and wrong.code == "changed"


def test_files_that_changed_under_a_model_are_not_measured(queue, brought):
    """The card stays, the weights beside it are others: what the worker keeps is still the model, what it reads is not."""
    here = card.load(brought)
    job = Job("measure", Recipe(subject="own:0123", amount=0.8), str(brought), expects=(here.sha256, here.data_sha256))
    tensors = load_file(brought / "weights.safetensors")
    name, first = next(iter(tensors.items()))
    save_file(tensors | {name: first + 1}, brought / "weights.safetensors")
    ticket = queue.watch(job, "ann/1")
    assert ticket.wait(60) and (ticket.state, ticket.code) == ("failed", "changed") and not ticket.results
    assert ticket.trouble.startswith("the files of this model hold something else") and "\n" not in ticket.trouble
    now = card.load(brought)
    ticket = queue.watch(replace(job, expects=(now.sha256, now.data_sha256)), "ann/1")
    assert ticket.wait(60) and ticket.state == "done", ticket.trouble


def test_a_sensitivity_map_and_a_search_are_the_engines(queue, subject):
    from pruneviz.engine import allocation, sensitivity

    recipe = Recipe(subject=MODEL, scope="layer", spared=("fc1.weight",), tolerance=0.05)
    standing = evaluate.stand(subject, recipe)
    workspace = Workspace(subject, standing.split.measured)
    *_, here = (one for one in sensitivity.sensitivity(subject, recipe, standing, workspace) if one is not None)
    assert done(queue, "sensitivity", recipe) == here and here.complete
    *_, solved = allocation.solve(subject, recipe, standing)
    nodes = ("tolerance", 0.05), ("budget", "parameters")
    assert done(queue, "allocate", replace(recipe, tolerance=0.02), nodes) == solved and solved.complete
