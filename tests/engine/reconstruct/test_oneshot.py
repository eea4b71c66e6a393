"""A Recipe becomes a walk: which matrices, which share of each, by whose opinion, on which samples; and what is refused."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz.course import Course
from pruneviz.engine import standing
from pruneviz.engine.reconstruct import oneshot
from pruneviz.engine.subject import Samples, Windows
from pruneviz.recipe import Recipe
from tests.engine.conftest import tiny_subject
from tests.engine.networks import randomised
from tests.engine.reconstruct.chains import TOKENS, WIDTH, chain

RECIPE = Recipe(subject="tiny", criterion="wanda", scope="row", amount=0.5, course=Course(batch=40))


def subject_of(network: nn.Module | None = None, samples: int = 30):
    source = torch.Generator().manual_seed(2)
    inputs = torch.randn(samples, TOKENS, WIDTH, generator=source)
    return tiny_subject(chain() if network is None else network, inputs, torch.arange(samples) % 3)


def prepared(recipe: Recipe = RECIPE, subject=None) -> tuple[oneshot.Work, nn.Module]:
    subject = subject or subject_of()
    network = copy.deepcopy(subject.network)
    return oneshot.prepare(subject, recipe, network), network


def with_method(key: str, **more) -> Recipe:
    return replace(RECIPE, course=replace(RECIPE.course, method=key), **more)


@pytest.mark.parametrize("key", ["", "keep", "sparsegpt", "swaps_refit"])
@pytest.mark.parametrize("scope", ["row", "layer", "owl", "global"])
def test_exactly_as_much_goes_as_was_asked_for(key, scope):
    subject = subject_of()
    work, network = prepared(with_method(key, scope=scope), subject)
    before = {name: one.clone() for name, one in subject.network.state_dict().items()}
    done = list(work.steps())
    assert len(done) == work.matrices == 15
    sizes = {one.name: one.kept.numel() for one in done}
    assert sum(int((~one.kept).sum()) for one in done) == sum(sizes.values()) // 2
    for one in done:
        assert not network.get_parameter(one.name)[~one.kept].any()
        if scope in ("row", "layer"):
            assert int((~one.kept).sum()) == sizes[one.name] // 2
        elif key in ("", "keep") and scope == "owl":
            assert int((~one.kept).sum(1).max() - (~one.kept).sum(1).min()) <= 1
    assert all(torch.equal(one, before[name]) for name, one in subject.network.state_dict().items())


def test_shares_are_those_of_the_competition_in_the_dense_network():
    """What the slider takes of each layer under the same scope, with those outside of the blocks spared."""
    subject, recipe = subject_of(), replace(RECIPE, scope="owl")
    work, _ = prepared(recipe, subject)
    outside = tuple(name for name, _ in work.whole)
    assert set(outside) == {"first.weight", "last.weight"}
    spared = replace(recipe, spared=outside)
    ranking = standing.stand(subject, spared).ranking
    for layer, count in zip(subject.layers, ranking.counts(0.5, spared.own_amounts()).tolist(), strict=True):
        assert work.plan.shares.get(layer.name, 0) == pytest.approx(count / layer.size)
    assert len(set(work.plan.shares.values())) > 1


def test_amounts_of_their_own_and_spared_layers():
    recipe = replace(RECIPE, overrides=(("blocks.0.q.weight", 0.25),), spared=("blocks.1.v.weight",))
    work, network = prepared(recipe)
    done = {one.name: one for one in work.steps()}
    assert int((~done["blocks.0.q.weight"].kept).sum()) == 16 and int((~done["blocks.0.k.weight"].kept).sum()) == 32
    assert network.blocks[1].v.weight.all()


def test_a_network_without_a_chain_is_walked_whole():
    source = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(TOKENS * WIDTH, 12), nn.ReLU(), nn.Linear(12, 3))
    for one in network.parameters():
        one.data = torch.randn(one.shape, generator=source)
    work, pruned = prepared(subject=subject_of(network.requires_grad_(False)))
    assert [one.name for one in work.steps()] == ["1.weight", "3.weight"] and not work.whole
    assert int((pruned[1].weight == 0).sum()) == 240


@pytest.mark.parametrize("granularity", ["2:4", "4:8"])
def test_a_pattern_and_what_it_does_not_fit(granularity):
    """Blocks take eight inputs or sixteen; with one matrix of six in between, that one stays whole and is named."""
    network = chain()
    network.blocks[1].odd = nn.Linear(6, 6).requires_grad_(False)
    work, pruned = prepared(replace(RECIPE, granularity=granularity), subject_of(network))
    group = int(granularity[-1])
    assert (("blocks.1.odd.weight", f"has no whole groups of {group} inputs")) in work.whole
    for one in work.steps():
        assert (one.kept.view(len(one.kept), -1, group).sum(2) == group // 2).all()
    assert pruned.blocks[1].odd.weight.all()


def test_a_pattern_takes_its_own_amount_or_none_of_each_matrix():
    """As on the slider. A matrix of amount 0 stays whole, one of the pattern's own follows it; all else contradicts it."""
    four = replace(RECIPE, granularity="2:4")
    names = ("blocks.0.q.weight", "blocks.0.k.weight")
    work, _ = prepared(replace(four, overrides=((names[0], 0.0), (names[1], 0.5))))
    assert names[0] not in work.plan.shares and work.plan.shares[names[1]] == 0.5 and len(work.plan.shares) == 14
    none, network = prepared(replace(four, amount=0.0, overrides=((names[1], 0.5),)))
    assert not none.plan.shares and all(one.kept.all() for one in none.steps())
    assert all(one.all() for name, one in network.named_parameters() if name.endswith("weight"))
    for wrong in ({"amount": 0.7}, {"overrides": ((names[0], 0.3),)}, {"overrides": ((names[0], 1.0),)}):
        with pytest.raises(ValueError, match=r"2:4 removes 0\.5 of the weights, not (0\.7|0\.3|1); leave the amount out"):
            prepared(replace(four, **wrong))
    with pytest.raises(ValueError, match=r"1:4 removes 0\.75 of the weights, not 0\.5"):
        prepared(replace(RECIPE, granularity="1:4"))


def test_shares_look_at_the_data_that_calibrates_and_at_no_held_out_sample():
    """Outliers are those of the text that was given; where it is the training split, they are as without it."""
    subject = subject_of()
    recipe = replace(RECIPE, scope="owl", amount=0.5)
    other = subject_of().held_out
    other = replace(other, stored=other.stored * torch.logspace(-2, 2, WIDTH))
    bare = replace(subject, training=None)
    shares = {
        name: oneshot.prepare(one, recipe, copy.deepcopy(one.network), data=data).plan.shares
        for name, one, data in (
            ("own", subject, None), ("same", bare, subject.training), ("other", subject, other), ("bare", bare, other),
        )
    }  # fmt: skip
    assert shares["own"] == shares["same"] and shares["other"] == shares["bare"] != shares["own"]
    held = replace(bare, held_out=replace(bare.held_out, stored=bare.held_out.stored * torch.logspace(2, -2, WIDTH)))
    assert oneshot.prepare(held, recipe, copy.deepcopy(held.network), data=other).plan.shares == shares["other"]


def test_what_stays_whole_is_told_in_one_sentence():
    work, _ = prepared()
    assert oneshot.left_whole(work) == (
        "first, last stay whole: each is outside of the blocks, which are all that one shot goes through"
    )
    assert oneshot.left_whole(replace(work, whole=(("last.weight", "is new"),))) == "last stays whole: it is new"
    assert oneshot.left_whole(replace(work, whole=())) == ""


def test_samples_are_drawn_by_the_seed():
    subject = subject_of()
    few = replace(RECIPE, course=replace(RECIPE.course, batch=7))
    one, again, other = (torch.cat(oneshot.calibration(subject, recipe)) for recipe in (few, few, replace(few, seed=1)))
    assert torch.equal(one, again) and one.shape == other.shape == (7, TOKENS, WIDTH) and not torch.equal(one, other)
    everything = torch.cat(oneshot.calibration(subject, RECIPE))
    assert torch.equal(everything, subject.training.inputs(torch.arange(30)))
    assert prepared(few)[0].samples == 7


def test_a_quarter_of_the_held_out_samples_can_be_set_aside():
    subject = replace(subject_of(), training=None)
    with pytest.raises(ValueError, match="Tiny has no training split: choose calibration = held-out"):
        oneshot.calibration(subject, RECIPE)
    found = torch.cat(oneshot.calibration(subject, replace(RECIPE, calibration="held-out")))
    assert 0 < len(found) <= 30 // 4 + 1


def test_other_data_can_calibrate():
    subject, other = subject_of(), subject_of(samples=5).held_out
    assert isinstance(other, Samples)
    assert torch.equal(torch.cat(oneshot.calibration(subject, RECIPE, other)), other.inputs(torch.arange(5)))


def test_the_seed_decides_what_random_removes():
    masks = []
    for seed in (0, 0, 1):
        work, _ = prepared(replace(RECIPE, criterion="random", seed=seed, course=replace(RECIPE.course, batch=64)))
        masks.append([one.kept for one in work.steps()])
    one, again, other = masks
    assert all(torch.equal(*pair) for pair in zip(one, again, strict=True))
    assert not all(torch.equal(*pair) for pair in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"granularity": "neuron"},
            "one shot removes single weights, or N of every M, not neurons: choose weight, 2:4 or 4:8",
        ),
        ({"criterion": "gradient"}, "one shot sees only a matrix and its inputs"),
        ({"course": Course(method="obs")}, "unknown method 'obs'; there are"),
        ({"spared": ("nowhere.weight",)}, "Tiny has no layer 'nowhere.weight'"),
    ],
)
def test_what_cannot_be_walked_is_refused_in_one_sentence(changed, said):
    with pytest.raises(ValueError, match=said):
        prepared(replace(RECIPE, **changed))


def test_a_network_of_no_matrices_is_refused():
    network = nn.Sequential(nn.Unflatten(1, (1, TOKENS)), nn.ConvTranspose2d(1, 1, 3), nn.Flatten(), nn.AdaptiveAvgPool1d(3))
    with pytest.raises(ValueError, match="Tiny has no matrix that one shot can go through .*: prune it on the slider"):
        prepared(subject=subject_of(network.requires_grad_(False)))


def test_padding_behind_shorter_texts_is_not_looked_at():
    """Windows of six lengths: as many places are counted as have a token."""
    lengths = torch.tensor([5, 2, 5, 3, 1, 4])
    tokens = torch.where(torch.arange(5) < lengths[:, None], torch.arange(30).view(6, 5) % 9 + 1, 0)
    text = Windows(tokens, torch.where(tokens > 0, tokens, -100))
    subject = replace(subject_of(), training=text, held_out=text)
    found = oneshot.calibration(subject, RECIPE)
    assert sorted(one.shape[1] for one in found for _ in one) == sorted(lengths.tolist())
    assert all((one > 0).all() for one in found) and sum(one.numel() for one in found) == int(lengths.sum())


class Attending(nn.Module):
    """Torch's own attention, which multiplies with its output matrix without calling it, in two blocks."""

    def __init__(self) -> None:
        super().__init__()
        kind = {"dim_feedforward": 12, "dropout": 0.0, "batch_first": True}
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(WIDTH, 2, **kind) for _ in range(2))
        self.last = nn.Linear(WIDTH, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.last(x.mean(1))


@pytest.mark.parametrize("scope", ["row", "global"])
def test_what_nothing_can_be_watched_of_is_named_and_the_others_give_what_was_asked_for(scope):
    subject = subject_of(randomised(Attending(), 3))
    work, _ = prepared(replace(RECIPE, scope=scope, course=replace(RECIPE.course, method="sparsegpt")), subject)
    out = [name for name, why in work.whole if why == oneshot.SILENT]
    assert "blocks.0.self_attn.out_proj.weight" in out and "blocks.1.self_attn.out_proj.weight" in out
    assert "is multiplied with where nothing can be watched" in oneshot.left_whole(work)
    done = list(work.steps())
    assert done and not {one.name for one in done} & set(out)
    assert sum(int((~one.kept).sum()) for one in done) == round(sum(one.kept.numel() for one in done) / 2)
