"""Round trips: what is exported loads again, here, in a fresh process and in ONNX Runtime, and computes the same."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from safetensors.torch import load_file, save_file
from torch import nn

from pruneviz.engine import evaluate
from pruneviz.engine.export import apart, cut, package, removal
from pruneviz.engine.export.package import Exported
from pruneviz.engine.sources import architecture, card
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.structure.surgery import SurgeryError
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe
from tests.engine.export.forked import Ask, forking

CASES = [
    ("digits_cnn", "filter", 0.3),
    ("digits_vit", "head", 0.5),
    ("digits_vit", "neuron", 0.4),
    ("digits_vit", "layer", 0.25),
    ("digits_mlp", "neuron", 0.5),
    ("digits_resnet", "filter", 0.5),
]
ALONE = """
import runpy, sys
import torch
rebuild = runpy.run_path(sys.argv[1] + "/rebuild.py")
network = rebuild["load"]()
assert not [name for name in sys.modules if name.startswith("pruneviz")], "pruneviz was imported"
inputs = torch.load(sys.argv[2], weights_only=True)
with torch.inference_mode():
    torch.save(network(inputs), sys.argv[3])
"""
APART = "import sys; from pruneviz.engine.export import apart; apart.main(*sys.argv[1:])"


def exported(subject: Subject, out: Path, **chosen) -> tuple[Exported, cut.Cut]:
    how = {name: chosen.pop(name) for name in ("convert", "fold") if name in chosen}
    recipe = Recipe(subject=subject.name, **chosen)
    standing = evaluate.stand(subject, recipe)
    return package.write(subject, recipe, standing, out, **{"convert": False, **how}), cut.cut(subject, recipe, standing)


def run(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return network(inputs)


@pytest.fixture(scope="module")
def alone() -> Iterator[Callable]:
    """The logits of a folder's network in a process that has no pruneviz: it starts where there is none."""
    with forking("import torch; torch.set_num_threads(1)", ALONE, "-I") as ask:

        def run_alone(folder: Path, inputs: torch.Tensor, place: Path) -> torch.Tensor:
            torch.save(inputs, place / "inputs.pt")
            code, _, errors = ask(place, folder, place / "inputs.pt", place / "logits.pt")
            assert code == 0, errors[-2000:]
            return torch.load(place / "logits.pt", weights_only=True)

        yield run_alone


@pytest.fixture(scope="module")
def worker() -> Iterator[Ask]:
    """A process for conversions that has imported what each of them imports."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": apart._path()}
    first = "import onnxruntime, onnxscript, torch._dynamo, torch.export; from pruneviz.engine.export import apart"
    with forking(first, APART, environment=environment) as ask:
        yield ask


@pytest.fixture
def converting(worker, monkeypatch) -> None:
    """Conversions are made by children of one process, each still by a process that made none before."""

    def run(arguments, _, said, errors) -> int:
        code, *told = worker(apart.ROOT, *arguments)
        for stream, text in zip((said, errors), told, strict=True):
            stream.write(text.encode())
        return code

    monkeypatch.setattr(apart, "_run", run)


@pytest.mark.parametrize(("name", "granularity", "amount"), CASES)
def test_the_round_trip_is_exact(tmp_path, alone, converting, name, granularity, amount):
    """Bit-equal logits here and in a fresh process without the app; ONNX within 1e-4; smaller by what was claimed."""
    subject = card.load(name)
    made, smaller = exported(subject, tmp_path / "out", granularity=granularity, amount=amount, convert=True)
    inputs = subject.held_out.inputs(slice(0, 100))
    wanted = run(smaller.network, inputs)
    again = card.load(tmp_path / "out")
    assert torch.equal(run(again.skeleton(), inputs), wanted)
    assert torch.equal(alone(tmp_path / "out", inputs, tmp_path), wanted)
    assert made.proof.holds and made.converted.ok and made.converted.difference <= 1e-4
    assert onnx_difference(tmp_path / "out" / "model.onnx", inputs, wanted) <= 1e-4
    _smaller_by_what_was_claimed(subject, made, tmp_path / "out")
    assert made.notes == ()


def onnx_difference(path: Path, inputs: torch.Tensor, wanted: torch.Tensor) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    got = session.run(None, {"input": inputs.numpy()})[0]
    return float(np.abs(got - wanted.numpy()).max() / np.abs(wanted.numpy()).max())


def _smaller_by_what_was_claimed(subject: Subject, made: Exported, folder: Path) -> None:
    before = sum(one.numel() for one in subject.network.parameters())
    stored = load_file(folder / "weights.safetensors")
    after = sum(one.numel() for name, one in stored.items() if name in dict(card.load(folder).network.named_parameters()))
    assert (made.parameters, made.parameters_left) == (before, after) and after < before
    size = (folder / "weights.safetensors").stat().st_size
    numbers = sum(one.nbytes for one in stored.values())
    header = size - numbers
    whole = sum(one.nbytes for one in {one.data_ptr(): one for one in subject.network.state_dict().values()}.values())
    assert 0 < header < 20_000 and made.claimed == numbers / whole and made.real == pytest.approx(made.claimed, abs=0.02)
    assert dict(made.files)["weights.safetensors"] == size
    said = removal.read(folder / "removal.json")
    assert said.facts["bytes"] == {"before": whole, "after": numbers}
    assert said.facts["parameters"] == {"before": before, "after": after} and said.steps[-1].parameters == after


def test_a_smaller_network_is_a_subject_like_any_other(tmp_path, alone):
    """Removals chain: filters of what is left, then single weights; each export loads and counts from what was there."""
    subject = card.load("digits_cnn")
    exported(subject, tmp_path / "one", granularity="filter", amount=0.3)
    first = card.load(tmp_path / "one")
    made, smaller = exported(first, tmp_path / "two", granularity="filter", amount=0.3)
    assert made.parameters == sum(one.numel() for one in first.network.parameters()) > made.parameters_left
    second = card.load(tmp_path / "two")
    inputs = subject.held_out.inputs(slice(0, 50))
    assert torch.equal(run(second.skeleton(), inputs), run(smaller.network, inputs))
    assert torch.equal(alone(tmp_path / "two", inputs, tmp_path), run(smaller.network, inputs))
    assert [step.recipe["amount"] for step in second.origin.steps] == [0.3, 0.3]
    assert [step.recipe["subject"] for step in second.origin.steps] == ["digits_cnn", "one"]
    made, _ = exported(second, tmp_path / "two", granularity="weight", amount=0.5)
    third = card.load(tmp_path / "two")
    assert third.origin.steps == second.origin.steps and made.parameters == made.parameters_left


@pytest.mark.parametrize("granularity", ["weight", "2:4"])
def test_single_weights_become_zeros_and_nothing_smaller(tmp_path, granularity):
    subject = card.load("digits_mlp")
    made, zeroed = exported(subject, tmp_path / "out", granularity=granularity, amount=0.5)
    again = card.load(tmp_path / "out")
    zeros = sum(int((one == 0).sum()) for one in again.tensors())
    said = removal.read(tmp_path / "out" / "removal.json").facts["mask"]
    assert said["removed"] == zeros == subject.weights - said["kept"] > 0
    assert said["sha256"] == zeroed.mask["sha256"] and again.origin.steps == ()
    assert made.parameters == made.parameters_left == 50_610 and (made.claimed, made.real) == (1.0, 1.0)
    assert "Nothing became smaller" in made.notes[0] and made.proof is None
    with pytest.raises(ValueError, match="only units can be folded"):
        exported(subject, tmp_path / "out", granularity=granularity, amount=0.5, fold=True)


def test_a_dead_filter_is_folded_where_that_is_exact(tmp_path, alone):
    """conv3's filter 5 is all zeros: its BatchNorm's shift is a constant, and goes into the last matrix's bias."""
    stored = load_file(architecture.SHIPPED / "digits_cnn" / "weights.safetensors")
    stored["conv3.weight"][5] = 0
    stored["bn3.bias"][5] = 2.0
    stored["bn3.running_mean"][5] = 0.0
    save_file(stored, tmp_path / "weights.safetensors")
    (tmp_path / "subject.toml").write_text((architecture.SHIPPED / "digits_cnn" / "subject.toml").read_text())
    subject = card.load(tmp_path)
    chosen = {"granularity": "filter", "amount": 0.0, "gone": ("conv3:5",)}
    made, _ = exported(subject, tmp_path / "folded", fold=True, **chosen)
    inputs = subject.held_out.inputs(slice(0, 50))
    whole, folded = run(subject.skeleton(), inputs), run(card.load(tmp_path / "folded").skeleton(), inputs)
    assert torch.allclose(whole, folded, atol=1e-4) and "1 constant" in made.notes[0]
    exported(subject, tmp_path / "cut", **chosen)
    assert not torch.allclose(whole, run(card.load(tmp_path / "cut").skeleton(), inputs), atol=1e-2)
    assert torch.equal(alone(tmp_path / "folded", inputs, tmp_path), folded)


MOBILENET = """
name = "A MobileNet"
weights = "weights.safetensors"
[architecture]
build = "torchvision:mobilenet_v2"
arguments = { num_classes = 5, width_mult = 0.25 }
[data]
file = "data.npz"
mean = [0.5, 0.5, 0.5]
std = [0.2, 0.2, 0.2]
"""


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory) -> Path:
    """A card beside its data: torchvision's network with random weights and statistics, on random images."""
    folder = tmp_path_factory.mktemp("mobilenet")
    source = torch.Generator().manual_seed(0)
    network = architecture.build("torchvision:mobilenet_v2", {"num_classes": 5, "width_mult": 0.25})
    stored = {}
    for name, one in network.state_dict().items():
        if one.is_floating_point():
            small = torch.randn(one.shape, generator=source) * (0.2 if one.ndim > 1 else 0.5)
            one = small.abs() + 0.5 if name.endswith("running_var") else small
        stored[name] = one.clone()
    save_file(stored, folder / "weights.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
    np.savez(folder / "data.npz", x_test=images, y_test=np.arange(20) % 5, x_train=images, y_train=np.arange(20) % 5)
    (folder / "subject.toml").write_text(MOBILENET)
    return folder


def test_torchvisions_networks_travel_too(mobilenet, tmp_path, alone, converting):
    subject = card.load(mobilenet)
    made, smaller = exported(subject, tmp_path / "out", granularity="filter", amount=0.3, convert=True)
    inputs = subject.held_out.inputs()
    wanted = run(smaller.network, inputs)
    again = card.load(tmp_path / "out")
    assert torch.equal(run(again.skeleton(), inputs), wanted)
    assert torch.equal(alone(tmp_path / "out", inputs, tmp_path), wanted)
    assert made.converted.ok and made.parameters_left < 0.75 * made.parameters
    assert not (tmp_path / "out" / "model.py").exists()
    assert torch.equal(again.held_out.stored, subject.held_out.stored), "the card finds the data where they lay"


def archived(subject: Subject, granularity: str) -> tuple[bytes, Exported]:
    recipe = Recipe(subject=subject.name, granularity=granularity, amount=0.3)
    return package.archive(subject, recipe, evaluate.stand(subject, recipe), convert=granularity == "neuron")


def test_an_archive_holds_the_same_files_and_no_path_of_this_machine(mobilenet):
    data, made = archived(card.load(mobilenet), "filter")
    held = zipfile.ZipFile(io.BytesIO(data))
    assert held.testzip() is None and {name: len(held.read(name)) for name in held.namelist()} == dict(made.files)
    assert set(held.namelist()) == {"rebuild.py", "removal.json", "subject.toml", "weights.safetensors"}
    for name in held.namelist():
        assert str(mobilenet.parent).encode() not in held.read(name), name
    assert 'file = "data.npz"' in held.read("subject.toml").decode() and "Put data.npz beside subject.toml" in made.notes[0]


def test_equal_exports_are_equal_bytes():
    subject = card.load("digits_mlp")
    one, other = archived(subject, "neuron"), archived(subject, "neuron")
    assert one == other and "model.onnx" in zipfile.ZipFile(io.BytesIO(one[0])).namelist()


STORIES = """
name = "stories260K"
task = "language_modelling"
weights = "{data}/stories260k/stories260K.bin"
[architecture]
build = "llama"
arguments = {{ heads = 8, key_value_heads = 4 }}
[data]
file = "{data}/texts/tinystories_train_head.txt"
tokenizer = "{data}/stories260k/tok512.bin"
windows = 10
"""


def test_a_language_model_travels_with_half_its_heads(real_data, tmp_path, alone, converting):
    """stories260K, 8 heads over 4 keys in five layers, two of the four gone in each: tied weights are stored once."""
    (tmp_path / "subject.toml").write_text(STORIES.format(data=real_data))
    subject = card.load(tmp_path)
    made, smaller = exported(subject, tmp_path / "out", granularity="head", scope="layer", amount=0.5, convert=True)
    again, inputs = card.load(tmp_path / "out"), subject.held_out.inputs(slice(0, 4))
    wanted = run(smaller.network, inputs)
    assert torch.equal(run(again.skeleton(), inputs), wanted)
    assert torch.equal(alone(tmp_path / "out", inputs, tmp_path), wanted)
    assert again.network.lm_head.weight is again.network.model.embed_tokens.weight
    assert "lm_head.weight" not in load_file(tmp_path / "out" / "weights.safetensors")
    assert made.converted.ok and torch.equal(again.held_out.labels, subject.held_out.labels)
    _smaller_by_what_was_claimed(subject, made, tmp_path / "out")
    transformers = pytest.importorskip("transformers")
    twin = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "transformers", local_files_only=True).eval()
    with torch.inference_mode():
        assert (twin(inputs).logits - wanted).abs().max() <= 1e-4 * wanted.abs().max()


def test_a_network_without_a_card_is_still_written(tmp_path):
    subject = replace(card.load("digits_mlp"), origin=None)
    made, _ = exported(subject, tmp_path / "out", granularity="neuron", amount=0.5)
    assert {name for name, _ in made.files} == {"removal.json", "weights.safetensors"}
    assert any("No card" in note for note in made.notes)
    assert removal.read(tmp_path / "out" / "removal.json").steps[0].removal.slices


def test_an_export_that_reads_back_otherwise_is_not_written(tmp_path, monkeypatch):
    """Were a number lost on the way, nobody would get the folder."""
    whole = package.storage.file
    monkeypatch.setattr(
        package.storage, "file", lambda numbers: whole({name: one * (1 + 1e-6) for name, one in numbers.items()})
    )
    with pytest.raises(SurgeryError, match="computes other numbers"):
        exported(card.load("digits_mlp"), tmp_path / "out", granularity="neuron", amount=0.5)
    assert list(tmp_path.iterdir()) == []


def test_damaged_weights_and_a_strangers_card_are_refused(tmp_path):
    subject = card.load("digits_mlp")
    exported(subject, tmp_path, granularity="neuron", amount=0.5)
    weights, said = (tmp_path / "weights.safetensors"), (tmp_path / "subject.toml")
    data, text = weights.read_bytes(), said.read_text()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(SubjectError, match="is not the file that removal.json was written for"):
        card.load(tmp_path)
    done = subprocess.run([sys.executable, "-I", tmp_path / "rebuild.py"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "SHA-256 differs" in done.stderr
    weights.write_bytes(data)
    done = subprocess.run([sys.executable, "-I", tmp_path / "rebuild.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "16,035 parameters" in done.stdout
    said.write_text(text.replace('build = "digits_mlp"', 'build = "digits_cnn"'))
    with pytest.raises(SubjectError, match="another architecture"):
        card.load(tmp_path)
    said.write_text(text.replace('removal = "removal.json"', 'removal = "nothing.json"'))
    with pytest.raises(SubjectError, match="nothing.json"):
        card.load(tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> tuple[Path, torch.Tensor, dict]:
    folder = tmp_path_factory.mktemp("small")
    subject = card.load("digits_vit")
    exported(subject, folder, granularity="head", amount=0.25)
    inputs = subject.held_out.inputs(slice(0, 4))
    return folder, run(card.load(folder).skeleton(), inputs), json.loads((folder / "removal.json").read_text())


LEAVES = some.integers(-2, 70) | some.text(max_size=5) | some.none() | some.just([]) | some.just({})


@settings(max_examples=150)
@given(some.data())
def test_an_export_with_a_changed_removal_loads_equal_or_is_refused(small, data):
    """Sealed again or not: whoever changes a removal.json gets the same network, or one sentence."""
    folder, wanted, table = small
    table = json.loads(json.dumps(table))
    place: object = table
    key = data.draw(some.sampled_from(["architecture", "steps", "steps", "steps", "weights", "parameters", "mask", "seal"]))
    while isinstance(place[key], dict | list) and place[key] and data.draw(some.integers(0, 3)):
        place = place[key]
        key = data.draw(some.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    place[key] = data.draw(LEAVES)
    if data.draw(some.booleans()):
        table["seal"] = removal.seal(table)
    (folder / "removal.json").write_text(json.dumps(table))
    try:
        again = card.load(folder)
    except SubjectError as error:
        assert "\n" not in str(error)
        return
    assert torch.equal(run(again.skeleton(), again.held_out.inputs(slice(0, 4))), wanted)
