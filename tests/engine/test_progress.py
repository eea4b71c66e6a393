"""Step by step is the same as at once: to the bit at the end, and on the way what a plain loop gets on the same samples."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pruneviz.engine import evaluate, grid, measure, outcomes, progress
from pruneviz.engine.measure import Workspace
from pruneviz.recipe import Recipe
from tests.engine.conftest import tiny_subject
from tests.engine.networks import Residual, generator, images, randomised

N, SIZE = 23, 5


@dataclass(frozen=True, eq=False)
class Named:
    """Samples whose inputs go by keyword."""

    stored: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, index=slice(None)) -> dict[str, Tensor]:
        return {"x": self.stored[index], "scale": torch.full((len(self.stored[index]), 1), 2.0)}


class Keyword(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(36, 8), nn.Linear(8, 3)

    def forward(self, x, scale):
        return self.two(torch.relu(self.one(x.flatten(1)) * scale))


class Tokens(nn.Module):
    """A language model of one matrix: the next token's scores from the one before."""

    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(7, 6), nn.Linear(6, 7)

    def forward(self, tokens):
        return self.out(torch.relu(self.table(tokens)))


def of_images():
    return tiny_subject(randomised(Residual()), *images(N))


def of_keywords():
    plain = tiny_subject(randomised(Keyword()), *images(N))
    samples = Named(plain.held_out.stored, plain.held_out.labels)
    return replace(plain, held_out=samples, training=samples)


def of_windows():
    tokens = torch.randint(0, 7, (N, 9), generator=generator())
    plain = tiny_subject(randomised(Tokens()), tokens[:, :-1], tokens[:, 1:])
    samples = SimpleWindows(tokens[:, :-1], tokens[:, 1:])
    return replace(plain, task="language_modelling", held_out=samples, training=samples)


@dataclass(frozen=True, eq=False)
class SimpleWindows:
    stored: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, index=slice(None)) -> Tensor:
        return self.stored[index]


CASES = {
    "weights": (of_images, Recipe(amount=0.4)),
    "filters": (of_images, Recipe(granularity="filter", amount=0.4)),
    "2:4": (of_images, Recipe(granularity="2:4", amount=0.5)),
    "by keyword": (of_keywords, Recipe(amount=0.4)),
    "neurons by keyword": (of_keywords, Recipe(granularity="neuron", amount=0.5)),
    "windows": (of_windows, Recipe(amount=0.4)),
    "another metric": (lambda: replace(of_images(), metric="macro_f1"), Recipe(amount=0.4)),
}


@pytest.fixture(autouse=True)
def _five_at_a_time(monkeypatch):
    monkeypatch.setattr(grid, "size", lambda *_, **__: SIZE)


@pytest.fixture
def _one_batch_a_step(monkeypatch):
    monkeypatch.setattr(progress, "STEP", 0.0)


def ready(name: str):
    make, recipe = CASES[name]
    subject = make()
    standing = evaluate.stand(subject, recipe)
    return subject, recipe, standing, Workspace(subject, standing.split.measured)


def alike(one: outcomes.Measurement, other: outcomes.Measurement) -> bool:
    same = np.array_equal(one.losses, other.losses) and np.array_equal(one.counts, other.counts)
    whose = (one.correct is None) == (other.correct is None)
    return same and whose and (one.value, one.interval) == (other.value, other.interval)


@pytest.mark.usefixtures("_one_batch_a_step")
@pytest.mark.parametrize("name", CASES)
def test_the_last_step_says_what_one_measurement_says(name):
    """To the bit, for what stays and for the dense network, in a workspace of its own and in the same."""
    subject, recipe, standing, workspace = ready(name)
    steps = list(progress.measured(workspace, standing, recipe))
    assert [step.n for step in steps] == [5, 10, 15, 20, 23] and [step.done for step in steps] == [False] * 4 + [True]
    what = evaluate.asked(recipe, standing)
    for one in (workspace, Workspace(subject, standing.split.measured)):
        assert alike(steps[-1].measured, one.amount(standing.ranking, recipe.amount, *what))
        assert alike(steps[-1].dense, one.dense())


@pytest.mark.usefixtures("_one_batch_a_step")
@pytest.mark.parametrize("name", CASES)
def test_every_step_is_a_plain_loop_over_the_same_samples(name):
    subject, recipe, standing, workspace = ready(name)
    fresh = Workspace(subject, standing.split.measured)
    said = {"measured": fresh.outputs(standing.ranking, recipe.amount, *evaluate.asked(recipe, standing))} if (
        name != "2:4"
    ) else {}  # fmt: skip
    inputs = subject.held_out.inputs()
    with torch.no_grad():
        network = subject.skeleton().eval()
        said["dense"] = network(**inputs) if isinstance(inputs, dict) else network(inputs)
    for step in progress.measured(workspace, standing, recipe):
        at = torch.from_numpy(step.at)
        for which, outputs in said.items():
            plain = outcomes.measurement(workspace.task, iter([(outputs[at], subject.held_out.labels[at])]))
            found = getattr(step, which)
            assert np.allclose(found.losses, plain.losses, rtol=1e-4, atol=1e-4)
            assert found.correct is None or np.array_equal(found.correct, plain.correct)
            assert found.value == pytest.approx(plain.value, rel=1e-4)


@pytest.mark.usefixtures("_one_batch_a_step")
def test_of_data_sorted_by_class_the_first_few_are_of_many():
    """100 samples, ten classes in order: the first five are of one class if taken as they come."""
    inputs, labels = images(100)[0], torch.arange(100) // 10
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 10))
    subject = tiny_subject(randomised(network), inputs, labels)
    standing = evaluate.stand(subject, Recipe())
    seen = [
        set((step.at // 10).tolist())
        for step in progress.measured(Workspace(subject, torch.arange(100)), standing, Recipe())
    ]
    assert len(seen[0]) >= 3 and len(seen[3]) >= 7 and len(seen[-1]) == 10


def test_a_grid_has_every_sample_once_and_is_always_the_same():
    one, same = grid.cut(23, 5), grid.cut(23, 5)
    assert sorted(np.concatenate(one.batches).tolist()) == list(range(23))
    assert all(np.array_equal(*pair) for pair in zip(one.batches, same.batches, strict=True))
    assert np.array_equal(np.concatenate(one.batches)[one.natural().numpy()], np.arange(23))


@pytest.mark.usefixtures("_one_batch_a_step")
@pytest.mark.parametrize("name", ["weights", "filters"])
def test_who_stops_is_heard_between_batches_and_leaves_a_sound_workspace(name):
    _, recipe, standing, workspace = ready(name)
    whole = workspace.amount(standing.ranking, recipe.amount, *evaluate.asked(recipe, standing))
    for patience in range(12):
        asked = iter([False] * patience)
        steps = list(progress.measured(workspace, standing, recipe, lambda left=asked: next(left, True)))
        assert all(not step.done for step in steps) or patience >= 10
        assert alike(workspace.amount(standing.ranking, recipe.amount, *evaluate.asked(recipe, standing)), whole)
    left_off = progress.measured(workspace, standing, recipe)
    next(left_off)
    left_off.close()
    assert alike(list(progress.measured(workspace, standing, recipe))[-1].measured, whole)


@pytest.mark.usefixtures("_one_batch_a_step")
def test_two_who_take_turns_do_not_mix():
    """Weights and filters and the dense network in one workspace, a batch each in turn: each as if alone."""
    subject = of_images()
    recipes = [Recipe(amount=0.3), Recipe(granularity="filter", amount=0.5), Recipe(amount=0.9), Recipe(granularity="2:4")]
    standings = [evaluate.stand(subject, recipe) for recipe in recipes]
    alone = [
        Workspace(subject, torch.arange(N)).amount(standing.ranking, recipe.amount, *evaluate.asked(recipe, standing))
        for recipe, standing in zip(recipes, standings, strict=True)
    ]
    workspace = Workspace(subject, torch.arange(N))
    turns = [progress.measured(workspace, standing, recipe) for recipe, standing in zip(recipes, standings, strict=True)]
    for rounds in zip(*turns, strict=True):
        last = rounds
        workspace.stand(standings[1].ranking, 0.8, *evaluate.asked(recipes[1], standings[1]))
    assert all(alike(step.measured, one) for step, one in zip(last, alone, strict=True))


@pytest.mark.usefixtures("_one_batch_a_step")
def test_two_threads_in_one_workspace_do_not_mix():
    subject, recipe, standing, workspace = ready("weights")
    amounts = [0.2, 0.9]
    expected = {amount: Workspace(subject, torch.arange(N)).amount(standing.ranking, amount, {}) for amount in amounts}

    def wrong(amount: float) -> int:
        found = [list(progress.measured(workspace, standing, replace(recipe, amount=amount)))[-1] for _ in range(15)]
        return sum(not alike(one.measured, expected[amount]) for one in found)

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(wrong, amounts)) == 0


class Clock:
    """A clock that only a network moves: 40 ms for each sample it runs."""

    def __init__(self):
        self.now, self.runs = 0.0, []

    def perf_counter(self) -> float:
        return self.now


def timed(monkeypatch, n: int = 60):
    """A workspace in which a sample takes 40 ms, one sample a batch."""
    clock, subject = Clock(), tiny_subject(randomised(Residual()), *images(n))
    monkeypatch.setattr(grid, "size", lambda *_, **__: 1)
    workspace = Workspace(subject, torch.arange(n))

    def slowly(network, inputs):
        clock.now += 0.04 * len(inputs)
        clock.runs.append(len(inputs))
        return plainly(network, inputs)

    plainly = measure._said
    monkeypatch.setattr(measure, "_said", slowly)
    monkeypatch.setattr(measure, "time", SimpleNamespace(perf_counter=clock.perf_counter))
    return workspace, evaluate.stand(subject, Recipe()), clock


def test_a_step_takes_about_as_long_as_it_may(monkeypatch):
    """The first runs two samples, through both networks; then three through both; of a second setting seven, 0.28 s."""
    workspace, standing, clock = timed(monkeypatch)
    spent, seen = [0.0], []
    for amount in (0.3, 0.6):
        for step in progress.measured(workspace, standing, Recipe(amount=amount)):
            spent.append(clock.now)
            seen.append(step.n)
    assert seen == [2, *range(5, 60, 3), 60, *range(7, 60, 7), 60]
    assert max(np.diff(spent)) <= progress.STEP + 1e-9


def test_the_estimate_is_what_it_then_takes_and_is_not_run_in_vain(monkeypatch):
    workspace, standing, clock = timed(monkeypatch)
    assert progress.seconds(workspace) == pytest.approx(2.4)
    asked = len(clock.runs)
    assert asked == 4 and progress.seconds(workspace) == pytest.approx(2.4) and len(clock.runs) == asked
    workspace.dense()
    assert len(clock.runs) == 60
    workspace.dense()
    assert len(clock.runs) == 60


@pytest.mark.usefixtures("_one_batch_a_step")
@pytest.mark.parametrize("name", ["weights", "filters", "windows", "another metric"])
def test_reports_end_in_the_report(name):
    subject, recipe, standing, workspace = ready(name)
    found = list(evaluate.reports(subject, recipe, standing, workspace))
    whole = evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured))
    assert [report.score.n for report in found] == [5, 10, 15, 20, 23] and {report.score.of for report in found} == {23}
    assert [report.score.partial for report in found] == [True] * 4 + [False]
    assert found[-1].score == whole.score and found[-1].layers == whole.layers and found[-1].notes == whole.notes
    for report in found:
        low, high = report.score.interval
        assert low <= report.score.value <= high
        if report.score.correct is not None:
            assert report.score.correct == report.score.dense_correct - report.score.newly_wrong + report.score.newly_right
            assert report.score.newly_wrong <= report.score.n
    lengths = [report.score.interval[1] - report.score.interval[0] for report in found]
    assert name == "another metric" or lengths[-1] < lengths[0]


@pytest.mark.usefixtures("_one_batch_a_step")
@pytest.mark.parametrize("name", ["weights", "filters", "windows"])
def test_a_curve_is_coarse_first_and_then_whole(name, monkeypatch):
    subject, recipe, standing, workspace = ready(name)
    monkeypatch.setattr(evaluate, "COARSE", 7)
    nodes = [0.0, 0.5, 0.9, 0.95]
    steps = list(evaluate.curve_steps(recipe, standing, workspace, nodes))
    said = [step for step in steps if step is not None]
    assert None in steps
    assert (
        [one.amount for one in said[:4]] == nodes
        and {one.n for one in said[:4]} == {10}
        and all(one.partial for one in said[:4])
    )
    assert [one.amount for one in said[4:]] == nodes and {one.n for one in said[4:]} == {23}
    fresh = Workspace(subject, standing.split.measured)
    assert said[4:] == list(evaluate.curve_points(recipe, standing, fresh, nodes))
    drawn = evaluate.curve_of(subject, recipe, standing, workspace, said)
    assert drawn.points == tuple(said[4:]) and drawn.dense_value == fresh.dense().value
    early = evaluate.curve_of(subject, recipe, standing, workspace, said[:2])
    assert [one.amount for one in early.points] == nodes[:2]


@pytest.mark.usefixtures("_one_batch_a_step")
def test_a_coarse_point_counts_its_own_half():
    _, recipe, standing, workspace = ready("weights")
    for one in filter(None, evaluate.curve_steps(recipe, standing, workspace, [0.5])):
        assert 0 <= one.half[0] <= one.half[1] <= one.n and one.correct <= one.n
    assert one.half[1] == int(standing.split.choosing.sum())


def test_a_curve_that_is_quick_is_whole_at_once():
    _, recipe, standing, workspace = ready("weights")
    progress.seconds(workspace)
    steps = list(evaluate.curve_steps(recipe, standing, workspace, [0.1, 0.5, 0.9]))
    assert [step.n for step in steps] == [N] * 3 and not any(step.partial for step in steps)


@pytest.mark.usefixtures("_one_batch_a_step")
def test_a_curve_can_be_left():
    _, recipe, standing, workspace = ready("weights")
    whole = list(evaluate.curve_points(recipe, standing, workspace, [0.1, 0.5]))
    asked = iter([False] * 9)
    said = list(evaluate.curve_steps(recipe, standing, workspace, [0.1, 0.5], lambda: next(asked, True)))
    assert all(one is None or one.partial for one in said)
    assert list(evaluate.curve_points(recipe, standing, workspace, [0.1, 0.5])) == whole


@pytest.mark.parametrize(("lengths", "wanted"), [([4, 4, 4], 40), ([4, 9, 16], 10), ([4, 4000, 4], 1), ([0, 4, 4], 10)])
def test_a_batch_of_texts_is_priced_by_its_longest(lengths, wanted, monkeypatch):
    """A text of four tokens takes 1 multiply-add here, 40 are affordable: one of sixteen tokens takes as much as four."""
    subject = SimpleNamespace(held_out=SimpleNamespace(lengths=torch.tensor(lengths)))
    monkeypatch.setattr(grid, "MULTIPLY_ADDS", 40.0)
    monkeypatch.setattr(grid.unit_report, "counted", lambda _: SimpleNamespace(macs=1.0))
    assert grid.affordable(subject) == wanted


def test_what_cannot_be_counted_is_run_as_it_was(monkeypatch):
    def refuse(_):
        raise NotImplementedError

    monkeypatch.setattr(grid.unit_report, "counted", refuse)
    assert grid.affordable(SimpleNamespace()) == grid.BATCH
