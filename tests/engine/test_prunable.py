"""What can be pruned: matrices and kernels, each storage once; everything else with a reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pruneviz.engine.prunable import find


class Conv1D(nn.Module):
    """As transformers has it: a Linear whose weight is [inputs, outputs]."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))


class Language(nn.Module):
    """Embedding, positions, a class token, attention, a norm and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.position = nn.Parameter(torch.zeros(1, 5, 4))
        self.class_token = nn.Parameter(torch.zeros(1, 1, 4))
        self.attention = nn.MultiheadAttention(4, 2)
        self.mixed = nn.MultiheadAttention(4, 2, kdim=3, vdim=5, add_bias_kv=True)
        self.gpt = Conv1D(8, 4)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 7, bias=False)


def named(network: nn.Module) -> dict[str, tuple[str, ...]]:
    return {layer.name: layer.aliases for layer in find(network)[0]}


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (nn.Linear(3, 2), "Linear"),
        (nn.Conv1d(2, 4, 3), "Conv1d"),
        (nn.Conv2d(2, 4, 3, groups=2), "Conv2d"),
        (nn.Conv3d(1, 2, 2), "Conv3d"),
        (nn.ConvTranspose1d(2, 4, 3), "ConvTranspose1d"),
        (nn.ConvTranspose2d(2, 4, 3), "ConvTranspose2d"),
        (nn.ConvTranspose3d(2, 4, 3), "ConvTranspose3d"),
        (Conv1D(3, 2), "Conv1D"),
    ],
)
def test_every_kind_of_matrix_and_kernel_counts(layer, kind):
    (found,), skipped = find(nn.Sequential(layer))
    assert (found.name, found.label, found.kind, found.shape) == ("0.weight", "0", kind, tuple(layer.weight.shape))
    assert [name for name, _ in skipped] == ["0.bias"] and "bias" in skipped[0][1]


def test_a_lone_layer_has_a_label():
    assert [(layer.name, layer.label) for layer in find(nn.Linear(2, 2))[0]] == [("weight", "Linear")]


def test_attention_counts_and_tokens_do_not():
    layers, skipped = find(Language())
    assert [layer.name for layer in layers] == [
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "mixed.q_proj_weight",
        "mixed.k_proj_weight",
        "mixed.v_proj_weight",
        "mixed.out_proj.weight",
        "gpt.weight",
        "head.weight",
    ]
    assert layers[0].label == "attention.in_proj" and layers[0].kind == "MultiheadAttention" and layers[1].kind == "Linear"
    reasons = dict(skipped)
    assert "looked up" in reasons["embedding.weight"] and "norm" in reasons["norm.weight"] and "norm" in reasons["norm.bias"]
    assert "token" in reasons["position"] and "token" in reasons["class_token"]
    assert "bias" in reasons["attention.in_proj_bias"] and "bias" in reasons["mixed.bias_k"]


def test_every_parameter_is_either_pruned_or_explained():
    network = Language()
    layers, skipped = find(network)
    names = [name for layer in layers for name in (layer.name, *layer.aliases)] + [name for name, _ in skipped]
    assert sorted(names) == sorted(name for name, _ in network.named_parameters(remove_duplicate=False))
    assert all(reason for _, reason in skipped)


@pytest.mark.parametrize("tie", ["parameter", "storage"])
def test_a_head_tied_to_an_embedding_is_not_pruned(tie):
    network = Language()
    network.head.weight = network.embedding.weight if tie == "parameter" else nn.Parameter(network.embedding.weight.data)
    layers, skipped = find(network)
    assert "head.weight" not in [layer.name for layer in layers]
    assert "tied to the embedding embedding.weight" in dict(skipped)["head.weight"]


@pytest.mark.parametrize("tie", ["parameter", "storage"])
def test_tied_matrices_count_once(tie):
    network = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    network[2].weight = network[0].weight if tie == "parameter" else nn.Parameter(network[0].weight.data)
    assert named(network) == {"0.weight": ("2.weight",)}


def test_a_module_used_twice_counts_once():
    layer = nn.Linear(2, 2)
    assert named(nn.Sequential(layer, nn.ReLU(), layer)) == {"0.weight": ("2.weight",)}


def test_storage_shared_in_another_shape_is_left_alone():
    network = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Linear(2, 3, bias=False), nn.Linear(3, 3, bias=False))
    network[1].weight = nn.Parameter(network[0].weight.data.t())
    layers, skipped = find(network)
    assert [layer.name for layer in layers] == ["2.weight"]
    assert all("shares memory" in reason for _, reason in skipped) and len(skipped) == 2


def test_slices_of_one_storage_that_do_not_meet_are_layers_of_their_own():
    whole = torch.zeros(12)
    network = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Linear(2, 3, bias=False))
    network[0].weight, network[1].weight = nn.Parameter(whole[:6].view(2, 3)), nn.Parameter(whole[6:].view(3, 2))
    assert named(network) == {"0.weight": (), "1.weight": ()}


def test_what_has_no_weights_to_prune_says_so():
    network = nn.Sequential(nn.LazyLinear(3), nn.GRU(2, 2), nn.Bilinear(2, 2, 2), nn.PReLU(), nn.BatchNorm1d(2))
    layers, skipped = find(network)
    reasons = dict(skipped)
    assert not layers
    assert (
        "no values yet" in reasons["0.weight"] and "GRU" in reasons["1.weight_ih_l0"] and "Bilinear" in reasons["2.weight"]
    )
    assert "PReLU" in reasons["3.weight"] and "norm" in reasons["4.weight"]


def test_looking_changes_nothing():
    network = Language()
    before = {key: (value.data_ptr(), value.clone()) for key, value in network.state_dict().items()}
    find(network)
    assert all(
        value.data_ptr() == before[key][0] and torch.equal(value, before[key][1])
        for key, value in network.state_dict().items()
    )
