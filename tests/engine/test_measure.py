"""What is measured is what the plain masked network computes, however many measure at once."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.engine.measure import Workspace, _fold_batch_norms
from pruneviz.engine.ranking import rank
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
    assert set(_fold_batch_norms(randomised(Residual()))) == {"conv1.weight", "conv2.weight"}
    assert _fold_batch_norms(randomised(Shared())) == {}


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
