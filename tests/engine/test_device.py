"""What a device computes is what the processor computes. Here the processor plays the device: `cpu:0` takes every way that a
graphics card takes. Where there is a card, the same is asked of it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pruneviz.engine import device, evaluate, measure, progress, strokes
from pruneviz.engine.measure import Workspace
from pruneviz.engine.ranking import rank
from pruneviz.engine.scope import shelf
from pruneviz.engine.sources import card
from pruneviz.engine.strokes import Strokes
from pruneviz.query import from_query, to_query
from pruneviz.recipe import Recipe
from tests.engine.conftest import tiny_subject
from tests.engine.networks import Residual, images, randomised
from tests.engine.test_measure import NETWORKS, UNITS, units_of
from tests.engine.test_ranking import AMOUNTS, layers_of, networks

PLAYED = "cpu:0"
CARDS = [name for name in device.offered() if name != device.CPU]


def test_the_processor_is_always_offered_and_what_is_not_here_is_refused():
    assert device.offered()[0] == "cpu" and device.words("cpu").startswith("processor, ")
    assert device.free("cpu") is None
    device.check("cpu")
    for name in ("cuda:63", "tpu", "", "x" * 999):
        with pytest.raises(ValueError, match="^there is no device .*; there are cpu") as problem:
            device.check(name)
        assert len(str(problem.value)) < 200


def test_a_link_names_a_device():
    recipe = Recipe(device="cuda:1")
    assert to_query(recipe) == {"dev": "cuda:1"} and from_query({"dev": "cuda:1"}) == (recipe, [])
    for text in ("cuda", "cuda:", "cuda:x", "gpu", "cuda:1 ", "CPU", "cuda:\u0661"):
        found, words = from_query({"dev": text})
        assert found == Recipe() and len(words) == 1


def test_moving_leaves_what_others_share_alone():
    """Tied parameters stay tied, buffers and loose tensors come along, and nobody's own tensor is swapped."""
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    network[1].weight = network[0].weight
    network[0].loose = torch.ones(2)
    before = {id(one): one.data_ptr() for one in network.parameters()}
    there = device.moved(network, torch.device("meta"))
    assert {id(one): one.data_ptr() for one in network.parameters()} == before and not network[0].loose.is_meta
    assert there[1].weight is there[0].weight and there[0].weight.is_meta and there[0].loose.is_meta
    assert there[2].running_mean.is_meta and not there[0].weight.requires_grad


@given(
    weights=networks(),
    amount=AMOUNTS,
    scope=st.sampled_from(sorted(shelf())),
    scored=st.booleans(),
    room=st.sampled_from([None, 0]),
    own=st.floats(0, 1) | st.none(),
    data=st.data(),
)
@settings(deadline=None, max_examples=300)
def test_a_mask_on_a_device_is_the_processors_to_the_bit(weights, amount, scope, scored, room, own, data):
    """Ties, zeros of either sign, tiny numbers; sorted ahead (`room` unbounded) or looked up; and what is remembered."""
    scores = [torch.round(weight.abs() * 2) - 1 for weight in weights] if scored else None
    layers = layers_of(weights)
    ranking, again = (rank(layers, weights, scores, scope=scope) for _ in range(2))
    source = torch.cat([torch.zeros(0), *(weight.reshape(-1) for weight in weights)])
    chosen = {layers[-1].name: own} if layers and own is not None else {}
    expected, out = torch.empty_like(source), torch.full_like(source, 7.0)
    ranking.write(amount, source, expected, chosen)
    there = Strokes(again, source.clone(), room=room)
    for _ in range(2):
        there.write(amount, out, chosen)
        assert np.array_equal(out.numpy().view(np.int32) & _sign(out), expected.numpy().view(np.int32) & _sign(expected))
        assert np.array_equal(out.numpy() == 0, ~again.keep(amount, chosen).flat | (source.numpy() == 0))
        out.fill_(7.0)


def _sign(values: torch.Tensor) -> np.ndarray:
    """All bits count, but for the sign of a zero."""
    return np.where(values.numpy() == 0, np.int32(0x7FFFFFFF), np.int32(-1))


@pytest.mark.parametrize("piece", [3, 1 << 26])
@pytest.mark.parametrize("other", [False, True])
def test_large_layers_are_done_piece_by_piece(piece, other, monkeypatch):
    """Also where the weights to be written are others than were ranked, as with a folded norm."""
    monkeypatch.setattr(strokes, "PIECE", piece)
    weights = [torch.randn(7, 5), torch.randn(11).round(decimals=1)]
    source = torch.cat([weight.reshape(-1) for weight in weights]) * (3 if other else 1)
    for room in (None, 0):
        ranking = rank(layers_of(weights), weights)
        there, out = Strokes(ranking, source, room=room), torch.empty_like(source)
        assert (there.held == 0) == (room == 0 and not other)
        for amount in (0.0, 0.31, 0.5, 0.97, 1.0):
            there.write(amount, out, {})
            assert torch.equal(out, torch.where(torch.tensor(ranking.keep(amount).flat), source, 0.0))


def test_what_is_not_finite_goes_first_on_a_device_too():
    weights = [torch.tensor([1.0, float("nan"), 0.5, float("-inf"), 0.0, 2.0])]
    ranking = rank(layers_of(weights), weights, nonfinite="remove")
    for room in (None, 0):
        out = torch.empty(6)
        Strokes(ranking, weights[0], room=room).write(3 / 6, out, {})
        assert out.tolist() == [1, 0, 0.5, 0, 0, 2]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("where", [PLAYED, *CARDS])
def test_weights_are_measured_as_on_the_processor(name, where):
    subject = tiny_subject(randomised(NETWORKS[name]), *images())
    ranking = rank(subject.layers, subject.tensors())
    here, there = Workspace(subject, torch.arange(24)), Workspace(subject, torch.arange(24), where)
    assert there.words == () and there.device == where
    for amount in (0.3, 0.95, 0.0, 1.0, 0.7):
        said, same = here.outputs(ranking, amount, {}), there.outputs(ranking, amount, {})
        assert torch.equal(said, same) or where != PLAYED and torch.allclose(said, same, rtol=1e-4, atol=1e-4)
        assert np.array_equal(here.amount(ranking, amount, {}).correct, there.amount(ranking, amount, {}).correct)
        mask = ranking.keep(amount)
        assert np.array_equal(here.masked(mask).correct, there.masked(mask).correct)


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("where", [PLAYED, *CARDS])
def test_units_fall_silent_as_on_the_processor(name, where):
    """A walk up and down, units moved by hand, and weights in between; the sigmoid takes the slow way there, too."""
    subject, ranking = units_of(name)
    single, unit = rank(subject.layers, subject.tensors()), ranking.ids()[-1]
    here, there = Workspace(subject, torch.arange(24)), Workspace(subject, torch.arange(24), where)
    for amount, *forced in [(0.3,), (0.7,), (0.5,), (1.0,), (0.2, (unit,)), (0.9, (), (unit,)), (0.0,)]:
        for one, *what in ((ranking, amount, {}, *forced), (single, amount, {})):
            said, same = here.outputs(one, *what), there.outputs(one, *what)
            assert torch.equal(said, same) or where != PLAYED and torch.allclose(said, same, rtol=1e-3, atol=1e-3)
    kind = ranking.structure.granularity
    assert here.silences(kind) == there.silences(kind) == (name != "sigmoid")


def full(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


def test_a_card_without_room_for_the_network_leaves_it_to_the_processor(monkeypatch):
    monkeypatch.setattr(device, "moved", full)
    given_back = []
    monkeypatch.setattr(device, "give_back", given_back.append)
    subject = tiny_subject(randomised(Residual()), *images())
    workspace = Workspace(subject, torch.arange(24), PLAYED)
    assert workspace.device == "cpu" and given_back == [PLAYED]
    assert workspace.words == ("The device cpu:0 ran out of memory: measured on the processor instead.",)
    standing = evaluate.stand(subject, Recipe(amount=0.5))
    report = evaluate.evaluate(subject, Recipe(amount=0.5), standing, workspace)
    assert report.device == "cpu" and report.notes[-1] == workspace.words[0]
    alone = evaluate.evaluate(subject, Recipe(amount=0.5), standing, Workspace(subject, torch.arange(24)))
    assert report.score == alone.score and alone.notes == ()


@pytest.mark.parametrize("kind", ["weight", "filter"])
def test_a_card_that_fills_up_on_the_way_is_left_and_nothing_is_lost(kind, monkeypatch):
    """The third batch finds no room: the same setting goes on, on the processor, and ends with its numbers."""
    monkeypatch.setattr(measure.grid, "size", lambda *_, **__: 5)
    monkeypatch.setattr(progress, "STEP", 0.0)
    subject, recipe = tiny_subject(randomised(Residual()), *images()), Recipe(amount=0.5, granularity=kind)
    standing = evaluate.stand(subject, recipe)
    alone = evaluate.evaluate(subject, recipe, standing, Workspace(subject, torch.arange(24)))
    workspace, plainly, left = Workspace(subject, torch.arange(24), PLAYED), measure._said, [5]
    assert workspace.device == PLAYED

    def filling(network, inputs):
        left[0] -= 1
        return full() if left[0] == 0 else plainly(network, inputs)

    monkeypatch.setattr(measure, "_said", filling)
    found = list(evaluate.reports(subject, recipe, standing, workspace))
    assert [one.device for one in found] == [PLAYED, PLAYED, "cpu", "cpu", "cpu"]
    assert "ran out of memory" in found[-1].notes[-1] and found[0].notes == alone.notes
    assert (found[-1].score.correct, found[-1].score.newly_wrong) == (alone.score.correct, alone.score.newly_wrong)
    assert found[-1].score.loss == pytest.approx(alone.score.loss)


def test_the_processor_without_memory_says_so(monkeypatch):
    subject = tiny_subject(randomised(Residual()), *images())
    workspace = Workspace(subject, torch.arange(24))
    monkeypatch.setattr(measure, "_said", full)
    with pytest.raises(RuntimeError, match="out of memory"):
        workspace.dense()


def test_a_device_that_is_not_here_is_a_word_and_no_error():
    subject = tiny_subject(randomised(Residual()), *images())
    workspace = Workspace(subject, torch.arange(24), "cuda:63")
    assert workspace.device == "cpu"
    assert workspace.words == ("The device cuda:63 is not here: measured on the processor instead.",)


def test_a_device_that_computes_something_else_is_not_believed(monkeypatch):
    plainly = device.moved

    def broken(network, where):
        there = copy.deepcopy(plainly(network, where))
        for one in there.parameters():
            one.mul_(1.5)
        return there

    monkeypatch.setattr(device, "moved", broken)
    subject = tiny_subject(randomised(Residual()), *images())
    workspace = Workspace(subject, torch.arange(24), PLAYED)
    assert workspace.device == "cpu" and "cannot run this model" in workspace.words[0]


@pytest.mark.skipif(not CARDS, reason="no graphics card here")
@pytest.mark.parametrize("name", ["digits_cnn", "digits_mlp", "digits_resnet", "digits_vit"])
def test_on_a_card_the_same_images_are_right(name):
    subject = card.load(name)
    for recipe in (Recipe(subject=name), *(Recipe(subject=name, granularity=kind) for kind in ("filter", "neuron", "head"))):
        try:
            standing = evaluate.stand(subject, recipe)
        except ValueError:
            continue
        here = Workspace(subject, standing.split.measured)
        for where in CARDS:
            there = Workspace(subject, standing.split.measured, where)
            for amount in (0.0, 0.5, 0.8):
                one, other = (space.amount(standing.ranking, amount, {}) for space in (here, there))
                assert np.array_equal(one.correct, other.correct)


@pytest.mark.skipif(bool(CARDS), reason="here it would be measured")
def test_without_a_card_its_benchmark_says_so(capsys):
    from benchmarks import gpu

    assert gpu.rows() == []
    assert capsys.readouterr().out == "gpu: there is no CUDA device here, so its rows are not measured\n"


def test_the_command_line_refuses_a_device_that_is_not_here(capsys):
    from pruneviz.__main__ import main

    assert main(["evaluate", "--device", "cuda:63"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("pruneviz: there is no device 'cuda:63' here; there are cpu")
