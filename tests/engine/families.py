"""Small random language models of the families that are pruned most, as folders of the transformers library.

A folder holds config.json, model.safetensors and tokenizer.json, as the hub keeps them, with a text beside them.
"""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from torch import nn

from pruneviz.engine.sources import card, model_folder

VOCABULARY, LENGTH = 60, 32
WIDTH, HEADS, SHARED, LAYERS, HIDDEN = 32, 8, 4, 3, 48
ENDS = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
SIZES = {"hidden_size": WIDTH, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS}
LIKE_LLAMA = {**ENDS, **SIZES, "intermediate_size": HIDDEN, "num_key_value_heads": SHARED, "max_position_embeddings": 64}
GPT2 = {"n_positions": 64, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS}
BLOOM = {"hidden_size": WIDTH, "n_layer": LAYERS, "n_head": HEADS}
OPT = {"ffn_dim": HIDDEN, "word_embed_proj_dim": WIDTH, "max_position_embeddings": 64}

FAMILIES = {
    "opt": lambda: transformers.OPTForCausalLM(transformers.OPTConfig(**ENDS, **SIZES, **OPT)),
    "gpt2": lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(**ENDS, **GPT2)),
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**LIKE_LLAMA, tie_word_embeddings=False)),
    "qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**LIKE_LLAMA, tie_word_embeddings=True)),
    "qwen3": lambda: transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(**LIKE_LLAMA, head_dim=12, tie_word_embeddings=True)
    ),
    "bloom": lambda: transformers.BloomForCausalLM(transformers.BloomConfig(**ENDS, **BLOOM)),
}
"""OPT, GPT-2, Qwen and BLOOM use their embedding as their output matrix; this Llama does not, as the larger ones do not.
Qwen2.5 is of the same kind as Qwen2. A Qwen3's heads are as wide as they like: 8 of 12 channels in a width of 32."""
UNITS = {"llama": SHARED, "qwen2": SHARED, "qwen3": SHARED}
"""How many heads of a layer can go: of keys and values with all the queries that look at them, where they are shared."""
TIED = {"opt", "gpt2", "qwen2", "qwen3", "bloom"}


def network(family: str, seed: int = 0) -> nn.Module:
    """A network of this family with random numbers, large enough that what goes is missed."""
    made = FAMILIES[family]()
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, one in made.named_parameters():
            spread = torch.randn(one.shape, generator=source)
            one.copy_(1 + 0.3 * spread if "norm" in name or ".ln_" in name else 0.3 * spread)
    return made.eval().requires_grad_(False)


def folder(family: str, place: Path, made: nn.Module | None = None) -> Path:
    """Writes the family's folder to `place`, with two texts beside it: one to measure on, one to look at."""
    made = network(family) if made is None else made
    made.save_pretrained(place)
    _tokenizer().save(str(place / "tokenizer.json"))
    source = torch.Generator().manual_seed(1)
    for name, count in (("held.txt", 400), ("other.txt", 500)):
        (place / name).write_text(" ".join(f"w{one}" for one in torch.randint(VOCABULARY, (count,), generator=source)))
    return place


def subject(place: Path) -> card.Subject:
    """The folder as a subject: held-out windows of about forty tokens, and others to calibrate on."""
    table = model_folder.read(place).table()
    data = {"file": "held.txt", "training_file": "other.txt", "window": 150, "context": LENGTH}
    return card.from_table({**table, "data": {**table["data"], **data}}, place, place.name)


def _tokenizer():
    """A word is a token: w0, w1, …"""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({f"w{one}": one for one in range(VOCABULARY)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return words
