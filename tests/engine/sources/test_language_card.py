"""Cards of language models: a good one gives a subject that can be measured, a bad one gives one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from pruneviz.engine.sources.card import SubjectError, load
from pruneviz.engine.subject import Windows
from tests.engine.sources.stories import DATA, PIECES, VOCABULARY, Sizes, drawn, folder, model_bytes, tokenizer_bytes

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def refused(place: Path) -> str:
    with pytest.raises(SubjectError) as caught:
        load(place)
    message = str(caught.value)
    assert "\n" not in message and "Traceback" not in message and 20 < len(message) < 700
    return message


def test_a_good_card_gives_a_subject(tmp_path):
    subject = load(folder(tmp_path))
    assert (subject.task, len(subject.classes)) == ("language_modelling", VOCABULARY)
    assert subject.classes[0] == "<unk>" and subject.classes[-1] == "é"
    assert isinstance(subject.held_out, Windows) and len(subject.held_out) == 14 and subject.training is None
    assert len(subject.layers) == 7 * 2 and len(subject.sha256) == 64
    assert not any("lm_head" in layer.name or "embed" in layer.name for layer in subject.layers)
    reasons = dict(subject.skipped)
    assert "tied to the embedding" in reasons["lm_head.weight"] and "norm" in reasons["model.norm.weight"]
    attention = subject.network.model.layers[0].self_attn
    assert (attention.num_heads, attention.num_key_value_heads, attention.num_key_value_groups, attention.head_dim) == (
        4, 2, 2, 4,
    )  # fmt: skip


def test_an_output_matrix_of_its_own_can_be_pruned(tmp_path):
    subject = load(folder(tmp_path, replace(Sizes(), shared=False)))
    assert subject.layers[-1].name == "lm_head.weight" and len(subject.layers) == 7 * 2 + 1


def test_what_comes_later_changes_nothing_before_it(tmp_path):
    """Padding lies after a window's end: other padding gives the same logits before it, to the bit."""
    subject = load(folder(tmp_path))
    inputs, labels = subject.held_out.inputs(), subject.held_out.labels
    other = torch.where(labels == -100, 7, inputs)
    told = labels != -100
    other[:, 0] = inputs[:, 0]
    network = subject.skeleton()
    with torch.inference_mode():
        assert not torch.equal(other, inputs) and torch.equal(network(inputs)[told], network(other)[told])


def test_calibration_and_training_text(tmp_path):
    (tmp_path / "more.txt").write_text("baa abc " * 30)
    subject = load(folder(tmp_path, data=f'{DATA}\ntraining_file = "more.txt"\ncalibration = "held-out"'))
    assert len(subject.training) == 12 and subject.calibration == "held-out"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"data": 'file = "text.txt"'}, "lacks 'tokenizer'"),
        ({"data": 'tokenizer = "tok.bin"'}, "lacks 'file'"),
        ({"data": f'{DATA}\nlayout = "NHWC"'}, "unknown key 'layout'"),
        ({"data": f"{DATA}\nwindow_s = 3"}, "did you mean 'windows'"),
        ({"data": f"{DATA}\nwindows = 1"}, "from 2"),
        ({"data": f"{DATA}\ncontext = 1"}, "from 2"),
        ({"data": f"{DATA}\nwindows = true"}, "from 2"),
        ({"data": 'file = "text.txt"\ntokenizer = "tok.bin"\nwindow = 0'}, "from 1"),
        ({"data": 'file = "text.txt"\ntokenizer = "tok.bin"\nwindow = 9999999999'}, "from 1"),
        ({"data": 'file = "text.txt"\ntokenizer = "text.txt"'}, "no llama2.c tokenizer"),
        ({"data": 'file = "tok.bin"\ntokenizer = "tok.bin"'}, "UTF-8"),
        ({"data": DATA.replace("20", "800")}, "gives one window"),
        ({"data": 'set = "digits"\ntokenizer = "tok.bin"'}, "unknown text 'digits'; there is python_reference"),
        ({"data": f'{DATA}\nset = "python_reference"'}, "file does not go with set"),
        ({"data": 'set = "python_reference"\ntokenizer = "tok.bin"\nwindow = 20'}, "window does not go with set"),
        ({"weights": "none.bin"}, "no file"),
        ({"weights": "text.txt"}, "text.txt"),
        ({"weights": "tok.bin"}, "sizes of a Llama"),
        ({"arguments": Sizes().arguments().replace("width = 16", "width = 32")}, "4 heads of 4 channels"),
        ({"arguments": Sizes().arguments().replace("layers = 2", "layers = 3")}, "lacks 9 tensors"),
        ({"arguments": Sizes().arguments().replace("layers = 2", "layers = 1")}, "has 9 tensors"),
        ({"arguments": Sizes().arguments().replace("tied = true", "tied = false")}, "lacks 1 tensor (lm_head.weight)"),
        ({"arguments": Sizes().arguments().replace("key_value_heads = 2", "key_value_heads = 4")}, "another shape"),
        ({"build": "digits_mlp", "arguments": ""}, "lacks"),
        ({"top": 'classes = ["a", "b"]'}, f"{VOCABULARY} tokens but 2 are named"),
    ],
)
def test_a_bad_card_gets_one_sentence(tmp_path, change, word):
    assert word in refused(folder(tmp_path, **change))


def test_a_text_card_for_images_and_an_image_card_for_texts_are_refused(tmp_path):
    place = folder(tmp_path, data='set = "digits"')
    card = place / "subject.toml"
    card.write_text(card.read_text().replace("language_modelling", "image_classification"))
    assert "network" in refused(place)
    place = folder(tmp_path, build="digits_mlp", arguments="", weights="mlp.safetensors")
    from pruneviz.engine.sources import architecture

    save_file(architecture.build("digits_mlp").state_dict(), place / "mlp.safetensors")
    assert "check [architecture] and [data] tokenizer" in refused(place)


def test_a_tokenizer_of_another_vocabulary_is_refused(tmp_path):
    place = folder(tmp_path)
    for pieces in (PIECES[:-1], [*PIECES, (b"z", -1.0)]):
        (place / "tok.bin").write_bytes(tokenizer_bytes(pieces))
        assert f"{3 + 256 + len(pieces)} are named" in refused(place)
    (place / "tok.bin").write_bytes(tokenizer_bytes([*PIECES, (b"caba", 9.0), (b"cab", 9.0)]))
    assert "tokenizer" in refused(place)


def test_one_tensor_cannot_hold_two(tmp_path):
    """An output matrix of its own in the file, tied in the card: the embedding would be overwritten without a word."""
    sizes = replace(Sizes(), shared=False)
    place = folder(tmp_path, arguments=Sizes().arguments())
    (place / "model.bin").write_bytes(model_bytes(sizes, drawn(sizes)))
    assert "different numbers for model.embed_tokens.weight and lm_head.weight" in refused(place)
    same = drawn(sizes)
    same["wcls"] = same["token_embedding"]
    (place / "model.bin").write_bytes(model_bytes(sizes, same))
    network = load(place).network
    assert network.lm_head.weight is network.model.embed_tokens.weight


@given(st.sampled_from(["model.bin", "tok.bin", "text.txt"]), st.integers(0, 50_000), st.integers(1, 255), st.booleans())
@QUIET
def test_damaged_files_load_or_get_one_sentence(tmp_path, name, place, change, cut):
    whole = folder(tmp_path)
    data = bytearray((whole / name).read_bytes())
    at = place % len(data)
    if cut:
        data = data[:at]
    else:
        data[at] ^= change
    (whole / name).write_bytes(data)
    try:
        subject = load(whole)
    except SubjectError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(subject.held_out.labels.numpy()).all() and len(subject.held_out) >= 2
