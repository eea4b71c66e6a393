"""«Copy as Python»: run in a fresh process, without this app, it gets the same samples right, to the image."""

from __future__ import annotations

import ast
import copy
import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pruneviz.engine import criterion, evaluate, scope
from pruneviz.engine.export import script, script_parts, script_prune
from pruneviz.engine.fitting import structure_of
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.engine.structure.units import KINDS
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe
from pruneviz.report import Score
from tests.engine.sources import stories
from tests.engine.sources.wordpieces import WORDS, bert

ROOT = Path(script.__file__).resolve().parents[3]
MODELS = ("digits_mlp", "digits_cnn", "digits_vit")
RUNNER = """
    import contextlib, io, json, runpy, sys, torch
    torch.set_num_threads(1)
    sys.modules["pruneviz"] = None  # whoever imports it fails
    for path in sys.argv[1:]:
        said = io.StringIO()
        sys.argv = [path]
        with contextlib.redirect_stdout(said):
            runpy.run_path(path, run_name="__main__")
        print(said.getvalue().strip(), flush=True)
"""
subject_of = cache(card.load)


@cache
def workspace(name: str) -> Workspace:
    """One network for all settings that measure on all held-out samples."""
    return Workspace(subject_of(name), torch.arange(len(subject_of(name).held_out)))


def made(recipe: Recipe, subject=None) -> tuple[script.Script, Score]:
    """The script of a Recipe, and what the app measures."""
    subject = subject or subject_of(recipe.subject)
    standing = evaluate.stand(subject, recipe)
    shared = recipe.subject in MODELS and standing.split.source != "held-out"
    measuring = workspace(recipe.subject) if shared else Workspace(subject, standing.split.measured)
    score = evaluate.evaluate(subject, recipe, standing, measuring).score
    return script.script(subject, recipe, standing, score), score


def run(paths: list[Path], place: Path) -> list[dict]:
    """What the scripts print, one after another in one process that has never heard of this app."""
    said = subprocess.run(
        [sys.executable, "-I", "-c", textwrap.dedent(RUNNER), *map(str, paths)],
        cwd=place, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr[-2000:]
    return [json.loads(line) for line in said.stdout.splitlines()]


def written(scripts: list[script.Script], place: Path) -> list[Path]:
    """Each script in a folder of its own with its files."""
    paths = [place / str(at) / script.NAME for at in range(len(scripts))]
    for path, one in zip(paths, scripts, strict=True):
        path.parent.mkdir()
        script.write(one, path)
    return paths


def settings() -> list[Recipe]:
    """Every criterion × granularity on the smallest model that has it; every granularity and scope on others, too."""
    found, seen = [], set()
    for name in MODELS:
        for kind in ("weight", "2:4", *(kind for kind in KINDS if structure_of(subject_of(name), kind).units)):
            criteria = criterion.offered(kind) if kind not in seen else ["magnitude"]
            seen.add(kind)
            amount = {"weight": 0.8, "filter": 0.3, "layer": 0.25}.get(kind, 0.5)
            found += [Recipe(subject=name, criterion=one, granularity=kind, amount=amount) for one in criteria]
    assert seen == {"weight", "2:4", *KINDS}
    scopes = [key for key in scope.shelf() if key != "global"]
    found += [Recipe(subject="digits_cnn", scope=one, amount=0.85, seed=3, criterion="random") for one in scopes]
    return [*found, *(Recipe(subject="digits_mlp", scope=one, amount=0.85) for one in scopes), *apart()]


def apart() -> list[Recipe]:
    """What has amounts of its own, was chosen by hand, or is measured on other samples."""
    layers = [one.name for one in subject_of("digits_cnn").layers]
    filters = structure_of(subject_of("digits_cnn"), "filter").removable[0]
    own = {"subject": "digits_cnn", "spared": (layers[0],), "overrides": ((layers[1], 0.95),)}
    by_hand = {"gone": (f"{filters.name}:3",), "back": (f"{filters.name}:4",), "scope": "isomorphic"}
    return [
        Recipe(**own, amount=0.7),
        Recipe(**own, amount=0.7, scope="erk"),
        Recipe(subject="digits_cnn", granularity="filter", amount=0.4, pool="l2", **by_hand),
        Recipe(subject="digits_mlp", granularity="2:4", spared=("fc1.weight",)),
        Recipe(subject="digits_mlp", criterion="gradient", calibration="held-out", seed=5, amount=0.9),
        Recipe(subject="digits_mlp", amount=0.0),
        Recipe(subject="digits_mlp", amount=1.0),
    ]


def test_every_criterion_and_granularity_gets_the_same_images_right(tmp_path):
    asked = settings()
    scripts, scores = zip(*map(made, asked), strict=True)
    found = run(written(list(scripts), tmp_path), tmp_path)
    for recipe, one, score, said in zip(asked, scripts, scores, found, strict=True):
        assert (said["correct"], said["n"]) == (score.correct, score.n), recipe
        assert said["accuracy"] == score.value
        assert "pruneviz" not in one.text.replace("PruneViz", ""), "a script knows nothing of the app"
        names = Counter(node.name for node in ast.parse(one.text).body if isinstance(node, ast.FunctionDef | ast.ClassDef))
        assert max(names.values()) == 1, "two functions of one name"


def test_copied_text_alone_runs_in_the_folder_of_the_app():
    one, score = made(Recipe(subject="digits_cnn", amount=0.6))
    assert one.needs == ()
    said = subprocess.run([sys.executable, "-I", "-"], input=one.text, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert json.loads(said.stdout)["correct"] == score.correct, said.stderr


def test_what_a_formula_says_is_written_as_one_and_all_else_as_bits():
    texts = {
        (by, among): made(Recipe(subject="digits_mlp", criterion=by, scope=among, amount=0.7))[0].text
        for by in ("magnitude", "random", "obd")
        for among in ("global", "erk")
    }
    for (by, among), text in texts.items():
        assert ("KEPT =" in text) == (by == "obd")
        assert ("smallest_of_all(" in text) == (by != "obd" and among == "global")


def other(place: Path) -> list[tuple[Recipe, Subject]]:
    """Samples that come as a file: images that are resized, windows of a text, sentences."""
    (place / "llama").mkdir()
    llama, reader = card.load(stories.folder(place / "llama")), read(bert(place / "bert"))
    digits = subject_of("digits_cnn")
    few = replace(digits.held_out, stored=digits.held_out.stored[:60], labels=digits.held_out.labels[:60])
    larger = replace(digits, held_out=replace(few, preparation=replace(few.preparation, resize=12)))
    return [
        (Recipe(subject="larger", granularity="filter", amount=0.3), larger),
        (Recipe(subject="llama", amount=0.5), llama),
        (Recipe(subject="llama", granularity="layer", amount=0.5, criterion="random"), llama),
        (Recipe(subject="reader", granularity="head", amount=0.4), reader),
    ]


def broken() -> list[tuple[Recipe, Subject]]:
    """A filter with a NaN in it, which goes first: as a weight, and as a filter that is silent all the same."""
    subject = subject_of("digits_cnn")
    network = copy.deepcopy(subject.network)
    with torch.no_grad():
        network.conv2.weight[3, 0, 0, 0] = torch.nan
    damaged = replace(subject, network=network, nonfinite=(("conv2.weight", 1),))
    asked = {"subject": "damaged", "nonfinite": "remove", "amount": 0.3}
    return [(Recipe(**asked), damaged), (Recipe(**asked, granularity="filter"), damaged)]


def read(place: Path) -> Subject:
    """A BERT of one layer over twelve words."""
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=4, intermediate_size=24,
        max_position_embeddings=20, num_labels=2, architectures=["BertForSequenceClassification"],
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = BertForSequenceClassification(config)
    save_file({name: one.contiguous() * 6 for name, one in network.state_dict().items()}, place / "model.safetensors")
    (place / "config.json").write_text(json.dumps(config.to_dict()))
    rows = [f"{'good ' * (at % 4)}{'bad ' * (at % 3)}film{'!' * (at % 2)}\t{int(at % 4 > at % 3)}\n" for at in range(48)]
    (place / "dev.tsv").write_text("".join(rows))
    (place / "subject.toml").write_text(
        'name = "Reader"\ntask = "text_classification"\nweights = "model.safetensors"\nmetric = "matthews"\n'
        '[architecture]\nbuild = "transformers"\nconfig = "config.json"\n'
        '[data]\nfile = "dev.tsv"\ntokenizer = "tokenizer.json"\n'
    )
    return card.load(place)


def brought(place: Path) -> Subject:
    """A model that somebody brought: its title is theirs, and its files lie where nobody should know."""
    subject, title = subject_of("digits_mlp"), 'a """ b \\ \n import os'
    held = replace(subject.held_out, stored=subject.held_out.stored[:99], labels=subject.held_out.labels[:99])
    return replace(subject, name="own:abc", title=title, held_out=held, origin=replace(subject.origin, folder=str(place)))


def test_whatever_the_samples_are_the_script_reads_them_from_its_files(tmp_path, monkeypatch):
    asked = [*other(tmp_path), *broken()]
    found = [made(recipe, subject) for recipe, subject in asked]
    monkeypatch.setattr(script_prune, "LONGEST", 10)
    found.append(made(Recipe(subject="own:abc", criterion="obd", amount=0.8), brought(tmp_path)))
    place = tmp_path / "scripts"
    place.mkdir()
    for (one, score), said in zip(found, run(written([one for one, _ in found], place), place), strict=True):
        assert said["n"] == score.n and one.needs
        if score.correct is None:
            assert said["perplexity"] == pytest.approx(score.value, rel=1e-5)
        else:
            assert said["correct"] == score.correct
        assert str(tmp_path) not in one.text and str(ROOT) not in one.text
    one = found[-1][0]
    assert one.needs == ("weights.safetensors", "data.npz", "mask.safetensors")
    assert not [line for line in one.text.splitlines() if line.strip() == "import os"]


def test_a_file_that_is_not_the_right_one_is_not_read(tmp_path, monkeypatch):
    one, _ = made(Recipe(subject="digits_mlp"))
    (tmp_path / "weights.safetensors").write_bytes(b"others")
    with pytest.raises(ValueError, match="holds something else"):
        script.write(one, tmp_path / script.NAME)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / script.NAME)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="weights.safetensors is not here"):
        script_parts.find(["weights.safetensors"], "0" * 64)


def test_what_cannot_be_written_is_refused_in_a_sentence(tiny_subject):
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    strange = tiny_subject(network, torch.randn(8, 4), torch.arange(8) % 2)
    recipe = Recipe(subject="tiny")
    with pytest.raises(ValueError, match="function of your own"):
        script.script(strange, recipe, evaluate.stand(strange, recipe))
    subject = subject_of("digits_mlp")
    few = replace(subject.held_out, stored=subject.held_out.stored[:9], labels=subject.held_out.labels[:9])
    shorter = replace(subject, held_out=few)
    recipe = Recipe(subject="digits_mlp")
    with pytest.raises(ValueError, match="python -m pruneviz python"):
        script.script(shorter, recipe, evaluate.stand(shorter, recipe), most=10)
