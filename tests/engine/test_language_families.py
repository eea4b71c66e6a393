"""Language models of six families: a folder is loaded, measured at an amount, exported, and read again to the bit."""

from __future__ import annotations

import runpy
from dataclasses import replace

import pytest
import torch
import transformers
from safetensors.torch import load_file

from pruneviz import oneshot_command
from pruneviz.course import Course
from pruneviz.engine import evaluate, tasks
from pruneviz.engine.export import cut, package
from pruneviz.engine.measure import Workspace
from pruneviz.engine.reconstruct import oneshot
from pruneviz.engine.sources import card
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


def test_inputs_that_no_pattern_fits_are_named_or_refused(tmp_path):
    """Five heads of six channels: the output matrix of attention has 30 inputs. In a width of 30 every layer has."""
    sizes = families.LIKE_LLAMA | {"num_attention_heads": 5, "num_key_value_heads": 5}
    some = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**sizes, head_dim=6))
    one = families.subject(families.folder("qwen3", tmp_path / "some", some))
    recipe = Recipe(subject=one.name, granularity="2:4", amount=0.5)
    standing = evaluate.stand(one, recipe)
    report = evaluate.evaluate(one, recipe, standing, Workspace(one, standing.split.measured))
    assert report.notes == (
        "All weights stay in model.layers.0.self_attn.o_proj and in 2 more layers: 2:4 takes inputs in whole groups of 4, "
        "which 30 inputs are not.",
    )
    kept = evaluate.mask(recipe, standing).layers()
    assert all(mask.all() == name.endswith("o_proj.weight") for name, mask in kept.items())
    narrow = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes | {"hidden_size": 30, "intermediate_size": 42}))
    one = families.subject(families.folder("llama", tmp_path / "narrow", narrow))
    with pytest.raises(ValueError, match="no layer here has them: model.layers.0.self_attn.q_proj has 30; choose single"):
        evaluate.stand(one, recipe)


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


@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_pattern_that_no_matrix_fits_is_refused_in_a_sentence(family, subject):
    recipe = Recipe(subject=family, criterion="wanda", scope="row", granularity="5:7", calibration="held-out")
    with pytest.raises(ValueError, match="no whole groups of 7|whole groups of 7"):
        oneshot.prepare(subject(family), replace(recipe, course=Course(method="keep")), private.trained(subject(family)))
