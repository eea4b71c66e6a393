"""Streamed: block by block from file to file gives, to the bit, what a walk in memory gives; and refuses in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from pruneviz.engine import criterion, reconstruct
from pruneviz.engine.reconstruct import streamed, walk
from pruneviz.engine.reconstruct.seats import seat
from pruneviz.engine.sources.gate import SubjectError
from tests.engine import families

WINDOWS = 4


@pytest.fixture(params=["opt", "gpt2", "llama", "bloom"])
def model(request, tmp_path):
    families.folder(request.param, tmp_path / "model")
    return tmp_path / "model"


def plan(method: str = "sparsegpt") -> walk.Plan:
    return walk.Plan(criterion.find("wanda"), reconstruct.find(method), {})


def text(model) -> streamed.Text:
    return streamed.Text(model / "other.txt", WINDOWS, families.LENGTH)


def test_it_is_what_a_walk_in_memory_gives(model, tmp_path):
    done = list(streamed.prune(model, tmp_path / "out", text(model), streamed.Share(0.5), plan()))
    whole = transformers.AutoModelForCausalLM.from_pretrained(model, attn_implementation="eager").eval()
    shares = {one.name: 0.5 for one in done}
    seats = [seat(whole, name) for name in shares]
    list(walk.walk(whole, seats, streamed.tokens(model, text(model)), replace(plan(), shares=shares)))
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out").state_dict()
    assert all(torch.equal(again[name], one) for name, one in whole.state_dict().items())
    assert [one.at for one in done] == list(range(1, len(done) + 1)) and {one.of for one in done} == {len(done)}
    assert all(int((again[name] == 0).sum()) >= again[name].numel() // 2 for name in shares)


def test_what_is_tied_stays_tied_and_the_index_is_whole(tmp_path):
    families.folder("qwen2", tmp_path / "model")
    list(streamed.prune(tmp_path / "model", tmp_path / "out", text(tmp_path / "model"), streamed.Share(0.5), plan("keep")))
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert again.lm_head.weight is again.model.embed_tokens.weight
    index = json.loads((tmp_path / "out" / streamed.INDEX).read_text())["weight_map"]
    before = load_file(tmp_path / "model" / "model.safetensors")
    assert index.keys() == before.keys() and (tmp_path / "out" / "tokenizer.json").is_file()
    assert {path.name for path in (tmp_path / "out").glob("*.safetensors")} == set(index.values())


def test_a_pattern_that_does_not_fit_is_refused_before_anything_is_pruned(tmp_path):
    families.folder("llama", tmp_path / "model")
    share = streamed.Share(1 - 5 / 7, (5, 7))
    with pytest.raises(SubjectError, match="no whole groups of 7: 5:7 does not fit"):
        next(streamed.prune(tmp_path / "model", tmp_path / "out", text(tmp_path / "model"), share, plan()))


def test_strange_names_shapes_and_an_empty_folder_are_refused(tmp_path):
    families.folder("llama", tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    whole = load_file(file)
    run = lambda: next(  # noqa: E731
        streamed.prune(tmp_path / "model", tmp_path / "out", text(tmp_path / "model"), streamed.Share(0.5), plan())
    )
    save_file({f"x.{name}": one for name, one in whole.items()}, file)
    with pytest.raises(SubjectError, match="go by other names"):
        run()
    save_file({name: one[:1].clone() for name, one in whole.items()}, file)
    with pytest.raises(SubjectError, match="in the file and"):
        run()
    file.unlink()
    with pytest.raises(SubjectError, match=r"holds no \*\.safetensors"):
        run()
