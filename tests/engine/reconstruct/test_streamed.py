"""Streamed: block by block from file to file gives, to the bit, what a walk in memory gives; and refuses in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from pruneviz.engine import criterion, reconstruct
from pruneviz.engine.reconstruct import folders, streamed, walk
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
    index = json.loads((tmp_path / "out" / folders.INDEX).read_text())["weight_map"]
    before = load_file(tmp_path / "model" / "model.safetensors")
    assert index.keys() == before.keys() and (tmp_path / "out" / "tokenizer.json").is_file()
    assert {path.name for path in (tmp_path / "out").glob("*.safetensors")} == set(index.values())


def stream(place, target="out"):
    return list(streamed.prune(place, place.parent / target, text(place), streamed.Share(0.5), plan("keep")))


def test_what_is_stored_under_both_of_its_names_is_written_once(tmp_path):
    """As some folders of the hub hold it. What comes of it is what comes of the same model that is stored once."""
    place = families.folder("qwen2", tmp_path / "model")
    once = load_file(place / "model.safetensors")
    stream(place, "once")
    both = once | {"lm_head.weight": once["model.embed_tokens.weight"].clone()}
    save_file(both, place / "model.safetensors", {"format": "pt"})
    stream(place, "twice")
    first, second = (json.loads((tmp_path / name / folders.INDEX).read_text()) for name in ("once", "twice"))
    assert first == second and first["weight_map"].keys() == once.keys()
    for name in set(first["weight_map"].values()):
        one, other = (load_file(tmp_path / each / name) for each in ("once", "twice"))
        assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_an_output_matrix_that_is_tied_to_nothing_has_to_be_there(tmp_path):
    place = families.folder("llama", tmp_path / "model")
    whole = load_file(place / "model.safetensors")
    save_file({name: one for name, one in whole.items() if name != "lm_head.weight"}, place / "model.safetensors")
    with pytest.raises(SubjectError, match=r"the folder has no lm_head\.weight"):
        stream(place)
    assert not (tmp_path / "out").exists()


def test_of_a_kind_that_is_stored_otherwise_than_it_runs_the_advice_can_be_followed(tmp_path):
    """Mixtral's experts run as one tensor and are stored one by one, by save_pretrained itself."""
    sizes = families.LIKE_LLAMA | {"num_hidden_layers": 2}
    experts = transformers.MixtralForCausalLM(transformers.MixtralConfig(**sizes, num_local_experts=4))
    place = families.folder("mixtral", tmp_path / "model", experts.eval().requires_grad_(False))
    with pytest.raises(SubjectError, match="know how this kind of model is stored, so leave --stream out") as caught:
        stream(place)
    assert "save_pretrained" not in str(caught.value)


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
