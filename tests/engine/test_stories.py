"""stories260K, a real language model of llama2.c: published weights, real texts, and heads that are really removed."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pruneviz.engine import evaluate, tasks
from pruneviz.engine.criterion import find as criterion
from pruneviz.engine.evidence import gather, scores
from pruneviz.engine.export import package
from pruneviz.engine.export.cut import cut
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card, tokenizer
from pruneviz.engine.structure import find, surgery
from pruneviz.recipe import Recipe
from tests.conftest import DATA
from tests.engine.stories_table import TEXTS, fewer, perplexity, rows, subject

pytestmark = pytest.mark.skipif(not (DATA / "stories260k").is_dir(), reason=f"no stories260k at {DATA}")

TASK = tasks.find("language_modelling")


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    """On Shakespeare, eight windows: enough to compare, too few to quote."""
    return subject(tmp_path_factory.mktemp("stories"), windows=8)


@pytest.fixture(scope="module")
def dense(stories) -> float:
    """Its perplexity as it is, by plain torch."""
    return perplexity(stories.skeleton(), stories)


@pytest.fixture(scope="module")
def bench(stories):
    """Where it is measured: one Workspace for all settings that are measured on the same windows, as in the app."""
    made = {}

    def found(standing: evaluate.Standing) -> Workspace:
        windows = tuple(standing.split.measured.tolist())
        if windows not in made:
            made[windows] = Workspace(stories, standing.split.measured)
        return made[windows]

    return found


@pytest.mark.parametrize(
    ("text", "wanted"), [("tinystories_train_head", "6.76"), ("tinyshakespeare", "106.9"), ("wikitext2_valid", "336.9")]
)
def test_the_perplexities_that_its_source_prints(tmp_path, text, wanted):
    """In windows of 800 characters from the file's start, of at most 512 tokens. The first 40 windows of TinyStories are
    easier than the rest of the file (4.48); 242 windows give the figure that is printed, all 246 give 6.74."""
    model = subject(tmp_path, text)
    assert len(model.held_out) == TEXTS[text] and len(model.training) > 2
    value = perplexity(model.skeleton(), model)
    assert f"{value:.{len(wanted.partition('.')[2])}f}" == wanted


def test_it_is_the_network_that_was_published(stories, tmp_path):
    assert sum(one.numel() for one in stories.network.parameters()) == 260_032
    assert stories.weights == 5 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 172 * 64) and len(stories.layers) == 35
    apart = subject(tmp_path, windows=8, kind="safetensors")
    mine, theirs = stories.network.state_dict(), apart.network.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[key], theirs[key]) for key in mine)
    assert apart.sha256 == "bea18f8611ef4e5aed48f4f0c4da77dbf8e78cc24c7ed8f4c9ab4af84ce72330"


def test_every_text_comes_back_from_its_tokens():
    words, _ = tokenizer.read(DATA / "stories260k" / "tok512.bin")
    for text in TEXTS:
        some = (DATA / "texts" / f"{text}.txt").read_bytes().decode()[:20_000]
        tokens = words.encode(some)
        assert words.decode(tokens) == some and len(tokens) < 0.7 * len(some)


def test_it_tells_the_story_that_run_c_tells(stories):
    """The most likely token each time: what llama2.c's doc/stories260K.md prints for `./run stories260K.bin -t 0.0`."""
    words, _ = tokenizer.read(DATA / "stories260k" / "tok512.bin")
    network, tokens = stories.skeleton(), [tokenizer.BEGINNING]
    with torch.inference_mode():
        for _ in range(95):
            tokens.append(int(network(torch.tensor([tokens]))[0, -1].argmax()))
    assert words.decode(tokens).startswith(
        "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a "
        "big, red ball. She wanted to play with it, but it was too high.\nLily's mom said, \"Lily, let's go to the park.\""
    )


def test_masked_is_removed_and_perplexity_says_so(stories):
    found = list(rows(stories))
    assert [row.share for row in found] == [0.25, 0.25, 0.5, 0.5, 0.75, 0.75]
    for row in found:
        assert sum(row.stay) == 20 - round(20 * row.share)
        assert row.difference < 1e-9
        assert row.removed == pytest.approx(row.masked, rel=1e-4)
        assert row.removed > 1.05 * row.dense
    assert any(len(set(row.stay)) > 1 for row in found)


def test_a_smaller_network_that_is_wrong_does_not_pass(stories):
    """The same removal with two heads of a layer swapped computes something else: the comparison has teeth."""
    structure, inputs = find.of(stories, "head"), stories.held_out.inputs(slice(0, 2))
    network = copy.deepcopy(stories.network).double()
    kept = fewer(structure, 0.25, even=True)
    silent, smaller = surgery.masked(network, structure, kept), surgery.remove(network, structure, kept, inputs)[0]
    assert surgery.prove(silent, smaller, inputs).holds
    value = smaller.model.layers[2].self_attn.v_proj.weight
    with torch.no_grad():
        value.copy_(value.unflatten(0, (-1, 8)).flip(0).flatten(0, 1))
    assert surgery.prove(silent, smaller, inputs).difference > 1e-3


@pytest.mark.parametrize("granularity", ["weight", "head", "neuron", "layer", "2:4"])
@pytest.mark.parametrize("key", ["magnitude", "random", "gradient"])
def test_every_granularity_is_measured(stories, dense, bench, granularity, key):
    amount = 0.5 if granularity == "2:4" else 0.3
    recipe = Recipe(subject=stories.name, criterion=key, granularity=granularity, amount=amount)
    standing = evaluate.stand(stories, recipe)
    report = evaluate.evaluate(stories, recipe, standing, bench(standing))
    score = report.score
    assert (score.metric, score.n, score.correct, score.dense_correct) == ("perplexity", 8, None, None)
    assert score.dense_value == pytest.approx(dense, rel=1e-5)
    assert score.interval[0] < score.value < score.interval[1] and score.value > 1.05 * score.dense_value
    assert score.loss == pytest.approx(math.log(score.value))
    assert report.removed > 0 and report.calibration == ("training" if key == "gradient" else "none")


def test_a_preview_of_heads_measures_what_removal_leaves(stories, bench):
    recipe = Recipe(subject=stories.name, granularity="head", amount=0.4)
    standing = evaluate.stand(stories, recipe)
    report = evaluate.evaluate(stories, recipe, standing, bench(standing))
    kept, inputs = evaluate.kept(recipe, standing), stories.held_out.inputs(slice(0, 2))
    smaller, _, _ = surgery.remove(copy.deepcopy(stories.network), standing.structure, kept, inputs)
    assert report.units_removed == 8 and perplexity(smaller, stories) == pytest.approx(report.score.value, rel=1e-4)


@pytest.mark.parametrize(
    ("granularity", "amount", "gone"),
    [
        ("head", 0.5, 5 * 2 * (2 * 16 + 2 * 8) * 64),  # two keys of each layer, with 16 rows of queries and of the output
        ("neuron", 0.25, 5 * 43 * 3 * 64),  # a row of gate and up and a column of down
        ("layer", 0.4, 2 * ((2 * 64 + 2 * 32 + 3 * 172) * 64 + 2 * 64)),
    ],
)
def test_what_went_is_gone_from_the_file_that_is_read_again(stories, bench, granularity, amount, gone, tmp_path):
    recipe = Recipe(subject=stories.name, granularity=granularity, scope="layer", amount=amount)
    standing = evaluate.stand(stories, recipe)
    made = package.write(stories, recipe, standing, tmp_path / "out", convert=False)
    assert made.proof.difference < 1e-9 and made.parameters - made.parameters_left == gone
    again, inputs = card.load(tmp_path / "out"), stories.held_out.inputs(slice(0, 2))
    with torch.inference_mode():
        assert torch.equal(again.skeleton()(inputs), cut(stories, recipe, standing).network(inputs))
    report = evaluate.evaluate(stories, recipe, standing, bench(standing))
    assert perplexity(again.skeleton(), again) == pytest.approx(report.score.value, rel=1e-4)


def test_gradients_of_windows_are_autograds_own(stories):
    """|∂ℓ/∂w| of each window alone, summed, per token: by autograd one window at a time."""
    inputs, labels = stories.training.inputs(slice(0, 3)), stories.training.labels[:3]
    found = gather(stories, ("gradient", "absolute_gradient"), inputs, labels)
    network, weights = stories.skeleton(), {layer.name: stories.parameter(layer).clone() for layer in stories.layers}
    absolute = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    plain = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for one, target in zip(inputs, labels, strict=True):
        leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        loss = TASK.losses(torch.func.functional_call(network, leaves, (one[None],)), target[None]).sum()
        for name, gradient in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
            absolute[name] += gradient.abs()
            plain[name] += gradient
    tokens = int(TASK.counts(labels).sum())
    assert tokens > 1000
    for evidence in found.evidence:
        for mine, theirs in ((evidence.absolute_gradient, absolute), (evidence.gradient, plain)):
            wanted = theirs[evidence.name] / tokens
            assert float((mine - wanted).abs().max() / wanted.abs().max()) < 1e-4


def test_curvature_of_a_language_model_is_refused_in_one_sentence(stories):
    some = stories.training.inputs(slice(0, 2)), stories.training.labels[:2]
    with pytest.raises(ValueError, match="is a language model, whose curvature is not computed here"):
        scores(stories, criterion("obd"), *some)


def published(stories, standing) -> dict[str, torch.Tensor]:
    """Wanda's metric by Sun et al. 2023, |W|·√(mean over windows of ‖X_j‖²), window after window, by hooks. Their windows
    are all full; the padding behind these is cut off."""
    network, squares = stories.skeleton().eval(), {}
    modules = dict(network.named_modules())
    for layer in stories.layers:
        modules[layer.label].register_forward_pre_hook(
            lambda _, given, name=layer.name: squares.__setitem__(
                name, squares.get(name, 0) + given[0].flatten(0, -2).norm(dim=0) ** 2
            )
        )
    windows = stories.training.inputs(standing.split.calibration)
    lengths = (stories.training.labels[standing.split.calibration] != -100).sum(1)
    with torch.no_grad():
        for window, length in zip(windows, lengths, strict=True):
            network(window[None, :length])
    return {one.name: stories.parameter(one).abs() * (squares[one.name] / len(windows)).sqrt() for one in stories.layers}


def test_wanda_is_the_published_mask_and_owl_the_published_shares(stories):
    """Layers of 64 and 172 inputs, 50 % and 75 %: of each row the whole number that the published code takes. Its sums are
    float32, so a weight or two may lie on the other side of a tie."""
    recipe = Recipe(subject=stories.name, criterion="wanda", scope="row", amount=0.5)
    standing = evaluate.stand(stories, recipe)
    metric = published(stories, standing)
    for amount in (0.5, 0.75):
        mine = standing.ranking.keep(amount).layers()
        off = 0
        for name, one in metric.items():
            order = torch.sort(one, dim=-1, stable=True).indices[:, : int(one.shape[1] * amount)]
            off += int((torch.ones(one.shape, dtype=torch.bool).scatter_(1, order, False).numpy() != mine[name]).sum())
        assert off <= 4
    blocks = [torch.cat([one.flatten() for name, one in metric.items() if f"layers.{at}." in name]) for at in range(5)]
    ratio = np.array([float((one > 5 * one.mean()).double().mean()) for one in blocks])
    ratio = 0.16 * (ratio - ratio.min()) / (ratio.max() - ratio.min())
    keeps = ratio - ratio.mean() + (1 - 0.5)
    ranking = evaluate.stand(stories, replace(recipe, scope="owl")).ranking
    counts = ranking.counts(0.5).reshape(5, -1).sum(1) / ranking.sizes.reshape(5, -1).sum(1)
    assert np.abs(1 - counts - keeps).max() < 1e-3


def test_windows_of_held_out_text_can_be_set_aside(stories):
    recipe = Recipe(subject=stories.name, criterion="gradient", calibration="held-out", amount=0.2)
    standing = evaluate.stand(stories, recipe)
    assert standing.split.source == "held-out" and len(standing.split.measured) == 6
    assert not set(standing.split.measured.tolist()) & set(standing.split.calibration.tolist())
    curve = evaluate.curve(stories, recipe, standing, Workspace(stories, standing.split.measured), [0.0, 0.2, 0.9])
    values = [point.value for point in curve.points]
    assert values[0] == curve.dense_value and values[0] < values[1] < values[2] and curve.chance == 512
    assert np.isfinite([end for point in curve.points for end in point.interval]).all()
