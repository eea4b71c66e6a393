"""Evidence about units, against gates put in by hand; and nothing left behind by looking."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pruneviz.engine import calibration, gates, stream, unit_evidence
from pruneviz.engine.criterion import find
from pruneviz.engine.sources.card import load
from pruneviz.engine.structure import find as structures
from pruneviz.engine.structure import surgery
from pruneviz.engine.structure.units import Group, Part, Structure, everything
from pruneviz.engine.tasks.language_modelling import NOTHING
from pruneviz.engine.unit_evidence import evidence, gather
from pruneviz.engine.working import private
from tests.engine.sources.stories import folder
from tests.engine.units import BLOCKS, NAMES, ODD, SMALL, Blocks, Odd, Small, each
from tests.engine.zoo import Attention, data, settled


def by_hand(network, inputs, labels, gate_of):
    """The mean over samples of |∂ℓ/∂ξ|, one sample at a time: `gate_of(x, ξ)` runs the network with the gates ξ in place."""
    rows = []
    for x, label in zip(inputs.split(1), labels.split(1), strict=True):
        outputs, gate = gate_of(x)
        (felt,) = torch.autograd.grad(functional.cross_entropy(outputs, label), gate)
        rows.append(felt.abs())
    return torch.stack(rows).mean(0)


def ones(n):
    return torch.ones(n, dtype=torch.float64, requires_grad=True)


def close(found, true):
    scale = true.abs().max()
    assert scale > 0, "a test of zeros shows nothing"
    assert (found - true).abs().max() <= 1e-9 * scale, (found, true)


def test_gates_on_filters(tiny_subject):
    network, (inputs, labels) = settled(Small()), data(9)
    found = gather(tiny_subject(network, inputs, labels), SMALL, find("head_importance"), inputs, labels)
    assert list(found) == ["conv1", "conv2"]

    def first(x):
        gate = ones(4)
        return network(x, first=gate), gate

    def second(x):
        gate = ones(3)
        return network(x, second=gate), gate

    close(found["conv1"], by_hand(network, inputs, labels, first))
    close(found["conv2"], by_hand(network, inputs, labels, second))


def test_gates_on_units_with_many_readers_of_unusual_kinds(tiny_subject):
    """A grouped kernel holds two units at one position; a transposed one cannot be read off and goes the general way."""
    network, (inputs, labels) = settled(Odd()), data(7)
    found = gather(tiny_subject(network, inputs, labels), ODD, find("head_importance"), inputs, labels)

    def gated(x):
        gate = ones(2)
        return network(x, gate.repeat(2)), gate

    close(found["conv"], by_hand(network, inputs, labels, gated))


def heads_of(name, heads, width):
    owner = each(heads, width // heads)
    return Group(
        name, name, "head", heads,
        (
            Part(f"{name}.in_proj_weight", 0, "makes", np.tile(owner, 3)),
            Part(f"{name}.in_proj_bias", 0, "follows", np.tile(owner, 3)),
            Part(f"{name}.out_proj.weight", 1, "reads", owner),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("batch_first", [True, False])
def test_gates_on_heads_are_michels_formula(batch_first, tiny_subject):
    """E|Att_hᵀ ∂L/∂Att_h|, with the attention written out: nobody's fused kernel is asked."""
    network, (inputs, labels) = settled(Attention(batch_first)), data(6)
    structure = Structure("head", (heads_of("layer.self_attn", 2, 8),))
    found = gather(tiny_subject(network, inputs, labels), structure, find("head_importance"), inputs, labels)
    layer, mine = network.layer, network.layer.self_attn
    rows = []
    for x, label in zip(inputs, labels.split(1), strict=True):
        tokens = network.embed(x[0])
        q, k, v = functional.linear(tokens, mine.in_proj_weight, mine.in_proj_bias).view(4, 3, 2, 4).permute(1, 2, 0, 3)
        mixed = ((q @ k.transpose(1, 2)) / 4**0.5).softmax(-1) @ v  # [heads, tokens, 4]
        mixed.retain_grad()
        y = layer.norm1(tokens + mine.out_proj(mixed.transpose(0, 1).flatten(1)))
        y = layer.norm2(y + layer.linear2(functional.gelu(layer.linear1(y))))
        outputs = network.head(y[:1])
        (felt,) = torch.autograd.grad(functional.cross_entropy(outputs, label), mixed)
        rows.append((felt * mixed.detach()).sum((1, 2)).abs())
    close(found["layer.self_attn"], torch.stack(rows).mean(0))


@pytest.mark.parametrize("batch_first", [True, False])
def test_gates_on_layers_weigh_what_a_block_adds(batch_first, tiny_subject):
    network, (inputs, labels) = settled(Blocks(batch_first)), data(5)
    found = gather(tiny_subject(network, inputs, labels), BLOCKS, find("head_importance"), inputs, labels)

    def gated(x):
        gate = ones(3)
        return network(x, gate), gate

    true = by_hand(network, inputs, labels, gated)
    close(found["blocks"], true)
    assert found["blocks"][0] == 0, "a block that does nothing has a gate that nobody feels"


def test_the_tape_and_one_sample_at_a_time_agree(tiny_subject):
    network, (inputs, labels) = settled(Small()), data(6)
    subject = tiny_subject(network, inputs, labels)
    some = calibration.of(subject, inputs, labels)
    mine, weights = private(network, frozenset({"conv2.weight", "fc.weight"}))
    places = (("conv2.weight", 1), ("conv2.weight", 0), ("fc.weight", 1), ("fc.weight", 0))
    layouts, _ = gates._first_look(mine, weights, places, some.at(slice(0, 2)))
    assert set(layouts) == set(places), "all of these can be read off"
    quick, slow = gates._pulls(mine, weights, places, layouts, some), gates._pulls(mine, weights, places, {}, some)
    for place in places:
        close(quick[place], slow[place])


def test_half_precision_is_judged_in_single(tiny_subject):
    network, (inputs, labels) = settled(Small(), dtype=torch.float32), data(6, dtype=torch.float32)
    whole = gather(tiny_subject(network, inputs, labels), SMALL, find("head_importance"), inputs, labels)
    half = gather(tiny_subject(network.half(), inputs, labels), SMALL, find("head_importance"), inputs, labels)
    assert all(torch.allclose(whole[name], half[name], rtol=0.05, atol=0.02 * float(whole[name].max())) for name in whole)


def test_influence_is_zero_where_nothing_changes_and_blind_to_length(tiny_subject):
    """P7: a block that hands its input on, or only makes it longer, has no influence."""
    network, (inputs, labels) = settled(Blocks()), data(5)
    (found,) = gather(tiny_subject(network, inputs, labels), BLOCKS, find("block_influence"), inputs, labels).values()
    assert found[:2].abs().max() < 1e-12
    tokens = 3 * network.embed(inputs[:, 0])
    true = 1 - functional.cosine_similarity(tokens, network.blocks[2](tokens), dim=-1).mean()
    close(found[2:], true.detach()[None])


def test_the_angle_is_that_of_the_last_token_that_says_something(tiny_subject):
    """P7, on windows of three tokens, the second of two only: nothing is turned by a block that hands on or makes longer,
    and the third turns what the last token says by arccos(cos) / π."""

    class Speaks(Blocks):
        def forward(self, x):
            x = self.embed(functional.one_hot(x, 4).double())
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    network = settled(Speaks())
    windows, labels = torch.tensor([[0, 1, 2], [3, 1, 0]]), torch.tensor([[1, 2, 3], [1, 0, NOTHING]])
    subject = replace(tiny_subject(network, windows, labels), task="language_modelling")
    (found,) = gather(subject, BLOCKS, find("angular"), windows, labels).values()
    assert (found[:2] == 0).all(), "arccos of a cosine just below 1 would be a hundred-millionth"
    tokens = 3 * network.embed(functional.one_hot(torch.tensor([2, 1]), 4).double())
    cosines = functional.cosine_similarity(tokens, network.blocks[2](tokens), dim=-1)
    close(found[2:], (torch.arccos(cosines) / torch.pi).mean().detach()[None])

    (influence,) = gather(subject, BLOCKS, find("block_influence"), windows, labels).values()
    said = 3 * network.embed(functional.one_hot(torch.tensor([0, 1, 2, 3, 1]), 4).double())
    close(influence[2:], 1 - functional.cosine_similarity(said, network.blocks[2](said), dim=-1).mean().detach()[None])

    angles = stream.angles(network, NAMES, calibration.of(subject, windows, labels))
    assert torch.equal(angles, angles.T) and not angles.diagonal().any()
    assert angles[0, 1] == angles[0, 2] == 0 and angles[0, 3] == pytest.approx(float(found[2])) == angles[1, 3]


@pytest.mark.parametrize(("other", "share"), [((5.0, 0.0), 0), ((0.0, 2.0), 0.5), ((-0.1, 0.0), 1), ((3.0, 3.0), 0.25)])
def test_angles_by_hand(other, share):
    """A vector against itself, a right angle, its opposite, and half a right angle, however long they are."""
    pair = torch.tensor([[2.0, 0.0]], dtype=torch.float64), torch.tensor([other], dtype=torch.float64)
    assert float(stream.angle(*pair)) == pytest.approx(share, abs=1e-15)


def test_angles_of_nothing():
    """Nothing that stays nothing is not turned; nothing that becomes something lies across."""
    nothing, something = torch.zeros(1, 2), torch.ones(1, 2)
    assert stream.angle(nothing, nothing) == 0 and stream.angle(nothing, something) == 0.5


class Images(nn.Module):
    """A block over images and one over tokens on a grid: channels first, and channels last."""

    def __init__(self):
        super().__init__()
        self.convolve, self.mix, self.head = nn.Conv2d(2, 2, 3, padding=1), nn.Linear(2, 2), nn.Linear(2, 4)

    def forward(self, x):
        x = self.convolve(x.repeat(1, 2, 1, 1))
        return self.head(self.mix(x.permute(0, 2, 3, 1)).mean((1, 2)))


def test_influence_of_an_image_is_of_the_whole_and_of_a_grid_is_token_by_token(tiny_subject):
    network, (inputs, labels) = settled(Images()), data(5)
    blocks = ("convolve", "mix")
    structure = Structure("layer", (Group("both", "both", "layer", 2, modules=blocks, blocks=blocks),))
    (found,) = gather(tiny_subject(network, inputs, labels), structure, find("block_influence"), inputs, labels).values()
    before = inputs.repeat(1, 2, 1, 1)
    middle = network.convolve(before)
    tokens = middle.permute(0, 2, 3, 1)
    cosines = (
        functional.cosine_similarity(before.flatten(1), middle.flatten(1), dim=1).mean(),
        functional.cosine_similarity(tokens, network.mix(tokens), dim=-1).mean(),
    )
    close(found, 1 - torch.stack(cosines).detach())


def test_cosines_of_nothing():
    """Nothing that stays nothing is unchanged; nothing that becomes something is not."""
    before, after = torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0], [4.0, 3.0]])
    assert stream.cosine(before, after).tolist() == pytest.approx([1.0, 0.0, 0.96])


def test_bn_scale_is_the_mean_size_of_a_units_scales(tiny_subject):
    """Unit 0 holds rows with γ = −2 and 4, unit 1 one row with γ = 0.5; a shift does not count."""
    network = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(48, 4)).eval()
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([-2.0, 4.0, 0.5]))
        network[1].bias.fill_(9)
    owner = np.array([0, 0, 1])
    parts = (Part("0.weight", 0, "makes", owner), Part("1.weight", 0, "follows", owner), Part("1.bias", 0, "follows", owner))
    structure = Structure("filter", (Group("0", "0", "filter", 2, parts, modules=("0",)),))
    subject = tiny_subject(network, *data(4, dtype=torch.float32))
    found = gather(subject, structure, find("bn_scale"), None, None)
    assert found["0"].tolist() == [3.0, 0.5]
    assert found["0"].dtype == torch.float64


def test_a_filter_without_batch_norm_is_refused_by_name(tiny_subject):
    with pytest.raises(ValueError, match="conv2 has no BatchNorm"):
        gather(tiny_subject(settled(Small()), *data(4)), SMALL, find("bn_scale"), None, None)


@pytest.mark.parametrize(
    ("criterion", "network", "structure"),
    [("head_importance", Small, SMALL), ("leave_one_out", Small, SMALL), ("head_importance", Odd, ODD),
     ("head_importance", Blocks, BLOCKS), ("block_influence", Blocks, BLOCKS), ("top", Blocks, BLOCKS),
     ("angular", Blocks, BLOCKS), ("greedy", Blocks, BLOCKS),
     ("conductance", Small, SMALL), ("conductance", Odd, ODD)],
)  # fmt: skip
def test_looking_changes_nothing_and_leaves_nothing(criterion, network, structure, tiny_subject):
    network, (inputs, labels) = settled(network(), dtype=torch.float32), data(6, dtype=torch.float32)
    network.train()
    for parameter in list(network.parameters())[::2]:
        parameter.requires_grad_(False)
    subject = tiny_subject(network, inputs, labels)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    flags = [parameter.requires_grad for parameter in network.parameters()]
    state, told = torch.get_rng_state(), []
    with torch.inference_mode():
        first = gather(subject, structure, find(criterion), inputs, labels, told=lambda done, of: told.append((done, of)))
    again = gather(subject, structure, find(criterion), inputs, labels)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert [parameter.requires_grad for parameter in network.parameters()] == flags
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(module.training for module in network.modules())
    hooks = [(module._forward_hooks, module._forward_pre_hooks, module._backward_hooks) for module in network.modules()]
    assert not any(any(one) for one in hooks)
    assert torch.equal(torch.get_rng_state(), state)
    assert criterion == "top" or told[-1][0] == told[-1][1] > 0


def test_only_what_was_asked_for_is_there(tiny_subject):
    inputs, labels = data(4)
    subject = tiny_subject(settled(Blocks()), inputs, labels)
    (found,) = evidence(subject, BLOCKS, ("influence",), inputs, labels, seed=3)
    assert (found.name, found.units, found.granularity, found.seed) == ("blocks", 3, "layer", 3)
    assert found.influence is not None
    assert found.gate_gradient is found.bn_scale is found.leave_one_out is None


def test_a_hook_does_not_stay_when_the_network_fails(tiny_subject):
    """The forward breaks inside a block: the error comes through, and the private network is all that had a hook."""
    network, (inputs, labels) = settled(Blocks()), data(4)
    network.blocks[1].forward = None
    with pytest.raises(TypeError):
        gather(tiny_subject(network, inputs, labels), BLOCKS, find("block_influence"), inputs, labels)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_dear_passes_look_at_fewer_samples_drawn_by_the_seed(tiny_subject, monkeypatch):
    inputs, labels = data(40)
    subject, seen = tiny_subject(settled(Small()), inputs, labels), []
    monkeypatch.setattr(unit_evidence, "WORK", 1.0)
    monkeypatch.setattr(unit_evidence, "_LOOKS", {"gate_gradient": lambda s, st, some, told: seen.append(some) or {
        "conv1": torch.zeros(4), "conv2": torch.zeros(3)}})  # fmt: skip
    for seed in (0, 0, 1):
        gather(subject, SMALL, find("head_importance"), inputs, labels, seed=seed)
    assert [len(one) for one in seen] == [unit_evidence.FEWEST] * 3
    assert torch.equal(seen[0].inputs, seen[1].inputs) and not torch.equal(seen[0].inputs, seen[2].inputs)


def test_wrong_requests_are_refused_in_words(tiny_subject):
    inputs, labels = data(4)
    subject = tiny_subject(settled(Small()), inputs, labels)
    with pytest.raises(ValueError, match="block influence judges layers, not filters"):
        gather(subject, SMALL, find("block_influence"), inputs, labels)
    with pytest.raises(ValueError, match="magnitude judges weights, not filters"):
        gather(subject, SMALL, find("magnitude"), inputs, labels)
    with pytest.raises(ValueError, match="needs calibration data"):
        gather(subject, SMALL, find("head_importance"), None, None)
    with pytest.raises(ValueError, match="4 calibration samples came with 3 labels"):
        gather(subject, SMALL, find("head_importance"), inputs, labels[:3])
    broken = replace(find("head_importance"), saliency=lambda one: one.gate_gradient / 0)
    with pytest.raises(ValueError, match="not all of them are finite"):
        gather(subject, SMALL, broken, inputs, labels)
    network = nn.Sequential(Small())
    nothing = Structure("filter", (Group("fc", "fc", "filter", 4, reason="the output"),))
    assert gather(tiny_subject(network, inputs, labels), nothing, find("head_importance"), inputs, labels) == {}


class Named(nn.Module):
    """A network that is called by the names of its inputs, and answers with a record."""

    def __init__(self):
        super().__init__()
        self.small = Small()

    def forward(self, pixels, scale):
        return {"logits": self.small(pixels * scale.view(-1, 1, 1, 1))}


def test_inputs_may_have_names(tiny_subject):
    network, (inputs, labels) = settled(Named()), data(6)
    plain = gather(tiny_subject(network.small, inputs, labels), SMALL, find("head_importance"), inputs, labels)
    moved = Structure("filter", tuple(
        replace(one, parts=tuple(replace(part, tensor=f"small.{part.tensor}") for part in one.parts)) for one in SMALL.groups
    ))  # fmt: skip
    named = {"pixels": inputs / 2, "scale": torch.full((6,), 2.0, dtype=torch.float64)}
    for criterion in ("head_importance", "leave_one_out"):
        plain = gather(tiny_subject(network.small, inputs, labels), SMALL, find(criterion), inputs, labels)
        found = gather(tiny_subject(network, inputs, labels), moved, find(criterion), named, labels)
        for name in plain:
            close(found[name], plain[name])


def test_units_of_a_language_model_are_judged_per_token(tmp_path):
    """Grouped heads of a small Llama: gates on the inputs of its output matrix, and each group left out, by hand."""
    subject = load(folder(tmp_path))
    windows, labels = subject.held_out.inputs(), subject.held_out.labels
    structure = structures.of(subject, "head")
    network, group = subject.skeleton().eval(), structure.removable[0]
    (reads,) = group.of("reads")
    owner, module = torch.from_numpy(reads.owner), network.get_submodule(reads.tensor.rpartition(".")[0])
    felt = torch.zeros(group.units)
    for window, said in zip(windows.split(1), labels.split(1), strict=True):
        gate = torch.ones(group.units, requires_grad=True)
        hook = module.register_forward_pre_hook(lambda _, given, gate=gate: (given[0] * gate[owner],))
        loss = functional.cross_entropy(network(window).flatten(0, 1), said.flatten(), reduction="sum")
        hook.remove()
        felt += torch.autograd.grad(loss, gate)[0].abs()
    tokens = int((labels >= 0).sum())
    found = gather(subject, structure, find("head_importance"), windows, labels)
    assert torch.allclose(found[group.name].float(), felt / tokens, rtol=1e-4)

    def loss_of(one):
        with torch.no_grad():
            return float(functional.cross_entropy(one(windows).flatten(0, 1), labels.flatten()))

    kept = everything(structure)
    kept[group.name][1] = False
    true = loss_of(surgery.masked(network, structure, kept)) - loss_of(network)
    assert gather(subject, structure, find("leave_one_out"), windows, labels)[group.name][1] == pytest.approx(true, abs=1e-5)
    assert abs(true) > 1e-3
