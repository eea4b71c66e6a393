"""Attributions, against captum called by hand and against weights that a pencil can follow; and nothing left behind."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, Occlusion, Saliency
from torch import nn

from pruneviz.attribution import METHODS, cosine, ranks, spearman
from pruneviz.engine import evaluate, explain
from pruneviz.engine.sources.card import load
from pruneviz.recipe import Recipe
from tests.engine.sources.stories import folder
from tests.engine.zoo import Residual, data, settled

INDEX = 3
SETTINGS = (
    Recipe(subject="digits_cnn", amount=0.9),
    Recipe(subject="digits_resnet", granularity="filter", amount=0.3),
    Recipe(subject="digits_vit", granularity="layer", amount=0.25),
    Recipe(subject="digits_mlp", granularity="2:4", scope="layer", amount=0.5),
)


@pytest.fixture(scope="module")
def standings():
    found = {}
    for recipe in SETTINGS:
        subject = load(recipe.subject)
        found[recipe] = subject, evaluate.stand(subject, recipe)
    return found


def by_captum(network, x, target, method):
    """Captum as its own documentation calls it, on a module."""
    x = x.clone().requires_grad_()
    if method == "saliency":
        return Saliency(network).attribute(x, target=target).detach()[0].sum(0)
    if method == "integrated-gradients":
        found = IntegratedGradients(network).attribute(x, baselines=torch.zeros_like(x), target=target, n_steps=50)
        return found.detach()[0].abs().sum(0)
    return Occlusion(network).attribute(x.detach(), (1, 2, 2), strides=(1, 1, 1), baselines=0, target=target)[0, 0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("recipe", SETTINGS, ids=lambda one: one.subject)
def test_maps_are_captums_called_by_hand(recipe, method, standings):
    """Dense and pruned: the pruned network is the one whose accuracy is measured, weights at zero or units unread."""
    subject, standing = standings[recipe]
    found = explain.attributions(subject, recipe, standing, INDEX, method)
    x, network = subject.held_out.inputs(torch.tensor([INDEX])), subject.skeleton().eval()
    with torch.no_grad():
        target = int(network(x).argmax())
        outputs = _workspace(subject, recipe, standing)[INDEX]
    assert found.target == subject.classes[target] and found.said == subject.classes[int(outputs.argmax())]
    assert found.score[1] == pytest.approx(float(outputs[target]), rel=1e-3, abs=1e-4)
    assert found.dense.shape == found.pruned.shape == (8, 8) and found.dense.dtype == found.pruned.dtype == np.float32
    thin = explain.pruned(subject, recipe, standing)
    for map_, one in ((found.dense, network), (found.pruned, thin)):
        assert map_ == pytest.approx(by_captum(one, x, target, method).numpy(), rel=1e-4, abs=1e-5)
    again = explain.attributions(subject, recipe, standing, INDEX, method)
    assert np.array_equal(found.dense, again.dense) and np.array_equal(found.pruned, again.pruned)


def _workspace(subject, recipe, standing):
    from pruneviz.engine.measure import Workspace

    ready = Workspace(subject, standing.split.measured)
    return ready.outputs(standing.ranking, recipe.amount, *evaluate.asked(recipe, standing))


def test_nothing_removed_is_the_same_map(standings):
    subject, standing = standings[SETTINGS[0]]
    for method in METHODS:
        found = explain.attributions(subject, Recipe(subject="digits_cnn", amount=0.0), standing, INDEX, method)
        assert np.allclose(found.dense, found.pruned, atol=1e-6) and found.agreement == pytest.approx(1, abs=1e-3)


def test_integrated_gradients_keep_their_promise(standings):
    """All attributions together are the rise of the score, within two percent at 50 places on the line."""
    for recipe, (subject, standing) in standings.items():
        found = explain.attributions(subject, recipe, standing, INDEX, "integrated-gradients")
        x, network = subject.held_out.inputs(torch.tensor([INDEX])), subject.skeleton().eval()
        with torch.no_grad():
            rise = network(x) - network(torch.zeros_like(x))
        dense, thin = found.promise
        assert dense.rise == pytest.approx(float(rise[0, subject.classes.index(found.target)]), rel=1e-4)
        assert all(abs(one.delta) < 0.02 * max(1, abs(one.rise)) for one in (dense, thin))


def by_hand(weights):
    """One colour, 2×2 pixels, two classes: F = w·x for the first, 0 for the second."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([weights, [0.0] * 4]))
    return network


def test_a_linear_network_by_hand(tiny_subject):
    """Half of F = 4a − 3b + 2c + d goes, the smaller weights: what is left is 4a − 3b. Saliency is |w|, Integrated Gradients
    |w·x|, and the one square that fits hides everything, so that each pixel stands for the whole fall F."""
    inputs = torch.tensor([[2.0, 1.0, 1.0, 0.0], [0.0, 9.0, 0.0, 0.0]]).view(2, 1, 2, 2)
    subject = tiny_subject(by_hand([4.0, -3.0, 2.0, 1.0]), inputs, torch.tensor([0, 1]))
    recipe = Recipe(amount=0.75)  # six of eight weights: the other class's four, and the smaller two
    standing = evaluate.stand(subject, recipe)
    found = {method: explain.attributions(subject, recipe, standing, 0, method) for method in METHODS}
    assert found["saliency"].dense.tolist() == [[4, 3], [2, 1]] and found["saliency"].pruned.tolist() == [[4, 3], [0, 0]]
    gradients = found["integrated-gradients"]
    assert gradients.dense == pytest.approx(np.array([[8, 3], [2, 0]]), rel=1e-5)
    assert gradients.pruned == pytest.approx(np.array([[8, 3], [0, 0]]), rel=1e-5)
    assert [one.rise for one in gradients.promise] == [7, 5] and gradients.promise[0].total == pytest.approx(7, rel=1e-5)
    assert found["occlusion"].dense.tolist() == [[7, 7], [7, 7]] and found["occlusion"].pruned.tolist() == [[5, 5], [5, 5]]
    assert found["occlusion"].agreement is None and found["occlusion"].window == 2
    assert found["saliency"].score == (7, 5) and found["saliency"].other == 1


def test_ranks_and_cosines_by_hand():
    """Ranks of 3, 1, 3, 0 are 2.5, 1, 2.5, 0: the two threes share theirs."""
    assert ranks(np.array([3.0, 1.0, 3.0, 0.0])).tolist() == [2.5, 1.0, 2.5, 0.0]
    rising = np.array([[0.0, 1.0], [2.0, 3.0]])
    assert spearman(rising, rising**3) == pytest.approx(1) and spearman(rising, -rising) == pytest.approx(-1)
    assert spearman(rising, np.array([[1.0, 0.0], [3.0, 2.0]])) == pytest.approx(0.6)
    assert spearman(rising, np.ones((2, 2))) is None and cosine(rising, np.zeros((2, 2))) is None
    assert cosine(np.array([3.0, 4.0]), np.array([4.0, 3.0])) == pytest.approx(0.96)


@pytest.mark.parametrize("method", METHODS)
def test_looking_changes_nothing_and_leaves_nothing(method, tiny_subject):
    """A network in training mode that works in place, half of it frozen, asked inside inference mode."""
    network, (inputs, labels) = settled(Residual(nn.ReLU(inplace=True)), dtype=torch.float32), data(6, dtype=torch.float32)
    network = nn.Sequential(nn.ReLU(inplace=True), network).train()
    for parameter in list(network.parameters())[::2]:
        parameter.requires_grad_(False)
    subject, stored = tiny_subject(network, inputs, labels), inputs.clone()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    flags = [parameter.requires_grad for parameter in network.parameters()]
    state, recipe, told = torch.get_rng_state(), Recipe(amount=0.5), []
    standing = evaluate.stand(subject, recipe)
    with torch.inference_mode():
        found = explain.attributions(subject, recipe, standing, 0, method, lambda done, of: told.append((done, of)))
    assert np.abs(found.dense).max() > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert [parameter.requires_grad for parameter in network.parameters()] == flags
    assert all(parameter.grad is None for parameter in network.parameters()) and torch.equal(inputs, stored)
    assert all(module.training for module in network.modules())
    hooks = [(module._forward_hooks, module._forward_pre_hooks, module._backward_hooks) for module in network.modules()]
    assert not any(any(one) for one in hooks)
    assert torch.equal(torch.get_rng_state(), state)
    assert told == sorted(told) and all(done <= of for done, of in told) and told


def test_whoever_is_told_may_end_it(tiny_subject):
    class Enough(Exception):
        pass

    def tell(done, of):
        raise Enough

    inputs, labels = data(4, dtype=torch.float32)
    subject = tiny_subject(settled(Residual(nn.ReLU()), dtype=torch.float32), inputs, labels)
    with pytest.raises(Enough):
        explain.attributions(subject, Recipe(), evaluate.stand(subject, Recipe()), 0, "occlusion", tell)


def test_what_cannot_be_asked_is_refused_in_a_sentence(tmp_path, standings, monkeypatch):
    text = load(folder(tmp_path))
    with pytest.raises(ValueError, match="looks at no images, and pixels are what this is for"):
        explain.attributions(text, Recipe(), None, 0, "saliency")
    subject, standing = standings[SETTINGS[0]]
    with pytest.raises(ValueError, match="no held-out sample 500; there are 0 to 499"):
        explain.attributions(subject, SETTINGS[0], standing, 500, "saliency")
    with pytest.raises(ValueError, match="unknown attribution 'guided'; there are saliency, integrated-grad"):
        explain.attributions(subject, SETTINGS[0], standing, 0, "guided")
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(ValueError, match="captum is not installed here"):
        explain.attributions(subject, SETTINGS[0], standing, 0, "saliency")
