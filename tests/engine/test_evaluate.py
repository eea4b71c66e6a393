"""From a Recipe to a Report: counts add up, comparisons are paired, refusals are one sentence."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pruneviz.engine import evaluate, granularity, unit_report
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.engine.structure import surgery
from pruneviz.engine.sweep import sweep
from pruneviz.recipe import Recipe
from tests.engine.conftest import tiny_subject
from tests.engine.networks import Residual, images, randomised

SUBJECT = tiny_subject(randomised(Residual()), *images())
LAYERS = [layer.name for layer in SUBJECT.layers]
SCOPES = ("global", "layer", "std", "erk", "lamp")


def run(subject, recipe):
    standing = evaluate.stand(subject, recipe)
    return evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured)), standing


@settings(max_examples=40)
@given(
    amount=st.floats(0, 1),
    scope=st.sampled_from(SCOPES),
    criterion=st.sampled_from(["magnitude", "random", "gradient", "obd"]),
    own=st.dictionaries(st.sampled_from(LAYERS), st.floats(0, 1), max_size=2),
)
def test_layers_add_up_to_the_whole(amount, scope, criterion, own):
    recipe = Recipe(criterion=criterion, scope=scope, amount=amount, overrides=tuple(sorted(own.items())))
    report, standing = run(SUBJECT, recipe)
    free = sum(layer.size for layer in SUBJECT.layers if layer.name not in own)
    asked = round(amount * free) + sum(round(own[layer.name] * layer.size) for layer in SUBJECT.layers if layer.name in own)
    assert report.removed == asked == report.weights - sum(layer.kept for layer in report.layers)
    assert report.score.correct == report.score.dense_correct - report.score.newly_wrong + report.score.newly_right
    assert report.score.interval[0] <= report.score.value <= report.score.interval[1]
    assert 0 <= report.energy_removed <= 1 and report.zeros >= report.sparsity - 1e-12
    assert report.mask_sha256 == standing.ranking.keep(amount, own).sha256()
    assert (report.threshold is None) == (scope != "global" or round(amount * free) == 0)
    assert pickle.loads(pickle.dumps(report)) == report


@pytest.mark.parametrize("scope", SCOPES)
def test_a_sweep_says_what_the_masks_say(scope):
    recipe = Recipe(scope=scope, overrides=((LAYERS[1], 0.25),))
    standing = evaluate.stand(SUBJECT, recipe)
    found = sweep(SUBJECT, recipe, standing)
    flat = np.concatenate([tensor.reshape(-1).numpy() for tensor in SUBJECT.tensors()]).astype(np.float64)
    for percent in (0, 1, 37, 50, 99, 100):
        mask = standing.ranking.keep(percent / 100, recipe.own_amounts())
        assert found.removed[percent] == mask.removed == found.gone[percent].sum()
        assert found.kept[percent].tolist() == [int(part.sum()) for part in mask.layers().values()]
        assert found.energy[percent] == pytest.approx((flat[~mask.flat] ** 2).sum() / (flat**2).sum())
    assert (np.diff(found.gone, axis=0) >= 0).all() and found.total.sum() == flat.size


def test_one_layers_sweep_has_its_own_threshold():
    name = LAYERS[1]
    recipe = Recipe(scope="layer", spared=tuple(one for one in LAYERS if one != name))
    standing = evaluate.stand(SUBJECT, recipe)
    found = sweep(SUBJECT, recipe, standing, only=name, absolute=True)
    sizes = np.sort(np.abs(SUBJECT.tensors()[1].reshape(-1).numpy()))
    assert found.total.sum() == sizes.size and found.edges[0] == 0
    assert found.threshold[40] == pytest.approx(sizes[round(0.4 * sizes.size) - 1])


def test_a_curve_is_its_points():
    recipe = Recipe()
    standing = evaluate.stand(SUBJECT, recipe)
    workspace = Workspace(SUBJECT, standing.split.measured)
    curve = evaluate.curve(SUBJECT, recipe, standing, workspace, [0.0, 0.5, 1.0])
    for point in curve.points:
        report, _ = run(SUBJECT, Recipe(amount=point.amount))
        assert (point.correct, point.newly_wrong, point.sparsity) == (
            report.score.correct,
            report.score.newly_wrong,
            report.sparsity,
        )
        assert point.half[0] <= point.correct and point.half[1] == 12
    assert curve.chance == pytest.approx(1 / 3)


def test_zeros_that_are_there_already_are_said():
    network = randomised(nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.ReLU(), nn.Linear(4, 3)))
    network[1].weight.data.reshape(-1)[:100] = 0
    report, _ = run(tiny_subject(network, *images()), Recipe(amount=0.5))
    assert report.removed == round(0.5 * 156) and report.energy_removed == 0 and report.threshold == 0.0
    assert report.score.newly_wrong == report.score.newly_right == 0
    assert any("zero already" in note for note in report.notes) and report.zeros == pytest.approx(100 / 156)


def test_nan_weights_are_refused_or_removed_first():
    from dataclasses import replace

    network = randomised(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))
    network[1].weight.data[0, :2] = float("nan")
    network[1].weight.data[1, 0] = float("inf")
    subject = replace(tiny_subject(network, *images()), nonfinite=(("1.weight", 3),))
    with pytest.raises(ValueError, match=r"1\.weight: 3.*--nonfinite remove"):
        evaluate.stand(subject, Recipe())
    report, standing = run(subject, Recipe(amount=3 / 108, nonfinite="remove"))
    gone = np.argwhere(~standing.ranking.keep(3 / 108).layers()["1.weight"]).tolist()
    assert gone == [[0, 0], [0, 1], [1, 0]] and np.isfinite(report.score.loss)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (Recipe(criterion="taylr"), "unknown criterion 'taylr'; there are"),
        (Recipe(scope="galaxy"), "unknown scope 'galaxy'; there are"),
        (Recipe(granularity="atom"), "unknown granularity 'atom'; there are weight"),
        (Recipe(spared=("nowhere",)), "has no layer 'nowhere'; there are"),
        (Recipe(calibration="dreams"), "unknown calibration 'dreams'; there are"),
    ],
)
def test_refusals_are_one_sentence(recipe, said):
    with pytest.raises(ValueError, match=said):
        evaluate.stand(SUBJECT, recipe)


def test_a_network_without_prunable_weights_is_refused():
    empty = tiny_subject(nn.Sequential(nn.Flatten(), nn.ReLU()), *images())
    with pytest.raises(ValueError, match="no weight that can be pruned"):
        evaluate.stand(empty, Recipe())


def test_the_subject_is_never_changed():
    before = {name: tensor.clone() for name, tensor in SUBJECT.network.state_dict().items()}
    for criterion in ("magnitude", "gradient", "obd", "random"):
        run(SUBJECT, Recipe(criterion=criterion, amount=0.6))
    assert all(torch.equal(before[name], tensor) for name, tensor in SUBJECT.network.state_dict().items())
    assert not any(parameter.grad is not None for parameter in SUBJECT.network.parameters())


UNIT_SCOPES = ("global", "layer", "isomorphic")


@settings(max_examples=30)
@given(
    amount=st.floats(0, 1),
    scope=st.sampled_from(UNIT_SCOPES),
    criterion=st.sampled_from(["magnitude", "random", "gradient", "obd"]),
    pool=st.sampled_from(["mean", "l1", "l2", "max"]),
    floor=st.sampled_from([0, 1]),
)
def test_a_report_of_units_is_the_smaller_network(amount, scope, criterion, pool, floor):
    """Counts of units, weights, parameters and multiply-adds are those of the network that surgery makes."""
    recipe = Recipe(granularity="filter", criterion=criterion, scope=scope, amount=amount, pool=pool, floor=floor)
    report, standing = run(SUBJECT, recipe)
    removable = [group for group in report.groups if not group.reason]
    assert report.units == sum(group.units for group in removable) == standing.structure.units
    assert report.units_removed == min(round(amount * report.units), report.units - floor * len(removable))
    assert report.units_removed == sum(int((~group.kept).sum()) for group in removable)
    assert report.removed == report.weights - sum(layer.kept for layer in report.layers)
    for group in removable:
        assert ((group.leaves <= amount) == ~group.kept).all()
    kept = evaluate.kept(recipe, standing)
    if all(mine.any() for mine in kept.values()):
        network = SUBJECT.skeleton().eval()
        smaller = surgery.apply(network, surgery.plan(network, standing.structure, kept))
        assert report.cost.parameters_left == sum(parameter.numel() for parameter in smaller.parameters())
        assert report.weights - report.removed == sum(smaller.get_parameter(layer.name).numel() for layer in SUBJECT.layers)
        with torch.no_grad():
            right = smaller(SUBJECT.held_out.inputs()).argmax(1) == SUBJECT.held_out.labels
        assert report.score.correct == int(right.sum())
    assert pickle.loads(pickle.dumps(report.score)) == report.score and report.pool == pool


def test_a_group_says_what_hangs_on_it():
    """Residual: conv1 and conv2 are added, so their filters go together, with both norms' rows and what reads them."""
    report, _ = run(SUBJECT, Recipe(granularity="filter", amount=0.25))
    (group,) = report.groups
    assert set(group.modules) == {"conv1", "conv2"} and group.coupling and group.units == 4
    assert set(group.hangs) == {
        ("conv1.weight", "outputs of conv1", 9),
        ("conv2.weight", "outputs of conv2", 36),
        ("conv2.bias", "bias of conv2", 1),
        ("bn1.running_mean", "rows of its BatchNorm bn1", 4),
        ("bn2.running_mean", "rows of its BatchNorm bn2", 4),
        ("conv2.weight", "inputs of conv2", 36),
        ("fc.weight", "inputs of fc", 3),
    }


def test_what_goes_with_one_filter_by_hand():
    """One of four filters: 9 of conv1, 9·4 + 9·3 of conv2 and 3 of fc, and conv2's bias and four norm rows."""
    report, _ = run(SUBJECT, Recipe(granularity="filter", amount=0.25))
    assert report.units_removed == 1 and report.removed == 9 + 36 + 27 + 3
    assert report.cost.parameters - report.cost.parameters_left == report.removed + 1 + 4
    macs = 36 * (4 * 9 + 16 * 9) + 12
    assert (report.cost.macs, report.cost.macs_left) == (macs, 36 * (3 * 9 + 9 * 9) + 9)


@pytest.mark.parametrize("kind", ["weight", "2:4"])
def test_zeros_make_nothing_smaller_but_are_counted(kind):
    """At weights `left` is what is not zero: fc has 12 of 36·180 + 12 multiply-adds."""
    report, _ = run(SUBJECT, Recipe(granularity=kind, amount=0.5))
    share = {layer.name: layer.zeros / layer.weights for layer in report.layers}
    assert report.cost.parameters - report.cost.parameters_left == sum(layer.zeros for layer in report.layers)
    macs = 36 * (36 * (1 - share["conv1.weight"]) + 144 * (1 - share["conv2.weight"])) + 12 * (1 - share["fc.weight"])
    assert report.cost.macs_left == pytest.approx(macs) and report.groups == () and report.units == 0


def test_a_pattern_is_measured_and_says_what_it_does_not_fit():
    """conv1 has one input: no group of four. conv2 and fc have four: half of each goes."""
    report, standing = run(SUBJECT, Recipe(granularity="2:4", amount=0.5))
    assert [layer.kept for layer in report.layers] == [36, 72, 6] and report.threshold is None
    assert report.notes == ("All weights stay in conv1: 2:4 takes inputs in whole groups of 4, which 1 input is not.",)
    with pytest.raises(ValueError, match="2:4 removes 0.5 of the weights, not 0.3"):
        run(SUBJECT, Recipe(granularity="2:4", amount=0.3))
    workspace = Workspace(SUBJECT, standing.split.measured)
    curve = evaluate.curve(SUBJECT, Recipe(granularity="2:4"), standing, workspace, [0.0, 0.5])
    assert curve.points[1].correct == report.score.correct and curve.points[0].value == curve.dense_value


def test_warnings_when_a_group_empties_and_when_the_floor_holds():
    recipe = Recipe(granularity="filter", amount=1.0)
    held, _ = run(SUBJECT, recipe)
    assert held.units_removed == 3 and any("1 more filter would have gone" in note for note in held.notes)
    empty, _ = run(SUBJECT, Recipe(granularity="filter", amount=1.0, floor=0))
    assert empty.units_removed == 4 and any("No filter is left in" in note for note in empty.notes)
    none, _ = run(SUBJECT, Recipe(granularity="filter", amount=0.5))
    assert none.notes == ()


def test_an_amount_of_its_own_for_what_makes_no_unit_is_said():
    report, _ = run(SUBJECT, Recipe(granularity="filter", amount=0.5, overrides=(("fc.weight", 0.5),)))
    assert report.units_removed == 2 and any("fc.weight has an amount of its own" in note for note in report.notes)
    spared, _ = run(SUBJECT, Recipe(granularity="filter", amount=0.5, spared=("conv1.weight",)))
    assert spared.units_removed == 0


@pytest.mark.parametrize("scope", UNIT_SCOPES)
def test_a_sweep_of_units_says_what_the_reports_say(scope):
    recipe = Recipe(granularity="filter", scope=scope, floor=0, back=("conv1:0",))
    standing = evaluate.stand(SUBJECT, recipe)
    found = sweep(SUBJECT, recipe, standing)
    assert found.unit == "filter" and found.layers[0][3] == 4 and (found.threshold is None) == (scope != "global")
    for percent in (0, 20, 50, 99, 100):
        report, _ = run(SUBJECT, Recipe(granularity="filter", scope=scope, floor=0, back=("conv1:0",), amount=percent / 100))
        assert found.removed[percent] == report.units_removed == found.gone[percent].sum()
        assert found.kept[percent].tolist() == [int(group.kept.sum()) for group in report.groups if not group.reason]
        assert found.energy[percent] == pytest.approx(report.energy_removed, abs=1e-12)
        assert found.parameters[percent] == pytest.approx(report.cost.parameters_left / report.cost.parameters)
        assert found.macs[percent] == pytest.approx(report.cost.macs_left / report.cost.macs)
    assert found.total.sum() == 4 and found.edges[0] == standing.ranking.scores.min()
    one = sweep(SUBJECT, recipe, standing, only=standing.ranking.names[0])
    assert (one.kept == found.kept).all()


def test_a_pattern_has_nothing_to_sweep():
    recipe = Recipe(granularity="2:4")
    with pytest.raises(ValueError, match="one choice, not a scale"):
        sweep(SUBJECT, recipe, evaluate.stand(SUBJECT, recipe))


@pytest.mark.parametrize("scope", UNIT_SCOPES)
def test_a_curve_of_units_is_its_points(scope):
    recipe = Recipe(granularity="filter", scope=scope)
    standing = evaluate.stand(SUBJECT, recipe)
    workspace = Workspace(SUBJECT, standing.split.measured)
    curve = evaluate.curve(SUBJECT, recipe, standing, workspace, [0.0, 0.5, 1.0])
    for point in curve.points:
        report, _ = run(SUBJECT, Recipe(granularity="filter", scope=scope, amount=point.amount))
        assert (point.correct, point.sparsity, point.interval) == (
            report.score.correct,
            report.sparsity,
            report.score.interval,
        )


def test_structures_are_looked_for_once():
    assert evaluate.structure_of(SUBJECT, "filter") is evaluate.structure_of(SUBJECT, "filter")
    assert unit_report.counted(SUBJECT) is unit_report.counted(SUBJECT)
    recipe = Recipe(granularity="filter", amount=0.5)
    standing = evaluate.stand(SUBJECT, recipe)
    assert evaluate.mask(recipe, standing).sha256() == standing.ranking.keep(0.5).sha256()
    assert evaluate.kept(Recipe(), evaluate.stand(SUBJECT, Recipe())) == {}
    assert granularity.NAMES[0] == "weight"


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (Recipe(granularity="head"), "has no head that can go"),
        (
            Recipe(granularity="filter", scope="lamp"),
            "is about single weights; here there are global, layer, isomorphic",
        ),
        (Recipe(scope="isomorphic"), "'isomorphic' is about units; here there are global, layer, std"),
        (Recipe(granularity="filter", pool="median"), "unknown pool 'median'"),
        (Recipe(granularity="filter", gone=("conv1:4",)), "no filter 'conv1:4' that can go; there are conv1:0 to conv1:3"),
        (Recipe(granularity="filter", back=("fc:0",)), "no filter 'fc:0' that can go; there are units of conv1"),
        (Recipe(granularity="filter", spared=("nowhere",)), "has no layer 'nowhere'; there are"),
        (Recipe(criterion="block_influence"), "block influence scores layers, not weights; choose one of .*magnitude"),
        (Recipe(granularity="3:2"), "no pattern N:M"),
    ],
)
def test_units_are_refused_in_one_sentence(recipe, said):
    with pytest.raises(ValueError, match=said):
        evaluate.stand(SUBJECT, recipe)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_filter_that_is_not_finite_goes_first_and_leaves_no_trace(value):
    """One broken number in conv2: the loss is finite as soon as its filter is gone, before and after others go too."""
    from dataclasses import replace

    from pruneviz.engine.sources import card

    sample = card.load("digits_cnn")
    network = sample.skeleton()
    layer = next(one for one in sample.layers if "conv2" in one.name)
    weight = network.get_parameter(layer.name).detach().clone()
    weight[3, 0, 0, 0] = value
    owner, _, key = layer.name.rpartition(".")
    setattr(network.get_submodule(owner), key, nn.Parameter(weight, requires_grad=False))
    subject = replace(sample, network=network, nonfinite=((layer.name, 1),))
    recipe = Recipe(granularity="filter", nonfinite="remove")
    standing = evaluate.stand(subject, recipe)
    workspace = Workspace(subject, standing.split.measured)
    assert not np.isfinite(workspace.amount(standing.ranking, 0.0, {}).loss)
    for amount in (0.1, 0.5, 0.0, 0.3):
        found = workspace.amount(standing.ranking, amount, {})
        assert np.isfinite(found.loss) == (amount > 0)
    assert not standing.ranking.kept(0.1)[owner][3]
    forced = standing.ranking.ids().index(f"{owner}:3")
    back = workspace.amount(standing.ranking, 0.5, {}, (), (standing.ranking.ids()[forced],))
    assert not np.isfinite(back.loss)
    assert np.isfinite(run(subject, replace(recipe, amount=0.3))[0].score.loss)
    inputs = subject.held_out.inputs(slice(0, 4))
    _, _, proof = surgery.remove(subject.skeleton().eval(), standing.structure, standing.ranking.kept(0.3), inputs)
    assert proof.holds and workspace.silences("filter")


def test_an_empty_convolution_can_be_looked_at_and_not_removed():
    from pruneviz.engine.sources import card

    report, standing = run(card.load("digits_cnn"), Recipe(granularity="filter", amount=1.0, floor=0))
    first = standing.structure.removable[0].label
    said = next(note for note in report.notes if note.startswith(f"No filter is left in {first}"))
    assert said.endswith("a network without them cannot be built, so this setting can be looked at but not removed.")
    assert "Nothing of the input gets past: every sample gets the same answer." in report.notes


@pytest.mark.parametrize(
    ("kind", "words"),
    [("neuron", "only what goes round them gets past"), ("head", "its attention adds nothing of the input any more")],
)
def test_what_goes_round_an_empty_group_still_gets_past(kind, words):
    """A transformer's residual path goes round its neurons and its heads: nobody says that nothing gets past."""
    from pruneviz.engine.sources import card

    subject = card.load("digits_vit")
    group = evaluate.structure_of(subject, kind).removable[0]
    gone = tuple(f"{group.name}:{at}" for at in range(group.units))
    empty, _ = run(subject, Recipe(granularity=kind, amount=0.0, floor=0, gone=gone))
    assert empty.notes == (f"No {kind} is left in {group.label}: {words}.",)
    held, _ = run(subject, Recipe(granularity=kind, amount=1.0))
    assert any(note.endswith("one of each group always stays while the floor is 1.") for note in held.notes)


def test_without_any_head_the_token_that_decides_sees_no_image():
    """All attention gone, the class token hears of no patch: here nothing does get past, and it is said."""
    from pruneviz.engine.sources import card

    empty, _ = run(card.load("digits_vit"), Recipe(granularity="head", amount=1.0, floor=0))
    assert "Nothing of the input gets past: every sample gets the same answer." in empty.notes


def test_a_criterion_of_units_says_what_it_scores_in_plain_words():
    with pytest.raises(
        ValueError, match="^leave one out scores filters, neurons, attention heads and layers, not weights; choose one of "
    ):
        evaluate.stand(SUBJECT, Recipe(criterion="leave_one_out"))


def test_a_curve_of_units_measures_each_network_once(monkeypatch):
    """Four layers have few networks: equal numbers of units gone are the same units gone."""
    subject = card.load("digits_vit")
    recipe = Recipe(subject="digits_vit", granularity="layer")
    standing = evaluate.stand(subject, recipe)
    workspace, asked = Workspace(subject, standing.split.measured), []
    measure = workspace.run
    monkeypatch.setattr(
        workspace, "run", lambda ranking, amount, *rest: asked.append(amount) or measure(ranking, amount, *rest)
    )
    amounts = [node / 20 for node in range(21)]
    points = list(evaluate.curve_points(recipe, standing, workspace, amounts))
    assert len(asked) == len({standing.ranking.removals(amount) for amount in amounts}) < len(amounts)
    for one in points[::5]:
        assert one.value == evaluate.evaluate(subject, replace(recipe, amount=one.amount), standing, workspace).score.value
