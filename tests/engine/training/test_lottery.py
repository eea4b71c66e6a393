"""Tickets: the published sequence of sizes, rewinding to the bit, controls of equal size, and where training should stop."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn

from pruneviz.course import Course
from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.sources import architecture, card
from pruneviz.engine.subject import Samples, Subject
from pruneviz.engine.training import cutting, labs, private, second, tickets
from pruneviz.engine.training import trial as trials
from pruneviz.engine.training.initial import initialise
from pruneviz.engine.training.labs import lottery
from pruneviz.engine.training.loop import Stage, train
from pruneviz.engine.training.memory import Memory
from pruneviz.recipe import Recipe
from tests.engine.conftest import tiny_subject
from tests.engine.networks import generator

PUBLISHED = (80.04, 64.06, 51.28, 41.05, 32.87, 26.32, 21.07, 16.88, 13.52, 10.83, 8.68, 6.95, 5.57, 4.47, 3.58, 2.87, 2.31,
             1.85)  # fmt: skip
"""Frankle & Carbin 2019: percent of LeNet-300-100's weights that are left after 1 to 18 rounds."""
COURSE = Course(lab="lottery", steps=6, batch=16, rate=2e-3, rounds=3, every=3)


@cache
def subject_of(name: str) -> Subject:
    whole = card.load(name)
    few = {side: getattr(whole, side) for side in ("training", "held_out")}
    return replace(whole, **{side: Samples(one.stored[:80], one.labels[:80], one.preparation) for side, one in few.items()})


def recipe_of(name: str = "digits_mlp", course: Course = COURSE, **more) -> Recipe:
    return Recipe(**{"subject": name, "scope": "layer", "amount": 0.2, "course": course, **more})


class Hunt:
    """A run with what every training started from, by stage: the network's state and what is held of it."""

    def __init__(self, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
        self.subject, self.recipe, self.memory = subject_of(recipe.subject), recipe, Memory()
        self.states, self.kept, self.data = {}, {}, {}

        def noting(trial, memory):
            stage = trial.stage
            self.states[stage.name] = {name: one.clone() for name, one in stage.network.state_dict().items()}
            self.kept[stage.name] = stage.held.kept()
            self.data[stage.name] = (stage.samples, trial.subject.held_out)
            yield from trials.attempt(trial, memory)

        monkeypatch.setattr(lottery, "attempt", noting)
        self.moments = list(lottery.run(self.subject, recipe, self.memory))

    def origin(self) -> dict[str, torch.Tensor]:
        return private.fresh(self.subject, trials.lot(self.recipe.seed, "start")).state_dict()

    def counts(self, stage: str) -> dict[str, int]:
        return {name: int(stays.sum()) for name, stays in self.kept[stage].items()}

    def last(self, stage: str):
        return [moment for moment in self.moments if moment.stage == stage][-1]


def test_what_is_left_of_lenet_300_100_is_what_the_paper_prints():
    """P9, R3: 20 % of the rest of each layer in a round, the output layer at half that rate, which is found by looking."""
    network = architecture.build("lenet300")
    initialise(network, generator())
    subject = tiny_subject(network.requires_grad_(False), torch.zeros(2, 1, 28, 28), torch.tensor([0, 9]))
    recipe, held, found = recipe_of("lenet300"), {}, []
    assert subject.weights == 266_200 and tickets.output(subject) == "ip3.weight"
    for after in range(1, 19):
        asked = tickets.after(subject, recipe, "ip3.weight", after)
        stays = cutting.stays(subject, asked, asked.amount, held)
        assert all(not (one & ~held[name].numpy()).any() for name, one in stays.items() if name in held)
        held = {name: torch.from_numpy(one.copy()) for name, one in stays.items()}
        with torch.no_grad():
            for name, one in held.items():
                network.get_parameter(name).masked_fill_(~one, 0.0)
        found.append(round(100 * (1 - cutting.sparsity(subject, held)), 2))
        assert tickets.share(subject, asked) == pytest.approx(cutting.sparsity(subject, held))
    assert tuple(found) == PUBLISHED


@given(size=some.integers(0, 10**6), rate=some.floats(0, 1), rounds=some.integers(0, 20))
def test_each_round_takes_its_share_of_what_is_left(size, rate, rounds):
    counts = [tickets.left(size, rate, after) for after in range(rounds + 1)]
    assert counts[0] == size and all(0 <= later <= earlier for earlier, later in zip(counts, counts[1:], strict=False))
    assert all(earlier - later == round(rate * earlier) for earlier, later in zip(counts, counts[1:], strict=False))


@pytest.mark.parametrize("name", ["digits_cnn", "digits_mlp", "digits_resnet", "digits_vit"])
def test_the_output_layer_is_found_in_every_sample(name):
    subject = subject_of(name)
    last = {"digits_mlp": "fc3.weight", "digits_vit": "head.weight"}.get(name, "fc.weight")
    assert tickets.output(subject) == last


def test_a_network_that_ends_in_something_else_has_no_output_layer():
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(4, 5, bias=False), nn.Linear(5, 6), nn.Unflatten(1, (2, 3)), nn.MaxPool1d(3)
    )
    network.append(nn.Flatten())
    subject = tiny_subject(network, torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]))
    assert tickets.output(subject) == ""


def test_globally_the_share_is_of_all_that_compete_and_a_spared_layer_gives_nothing():
    subject = subject_of("digits_mlp")
    recipe = recipe_of(scope="global", spared=("fc3.weight",), overrides=(("fc1.weight", 0.5),))
    asked = tickets.after(subject, recipe, "fc3.weight", 2)
    standing = cutting.stays(subject, asked, asked.amount)
    left = {name: int(one.sum()) for name, one in standing.items()}
    assert left == {"fc1.weight": 19200 // 4, "fc2.weight": 30000 * 16 // 25, "fc3.weight": 1000}


@pytest.mark.parametrize(("name", "scope"), [("digits_mlp", "layer"), ("digits_cnn", "global")])
def test_rewinding_restores_the_start_to_the_bit_and_masks_only_shrink(name, scope, monkeypatch):
    """BatchNorm's statistics included; what is gone is zero and nothing else differs."""
    hunt = Hunt(recipe_of(name, scope=scope), monkeypatch)
    origin, stages = hunt.origin(), [f"round {at}" for at in range(4)]
    assert list(hunt.states) == stages
    for before, stage in zip([None, *stages], stages, strict=False):
        kept = hunt.kept[stage]
        for key, value in hunt.states[stage].items():
            stays = kept.get(key, torch.ones(value.shape, dtype=torch.bool))
            assert torch.equal(value, origin[key].masked_fill(~stays, 0)), (stage, key)
            if before in hunt.kept and key in hunt.kept[before]:
                assert not (stays & ~hunt.kept[before][key]).any()
    left = [hunt.subject.weights - round(hunt.last(stage).values["sparsity"] * hunt.subject.weights) for stage in stages]
    if scope == "global":
        assert left == [tickets.left(hunt.subject.weights, 0.2, at) for at in range(4)]
    assert labs.concluded(hunt.memory.tensors())[1].keys() == hunt.kept["round 3"].keys()


def test_rewinding_to_a_later_step_is_the_network_as_it_was_there(monkeypatch):
    """Step 4 lies between two moments; the same order of samples, trained for 4 steps alone, leads to the same numbers."""
    course = replace(COURSE, rewind=4, rounds=2, annealing="linear", control="shuffled,random")
    hunt = Hunt(recipe_of("digits_cnn", course), monkeypatch)
    network = private.fresh(hunt.subject, trials.lot(0, "start"))
    stage = Stage("alone", network, hunt.subject.training, course, 6, trials.lot(0, "order 0"))
    run = train(replace(stage, course=replace(course, every=4)))
    next(run)
    early = {name: one.clone() for name, one in network.state_dict().items()}
    run.close()
    for name in ("round 1", "round 2", "round 2 shuffled"):
        kept = hunt.kept[name]
        assert all(
            torch.equal(one, early[key].masked_fill(~kept[key], 0) if key in kept else early[key])
            for key, one in hunt.states[name].items()
        )
    # 6 at first, 2 from step 4 on, and 6 for what starts anew; the rate goes on from there.
    steps = 6 + 2 * (2 + 2 + 6)
    assert hunt.moments[-1].step == hunt.moments[-1].of == lottery.planned(hunt.subject, hunt.recipe) == steps
    rates = [moment.values["rate"] for moment in hunt.moments if moment.stage == "round 1"]
    assert rates == [pytest.approx(2e-3 / 6)]


def test_controls_are_as_large_as_the_ticket_and_change_just_what_they_say(monkeypatch):
    course = replace(COURSE, control=",".join(lottery.CONTROLS), rounds=2)
    hunt = Hunt(recipe_of(course=course), monkeypatch)
    origin = hunt.origin()
    for at in (1, 2):
        mine = hunt.kept[f"round {at}"]
        for lane in lottery.CONTROLS:
            stage = f"round {at} {lane}"
            state, kept = hunt.states[stage], hunt.kept[stage]
            assert hunt.counts(stage) == hunt.counts(f"round {at}")
            old = all(torch.equal(state[key], origin[key].masked_fill(~stays, 0)) for key, stays in kept.items())
            assert old == (lane in ("shuffled", "one-shot"))
            same = all(torch.equal(stays, mine[key]) for key, stays in kept.items())
            assert same == (lane == "reinit" or (lane == "one-shot" and at == 1))
    # One cut of the dense network: what goes at 64 % left was smaller than what goes only later.
    once, twice = hunt.kept["round 1 one-shot"], hunt.kept["round 2 one-shot"]
    assert all(not (twice[key] & ~once[key]).any() for key in once)
    tables = hunt.moments[-1].arrays
    assert {f"rounds:{lane}" for lane in ("ticket", *lottery.CONTROLS)} <= set(tables)
    assert tables["rounds:ticket"].shape == (3, len(lottery.ROUND)) and tables["rounds:random"].shape == (
        2,
        len(lottery.ROUND),
    )
    assert np.array_equal(tables["rounds:random"][:, 1], tables["rounds:ticket"][1:, 1])


def test_controls_do_not_change_the_ticket(monkeypatch):
    alone = Hunt(recipe_of(), monkeypatch)
    beside = Hunt(recipe_of(course=replace(COURSE, control="random")), monkeypatch)
    one, other = ([moment.values for moment in hunt.moments if "random" not in moment.stage] for hunt in (alone, beside))
    assert one == other


def test_a_ticket_is_trained_on_other_data(monkeypatch):
    """Found on digits 0 to 4, trained on 5 to 9, beside a control that is trained on these, too."""
    course = replace(COURSE, second="upper-half", control="random", rounds=1)
    hunt = Hunt(recipe_of(course=course), monkeypatch)
    first, other = second.tasks(hunt.subject, "upper-half")
    assert list(hunt.states) == ["round 0", "round 0 transfer", "round 1", "round 1 transfer", "round 1 random"]
    for stage, (samples, held) in hunt.data.items():
        wanted = first if stage in ("round 0", "round 1") else other
        assert torch.equal(samples.labels, wanted.training.labels) and torch.equal(held.labels, wanted.held_out.labels)
    one, carried = hunt.states["round 1"], hunt.states["round 1 transfer"]
    assert all(torch.equal(one[key], carried[key]) for key in one)


def test_what_the_page_draws_of_a_round(monkeypatch):
    hunt = Hunt(recipe_of(), monkeypatch)
    origin, subject = hunt.origin(), hunt.subject
    for at in (0, 3):
        arrays, kept = hunt.last(f"round {at}").arrays, hunt.kept[f"round {at}"]
        places = arrays["places"]
        assert len(places) == lottery.POINTS == len(set(places.tolist()))
        every = np.concatenate([origin[layer.name].numpy().ravel() for layer in subject.layers])
        assert np.array_equal(arrays["start"], every[places])
        assert not arrays["end"][~arrays["before"]].any() and (arrays["end"][arrays["before"]] != 0).mean() > 0.99
        assert not (arrays["after"] & ~arrays["before"]).any()
        shape = tuple(arrays["mask_shape"])
        picture = np.unpackbits(arrays["mask"])[: np.prod(shape)].reshape(shape).astype(bool)
        assert np.array_equal(picture, kept["fc1.weight"].numpy() if at else np.ones((300, 64), dtype=bool))
    assert hunt.last("round 0").arrays["after"].mean() == pytest.approx(0.8, abs=0.03)


def test_early_stopping_is_chosen_by_one_half_and_judged_by_the_other(monkeypatch):
    """Losses of the choosing half fall, then rise: the second of three ticks. The other half, which would have chosen the
    third, has 7 right there."""
    subject = subject_of("digits_mlp")
    choosing = trials.split(subject, trials.criteria.find("magnitude"), calibration="training", seed=0).choosing.numpy()
    told = iter([(2.0, 5.0, 3), (1.0, 4.0, 7), (1.5, 0.0, 40)])

    def exam(_, network):
        mine, theirs, right = next(told)
        correct = np.zeros(80, dtype=bool)
        correct[np.flatnonzero(~choosing)[:right]] = True
        losses = np.where(choosing, mine, theirs)
        return Measurement(losses, np.ones(80), correct, float(correct.mean()), (0.0, 1.0))

    monkeypatch.setattr(trials, "exam", exam)
    network = private.fresh(subject, generator())
    stage = Stage("only", network, subject.training, replace(COURSE, every=2), 6, generator())
    moments = list(trials.attempt(trials.Trial(stage, subject, 100, 106, {"round": 1.0}), Memory()))
    found = [(moment.step, moment.values["early_step"], moment.values["early_correct"]) for moment in moments]
    assert found == [(102, 2.0, 3.0), (104, 4.0, 7.0), (106, 4.0, 7.0)]
    assert moments[-1].values["early_n"] == 40 and moments[-1].values["correct"] == 40


@pytest.mark.parametrize(
    ("course", "more", "words"),
    [
        ({"control": "reroll"}, {}, "unknown control 'reroll'; there are reinit, random, shuffled, one-shot"),
        ({"rewind": 6}, {}, "step 6 cannot be gone back to in a training of 6"),
        ({"steps": 0}, {}, "0 steps"),
        ({}, {"granularity": "filter"}, "single weights, not of filters"),
        ({}, {"scope": "nobody"}, "unknown scope 'nobody'"),
        ({}, {"spared": ("fc9.weight",)}, "no layer 'fc9.weight'"),
    ],
)
def test_what_cannot_be_hunted_is_said(course, more, words):
    recipe = recipe_of(course=replace(COURSE, **course), **more)
    with pytest.raises(ValueError, match=words):
        next(lottery.run(subject_of("digits_mlp"), recipe, Memory()))
