"""Networks of the transformers library: heads and layers go, attributes and configuration follow, generation goes on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn

from pruneviz.engine.structure import blocks, heads, surgery, uniform
from pruneviz.engine.structure.proof import logits
from tests.engine.structure.attentions import some, tokens, words
from tests.engine.zoo import settled

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

WORDS = {"input_ids": words(2, 9)}
PIXELS = {"pixel_values": tokens(2, 3, 16, 16)}
BODY = {"hidden_size": 32, "num_attention_heads": 8}
FEED = {"intermediate_size": 20}
ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}


def bert(layers: int, **kinds: object) -> nn.Module:
    config = transformers.BertConfig(vocab_size=50, num_hidden_layers=layers, **BODY, **FEED, **kinds)
    return transformers.BertForSequenceClassification(config)


def roberta(layers: int, **kinds: object) -> nn.Module:
    config = transformers.RobertaConfig(vocab_size=50, num_hidden_layers=layers, **BODY, **FEED, **kinds)
    return transformers.RobertaForSequenceClassification(config)


def distilbert(layers: int, **kinds: object) -> nn.Module:
    config = transformers.DistilBertConfig(vocab_size=50, dim=32, n_layers=layers, n_heads=8, hidden_dim=20, **kinds)
    return transformers.DistilBertForSequenceClassification(config)


def vit(layers: int, **kinds: object) -> nn.Module:
    config = transformers.ViTConfig(image_size=16, patch_size=8, num_hidden_layers=layers, **BODY, **FEED, **kinds)
    return transformers.ViTForImageClassification(config)


def gpt2(layers: int, **kinds: object) -> nn.Module:
    config = transformers.GPT2Config(vocab_size=50, n_positions=24, n_embd=32, n_layer=layers, n_head=8, **ENDS, **kinds)
    return transformers.GPT2LMHeadModel(config)


def opt(layers: int, **kinds: object) -> nn.Module:
    sizes = {"ffn_dim": 20, "word_embed_proj_dim": 32, "max_position_embeddings": 24}
    config = transformers.OPTConfig(vocab_size=50, num_hidden_layers=layers, **BODY, **sizes, **ENDS, **kinds)
    return transformers.OPTForCausalLM(config)


def neox(layers: int, **kinds: object) -> nn.Module:
    config = transformers.GPTNeoXConfig(vocab_size=50, num_hidden_layers=layers, **BODY, **FEED, **ENDS, **kinds)
    return transformers.GPTNeoXForCausalLM(config)


def llama(layers: int, shared: int = 8, **kinds: object) -> nn.Module:
    sizes = {"num_key_value_heads": shared, "max_position_embeddings": 24, "tie_word_embeddings": True}
    config = transformers.LlamaConfig(vocab_size=50, num_hidden_layers=layers, **BODY, **FEED, **sizes, **ENDS, **kinds)
    return transformers.LlamaForCausalLM(config)


def qwen2(layers: int, **kinds: object) -> nn.Module:
    sizes = {"num_key_value_heads": 4, "max_position_embeddings": 24}
    config = transformers.Qwen2Config(vocab_size=50, num_hidden_layers=layers, **BODY, **FEED, **sizes, **ENDS, **kinds)
    return transformers.Qwen2ForCausalLM(config)


def qwen3(layers: int, **kinds: object) -> nn.Module:
    """Heads as wide as they like, 8 of 6 channels in a width of 32, each with norms of its own."""
    sizes = {"num_key_value_heads": 4, "head_dim": 6, "max_position_embeddings": 24}
    config = transformers.Qwen3Config(vocab_size=50, num_hidden_layers=layers, **BODY, **FEED, **sizes, **ENDS, **kinds)
    return transformers.Qwen3ForCausalLM(config)


def bloom(layers: int, **kinds: object) -> nn.Module:
    config = transformers.BloomConfig(vocab_size=50, hidden_size=32, n_layer=layers, n_head=8, **ENDS, **kinds)
    return transformers.BloomForCausalLM(config)


NETWORKS = {
    "bert": (bert, WORDS),
    "roberta": (roberta, WORDS),
    "distilbert": (distilbert, WORDS),
    "vit": (vit, PIXELS),
    "gpt2": (gpt2, WORDS),
    "opt": (opt, WORDS),
    "gpt neox": (neox, WORDS),
    "llama 8 of 8": (llama, WORDS),
    "llama 8 of 4": (lambda layers, **kinds: llama(layers, 4, **kinds), WORDS),
    "llama 8 of 2": (lambda layers, **kinds: llama(layers, 2, **kinds), WORDS),
    "llama 8 of 1": (lambda layers, **kinds: llama(layers, 1, **kinds), WORDS),
    "qwen2": (qwen2, WORDS),
    "qwen3": (qwen3, WORDS),
    "bloom": (bloom, WORDS),
}
UNITS = {"llama 8 of 4": 4, "llama 8 of 2": 2, "qwen2": 4, "qwen3": 4}
WAYS = [(name, way) for name in NETWORKS for way in ("eager", "sdpa") if (name, way) != ("bloom", "sdpa")]
"""A BLOOM computes attention in its own way only."""


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_a_network_with_fewer_heads_computes_what_the_masked_one_does(name, way):
    build, inputs = NETWORKS[name]
    network = settled(build(3, attn_implementation=way))
    structure = heads.structure(network, inputs)
    assert [group.units for group in structure.removable] == [UNITS.get(name, 8)] * 3
    before = _logits(network, inputs)
    for fraction in (0.25, 0.5, 0.75):
        for even in (True, False):
            kept = some(structure, fraction, seed=2, even=even)
            smaller, _, proof = surgery.remove(network, structure, kept, inputs)
            assert proof.difference <= 1e-9, (fraction, even)
            gone = sum(int((~one).sum()) for one in kept.values())
            each = sum(part.owner.size for part in structure.groups[0].of("makes")) * 32 // structure.groups[0].units
            weights = _weights(network) - _weights(smaller)
            assert gone and weights >= gone * each, "rows of three matrices went with every head"
            assert (before - _logits(smaller, inputs)).abs().max() > 1e-6, "the heads that went did nothing"


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_with_fewer_layers_computes_what_the_bypassed_one_does(name):
    build, inputs = NETWORKS[name]
    network = settled(build(4))
    structure = blocks.structure(network, inputs)
    (group,) = structure.groups
    assert group.units == 4 and group.removable
    before = _logits(network, inputs)
    for stay in ([1, 3], [0], [0, 1, 2], [3]):
        kept = {group.name: np.isin(np.arange(4), stay)}
        smaller, _, proof = surgery.remove(network, structure, kept, inputs)
        assert proof.difference <= 1e-9
        assert (before - _logits(smaller, inputs)).abs().max() > 1e-6, "the layers that went did nothing"
        left = smaller.get_submodule(group.name)
        assert list(left._modules) == [str(at) for at in range(len(stay))]
        assert smaller.config.num_hidden_layers == len(stay) and network.config.num_hidden_layers == 4
        for at, layer in enumerate(left):
            assert {part.layer_idx for part in layer.modules() if hasattr(part, "layer_idx")} <= {at, None}


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_iterating_does_not_compound(steps, seed):
    """12 heads to a half, in any number of steps, leaves 6 in every layer."""
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=24, num_attention_heads=12, num_hidden_layers=2, intermediate_size=8
    )
    network, generator = settled(transformers.BertModel(config)), np.random.default_rng(seed)
    for step in range(1, steps + 1):
        structure = heads.structure(network, WORDS)
        stay = 12 - round(6 * step / steps)
        kept = {one.name: generator.permutation(np.arange(one.units) < stay) for one in structure.removable}
        network, _, proof = surgery.remove(network, structure, kept, WORDS)
        assert proof.difference <= 1e-9
    assert [group.units for group in heads.structure(network, WORDS).removable] == [6, 6]


@pytest.mark.parametrize("name", ["gpt2", "opt", "llama 8 of 8", "llama 8 of 4"])
def test_what_is_tied_frozen_and_in_training_stays_so(name):
    build, inputs = NETWORKS[name]
    network = settled(build(2)).train()
    network.get_input_embeddings().weight.requires_grad_(False)
    for parameter in heads.structure(network, inputs).groups[0].parts[0].tensor, "lm_head.weight":
        network.get_parameter(parameter).requires_grad_(False)
    structure = heads.structure(network, inputs)
    smaller, _, _ = surgery.remove(network, structure, some(structure, 0.5, 1, even=False), inputs)
    assert smaller.lm_head.weight is smaller.get_input_embeddings().weight
    assert smaller.lm_head.weight is not network.lm_head.weight
    assert all(module.training for module in smaller.modules())
    flags = {key: one.requires_grad for key, one in network.named_parameters()}
    assert {key: one.requires_grad for key, one in smaller.named_parameters()} == flags
    assert len(set(flags.values())) == 2


@pytest.mark.parametrize("what", [("head",), ("layer",), ("head", "layer")], ids=" and ".join)
@pytest.mark.parametrize("name", ["gpt2", "llama 8 of 4", "llama 8 of 1", "opt", "qwen3", "bloom"])
def test_generation_with_a_cache_says_what_it_says_without(name, what):
    """The first and the third layer go: a cache addressed by the old numbers would think that nothing was said yet."""
    build, inputs = NETWORKS[name]
    network = settled(build(4))
    if "head" in what:
        structure = heads.structure(network, inputs)
        network, _, _ = surgery.remove(network, structure, some(structure, 0.5, 3, even=True), inputs)
    if "layer" in what:
        structure = blocks.structure(network, inputs)
        kept = {group.name: np.array([False, True, False, True]) for group in structure.groups}
        network, _, _ = surgery.remove(network, structure, kept, inputs)
    start = {"inputs": words(1, 5), "attention_mask": torch.ones(1, 5, dtype=torch.int64)}
    asked = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    shown = {"output_logits": True, "return_dict_in_generate": True}
    said = [network.generate(**start, **asked, **shown, use_cache=cached) for cached in (True, False)]
    with_cache, without = (torch.stack(one.logits) for one in said)
    assert with_cache.shape == (6, 1, 50) and torch.allclose(with_cache, without, atol=1e-9)
    assert (without[1:] - without[:-1]).abs().max() > 1e-3, "what was said made no difference"


@pytest.mark.parametrize("name", ["bert", "vit", "gpt2", "llama 8 of 4"])
def test_the_smaller_networks_weights_can_be_written_and_read(name, tmp_path):
    build, inputs = NETWORKS[name]
    network = settled(build(2))
    structure = heads.structure(network, inputs)
    smaller, removal, _ = surgery.remove(network, structure, some(structure, 0.5, 1, even=False), inputs)
    parts = dict(smaller.named_parameters())
    save_file({key: one.detach().contiguous() for key, one in parts.items()}, tmp_path / "weights.safetensors")
    again = surgery.apply(settled(build(2), seed=5), removal)
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=False)
    _are_one(smaller, again, inputs)


@pytest.mark.parametrize("name", ["llama 8 of 8", "llama 8 of 4", "llama 8 of 1", "qwen2", "vit"])
def test_a_uniform_network_has_a_configuration(name, tmp_path):
    """Half of the heads and layers: the library builds that network from the configuration alone."""
    build, inputs = NETWORKS[name]
    network = settled(build(4))
    for look in (heads, blocks):
        structure = look.structure(network, inputs)
        network, _, _ = surgery.remove(network, structure, some(structure, 0.5, 1, even=True), inputs)
    network.config = uniform.configuration(network)
    network.save_pretrained(tmp_path)
    again = type(network).from_pretrained(tmp_path, local_files_only=True, dtype=torch.float64).eval()
    _are_one(network, again, inputs)


def _are_one(first, other, inputs) -> None:
    """Every number of the two is the same to the bit. What they answer is, but for the order in which some processors add up
    rows that lie elsewhere in memory: those of a file begin where the file has them."""
    mine, its = first.state_dict(), other.state_dict()
    assert mine.keys() == its.keys() and all(torch.equal(mine[key], its[key]) for key in mine)
    assert torch.allclose(_logits(first, inputs), _logits(other, inputs), rtol=1e-12, atol=1e-12)


def test_a_narrower_feed_forward_network_has_a_configuration_too():
    network = llama(2)
    for layer in network.model.layers:
        layer.mlp.gate_proj, layer.mlp.up_proj = nn.Linear(32, 12, bias=False), nn.Linear(32, 12, bias=False)
        layer.mlp.down_proj = nn.Linear(12, 32, bias=False)
    assert uniform.configuration(network).intermediate_size == 12 and network.config.intermediate_size == 20


def test_layers_that_differ_have_no_configuration():
    network = settled(llama(2))
    structure = heads.structure(network, WORDS)
    kept = {structure.groups[0].name: np.arange(8) < 5}
    smaller, _, _ = surgery.remove(network, structure, kept, WORDS)
    with pytest.raises(ValueError, match="5 heads over 5 and 8 heads over 8"):
        uniform.configuration(smaller)


def test_heads_that_look_at_a_bias_per_head_are_refused():
    """T5's first layer makes one bias per head and hands it to all others; its blocks after the first may still leave."""
    sizes = {"vocab_size": 50, "d_model": 16, "d_kv": 4, "d_ff": 20, "num_layers": 3, "num_heads": 4}
    network = settled(transformers.T5EncoderModel(transformers.T5Config(**sizes)))
    assert all("fewer heads" in group.reason for group in heads.structure(network, WORDS).groups)
    layers = blocks.structure(network, WORDS)
    assert [(group.name, group.units, bool(group.reason)) for group in layers.groups] == [
        ("encoder.block", 2, False),
        ("encoder.block/0", 1, True),
    ]


def _logits(network: nn.Module, inputs: dict) -> torch.Tensor:
    with torch.no_grad():
        return logits(network(**inputs))


def _weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
