"""What is measured is what the plain masked network computes, however many measure at once."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.engine import batch_norms, granularity, kernels
from pruneviz.engine.measure import Workspace
from pruneviz.engine.ranking import rank
from pruneviz.engine.structure import find, surgery
from pruneviz.engine.unit_ranking import rank_units
from tests.engine.conftest import tiny_subject
from tests.engine.networks import Residual, Shared, images, randomised

TIED = nn.Sequential(nn.Flatten(), nn.Linear(36, 36), nn.ReLU(), nn.Linear(36, 36), nn.Linear(36, 3))
TIED[3].weight = TIED[1].weight
NETWORKS = {
    "residual": Residual(),
    "shared": Shared(),
    "tied": TIED,
    "plain": nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 3)),
}


def fingerprint(subject) -> str:
    digest = hashlib.sha256()
    for name, tensor in subject.network.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def by_hand(subject, mask) -> np.ndarray:
    """Masks written into a deep copy, one layer at a time, and a plain forward pass."""
    network = subject.skeleton()
    for layer in subject.layers:
        kept = nn.Parameter(subject.parameter(layer) * torch.tensor(mask.layers()[layer.name]), requires_grad=False)
        for name in (layer.name, *layer.aliases):
            owner, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(owner), attribute, kept)
    with torch.no_grad():
        return (network(subject.held_out.inputs()).argmax(1) == subject.held_out.labels).numpy()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("amount", [0.0, 0.3, 0.7, 0.95, 1.0])
def test_measuring_equals_masking_by_hand(name, amount):
    subject = tiny_subject(randomised(NETWORKS[name]), *images())
    before = fingerprint(subject)
    ranking = rank(subject.layers, subject.tensors())
    workspace = Workspace(subject, torch.arange(24))
    expected = by_hand(subject, ranking.keep(amount))
    assert np.array_equal(workspace.amount(ranking, amount, {}).correct, expected)
    assert np.array_equal(workspace.masked(ranking.keep(amount)).correct, expected)
    assert fingerprint(subject) == before


def test_nothing_removed_is_the_dense_network():
    subject = tiny_subject(randomised(Residual()), *images())
    workspace, ranking = Workspace(subject, torch.arange(24)), rank(subject.layers, subject.tensors())
    dense, same = workspace.dense(), workspace.amount(ranking, 0.0, {})
    assert np.array_equal(dense.correct, same.correct) and dense.loss == same.loss


def test_batch_norms_are_folded_only_where_nobody_else_reads():
    assert set(batch_norms.fold(randomised(Residual()))) == {"bn1", "bn2"}
    assert batch_norms.fold(randomised(Shared())) == {}


def test_a_network_that_cannot_be_traced_is_measured_all_the_same():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.fc = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Linear(3, 3)

        def forward(self, x):
            y = self.norm(self.conv(x))
            return self.fc((y if y.sum() > 0 else -y).mean((2, 3)))

    subject = tiny_subject(randomised(Branching()), *images())
    ranking = rank(subject.layers, subject.tensors())
    found = Workspace(subject, torch.arange(24)).amount(ranking, 0.5, {})
    assert np.array_equal(found.correct, by_hand(subject, ranking.keep(0.5)))


def test_two_threads_never_see_each_other():
    """Two threads at different amounts, 200 measurements: 0 wrong."""
    subject = tiny_subject(randomised(Residual()), *images(64))
    ranking, workspace = rank(subject.layers, subject.tensors()), Workspace(subject, torch.arange(64))
    amounts = [0.2, 0.9]
    expected = {amount: workspace.amount(ranking, amount, {}) for amount in amounts}

    def many(amount):
        found = [workspace.amount(ranking, amount, {}) for _ in range(100)]
        return sum(
            not np.array_equal(one.correct, expected[amount].correct) or one.loss != expected[amount].loss for one in found
        )

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(many, amounts)) == 0


class Depthwise(nn.Module):
    """Expand, depthwise with a shift of its own, project: what comes out of a silenced channel must stay silent."""

    def __init__(self):
        super().__init__()
        self.expand, self.bn1 = nn.Conv2d(1, 6, 1, bias=False), nn.BatchNorm2d(6)
        self.deep, self.bn2 = nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False), nn.BatchNorm2d(6)
        self.project, self.bn3 = nn.Conv2d(6, 4, 1, bias=False), nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = nn.functional.relu6(self.bn1(self.expand(x)))
        x = nn.functional.hardswish(self.bn2(self.deep(x)))
        return self.fc(torch.relu(self.bn3(self.project(x))).mean((2, 3)))


class Upwards(nn.Module):
    """A transposed convolution keeps its outputs along the second axis: a unit does not lie in one piece."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(1, 4, 3, stride=2), nn.ConvTranspose2d(4, 5, 2)
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(torch.relu(self.up(torch.relu(self.down(x)))).mean((2, 3)))


class Late(nn.Module):
    """The norm stands before the convolution and cannot be folded into it."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.second, self.fc = nn.Conv2d(4, 4, 1), nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(torch.relu(self.second(torch.relu(self.norm(torch.tanh(self.first(x)))))).mean((2, 3)))


class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(36, 8)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)) for _ in range(4))
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        x = self.stem(x.flatten(1))
        for block in self.blocks:
            x = block(x)
        return self.fc(x)


def mlp(bend: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 12), bend, nn.Linear(12, 8), bend, nn.Linear(8, 3))


UNITS = {
    "residual": (Residual, "filter"),
    "depthwise": (Depthwise, "filter"),
    "transposed": (Upwards, "filter"),
    "late norm": (Late, "filter"),
    "shared": (Shared, "filter"),
    "gelu": (lambda: mlp(nn.GELU()), "neuron"),
    "sigmoid": (lambda: mlp(nn.Sigmoid()), "neuron"),
    "blocks": (Blocks, "layer"),
}


def units_of(name: str, scope: str = "global", seed: int = 0):
    build, kind = UNITS[name]
    subject = tiny_subject(randomised(build(), seed), *images())
    structure = find.of(subject, kind)
    scores = granularity.pool(structure, granularity.named(subject.layers, subject.tensors()), "mean")
    return subject, rank_units(structure, scores, subject.layers, scope=scope)


def by_surgery(subject, ranking, amount, *forced) -> torch.Tensor:
    """What the smaller network says."""
    kept = ranking.kept(amount, {}, *forced)
    smaller, _, _ = surgery.remove(subject.skeleton().eval(), ranking.structure, kept, subject.held_out.inputs())
    with torch.inference_mode():
        return smaller(subject.held_out.inputs())


@pytest.mark.parametrize("name", UNITS)
def test_what_is_shown_is_what_the_smaller_network_says(name):
    """A walk up and down, with units moved by hand; the sigmoid, which maps 0 to ½, takes the slow way and is right."""
    subject, ranking = units_of(name)
    before, workspace = fingerprint(subject), Workspace(subject, torch.arange(24))
    assert ranking.n > 1
    unit = ranking.ids()[-1]
    for amount, *forced in [(0.0,), (0.3,), (0.7,), (0.5,), (1.0,), (0.2, (unit,)), (0.9, (), (unit,)), (0.0,)]:
        shown, gets = workspace.outputs(ranking, amount, {}, *forced), by_surgery(subject, ranking, amount, *forced)
        assert torch.allclose(shown, gets, rtol=1e-4, atol=1e-4 * float(gets.abs().max()))
        found = workspace.amount(ranking, amount, {}, *forced)
        assert np.array_equal(found.correct, (gets.argmax(1) == subject.held_out.labels).numpy())
    assert workspace.silences(ranking.structure.granularity) == (name != "sigmoid")
    assert fingerprint(subject) == before


@pytest.mark.parametrize("name", UNITS)
def test_a_long_walk_ends_where_one_step_does(name):
    """To the bit: what changes is rewritten, and nothing that a step should have put back is left behind."""
    subject, ranking = units_of(name, "layer")
    walking = Workspace(subject, torch.arange(24))
    for amount in np.random.default_rng(3).uniform(0, 1, 20):
        walking.stand(ranking, float(amount), {})
    for amount in (0.37, 0.0):
        fresh = Workspace(subject, torch.arange(24))
        assert torch.equal(walking.outputs(ranking, amount, {}), fresh.outputs(ranking, amount, {}))


def test_units_weights_and_masks_take_turns_in_one_workspace():
    """Whatever stood there before, each sees its own network: filters, neurons, single weights, nothing removed."""
    subject = tiny_subject(randomised(Residual()), *images())
    rankings = {"weight": rank(subject.layers, subject.tensors())}
    for scope in ("global", "layer"):
        structure = find.of(subject, "filter")
        scores = granularity.pool(structure, granularity.named(subject.layers, subject.tensors()), "l2")
        rankings[scope] = rank_units(structure, scores, subject.layers, scope=scope)
    alone = {key: Workspace(subject, torch.arange(24)).outputs(one, 0.5, {}) for key, one in rankings.items()}
    together = Workspace(subject, torch.arange(24))
    dense = together.dense()
    for key in ("global", "weight", "layer", "global", "weight", "global"):
        assert torch.equal(together.outputs(rankings[key], 0.5, {}), alone[key])
    again = together.dense()
    assert np.array_equal(dense.losses, again.losses) and np.array_equal(dense.correct, again.correct)
    mask = rankings["layer"].keep(0.5)
    assert np.array_equal(together.masked(mask).correct, by_hand(subject, mask))


@pytest.mark.parametrize("compiled", [False, *([True] if kernels.available() else [])])
def test_stretches_are_zeroed_and_put_back(compiled):
    """Units 0, 1, 2 own [0, 2), [2, 3) and [5, 6), and [3, 5)."""
    source, out = np.arange(1, 7, dtype=np.float32), np.full(6, 9, dtype=np.float32)
    first, spans = np.array([0, 1, 3, 4]), np.array([[0, 2], [2, 3], [5, 6], [3, 5]])
    kernels.choose(compiled).stretch(source, out, first, spans, np.array([1, 2]), np.array([True, True, False]))
    assert out.tolist() == [9, 9, 0, 4, 5, 0]


def test_two_threads_never_see_each_others_units():
    subject, ranking = units_of("residual")
    workspace, amounts = Workspace(subject, torch.arange(24)), [0.2, 0.8]
    expected = {amount: workspace.amount(ranking, amount, {}) for amount in amounts}

    def wrong(amount):
        found = [workspace.amount(ranking, amount, {}) for _ in range(50)]
        return sum(not np.array_equal(one.losses, expected[amount].losses) for one in found)

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(wrong, amounts)) == 0
