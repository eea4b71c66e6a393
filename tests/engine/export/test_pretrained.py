"""A transformers folder: written where a configuration can describe the network, and read back to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pruneviz.engine.export import pretrained, twin
from pruneviz.engine.export.removal import Record
from pruneviz.engine.sources import architecture
from pruneviz.engine.structure import blocks, find, surgery
from pruneviz.engine.structure.proof import logits

transformers = pytest.importorskip("transformers")
TOKENS = torch.randint(0, 50, (3, 12), generator=torch.Generator().manual_seed(0))
SIZES = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}
PLAIN = Record("", {}, (), "")


def filled(network: torch.nn.Module) -> torch.nn.Module:
    source = torch.Generator().manual_seed(1)
    for one in network.parameters():
        one.data = torch.randn(one.shape, generator=source) * 0.3
    return network.eval()


def llama() -> torch.nn.Module:
    made = transformers.LlamaConfig(**SIZES, num_key_value_heads=2, max_position_embeddings=64, use_cache=False)
    return filled(transformers.LlamaForCausalLM(made))


def bert() -> torch.nn.Module:
    return filled(transformers.BertForSequenceClassification(transformers.BertConfig(**SIZES, num_labels=3)))


def run(network: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return logits(network(TOKENS))


def smaller(network: torch.nn.Module, granularity: str, left: list[int]) -> torch.nn.Module:
    """`left[g]` of the units of layer g's group stay, the last ones; what comes after the layers stays whole."""
    structure = find.find(network, TOKENS, granularity)
    groups = structure.removable[: len(left)]
    kept = {group.name: np.arange(group.units) >= group.units - stay for group, stay in zip(groups, left, strict=True)}
    return surgery.remove(network, structure, kept, TOKENS)[0]


def test_as_many_heads_less_everywhere_is_a_folder(tmp_path):
    network = smaller(llama(), "head", [1, 1, 1])
    before = network.config.to_dict()
    assert pretrained.concerns(network)
    assert pretrained.save(PLAIN, network, TOKENS, tmp_path / "out") == ""
    again = type(network).from_pretrained(tmp_path / "out", local_files_only=True).eval()
    assert torch.equal(run(again), run(network)) and network.config.to_dict() == before
    assert (again.config.num_attention_heads, again.config.num_key_value_heads, again.config.head_dim) == (2, 1, 8)
    assert sum(one.numel() for one in again.parameters()) == sum(one.numel() for one in network.parameters())


@pytest.mark.parametrize(("make", "block"), [(llama, "model.layers.1"), (bert, "bert.encoder.layer.0")])
def test_fewer_layers_and_neurons_are_a_folder(tmp_path, make, block):
    network = smaller(make(), "neuron", [40, 40, 40])
    blocks.drop(network, (block,))
    assert pretrained.save(PLAIN, network, TOKENS, tmp_path / "out") == ""
    again = type(network).from_pretrained(tmp_path / "out", local_files_only=True).eval()
    assert torch.equal(run(again), run(network))
    assert (again.config.num_hidden_layers, again.config.intermediate_size) == (2, 40)


def test_berts_heads_are_as_wide_as_its_width_says(tmp_path):
    """A BERT's configuration divides its width by its number of heads: 2 heads of 8 in a width of 32 are not to be said."""
    said = pretrained.save(PLAIN, smaller(bert(), "head", [2, 2, 2]), TOKENS, tmp_path / "out")
    assert said.startswith("no transformers folder: ") and "\n" not in said and not (tmp_path / "out").exists()


def test_uneven_heads_are_no_folder_and_the_reason_is_named(tmp_path):
    said = pretrained.save(PLAIN, smaller(llama(), "head", [1, 2, 2]), TOKENS, tmp_path / "out")
    assert said.startswith("no transformers folder: ") and "heads" in said and "\n" not in said
    assert not (tmp_path / "out").exists()


def test_a_network_of_anybody_else_has_no_folder_and_no_complaint(tmp_path):
    assert pretrained.save(PLAIN, torch.nn.Linear(2, 2), torch.zeros(1, 2), tmp_path / "out") == ""
    assert not (tmp_path / "out").exists()


ARGUMENTS = {"vocabulary": 50, "width": 32, "hidden": 48, "layers": 3, "heads": 8, "key_value_heads": 4, "base": 500.0}
OURS = Record("llama", {**ARGUMENTS, "tied": False, "epsilon": 1e-3}, (), "")


def own(**changed) -> torch.nn.Module:
    return filled(architecture.build("llama", {**OURS.arguments, **changed}))


def test_the_apps_own_llama_has_a_twin(tmp_path):
    """Untied or tied, with half its heads: transformers reads the same weights and computes the same."""
    for tied in (False, True):
        network = smaller(own(tied=tied), "head", [2, 2, 2])
        folder = tmp_path / str(tied)
        assert pretrained.save(OURS, network, TOKENS, folder) == ""
        again = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
        difference = (run(again) - run(network)).abs().max() / run(network).abs().max()
        assert difference < 1e-5 and again.config.num_key_value_heads == 2 and again.config.num_attention_heads == 4
        stored = sum(one.numel() for one in again.parameters())
        assert stored == sum(one.numel() for one in network.parameters())
        assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is tied


def test_a_twin_of_uneven_layers_is_refused(tmp_path):
    said = pretrained.save(OURS, smaller(own(), "head", [2, 4, 4]), TOKENS, tmp_path / "out")
    assert "layer 0 has 4 attention heads, layer 1 has 8" in said
    wide = smaller(own(), "neuron", [48, 40, 48])
    assert "layer 0 has 48 hidden neurons, layer 1 has 40" in pretrained.save(OURS, wide, TOKENS, tmp_path / "out")


def test_what_the_librarys_configuration_refuses_is_said(tmp_path):
    """6 heads do not divide a width of 32, which transformers insists on."""
    said = pretrained.save(OURS, smaller(own(), "head", [3, 3, 3]), TOKENS, tmp_path / "out")
    assert "not a multiple of the number of attention heads (6)" in said and not (tmp_path / "out").exists()


def test_a_twin_that_computes_something_else_is_refused(tmp_path):
    wrong = Record("llama", {**OURS.arguments, "base": 10_000.0}, (), "")
    said = pretrained.save(wrong, own(), TOKENS, tmp_path / "out")
    assert "computes something else" in said and not (tmp_path / "out").exists()


def test_a_missing_library_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(twin.importlib.util, "find_spec", lambda _name: None)
    assert "transformers is not installed" in pretrained.save(OURS, own(), TOKENS, Path(tmp_path / "out"))
