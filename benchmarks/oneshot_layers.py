"""The layers that one shot is compared on: of an OPT-125M's shapes, and all matrices of small networks, real and random."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

LARGE = "a Llama of 1.1 billion random parameters"
SHAPES = ((768, 768), (3072, 768), (768, 3072))
SAMPLES, TOKENS = 16, 512


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A matrix [O, I] and its inputs, one tensor [T, I] for each sample."""

    title: str
    weight: Tensor
    inputs: tuple[Tensor, ...]


def shapes() -> list[Case]:
    """Random matrices as they stand in OPT-125M, on inputs that lean on each other."""
    return [_random(outputs, inputs) for outputs, inputs in SHAPES]


def _random(outputs: int, inputs: int) -> Case:
    source = torch.Generator().manual_seed(0)
    mixed = torch.randn(inputs, inputs, generator=source) / inputs**0.5
    seen = tuple(
        torch.randn(TOKENS, inputs, generator=source) @ mixed + 0.3 * torch.randn(TOKENS, inputs, generator=source)
        for _ in range(SAMPLES)
    )
    return Case(f"{outputs}×{inputs}", 0.02 * torch.randn(outputs, inputs, generator=source), seen)


def networks() -> dict[str, list[Case]]:
    """All matrices of the blocks of networks, on what the dense network gives them; a real one where its data are here."""
    found = {"an OPT-125M's block, random": _opt(), "a Llama of 3 blocks, random": _llama()}
    from benchmarks.reproduce.cards import DATA

    return found | {"stories260K, real": _stories()} if DATA.is_dir() else found


def _opt() -> list[Case]:
    import transformers

    sizes = {"hidden_size": 768, "ffn_dim": 3072, "num_attention_heads": 12, "num_hidden_layers": 1}
    config = transformers.OPTConfig(vocab_size=512, word_embed_proj_dim=768, max_position_embeddings=TOKENS, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = transformers.OPTForCausalLM(config)
    return _watched(network.eval(), _tokens(4, 256, 512))


def _llama() -> list[Case]:
    import transformers

    sizes = {"hidden_size": 192, "intermediate_size": 512, "num_attention_heads": 6, "num_hidden_layers": 3}
    config = transformers.LlamaConfig(vocab_size=512, num_key_value_heads=2, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = transformers.LlamaForCausalLM(config)
    return _watched(network.eval(), _tokens(16, 128, 512))


def _stories() -> list[Case]:
    import tempfile
    from pathlib import Path

    from benchmarks.reproduce.cards import Cards
    from pruneviz.recipe import Recipe

    with tempfile.TemporaryDirectory() as place:
        subject = Cards(Path(place), None).base(Recipe("stories260k"))
    return _watched(subject.skeleton().eval(), subject.held_out.inputs(slice(0, 32)))


def _tokens(samples: int, length: int, words: int) -> Tensor:
    return torch.randint(words, (samples, length), generator=torch.Generator().manual_seed(0))


def _watched(network: nn.Module, tokens: Tensor) -> list[Case]:
    """Every matrix of a block with what it was given, sample by sample. The output matrix is in no block."""
    seen: dict[str, list[Tensor]] = {}
    hooks = [
        part.register_forward_hook(lambda _module, given, _out, name=name: seen.setdefault(name, []).append(given[0][0]))
        for name, part in network.named_modules()
        if isinstance(part, nn.Linear) and "layers." in name
    ]
    with torch.no_grad():
        for one in tokens:
            network(one[None])
    for hook in hooks:
        hook.remove()
    # A matrix that is given rows of tokens without their sample is given all of them.
    weights = {name: network.get_submodule(name).weight.detach() for name in seen}
    return [
        Case(name, weight, tuple(given.reshape(-1, weight.shape[1]) for given in seen[name]))
        for name, weight in weights.items()
    ]
