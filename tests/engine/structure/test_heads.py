"""Heads: found by layout, believed after a trial, and gone without a trace in what is computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pruneviz.engine.structure import heads, surgery
from pruneviz.engine.structure.units import NOBODY
from tests.engine.structure.attentions import Cross, Fused, Mixed, Named, Normed, sample, some, tokens, words
from tests.engine.zoo import settled


def torchvision_vit() -> nn.Module:
    from torchvision.models import VisionTransformer

    return VisionTransformer(16, 8, num_layers=3, num_heads=8, hidden_dim=32, mlp_dim=24, num_classes=5)


def timm_vit() -> nn.Module:
    import timm

    return timm.models.VisionTransformer(16, 8, embed_dim=32, depth=3, num_heads=8, num_classes=5, qk_norm=True)


def swin(**kinds: object) -> nn.Module:
    from torchvision.models.swin_transformer import SwinTransformer

    return SwinTransformer([4, 4], 16, [2, 2], [4, 8], num_classes=5, **kinds)


def timm_swin() -> nn.Module:
    import timm

    sizes = {"img_size": 32, "patch_size": 4, "window_size": 4, "embed_dim": 16}
    return timm.models.SwinTransformer(depths=(2, 2), num_heads=(4, 8), num_classes=5, **sizes)


def maxvit() -> nn.Module:
    from torchvision.models import MaxVit

    return MaxVit((32, 32), 16, 4, [16, 32], [1, 1], 4, 0.0, num_classes=5)


class Encoder(nn.Module):
    """torch's own stack, samples first or second."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 8, 24, dropout=0.0, activation="gelu", batch_first=batch_first)
        self.stack = nn.TransformerEncoder(layer, 3, enable_nested_tensor=batch_first)

    def forward(self, x):
        return self.stack(x)


class Decoder(nn.Module):
    """Looks at itself and at the first tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.TransformerDecoder(nn.TransformerDecoderLayer(32, 8, 24, dropout=0.0, batch_first=True), 2)

    def forward(self, x):
        return self.stack(x, x[:, :4])


def llama(shared: int) -> nn.Module:
    return sample("llama", vocabulary=50, width=32, hidden=20, layers=3, heads=8, key_value_heads=shared)


NETWORKS = {
    "torchvision vit": (lambda: settled(torchvision_vit()), tokens(2, 3, 16, 16)),
    "torch encoder": (lambda: settled(Encoder(True)), tokens(2, 7, 32)),
    "torch encoder, samples second": (lambda: settled(Encoder(False)), tokens(7, 2, 32)),
    "torch decoder": (lambda: settled(Decoder()), tokens(2, 7, 32)),
    "torch, everything it knows": (lambda: settled(Cross()), tokens(7, 2, 16)),
    "swin": (lambda: settled(swin(window_size=[4, 4])), tokens(2, 3, 44, 52)),
    "swin, a window as high as the picture": (lambda: settled(swin(window_size=[11, 4])), tokens(1, 3, 44, 52)),
    "timm swin": (lambda: settled(timm_swin()), tokens(1, 3, 32, 32)),
    "maxvit": (lambda: settled(maxvit()), tokens(2, 3, 32, 32)),
    "digits vit": (lambda: sample("digits_vit"), tokens(2, 1, 8, 8)),
    "timm vit": (lambda: settled(timm_vit()), tokens(2, 3, 16, 16)),
    "old timm": (lambda: settled(nn.Sequential(Fused(32, 8), Fused(32, 4))), tokens(2, 7, 32)),
    "head by head": (lambda: settled(nn.Sequential(Mixed(32, 8), Mixed(32, 8))), tokens(2, 7, 32)),
    "an attribute": (lambda: settled(nn.Sequential(Named(32, 8), Named(32, 8))), tokens(2, 7, 32)),
    "llama 8 of 8": (lambda: llama(8), words(2, 9)),
    "llama 8 of 4": (lambda: llama(4), words(2, 9)),
    "llama 8 of 2": (lambda: llama(2), words(2, 9)),
    "llama 8 of 1": (lambda: llama(1), words(2, 9)),
}


@pytest.mark.parametrize("even", [True, False], ids=["even", "uneven"])
@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_with_fewer_heads_computes_what_the_masked_one_does(name, fraction, even):
    make, inputs = NETWORKS[name]
    network = make()
    structure = heads.structure(network, inputs)
    assert structure.removable == structure.groups and structure.units
    kept = some(structure, fraction, seed=1, even=even)
    smaller, _, proof = surgery.remove(network, structure, kept, inputs)
    assert proof.difference <= 1e-9
    gone = sum(int((~one).sum()) for one in kept.values())
    assert gone > 0 and _weights(smaller) < _weights(network)
    with torch.no_grad():
        change = (network(inputs) - smaller(inputs)).abs().max() / network(inputs).abs().max()
    assert change > 1e-6, "the heads that went did nothing: the comparison shows nothing"


def test_a_wrong_owner_is_noticed():
    """The proof can fail: with the heads of one layer named in another order, masked and smaller differ."""
    network, inputs = sample("digits_vit"), tokens(2, 1, 8, 8)
    structure = heads.structure(network, inputs)
    group = structure.groups[0]
    makes = group.of("makes")[0]
    makes.owner[:] = (makes.owner + 1) % group.units
    kept = some(structure, 0.5, seed=1, even=True)
    with pytest.raises(surgery.SurgeryError, match=r"layers\.0"):
        surgery.remove(network, structure, kept, inputs)


def test_a_head_is_rows_of_three_matrices_and_columns_of_a_fourth():
    """Width 4, two heads of 2: rows of q, k, v are 0 0 1 1 each; so are the columns of the output matrix."""
    network = sample("digits_vit", width=4, layers=1, heads=2)
    (group,) = heads.structure(network, tokens(1, 1, 8, 8)).groups
    assert group.name == "layers.0.attention" and group.units == 2 and not group.reason
    parts = {(part.tensor.rpartition("attention.")[2], part.axis, part.role): part.owner.tolist() for part in group.parts}
    assert parts == {
        ("qkv.weight", 0, "makes"): [0, 0, 1, 1] * 3,
        ("qkv.bias", 0, "follows"): [0, 0, 1, 1] * 3,
        ("proj.weight", 1, "reads"): [0, 0, 1, 1],
    }
    assert [(one.attribute, one.each) for one in group.repairs] == [("heads", 1)]
    assert group.macs == 17 * 17 * 2 * 2  # 17 tokens look at 17 tokens, 2 multiply-adds each, then gather as many


def test_a_key_that_several_queries_share_goes_with_them():
    """4 query heads of 2 over 2 key-value heads: unit 0 is queries 0 and 1 with key 0."""
    network = sample("llama", vocabulary=5, width=8, hidden=4, layers=1, heads=4, key_value_heads=2)
    (group,) = heads.structure(network, words(1, 3, vocabulary=5)).groups
    parts = {part.tensor.split(".")[-2]: part.owner.tolist() for part in group.parts}
    assert group.units == 2
    four, two = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1]
    assert parts == {"q_proj": four, "k_proj": two, "v_proj": two, "o_proj": four}
    assert {one.attribute: one.each for one in group.repairs} == {"num_heads": 2, "num_key_value_heads": 1}
    assert group.macs == 3 * 3 * (2 + 2) * 2


def test_each_query_is_a_unit_of_its_own_where_it_is_only_measured():
    """Eight queries over two keys: to be removed they are two units of four, to be silenced they are eight of one."""
    network, inputs = (
        settled(sample("llama", vocabulary=50, width=32, hidden=20, layers=1, heads=8, key_value_heads=2)),
        words(2, 9),
    )
    (whole,), (single,) = (look(network, inputs).groups for look in (heads.structure, heads.queries))
    assert (whole.units, single.units) == (2, 8) and whole.macs == 4 * single.macs
    assert {part.tensor.rpartition(".")[0].rpartition(".")[2] for part in single.parts} == {"q_proj", "o_proj"}
    structure = heads.queries(network, inputs)
    silent = surgery.masked(network, structure, {single.name: np.arange(8) != 5})
    assert not silent.get_submodule(single.name).o_proj.weight[:, 20:24].any()
    assert silent.get_submodule(single.name).o_proj.weight[:, :20].all()
    four = [np.arange(8) >= 4, np.arange(2) >= 1]
    pair = ((structure, four[0]), (heads.structure(network, inputs), four[1]))
    one, other = (surgery.masked(network, of, {single.name: kept})(inputs) for of, kept in pair)
    assert torch.equal(one, other), "four queries of a key are that key"


def test_the_only_key_stays_while_queries_go():
    """4 query heads over one key: the units are the queries, and the key belongs to none of them."""
    network = sample("llama", vocabulary=5, width=8, hidden=4, layers=1, heads=4, key_value_heads=1)
    (group,) = heads.structure(network, words(1, 3, vocabulary=5)).groups
    assert group.units == 4 and {part.tensor.split(".")[-2] for part in group.parts} == {"q_proj", "o_proj"}
    assert {one.attribute: one.each for one in group.repairs} == {"num_heads": 1, "num_key_value_groups": 1}
    assert all((part.owner != NOBODY).all() for part in group.parts)


def test_only_heads_that_a_forward_confirms_can_go():
    network = settled(nn.Sequential(Normed(16, 4), Fused(16, 4), Mixed(16, 4), Named(16, 4)))
    whole, old, mixed, named = heads.structure(network, tokens(1, 5, 16)).groups
    assert "hang together" in whole.reason
    assert old.slim == ("1", "fused_attention") and mixed.pattern.startswith("fused by head") and not mixed.slim
    assert {one.attribute for one in named.repairs} == {"num_heads", "embed_dim"}


def test_modules_with_heads_of_an_unknown_layout_are_named():
    from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

    network = swin(window_size=[4, 4], block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2).eval()
    group, *_ = heads.structure(network, torch.zeros(1, 3, 16, 16)).groups
    assert group.name == "features.1.0.attn" and "does not run with fewer heads" in group.reason

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.num_heads, self.everything = 2, nn.Linear(8, 8)

        def forward(self, x):
            return self.everything(x)

    (odd,) = heads.structure(nn.Sequential(Odd()), torch.zeros(1, 2, 8)).groups
    assert (odd.name, odd.units, odd.reason) == ("0", 2, heads.UNKNOWN)


def test_modules_that_are_not_called_or_share_weights_are_named():
    class Twins(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other, self.idle = Mixed(8, 2), Mixed(8, 2), Mixed(8, 2)
            self.other.qkv.weight = self.one.qkv.weight

        def forward(self, x):
            return self.other(self.one(x))

    one, other, idle = heads.structure(settled(Twins()), tokens(1, 3, 8)).groups
    assert "other" in one.reason and "one" in other.reason and idle.reason == heads.NEVER


def test_heads_that_do_not_divide_are_named():
    """3 query heads cannot share 2 keys."""

    class Torn(nn.Module):
        def __init__(self):
            super().__init__()
            self.head_dim = 2
            self.q_proj, self.k_proj, self.v_proj = nn.Linear(6, 6), nn.Linear(6, 4), nn.Linear(6, 4)
            self.o_proj = nn.Linear(6, 6)

        def forward(self, x):
            return self.o_proj(self.q_proj(x))

    (group,) = heads.structure(nn.Sequential(Torn()), torch.zeros(1, 2, 6)).groups
    assert group.reason == heads.UNEVEN.format(3, 2)


def test_networks_without_attention_have_no_heads():
    structure = heads.structure(sample("digits_mlp"), tokens(1, 1, 8, 8))
    assert structure.units == 0 and structure.groups == ()


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_iterating_does_not_compound(steps):
    """12 heads to a half, in any number of steps, leaves 6: each step looks at the smaller network anew."""
    network, inputs = sample("digits_vit", width=24, layers=1, heads=12), tokens(2, 1, 8, 8)
    for step in range(1, steps + 1):
        structure = heads.structure(network, inputs)
        (group,) = structure.removable
        kept = np.arange(group.units) < 12 - round(6 * step / steps)
        network, _, proof = surgery.remove(network, structure, {group.name: kept}, inputs)
        assert proof.difference <= 1e-9
    assert heads.structure(network, inputs).units == 6
    assert network.layers[0].attention.heads == 6


def test_looking_changes_nothing():
    network, inputs = settled(torchvision_vit()).train(), tokens(2, 3, 16, 16)
    network.encoder.layers[0].requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    flags = [parameter.requires_grad for parameter in network.parameters()]
    heads.structure(network, inputs)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(module.training for module in network.modules())
    assert flags == [parameter.requires_grad for parameter in network.parameters()]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_modes_and_flags_come_back_with_the_smaller_network():
    network, inputs = settled(torchvision_vit()), tokens(2, 3, 16, 16)
    network.train()
    network.encoder.layers[1].eval()
    network.encoder.layers[0].self_attention.in_proj_weight.requires_grad_(False)
    structure = heads.structure(network, inputs)
    smaller, _, _ = surgery.remove(network, structure, some(structure, 0.5, 1, even=True), inputs)
    flags = {name: parameter.requires_grad for name, parameter in network.named_parameters()}
    assert {name: parameter.requires_grad for name, parameter in smaller.named_parameters()} == flags
    modes = {name: module.training for name, module in network.named_modules()}
    assert {name: module.training for name, module in smaller.named_modules()} == modes


def _weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", ["digits vit", "old timm", "maxvit", "timm vit", "llama 8 of 2"])
def test_the_heads_products_are_all_the_products_of_tokens(name):
    """What one head multiplies, times the heads, is what torch counts of matrix products without weights."""
    make, inputs = NETWORKS[name]
    network = make()
    structure = heads.structure(network, inputs)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(inputs)
    counted = counter.get_flop_counts()["Global"]
    products = sum(flops for kind, flops in counted.items() if "bmm" in str(kind) or "attention" in str(kind)) / 2
    assert sum(group.macs * group.units for group in structure.groups) * len(inputs) == products > 0


def test_tokens_that_look_at_others_are_counted_too():
    """7 tokens look at 7 and at 4, with 4 + 4 multiply-adds per pair and head."""
    structure = heads.structure(settled(Decoder()), tokens(2, 7, 32))
    assert [group.macs for group in structure.groups] == [7 * 7 * 8, 7 * 4 * 8] * 2
