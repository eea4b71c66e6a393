"""Stand-ins compute what the modules that they stand in for compute, whatever these are asked."""

from __future__ import annotations

import ast
import copy
import inspect
import itertools

import pytest
import torch
from torch import nn

from pruneviz.engine.structure import slim
from tests.engine.structure.attentions import Fused, tokens
from tests.engine.zoo import settled

WIDTH, HEADS, MANY, LONG, SEEN = 12, 3, 2, 5, 4


def attention(**asked: object) -> nn.MultiheadAttention:
    return settled(nn.MultiheadAttention(WIDTH, HEADS, **asked))


def standing_in(module: nn.Module, kind: str = "multihead_attention") -> nn.Module:
    network = nn.Sequential(copy.deepcopy(module))
    slim.stand_in(network, "0", kind)
    return network[0]


def given(module: nn.MultiheadAttention) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries [N, L, E], keys and values [N, S, ·], in the order that the module was built for."""
    made = (
        tokens(MANY, LONG, WIDTH), tokens(MANY, SEEN, module.kdim, seed=1), tokens(MANY, SEEN, module.vdim, seed=2)
    )  # fmt: skip
    return made if module.batch_first else tuple(one.transpose(0, 1) for one in made)


def same(one: tuple, other: tuple) -> bool:
    pairs = zip(one, other, strict=True)
    return all((a is None and b is None) or (a.shape == b.shape and torch.allclose(a, b, atol=1e-12)) for a, b in pairs)


BUILDS = [
    {"batch_first": first, "bias": bias, "add_bias_kv": extra, "add_zero_attn": zero, **widths}
    for first, bias, extra, zero in itertools.product([True, False], repeat=4)
    for widths in ({}, {"kdim": 6, "vdim": 8})
]


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: ",".join(f"{key}={value}" for key, value in build.items()))
def test_it_computes_the_same_however_it_was_built(build):
    module = attention(**build)
    other = standing_in(module)
    for asked in ({}, {"need_weights": False}, {"average_attn_weights": False}):
        assert same(module(*given(module), **asked), other(*given(module), **asked))


def masks() -> dict[str, dict[str, torch.Tensor | bool]]:
    source = torch.Generator().manual_seed(5)
    allowed = torch.rand(LONG, SEEN, generator=source) < 0.3
    allowed[:, 0] = False
    each = torch.rand(MANY * HEADS, LONG, SEEN, generator=source) < 0.3
    each[..., 0] = False
    padding = torch.tensor([[False] * SEEN, [False, False, True, True]])
    added = torch.randn(LONG, SEEN, generator=source, dtype=torch.float64)
    late = torch.ones(LONG, SEEN, dtype=torch.bool).triu(1)
    return {
        "a mask": {"attn_mask": allowed},
        "a mask for every head": {"attn_mask": each},
        "an added mask": {"attn_mask": added},
        "padding": {"key_padding_mask": padding},
        "both": {"attn_mask": allowed, "key_padding_mask": padding},
        "both, added": {"attn_mask": added, "key_padding_mask": torch.zeros(MANY, SEEN, dtype=torch.float64) - 0.5},
        "only what came before": {"attn_mask": late, "is_causal": True},
    }


@pytest.mark.parametrize("extra", [False, True], ids=["", "with keys of its own"])
@pytest.mark.parametrize("name", masks())
def test_it_obeys_every_mask(name, extra):
    module = attention(batch_first=True, add_bias_kv=extra, add_zero_attn=extra)
    other = standing_in(module)
    for asked in ({}, {"need_weights": False}):
        assert same(module(*given(module), **masks()[name], **asked), other(*given(module), **masks()[name], **asked))


def test_one_sample_needs_no_batch():
    module = attention()
    alone = tuple(one[:, 0] for one in given(module))
    padding = torch.tensor([False, False, True, True])
    assert same(module(*alone, key_padding_mask=padding), standing_in(module)(*alone, key_padding_mask=padding))


def test_it_drops_out_as_the_original_does_while_training():
    module = attention(batch_first=True, dropout=0.5).train()
    other = standing_in(module)
    outputs = []
    for one in (module, other):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            outputs.append(one(*given(module)))
    assert same(*outputs) and other.training


def test_a_hint_without_a_mask_and_a_mask_for_other_heads_are_refused():
    other = standing_in(attention(batch_first=True))
    with pytest.raises(RuntimeError, match="hint"):
        other(*given(other), is_causal=True)
    with pytest.raises(RuntimeError, match="3 heads each"):
        other(*given(other), attn_mask=torch.zeros(MANY * 5, LONG, SEEN))


def test_it_may_have_no_head_at_all():
    """What is left is the bias of the output matrix."""
    other = standing_in(attention(batch_first=True))
    other.num_heads = 0
    other.in_proj_weight = nn.Parameter(other.in_proj_weight[:0])
    other.in_proj_bias = nn.Parameter(other.in_proj_bias[:0])
    other.out_proj.weight = nn.Parameter(other.out_proj.weight[:, :0])
    out, _ = other(*given(other), need_weights=False)
    assert torch.equal(out, other.out_proj.bias.expand(MANY, LONG, WIDTH))


def test_parameters_flags_and_mode_stay():
    module = attention().train()
    module.in_proj_weight.requires_grad_(False)
    network = nn.Sequential(module)
    before = dict(module.named_parameters())
    slim.stand_in(network, "0", "multihead_attention")
    assert isinstance(network[0], nn.MultiheadAttention) and network[0].training
    assert {name: id(one) for name, one in network[0].named_parameters()} == {name: id(one) for name, one in before.items()}
    assert not network[0].in_proj_weight.requires_grad
    slim.stand_in(network, "0", "multihead_attention")  # once more changes nothing
    with pytest.raises(ValueError, match="unknown stand-in"):
        slim.stand_in(network, "0", "nothing")


@pytest.mark.filterwarnings("ignore:.*nested tensors is in prototype.*")
@pytest.mark.parametrize("padded", [False, True])
def test_torchs_own_stack_does_not_go_round_it(padded, monkeypatch):
    """nn.TransformerEncoder would divide the width by the number of heads in its fast path, and nest what is padded."""
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 8, dropout=0.0, batch_first=True)
    stack = settled(nn.TransformerEncoder(layer, 2))
    padding = torch.tensor([[False] * LONG, [False] * 3 + [True] * 2]) if padded else None
    x, calls = tokens(MANY, LONG, WIDTH), []
    forward = slim.MultiheadAttention.forward
    monkeypatch.setattr(slim.MultiheadAttention, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k))
    with torch.no_grad():
        before = stack(x, src_key_padding_mask=padding)
        for at in range(2):
            slim.stand_in(stack, f"layers.{at}.self_attn", "multihead_attention")
        after = stack(x, src_key_padding_mask=padding)
    seen = torch.ones(MANY, LONG, dtype=torch.bool) if padding is None else ~padding
    assert len(calls) == 2 and torch.allclose(before[seen], after[seen], atol=1e-12)


@pytest.mark.parametrize("attribute", ["num_heads", "heads"])
def test_fused_attention_computes_the_same(attribute):
    module, x = settled(Fused(WIDTH, HEADS)), tokens(MANY, LONG, WIDTH)
    expected = module(x)
    if attribute == "heads":
        module.heads = module.num_heads
        del module.num_heads
    other = standing_in(module, "fused_attention")
    assert torch.allclose(expected, other(x), atol=1e-12)
    assert dict(other.named_parameters()).keys() == dict(module.named_parameters()).keys()


@pytest.mark.parametrize("size", [(1, 8, 12), (2, 11, 13), (1, 4, 9)])
@pytest.mark.parametrize("shift", [[0, 0], [2, 2], [1, 3]])
def test_attention_in_windows_computes_the_same(shift, size):
    from torchvision.models.swin_transformer import ShiftedWindowAttention

    module = settled(ShiftedWindowAttention(8, [4, 6], shift, 2))
    other = standing_in(module, "window_attention")
    x = tokens(*size, 8)
    assert torch.allclose(module(x), other(x), atol=1e-12)


def test_attention_in_a_grid_computes_the_same():
    from torchvision.models.maxvit import RelativePositionalMultiHeadAttention

    module = settled(RelativePositionalMultiHeadAttention(8, 4, 9))
    other = standing_in(module, "grid_attention")
    x = tokens(2, 3, 9, 8)
    assert torch.allclose(module(x), other(x), atol=1e-12)


def test_it_travels_alone():
    """The file is copied beside exported networks: it may import torch and nothing of ours."""
    tree = ast.parse(inspect.getsource(slim))
    names = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in ast.walk(tree)
             if isinstance(node, ast.Import | ast.ImportFrom)]  # fmt: skip
    assert {name.split(".")[0] for name in names} <= {"__future__", "math", "torch"}


@pytest.mark.parametrize("left", [[0, 1, 2, 3], [3], [0, 2]])
def test_attention_with_slopes_keeps_each_heads_own_slope(left):
    """BLOOM's heads that are left compute what they did beside those that went, whose columns are silenced here."""
    transformers = pytest.importorskip("transformers")
    from transformers.models.bloom.modeling_bloom import BloomAttention, build_alibi_tensor

    module = settled(BloomAttention(transformers.BloomConfig(hidden_size=16, n_head=4), layer_idx=0))
    x, beside = tokens(MANY, LONG, 16), tokens(MANY, LONG, 16, seed=1)
    asked = {"alibi": build_alibi_tensor(torch.ones(MANY, LONG), 4, torch.float64)}
    asked["attention_mask"] = torch.full((LONG, LONG), -1e9, dtype=torch.float64).triu(1)
    other = standing_in(module, "sloped_attention")
    rows = torch.cat([torch.arange(12) + 12 * head for head in left])  # queries, keys and values of one head, 4 each
    columns = torch.cat([torch.arange(4) + 4 * head for head in left])
    with torch.no_grad():
        module.dense.weight[:, [at for at in range(16) if at not in columns]] = 0
        other.query_key_value.weight = nn.Parameter(other.query_key_value.weight[rows])
        other.query_key_value.bias = nn.Parameter(other.query_key_value.bias[rows])
        other.dense.weight = nn.Parameter(other.dense.weight[:, columns])
    other.num_heads, other.heads_left = len(left), torch.tensor(left)
    wanted, looks = module(x, beside, **asked)
    found, own = other(x, beside, **asked)
    assert torch.allclose(wanted, found, atol=1e-9) and torch.allclose(looks[:, left], own, atol=1e-9)
    assert (looks[:, :1] - looks[:, 1:2]).abs().max() > 1e-3
