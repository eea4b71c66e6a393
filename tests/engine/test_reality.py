"""What is weighed and timed: counted again by other means, on networks that fit on a page."""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pruneviz import truth_file
from pruneviz.engine import cost, evaluate, reality, ways
from pruneviz.engine.structure import surgery
from pruneviz.recipe import Recipe
from pruneviz.truths import CSR, DENSE, SEMI, SMALLER, ZEROS
from tests.engine import families
from tests.engine.conftest import tiny_subject
from tests.engine.zoo import Unusual, cnn, data, mlp, settled

ROOT = Path(__file__).resolve().parents[2]
QUICK = reality.How(repeats=3)


def subject(network: nn.Module = None):
    network = cnn(nn.ReLU) if network is None else network
    return tiny_subject(settled(network, dtype=torch.float32).requires_grad_(False), *data(12, dtype=torch.float32))


def fingerprint(one) -> str:
    digest = hashlib.sha256()
    for tensor in (*one.network.parameters(), *one.network.buffers()):
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def measured():
    one = subject()
    before, recipe = fingerprint(one), Recipe(subject="tiny", amount=0.6, batch=4)
    steps = list(reality.measure(one, recipe, QUICK))
    assert fingerprint(one) == before
    return one, recipe, steps


def test_the_truth_grows_and_ends_complete(measured):
    _, _, steps = measured
    assert [step.done for step in steps] == sorted(step.done for step in steps) and steps[-1].done == 1.0
    assert [step.truth.complete for step in steps] == [False] * (len(steps) - 1) + [True]
    sizes = [len(step.truth.stored) + len(step.truth.times) + len(step.truth.crossings) for step in steps]
    assert sizes[0] == 0 and sizes == sorted(sizes) and all(step.words for step in steps)


def test_every_step_survives_its_file(measured):
    for step in measured[2]:
        written = json.dumps(truth_file.to_table(step.truth), allow_nan=False).encode()
        assert truth_file.read(written) == step.truth


def test_bytes_and_numbers_are_those_of_the_network(measured):
    one, recipe, steps = measured
    truth = steps[-1].truth
    masks = evaluate.mask(recipe, evaluate.stand(one, recipe)).layers()
    state = {name: tensor.clone() for name, tensor in one.network.state_dict().items()}
    for name, mask in masks.items():
        state[name] = torch.where(torch.from_numpy(mask.copy()), state[name], 0.0)
    dense, zeros = truth.on_disk(DENSE), truth.on_disk(ZEROS)
    assert zeros.dense == dense.dense == len(safetensors.torch.save(state))
    assert dense.parameters == sum(one.numel() for one in one.network.parameters())
    learned = {name for name, _ in one.network.named_parameters()}
    assert zeros.nonzero == sum(int(state[name].count_nonzero()) for name in learned)
    gone = sum(int((~mask).sum()) for mask in masks.values())
    assert truth.sparsity == gone / sum(mask.size for mask in masks.values())
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        one.network(one.held_out.inputs(slice(0, 1)))
    assert dense.macs == zeros.macs == counter.get_total_flops() / 2
    assert zeros.useful_macs < zeros.macs == dense.useful_macs


def test_all_ways_are_timed_at_both_batches_or_say_why_not(measured):
    truth = measured[2][-1].truth
    assert truth.batches == (1, 4)
    assert {(one.way, one.batch) for one in truth.times if one.device == "cpu"} == {
        (way, batch) for way in (DENSE, ZEROS, CSR, SMALLER) for batch in (1, 4)
    }
    assert all(one.milliseconds.n == 3 and one.milliseconds.low > 0 for one in truth.times)
    assert all(one.ratio.median == 1 for one in truth.times if one.way == DENSE)
    assert torch.cuda.is_available() or "not here" in dict(truth.missing)[SEMI]


def test_the_crossing_is_measured_on_the_largest_layer_and_on_the_network(measured):
    truth = measured[2][-1].truth
    assert [(one.what, one.batch) for one in truth.crossings] == [("4", 1), ("4", 4), ("", 1), ("", 4)]
    assert truth.crossings[0].shape == (4, 3, 2, 2)
    assert all(one.sparsities == reality.SPARSITIES and len(one.ratios) == 9 and one.n == 3 for one in truth.crossings)


def test_the_smaller_network_is_the_nearest_in_parameters(measured):
    """Every number of filters is tried by hand: none comes nearer to what the zeros leave."""
    one, recipe, steps = measured
    cut = ways.choose(one, recipe)
    assert (cut.granularity, cut.amount) == (steps[-1].truth.smaller_granularity, steps[-1].truth.smaller_amount)
    standing = evaluate.stand(one, ways.at_units(recipe, "filter"))
    counted = cost.count(one.skeleton(), one.held_out.inputs(slice(0, 1)))
    wanted, n = counted.parameters - cut.removed, standing.structure.units
    left = [cost.after(counted, standing.structure, standing.ranking.kept(at / n))[0] for at in range(n + 1)]
    small = steps[-1].truth.on_disk(SMALLER)
    assert small.parameters in left and abs(small.parameters - wanted) == min(abs(one - wanted) for one in left)
    assert steps[-1].truth.difference < 1e-4


@pytest.mark.parametrize("granularity", ["weight", "filter", "neuron", "2:4"])
def test_every_way_computes_what_the_mask_says(granularity):
    """Zeros and CSR equal the masked network; the smaller one equals the silenced one (units) on the logits."""
    one = subject(cnn(nn.ReLU) if granularity == "filter" else mlp(nn.ReLU, 8, 8))
    recipe = Recipe(subject="tiny", granularity=granularity, amount=0.5)
    cut, inputs = ways.choose(one, recipe), one.held_out.inputs()
    network = ways.dense(one)
    zeros = ways.with_zeros(one, cut.masks)
    for name, mask in cut.masks.items():
        weight = one.network.get_parameter(name)
        assert torch.equal(zeros.get_parameter(name), weight * torch.from_numpy(mask.copy()))
    with torch.no_grad():
        stored, before = ways.in_csr(zeros, inputs), zeros(inputs)
        assert float((stored(inputs) - before).abs().max() / before.abs().max()) < 1e-4
        small, proof = ways.smaller(network, cut, inputs)
        silent = surgery.masked(network, cut.structure, cut.kept)(inputs)
        assert float((small(inputs) - silent).abs().max() / silent.abs().max()) < 1e-4 and proof.holds
    assert sum(one.numel() for one in small.parameters()) < sum(one.numel() for one in network.parameters())


def test_a_layer_whose_weights_are_zero_is_not_passed_by():
    """Its norms and biases still speak: the zeros are not the masked network."""
    from pruneviz.engine.sources import card

    one = card.load("digits_resnet")
    recipe = Recipe(subject="digits_resnet", granularity="layer", amount=0.5)
    cut, inputs = ways.choose(one, recipe), one.held_out.inputs(slice(0, 8))
    with torch.no_grad():
        zeros = ways.with_zeros(one, cut.masks)(inputs)
        silent = surgery.masked(ways.dense(one), cut.structure, cut.kept)(inputs)
        _, proof = ways.smaller(ways.dense(one), cut, inputs)
    assert float((zeros - silent).abs().max() / silent.abs().max()) > 0.1 and proof.holds


def test_what_cannot_be_built_is_said_and_the_rest_is_measured():
    one = subject(Unusual())
    truth = list(reality.measure(one, Recipe(subject="tiny", batch=2), QUICK))[-1].truth
    assert dict(truth.missing)[CSR] and truth.complete
    assert truth.time(ZEROS, 2) and truth.time(CSR, 2) is None and truth.on_disk(ZEROS)


def test_a_network_without_units_says_so():
    one = subject(nn.Sequential(nn.Flatten(), nn.Linear(16, 4)))
    cut = ways.choose(one, Recipe(subject="tiny"))
    assert cut.kept is None and cut.reason
    truth = list(reality.measure(one, Recipe(subject="tiny", batch=2), QUICK))[-1].truth
    assert truth.time(SMALLER, 2) is None and dict(truth.missing)[SMALLER]


def test_thinning_takes_the_smallest():
    weight = torch.tensor([[3.0, -1.0], [0.5, -2.0]])
    assert ways.thinned(weight, 0.5).tolist() == [[3.0, 0.0], [0.0, -2.0]]
    assert weight.tolist() == [[3.0, -1.0], [0.5, -2.0]] and not ways.thinned(weight, 1.0).any()


def test_batches_go_round_and_tokens_are_cut():
    one = subject()
    assert torch.equal(ways.inputs_of(one, 30)[12:24], one.held_out.inputs()) and len(ways.inputs_of(one, 30)) == 30
    assert ways._short(torch.zeros(2, 9, dtype=torch.int64), 5).shape == (2, 5)
    assert ways._short(torch.zeros(2, 9), 5).shape == (2, 9) and ways._short(torch.zeros(2, 9).long(), 0).shape == (2, 9)


def test_a_language_model_is_timed_at_so_many_tokens(tmp_path):
    """All of a window, or as many as were asked for: each way reads them in one pass, and the rate is by their number."""
    one = families.subject(families.folder("llama", tmp_path))
    recipe = Recipe(subject=one.name, granularity="head", amount=0.5, batch=3, length=10)
    *_, last = reality.measure(one, recipe, QUICK)
    truth = last.truth
    assert truth.tokens == 10 and ways.tokens_of(one) == one.held_out.stored.shape[1] == families.LENGTH - 1
    assert {one.way for one in truth.times if one.device == "cpu"} == {DENSE, ZEROS, CSR, SMALLER}
    for timed in truth.times:
        assert truth.rate(timed).median == pytest.approx(timed.batch * 10 / (timed.milliseconds.median / 1000))
    assert truth_file.read(json.dumps(truth_file.to_table(truth)).encode()) == truth
    assert ways.tokens_of(subject()) == 0


def test_threads_come_back():
    before = torch.get_num_threads()
    with reality.threads(2) as count:
        assert count == torch.get_num_threads() == 2
    assert torch.get_num_threads() == before


def test_the_times_agree_with_a_plain_loop():
    """An independent script's median is the same to a factor of 3: a busy machine is no bug, a wrong unit is."""
    one = subject(mlp(nn.ReLU, 512, 512))
    network, inputs = one.skeleton().eval(), one.held_out.inputs(torch.zeros(64, dtype=torch.int64))
    for _attempt in range(4):
        bench = reality._Bench(one, Recipe(subject="tiny", batch=64), reality.How(repeats=21))
        bench.networks = {DENSE: ways.dense(one)}
        bench.time(64)
        said, rounds = bench.truth.time(DENSE, 64).milliseconds.median, []
        with torch.no_grad():
            for _ in range(50):
                started = time.perf_counter()
                network(inputs)
                rounds.append(1000 * (time.perf_counter() - started))
        if 1 / 3 < said / statistics.median(rounds) < 3:
            return
    raise AssertionError((said, rounds))


def test_the_command_prints_one_json_or_a_line_per_step():
    command = [sys.executable, "-W", "error", "-m", "pruneviz", "time", "--subject=digits_mlp", "--repeats=2", "--threads=1"]
    whole = subprocess.run([*command, "--amount=.9", "--json"], cwd=ROOT, capture_output=True, check=True)
    truth = truth_file.read(whole.stdout)
    assert truth.complete and truth.amount == 0.9 and truth.machine.threads == 1 and whole.stderr == b""
    lines = subprocess.run([*command, "--granularity=neuron", "--stream"], cwd=ROOT, capture_output=True, check=True)
    steps = [json.loads(line) for line in lines.stdout.splitlines()]
    assert [step["done"] for step in steps][-1] == 1 and len(steps) > 5
    last = truth_file.from_table(steps[-1]["truth"])
    assert last.smaller_granularity == "neuron" and np.isclose(last.smaller_amount, 0.5)
