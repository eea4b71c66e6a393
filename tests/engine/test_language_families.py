"""Language models of six families: a folder is loaded, measured at an amount, exported, and read again to the bit."""

from __future__ import annotations

import io
import runpy
import shutil
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from pruneviz import oneshot_command
from pruneviz.course import Course
from pruneviz.engine import criterion as criteria
from pruneviz.engine import evaluate, reconstruct, tasks
from pruneviz.engine.export import cut, package
from pruneviz.engine.measure import Workspace
from pruneviz.engine.reconstruct import oneshot, streamed, walk
from pruneviz.engine.sources import card
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.structure import find
from pruneviz.engine.structure.proof import logits
from pruneviz.engine.training import private
from pruneviz.recipe import Recipe
from tests.engine import families

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

AMOUNTS = {"weight": 0.4, "2:4": 0.5, "neuron": 0.25, "head": 0.5, "layer": 0.34}
WHOLE = {
    "weight": set(families.FAMILIES),
    "2:4": set(families.FAMILIES),
    "neuron": {"opt", "gpt2", "llama", "qwen2", "qwen3"},
    "head": {"llama", "qwen2", "qwen3"},
    "layer": set(families.FAMILIES),
}
"""Where as much goes from every layer and the library's own configuration can say so. The heads of an OPT, a GPT-2 and a
BLOOM are as wide as the width divided by their number, and a BLOOM's hidden width is four times its width."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a family, written once."""
    made = {}

    def of(family: str):
        if family not in made:
            made[family] = families.folder(family, tmp_path_factory.mktemp(family))
        return made[family]

    return of


@pytest.fixture(scope="module")
def subject(folder):
    """The subject of a family, loaded once."""
    loaded = {}

    def of(family: str):
        if family not in loaded:
            loaded[family] = families.subject(folder(family))
        return loaded[family]

    return of


def said(network: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return logits(network(inputs))


def tied(network: torch.nn.Module) -> bool:
    return network.get_output_embeddings().weight is network.get_input_embeddings().weight


@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_folder_is_what_the_library_reads_from_it(family, folder, subject):
    theirs = type(families.network(family)).from_pretrained(folder(family), local_files_only=True).eval()
    inputs = subject(family).held_out.inputs(slice(0, 3))
    ours, wanted = said(subject(family).skeleton(), inputs), said(theirs, inputs)
    assert type(subject(family).network) is type(theirs) and wanted.std() > 0.5
    assert torch.allclose(ours, wanted, atol=1e-4)
    assert tied(subject(family).network) == tied(theirs) == (family in families.TIED)
    units = families.UNITS.get(family, families.HEADS)
    assert [one.units for one in find.of(subject(family), "head").removable] == [units] * families.LAYERS
    assert [one.units for one in find.of(subject(family), "layer").removable] == [families.LAYERS]
    assert len(find.of(subject(family), "neuron").removable) == families.LAYERS


@pytest.mark.parametrize("granularity", AMOUNTS)
@pytest.mark.parametrize("family", families.FAMILIES)
def test_from_the_folder_by_the_slider_to_an_export_and_back(family, granularity, subject, tmp_path):
    one, amount = subject(family), AMOUNTS[granularity]
    recipe = Recipe(subject=one.name, granularity=granularity, scope="layer", amount=amount)
    standing = evaluate.stand(one, recipe)
    report = evaluate.evaluate(one, recipe, standing, Workspace(one, standing.split.measured))
    assert report.score.metric == "perplexity" and report.removed > 0
    assert report.score.value != pytest.approx(report.score.dense_value, rel=1e-3), "what went did nothing"

    made = package.write(one, recipe, standing, tmp_path / "out", convert=False)
    inputs = one.held_out.inputs(slice(0, 4))
    wanted = said(cut.cut(one, recipe, standing).network, inputs)
    again = card.load(tmp_path / "out")
    assert torch.equal(said(again.skeleton(), inputs), wanted)
    rebuilt = runpy.run_path(str(tmp_path / "out" / "rebuild.py"))["load"]()
    assert torch.equal(said(rebuilt, inputs), wanted)
    assert tied(again.network) == tied(rebuilt) == (family in families.TIED)
    if granularity in ("neuron", "head", "layer"):
        assert made.proof.holds and made.parameters_left < made.parameters
    assert perplexity(again) == pytest.approx(report.score.value, rel=1e-4), "the slider showed what was exported"
    transformed(family, granularity, made, tmp_path / "out" / "transformers", inputs, wanted)


def perplexity(subject: card.Subject) -> float:
    task, samples = tasks.find(subject.task), subject.held_out
    losses = task.losses(said(subject.skeleton(), samples.inputs()), samples.labels)
    return task.value(losses, task.counts(samples.labels))


def transformed(family, granularity, made, place, inputs, wanted):
    """The library reads its own folder, where a configuration can describe the network; where none can, this is said."""
    if family not in WHOLE[granularity]:
        assert any(note.startswith("no transformers folder: ") for note in made.notes) and not place.exists()
        return
    theirs = transformers.AutoModelForCausalLM.from_pretrained(place, local_files_only=True, attn_implementation="eager")
    assert torch.equal(said(theirs.eval(), inputs), wanted)
    stored = load_file(place / "model.safetensors")
    output = "lm_head.weight"
    assert (output in stored) == (family not in families.TIED) and tied(theirs) == (family in families.TIED)


@pytest.mark.parametrize("heads", [4, 5])
def test_heads_that_are_no_whole_groups_are_refused(heads, tmp_path):
    """Heads of six channels: the output matrix of attention has 24 inputs, or 30. Groups of four would mix heads, also where
    they come out even; where these matrices stay whole, all others take the pattern."""
    one = families.subject(families.folder("qwen3", tmp_path / "some", six(heads)))
    recipe = Recipe(subject=one.name, granularity="2:4", amount=0.5, calibration="held-out")
    said_so = (
        "has attention heads of 6 channels, which are no whole groups of 4: in model.layers.0.self_attn.o_proj and in 2 "
        "more layers a group of 2:4 would mix two heads; keep those layers whole, or choose single weights"
    )
    with pytest.raises(ValueError, match=said_so):
        evaluate.stand(one, recipe)
    walked = replace(recipe, criterion="wanda", scope="row", course=Course(method="sparsegpt", batch=8))
    with pytest.raises(ValueError, match=said_so):
        oneshot.prepare(one, walked, private.trained(one))
    spared = tuple(layer.name for layer in one.layers if layer.name.endswith("o_proj.weight"))
    standing = evaluate.stand(one, replace(recipe, spared=spared))
    kept = evaluate.mask(replace(recipe, spared=spared), standing).layers()
    assert all(mask.all() == (name in spared) for name, mask in kept.items()) and len(spared) == 3
    work = oneshot.prepare(one, replace(walked, spared=spared), private.trained(one))
    assert all((~done.kept).any() == (done.name not in spared) for done in work.steps())


def test_heads_that_are_no_whole_groups_are_refused_of_a_folder_that_streams(tmp_path):
    families.folder("qwen3", tmp_path / "some", six(4))
    plan = walk.Plan(criteria.find("magnitude"), reconstruct.find("keep"), {})
    steps = streamed.prune(
        tmp_path / "some",
        tmp_path / "out",
        streamed.Text(tmp_path / "some" / "other.txt"),
        streamed.Share(0.5, (2, 4)),
        plan,
    )
    with pytest.raises(SubjectError, match="heads of 6 channels, which are no whole groups of 4: .* leave --stream out"):
        next(steps)
    assert not (tmp_path / "out").exists()


def six(heads: int) -> transformers.Qwen3ForCausalLM:
    """A Qwen3 of so many heads of six channels in a width of 32."""
    sizes = families.LIKE_LLAMA | {"num_attention_heads": heads, "num_key_value_heads": heads}
    return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**sizes, head_dim=6))


def test_inputs_that_no_pattern_fits_are_named_or_refused(tmp_path):
    """A feed-forward network of 42 neurons: its output matrix has 42 inputs. In a width of 30 every layer has too few."""
    odd = transformers.LlamaForCausalLM(transformers.LlamaConfig(**families.LIKE_LLAMA | {"intermediate_size": 42}))
    one = families.subject(families.folder("llama", tmp_path / "some", odd))
    recipe = Recipe(subject=one.name, granularity="2:4", amount=0.5)
    standing = evaluate.stand(one, recipe)
    report = evaluate.evaluate(one, recipe, standing, Workspace(one, standing.split.measured))
    assert report.notes == (
        "All weights stay in model.layers.0.mlp.down_proj and in 2 more layers: 2:4 takes inputs in whole groups of 4, "
        "which 42 inputs are not.",
    )
    kept = evaluate.mask(recipe, standing).layers()
    assert all(mask.all() == name.endswith("down_proj.weight") for name, mask in kept.items())
    sizes = {"num_attention_heads": 5, "num_key_value_heads": 5, "hidden_size": 30, "intermediate_size": 42}
    narrow = transformers.LlamaForCausalLM(transformers.LlamaConfig(**families.LIKE_LLAMA | sizes))
    one = families.subject(families.folder("llama", tmp_path / "narrow", narrow))
    spared = tuple(layer.name for layer in one.layers if layer.name.endswith("o_proj.weight"))
    with pytest.raises(ValueError, match="no layer here has them: model.layers.0.self_attn.q_proj has 30; choose single"):
        evaluate.stand(one, replace(recipe, spared=spared))


@pytest.mark.parametrize("granularity", ["weight", "2:4"])
@pytest.mark.parametrize("family", families.FAMILIES)
def test_one_shot_from_the_folder_to_an_export_and_back(family, granularity, subject, tmp_path):
    """On the text that the folder has beside it. Half of each matrix in the blocks goes, and what went stays away."""
    one = subject(family)
    recipe = Recipe(subject=one.name, criterion="wanda", scope="row", granularity=granularity, calibration="held-out")
    network = private.trained(one)
    work = oneshot.prepare(one, replace(recipe, course=Course(method="sparsegpt", batch=8)), network)
    done = list(work.steps())
    assert len(done) == work.matrices >= 4 * families.LAYERS and all(
        (~one.kept).sum() * 2 == one.kept.numel() for one in done
    )
    oneshot_command.write(one, network, tmp_path / "out", convert=False)
    again, inputs = card.load(tmp_path / "out"), one.held_out.inputs(slice(0, 4))
    assert torch.equal(said(again.skeleton(), inputs), said(network, inputs))
    assert not torch.allclose(said(network, inputs), said(one.skeleton(), inputs), atol=1e-2)
    assert tied(again.network) == (family in families.TIED)
    for name in (one.name for one in done):
        assert int((again.network.get_parameter(name) == 0).sum()) * 2 >= again.network.get_parameter(name).numel()
    assert work.whole == (() if family in families.TIED else (("lm_head.weight", oneshot.WHOLE),))


def exported(one: card.Subject, way: str, place: Path) -> tuple[torch.nn.Module, list[Path]]:
    """What goes out, and the folders that it went to: one that was written, and one that came out of the .zip."""
    recipe = Recipe(subject=one.name, granularity=way, scope="layer", amount=AMOUNTS.get(way, 0.5))
    if way == "one shot":
        network = private.trained(one)
        recipe = replace(recipe, criterion="wanda", scope="row", granularity="2:4", course=Course(method="sparsegpt"))
        assert list(oneshot.prepare(one, recipe, network).steps())
        oneshot_command.write(one, network, place / "out", convert=False)
        return network, [place / "out"]
    standing = evaluate.stand(one, recipe)
    package.write(one, recipe, standing, place / "out", convert=False)
    packed, made = package.archive(one, recipe, standing, convert=False)
    assert not any("beside" in note for note in made.notes)
    zipfile.ZipFile(io.BytesIO(packed)).extractall(place / "unzipped")
    return cut.cut(one, recipe, standing).network, [place / "out", place / "unzipped"]


@pytest.mark.parametrize("way", ["weight", "2:4", "neuron", "layer", "one shot"])
@pytest.mark.parametrize("family", families.FAMILIES)
def test_an_export_that_was_moved_needs_nothing_of_what_it_was_made_of(family, way, tmp_path):
    place = families.folder(family, tmp_path / "model")
    one = families.subject(place)
    network, folders = exported(one, way, tmp_path)
    shutil.rmtree(place)
    inputs = one.held_out.inputs(slice(0, 4))
    for at, folder in enumerate(folders):
        moved = Path(shutil.move(folder, tmp_path / "far" / f"away{at}"))
        again = card.load(moved)
        assert torch.equal(said(again.skeleton(), inputs), said(network, inputs))
        assert perplexity(again) == perplexity(replace(one, network=network)) and again.data_sha256 == one.data_sha256
        assert torch.equal(again.training.stored, one.training.stored) and again.classes == one.classes
        named = card.named(tomllib.loads((moved / "subject.toml").read_text("utf-8")))
        assert named["data.tokenizer"] == "tokenizer" and named["data.file"] == "data/held.txt"


@pytest.mark.parametrize("family", ["llama", "opt"])
def test_the_library_finds_the_tokenizer_in_its_folder_and_reads_it_as_it_is(family, subject, tmp_path):
    _, (folder, _) = exported(subject(family), "weight", tmp_path)
    words = transformers.AutoTokenizer.from_pretrained(folder / "transformers", local_files_only=True)
    assert words("w7 w59 w3", add_special_tokens=False)["input_ids"] == [7, 59, 3]


@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_pattern_that_no_matrix_fits_is_refused_in_a_sentence(family, subject):
    recipe = Recipe(subject=family, criterion="wanda", scope="row", granularity="5:7", calibration="held-out")
    with pytest.raises(ValueError, match="no whole groups of 7|whole groups of 7"):
        oneshot.prepare(subject(family), replace(recipe, course=Course(method="keep")), private.trained(subject(family)))
