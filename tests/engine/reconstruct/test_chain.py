"""Chain: blocks that all see the same besides can be run alone; where one sees another mask, nobody pretends."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch import nn

from pruneviz.engine.criterion import find as criterion
from pruneviz.engine.reconstruct import chain, find, walk
from pruneviz.engine.reconstruct.seats import Seat, seat
from tests.engine.families import ENDS, LIKE_LLAMA


def seats_of(network: nn.Module) -> list[Seat]:
    found = [seat(network, name) for name, one in network.named_parameters() if "layers." in name and one.ndim == 2]
    return [one for one in found if isinstance(one, Seat)]


def qwen(**how) -> nn.Module:
    config = transformers.Qwen2Config(**LIKE_LLAMA, **how)
    config._attn_implementation, config.use_cache = "eager", False
    return transformers.Qwen2ForCausalLM(config).eval()


def test_blocks_that_look_at_other_windows_are_no_chain():
    """From the second layer on, this one sees only the last four tokens."""
    tokens = torch.randint(ENDS["vocab_size"], (2, 12))
    plain, mixed = qwen(), qwen(use_sliding_window=True, sliding_window=4, max_window_layers=1)
    assert chain.blocks(plain, tokens, seats_of(plain)) == tuple(f"model.layers.{at}" for at in range(3))
    assert chain.blocks(mixed, tokens, seats_of(mixed)) == ()


@pytest.mark.parametrize("cached", [False, True])
def test_blocks_run_alone_give_what_the_whole_network_gives(cached):
    network, tokens = qwen(), torch.randint(ENDS["vocab_size"], (2, 12))
    network.config.use_cache = cached  # whoever remembers would see each token twice
    (call,) = chain.caught(network, "model.layers.0", [tokens])
    for name in chain.blocks(network, tokens, seats_of(network)):
        chain.through(network.get_submodule(name), [call], None, onward=True)
    with torch.no_grad():
        wanted = network.model(tokens).last_hidden_state
        assert torch.allclose(network.model.norm(call.mine), wanted, atol=1e-6)
    assert not any(module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize("method", ["keep", "sparsegpt", "least_squares"])
def test_what_is_no_number_goes(method):
    """One weight of eight is NaN: it is gone afterwards, and nothing else became one."""
    network = nn.Sequential(nn.Linear(4, 2, bias=False)).requires_grad_(False)
    network[0].weight[0, 1] = torch.nan
    seats = [seat(network, "0.weight")]
    batches, plan = [torch.randn(6, 4)], walk.Plan(criterion("magnitude"), find(method), {"0.weight": 0.5})
    done = list(walk.walk(network, seats, batches, plan))
    assert torch.isfinite(network[0].weight).all() and float(network[0].weight[0, 1]) == 0.0
    assert len(done) == 1 and int((network[0].weight == 0).sum()) >= 4
