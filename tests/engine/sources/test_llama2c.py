"""llama2.c's weights: they compute here what run.c's loops compute, and a broken file gets one sentence."""

from __future__ import annotations

import json
import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from pruneviz.engine.sources import architecture, llama2c
from pruneviz.engine.sources.gate import LOCAL, Limits, SubjectError
from tests.engine.sources.stories import Sizes, drawn, forward, model_bytes

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
SMALL = Sizes()


def network(sizes: Sizes) -> torch.nn.Module:
    shape = {name: getattr(sizes, name) for name in ("vocabulary", "width", "hidden", "layers", "heads", "key_value_heads")}
    return architecture.build("llama", {**shape, "tied": sizes.shared}).eval().requires_grad_(False)


def filled(path: Path, sizes: Sizes) -> torch.nn.Module:
    found, _ = llama2c.weights(path, built := network(sizes))
    missing, extra = built.load_state_dict(found, strict=False)
    assert not extra and set(missing) <= {"lm_head.weight"} and (not missing or sizes.shared)
    return built


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def apart(sizes: Sizes, tensors: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The same tensors as safetensors beside a `.bin` name them."""
    names = {"rms_att": "att_norm", "rms_ffn": "ffn_norm"}
    found = {"tok.weight": tensors["token_embedding"], "norm": tensors["rms_final"]}
    if not sizes.shared:
        found["out.weight"] = tensors["wcls"]
    for name in ("rms_att", "wq", "wk", "wv", "wo", "rms_ffn", "w1", "w2", "w3"):
        for layer, tensor in enumerate(tensors[name]):
            found[f"layers.{layer}.{names.get(name, f'{name}.weight')}"] = tensor
    return {name: torch.from_numpy(np.ascontiguousarray(tensor)) for name, tensor in found.items()}


@pytest.mark.parametrize("kind", ["bin", "safetensors"])
@pytest.mark.parametrize(
    "sizes",
    [
        SMALL,
        replace(SMALL, shared=False),
        replace(SMALL, key_value_heads=4),
        replace(SMALL, key_value_heads=1, layers=1),
        replace(SMALL, heads=1, key_value_heads=1, context=1),
    ],
    ids=["shared keys", "own output matrix", "own keys", "one key", "one head"],
)
def test_the_same_numbers_compute_what_run_c_computes(tmp_path, sizes, kind):
    tensors = drawn(sizes)
    path = tmp_path / f"model.{kind}"
    if kind == "bin":
        path.write_bytes(model_bytes(sizes, tensors))
    else:
        note = {"config": json.dumps({"dim": sizes.width, "n_heads": sizes.heads})}
        save_file(apart(sizes, tensors), path, metadata=note)
    tokens = [1, 7, 260, 261, 3, 264, 264, 258, 12]
    wanted = forward(sizes, tensors, tokens)
    got = filled(path, sizes).double()(torch.tensor([tokens, tokens]))
    assert got.shape == (2, len(tokens), sizes.vocabulary)
    # The angles' frequencies are kept in single precision, as transformers keeps them.
    assert np.abs(got[1].numpy() - wanted).max() < 1e-6 * np.abs(wanted).max()


def test_the_order_of_rows_matters(tmp_path):
    """Without the re-ordering the logits are others: the test above does not pass by itself."""
    tensors, tokens = drawn(SMALL), [1, 7, 260, 261, 3, 264]
    built = filled(written(tmp_path / "model.bin", model_bytes(SMALL, tensors)), SMALL)
    plain = torch.from_numpy(tensors["wq"].copy())
    for layer, module in enumerate(built.model.layers):
        assert not torch.equal(module.self_attn.q_proj.weight, plain[layer])
        module.self_attn.q_proj.weight.copy_(plain[layer])
    off = np.abs(built(torch.tensor([tokens]))[0].numpy() - forward(SMALL, tensors, tokens)).max()
    assert off > 0.01


def refused(path: Path, built: torch.nn.Module | None = None, limits: Limits = LOCAL) -> str:
    with pytest.raises(SubjectError) as caught:
        llama2c.weights(path, network(SMALL) if built is None else built, limits)
    message = str(caught.value)
    assert "\n" not in message and 20 < len(message) < 700
    return message


def test_heads_of_another_size_are_refused_because_no_shape_shows_them(tmp_path):
    sizes, tensors = replace(SMALL, heads=2, key_value_heads=1), drawn(SMALL)
    path = written(tmp_path / "model.bin", model_bytes(SMALL, tensors))
    assert "say [architecture] arguments = { heads = 4" in refused(path, network(sizes))
    save_file(apart(SMALL, tensors), tmp_path / "m.safetensors", metadata={"config": '{"dim": 16, "n_heads": 4}'})
    assert "4 heads of 4 channels" in refused(tmp_path / "m.safetensors", network(sizes))


@pytest.mark.parametrize(
    "note", [None, "", "[]", "{}", '{"n_heads": 0, "dim": 16}', '{"n_heads": "4", "dim": 16}', "[" * 99999]
)
def test_a_note_that_says_nothing_is_passed_over(tmp_path, note):
    path = tmp_path / "m.safetensors"
    save_file(apart(SMALL, drawn(SMALL)), path, metadata=None if note is None else {"config": note})
    assert filled(path, SMALL)(torch.tensor([[1, 2]])).shape == (1, 2, SMALL.vocabulary)


def test_other_safetensors_are_left_as_they_are(tmp_path):
    own = {key: tensor.clone() for key, tensor in network(replace(SMALL, shared=False)).state_dict().items()}
    save_file(own, tmp_path / "own.safetensors")
    found, sha256 = llama2c.weights(tmp_path / "own.safetensors", network(SMALL))
    assert set(found) == set(own) and len(sha256) == 64
    mlp = architecture.SHIPPED / "digits_mlp" / "weights.safetensors"
    assert "fc1.weight" in llama2c.weights(mlp, architecture.build("digits_mlp"))[0]


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ((0,) * 7, "sizes of a Llama"),
        ((16, 24, 2, 3, 2, 272, 32), "sizes of a Llama"),
        ((16, 24, 2, 4, 3, 272, 32), "sizes of a Llama"),
        ((16, 24, -2, 4, 2, 272, 32), "sizes of a Llama"),
        ((12, 24, 2, 4, 2, 272, 32), "sizes of a Llama"),
        ((16, 24, 2, 4, 2, 0, 32), "sizes of a Llama"),
        ((16, 24, 3, 4, 2, 272, 32), "bytes where its header says"),
        ((2**30, 2**30, 2**30, 2, 2, -(2**31), 2**30), "bytes where its header says"),
        ((0x616B3432, 1, 16, 24, 2, 4, 2), "version 0"),
    ],
)
def test_headers_that_lie_are_refused_before_anything_is_made(tmp_path, numbers, word):
    body = model_bytes(SMALL, drawn(SMALL))[28:]
    path = written(tmp_path / "model.bin", struct.pack("<7i", *numbers) + body)
    built = network(SMALL)
    tracemalloc.start()
    try:
        assert word in refused(path, built)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_file_cut_anywhere_is_refused(tmp_path):
    whole, path, built = model_bytes(SMALL, drawn(SMALL)), tmp_path / "model.bin", network(SMALL)
    for cut in [*range(40), *range(40, len(whole), 997), len(whole) - 4, len(whole) - 1]:
        path.write_bytes(whole[:cut])
        refused(path, built)
    path.write_bytes(whole + b"\0\0\0\0")
    refused(path, built)
    assert "at most 1,000" in refused(written(path, whole), built, Limits(weights_bytes=1000))


@given(st.integers(0, 27), st.integers(1, 255))
@QUIET
def test_a_changed_header_is_read_or_refused_in_one_way(tmp_path, place, change):
    data = bytearray(model_bytes(SMALL, drawn(SMALL)))
    data[place] ^= change
    path = written(tmp_path / "model.bin", bytes(data))
    try:
        llama2c.weights(path, network(SMALL))
    except SubjectError as error:
        assert "\n" not in str(error)


def test_it_is_what_transformers_computes():
    """The same random weights in transformers' own Llama, with its rotary positions, its attention and its tied head."""
    transformers = pytest.importorskip("transformers")
    for keys, tied in ((4, True), (2, False), (1, True)):
        config = transformers.LlamaConfig(
            vocab_size=97, hidden_size=32, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=keys, tie_word_embeddings=tied, rms_norm_eps=1e-5, max_position_embeddings=64,
        )  # fmt: skip
        theirs = transformers.LlamaForCausalLM(config).eval()
        generator = torch.Generator().manual_seed(keys)
        with torch.no_grad():
            for one in theirs.parameters():
                one.normal_(std=0.3, generator=generator)
        shape = {"vocabulary": 97, "width": 32, "hidden": 44, "layers": 2, "heads": 4, "key_value_heads": keys}
        ours = architecture.build("llama", {**shape, "tied": tied}).eval()
        assert set(ours.state_dict()) == set(theirs.state_dict())
        ours.load_state_dict(theirs.state_dict())
        tokens = torch.randint(0, 97, (3, 40), generator=generator)
        with torch.inference_mode():
            wanted, got = theirs(tokens).logits, ours(tokens)
        assert float((wanted - got).abs().max() / wanted.abs().max()) < 1e-5


@pytest.mark.parametrize(
    "arguments", [{"width": 65}, {"width": 24, "heads": 8}, {"heads": 8, "key_value_heads": 3}, {"heads": 0}]
)
def test_sizes_that_do_not_split_are_refused(arguments):
    with pytest.raises(SubjectError, match="cannot be built"):
        architecture.build("llama", arguments)
