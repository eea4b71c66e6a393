"""Which matrices read heads that no whole groups of M fit, of attention modules small enough to count by hand."""

from types import SimpleNamespace

import pytest
import torch
import transformers
from torch import nn

from pruneviz.engine.structure.straddling import sentence, straddled


@pytest.mark.parametrize(
    ("width", "heads", "m", "found"),
    [
        (12, 2, 4, {"0.out_proj.weight": 6}),  # 12 inputs are whole groups of 4; the middle one lies across both heads
        (12, 2, 3, {}),
        (12, 3, 4, {}),
        (16, 2, 16, {"0.out_proj.weight": 8}),
    ],
)
def test_a_group_lies_across_two_heads(width, heads, m, found):
    network = nn.Sequential(nn.MultiheadAttention(width, heads), nn.Linear(6, 6))
    assert straddled(network, m) == found


def test_a_network_without_heads_has_none():
    assert straddled(nn.Sequential(nn.Linear(6, 6)), 4) == {}


class Of(nn.Module):
    """A module of these parts that says these numbers of itself."""

    def __init__(self, numbers: dict, **parts: nn.Module):
        super().__init__()
        vars(self).update(numbers)
        for name, part in parts.items():
            setattr(self, name, part)


def lines(*sizes: tuple[str, int, int]) -> dict[str, nn.Module]:
    return {name: nn.Linear(into, out) for name, into, out in sizes}


@pytest.mark.parametrize(("key", "value", "found"), [(4, 6, {"a.o_proj.weight": 6}), (6, 4, {})])
def test_what_counts_is_how_wide_the_values_are_not_the_keys(key, value, found):
    """Two heads; keys of 4 and values of 6 channels, and the other way round."""
    parts = lines(("q_proj", 12, 2 * key), ("k_proj", 12, 2 * key), ("v_proj", 12, 2 * value), ("o_proj", 2 * value, 12))
    assert straddled(Of({}, a=Of({"num_heads": 2, "head_dim": key}, **parts)), 4) == found


@pytest.mark.parametrize(
    ("numbers", "fused", "width", "found"),
    [
        ({"num_heads": 4}, 48, 24, 6),  # 4 heads of queries, 2 of keys and values
        ({"num_heads": 4}, 36, 24, 6),  # one head of keys and values
        ({"head_dim": 6}, 48, 24, 6),
        ({"config": SimpleNamespace(num_attention_heads=4)}, 48, 24, 6),
        ({"num_heads": 4, "head_dim": 8}, 112, 24, 6),  # keys of 8, values of 6
        ({"num_heads": 2}, 48, 24, None),
        ({"num_heads": 3, "head_dim": 12}, 48, 24, None),
        ({"num_heads": 5}, 48, 24, None),  # nothing divides it: what it reads is not known
    ],
)
def test_heads_that_no_layout_fits_are_as_wide_as_the_output_matrix_says(numbers, fused, width, found):
    block = Of(numbers | {"depth": 2}, **lines(("qkv_proj", 24, fused), ("o_proj", width, 24)))
    network = Of({}, block=Of({}, attention=block, mlp=Of({}, **lines(("up_proj", 24, 6), ("o_proj", 6, 24)))))
    assert straddled(network, 4) == ({"block.attention.o_proj.weight": found} if found else {})


def test_an_output_matrix_may_lie_in_a_container_or_in_the_module_beside():
    boxed = Of({"num_heads": 2}, to_kv=nn.Linear(12, 12), to_out=nn.Sequential(nn.Linear(12, 12), nn.Dropout()))
    assert straddled(Of({}, a=boxed), 4) == {"a.to_out.0.weight": 6}
    asks = Of({"num_heads": 2}, in_proj=nn.Linear(12, 30))
    assert straddled(Of({}, a=Of({}, asks=asks, output=Of({}, dense=nn.Linear(12, 12)))), 4) == {"a.output.dense.weight": 6}
    kernel = Of({"num_heads": 2}, qkv=nn.Conv2d(12, 24, 1), proj=nn.Conv2d(12, 12, 1))
    assert straddled(Of({}, a=kernel), 4) == {"a.proj.weight": 6}


def test_where_no_name_tells_which_matrix_reads_the_heads_all_are_meant_but_those_that_make_them():
    odd = Of({"num_heads": 2}, **lines(("q", 12, 12), ("kv", 12, 24), ("mixed", 12, 12)))
    assert straddled(Of({}, a=odd), 4) == {"a.mixed.weight": 6}


def test_a_block_that_counts_heads_too_speaks_of_no_other_matrix_than_its_attention():
    """`dense` here is the block's own second matrix, and reads 6 channels that are no heads."""
    mine = Of({"num_heads": 3}, **lines(("qkv_proj", 12, 20), ("o_proj", 12, 12)))
    assert straddled(Of({}, block=Of({"num_heads": 3}, attention=mine, dense=nn.Linear(18, 12))), 4) == {}


def test_a_state_space_with_the_config_of_a_model_with_heads_has_none():
    mixer = Of({"config": SimpleNamespace(num_attention_heads=4)}, **lines(("in_proj", 12, 48), ("out_proj", 24, 12)))
    assert straddled(Of({}, mixer=mixer), 4) == {}


ENDS = {"vocab_size": 64, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}


def falcon(width: int, **how) -> nn.Module:
    sizes = {"hidden_size": width, "num_hidden_layers": 1, "num_attention_heads": 4}
    return transformers.FalconForCausalLM(transformers.FalconConfig(**ENDS, **sizes, **how))


def phi3(width: int) -> nn.Module:
    sizes = {"hidden_size": width, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2}
    return transformers.Phi3ForCausalLM(transformers.Phi3Config(**ENDS, **sizes, intermediate_size=48))


def starcoder(width: int) -> nn.Module:
    config = transformers.GPTBigCodeConfig(**ENDS, n_embd=width, n_layer=1, n_head=4, n_positions=64, multi_query=True)
    return transformers.GPTBigCodeForCausalLM(config)


SHARED = {
    "Phi-3": (phi3, "model.layers.0.self_attn.o_proj.weight"),
    "Falcon, one for all": (lambda width: falcon(width, multi_query=True), "transformer.h.0.self_attention.dense.weight"),
    "Falcon, new": (
        lambda width: falcon(width, new_decoder_architecture=True, num_kv_heads=2),
        "transformer.h.0.self_attention.dense.weight",
    ),
    "GPTBigCode": (starcoder, "transformer.h.0.attn.c_proj.weight"),
}


@pytest.mark.parametrize("family", SHARED)
def test_families_whose_one_matrix_makes_shared_keys_and_values(family):
    """Four heads of 6 channels, and of 8."""
    made, name = SHARED[family]
    with torch.device("meta"):
        assert straddled(made(24), 4) == {name: 6}
        assert straddled(made(32), 4) == straddled(made(32), 8) == {}


def test_encoders_decoders_and_vision_models_of_usual_heads_are_not_refused():
    """Each of one layer, with the sizes of the library: heads of 64."""
    few = {"num_hidden_layers": 1, "num_layers": 1, "encoder_layers": 1, "decoder_layers": 1}
    with torch.device("meta"):
        for kind in ("T5", "Bart", "Whisper", "ViT", "Deberta"):
            config = getattr(transformers, f"{kind}Config")()
            for name in few.keys() & vars(config).keys():
                setattr(config, name, few[name])
            network = transformers.AutoModel.from_config(config)
            assert straddled(network, 8) == {} and set(straddled(network, 256).values()) == {64}, kind


def test_the_sentence_counts_the_others():
    one, two, three = ({f"layers.{at}.o_proj.weight": 6 for at in range(many)} for many in (1, 2, 3))
    assert sentence("It", one, "2:4").endswith("in layers.0.o_proj a group of 2:4 would mix two heads")
    assert "in layers.0.o_proj and in 1 more layer a group" in sentence("It", two, "2:4")
    assert "in layers.0.o_proj and in 2 more layers a group" in sentence("It", three, "2:4")
