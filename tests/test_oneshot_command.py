"""`python -m pruneviz oneshot`: what it writes is read again, and bad input is one sentence."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import weakref
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from pruneviz import language_reference, recipe_file
from pruneviz.__main__ import main
from pruneviz.caps import Caps
from pruneviz.engine import reconstruct
from pruneviz.engine.reconstruct import oneshot
from pruneviz.engine.sources import card
from pruneviz.query import from_query
from pruneviz.recipe import Recipe
from pruneviz.studio import folders, visitor
from pruneviz.studio.bring import heap, model
from tests.engine import families

MODEL = ["oneshot", "--subject", "digits_mlp", "--samples", "64"]


def answer(capsys, *arguments: str) -> dict:
    assert main([*MODEL, *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def trouble(capsys, *arguments: str) -> str:
    assert main([*arguments]) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.count("\n") == 1
    return said.err


def test_what_is_written_is_read_again_and_says_what_was_done(capsys, tmp_path):
    found = answer(capsys, "--amount", ".8", "--out", str(tmp_path / "out"), "--no-onnx")
    assert found["sparsity"] == pytest.approx(0.8, abs=1e-3) and found["criterion"] is None and found["n"] == 500
    assert [one["name"] for one in found["matrices"]] == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert all(one["error"] <= one["error_without_update"] for one in found["matrices"])
    again = card.load(tmp_path / "out")
    zeros = sum(int((tensor == 0).sum()) for tensor in again.tensors())
    assert zeros == sum(one["gone"] for one in found["matrices"]) and "one shot (sparsegpt, 80%" in again.title


def test_a_criterion_that_is_named_is_taken(capsys):
    plain = answer(capsys, "--amount", ".8", "--method", "keep", "--criterion", "magnitude")
    wanda = answer(capsys, "--amount", ".8", "--method", "keep")
    assert (plain["criterion"], wanda["criterion"]) == ("magnitude", "wanda") and plain["scope"] == "row"
    assert plain["matrices"][0]["error"] > wanda["matrices"][0]["error"]


def test_a_pattern_and_the_samples_that_judge(capsys):
    found = answer(capsys, "--n", "2", "--m", "4", "--calibration", "held-out")
    assert found["granularity"] == "2:4" and found["amount"] == 0.5 and found["n"] == 375, "a quarter was looked at"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "magic"], "unknown method 'magic'; there are keep"),
        (["--n", "2"], "make a pattern together"),
        (["--n", "0", "--m", "4"], "make a pattern together: N of every M stay"),
        (["--n", "4", "--m", "2"], "is no pattern"),
        (["--n", "5", "--m", "7"], "whole groups of 7"),
        (["--samples", "0"], "give a number from 1 to 1024"),
        (["--granularity", "neuron"], "removes single weights, or N of every M"),
        (["--method", "keep", "--criterion", "gradient"], "one shot sees only a matrix and its inputs"),
        (["--n", "2", "--m", "4", "--scope", "owl"], "nothing to share"),
        (["--n", "2", "--m", "4", "--amount", ".7"], "2:4 removes 0.5 of the weights, not 0.7; leave the amount out"),
        (["--granularity", "2:4", "--amount", ".7"], "2:4 removes 0.5 of the weights, not 0.7; leave the amount out"),
        (["--granularity", "2:4", "--own", "fc1.weight=.3"], "2:4 removes 0.5 of the weights, not 0.3"),
        (["--granularity", "2:4", "--own", "fc1.weight=1"], "2:4 removes 0.5 of the weights, not 1"),
        (["--granularity", "4:8", "--n", "2", "--m", "4"], "say 2:4, and --granularity says 4:8: give one of them"),
        (["--n", "64", "--m", "256"], "give 1 ≤ N < M ≤ 32"),
        (["--n", "-1", "--m", "4"], "unknown granularity '-1:4'"),
        (["--gone", "fc1:3"], "--gone is about whole units"),
        (["--back", "fc1:3"], "--back is about whole units"),
        (["--pool", "nonsense"], "--pool is about whole units"),
        (["--floor", "0"], "--floor is about whole units"),
        (["--length", "7"], "--length is for --stream"),
        (["--calibration", "nowhere.txt"], "names no tokenizer"),
        (["--stream"], "--calibration FILE"),
        (["--stream", "--granularity", "filter"], "removes single weights, or N of every M, not filters"),
        (["--stream", "--spare", "fc1.weight"], "--spare asks for more than --stream can"),
        (["--stream", "--own", "fc1.weight=.3"], "--own asks for more than --stream can"),
        (["--stream", "--data", "digits"], "--data asks for more than --stream can"),
        (["--stream", "--weights", "some.pth"], "--weights asks for more than --stream can"),
        (["--stream", "--say", "data.scale=1"], "--say asks for more than --stream can"),
        (["--stream", "--nonfinite", "remove"], "--nonfinite asks for more than --stream can"),
        (["--stream", "--gone", "fc1:3"], "--gone is about whole units"),
        (["--stream", "--pool", "l2"], "--pool is about whole units"),
        (["--stream", "--n", "2", "--m", "4", "--amount", ".7"], "2:4 removes 0.5 of the weights, not 0.7"),
        (["--stream", "--granularity", "2:4", "--amount", ".7"], "2:4 removes 0.5 of the weights, not 0.7"),
        (["--stream", "--n", "64", "--m", "256"], "give 1 ≤ N < M ≤ 32"),
        (["--stream", "--scope", "owl"], "compares layers"),
        (["--stream", "--samples", "2000"], "give a number from 1 to 1024"),
    ],
)
def test_bad_input_is_one_sentence(capsys, arguments, words):
    assert words in trouble(capsys, *MODEL, *arguments)


def test_a_pattern_takes_its_own_amount_or_none_and_layers_stay_whole(capsys):
    """As on the slider: at amount 0 nothing goes, and what is printed is what was done."""
    pattern = ("--granularity", "2:4", "--method", "keep")
    none = answer(capsys, *pattern, "--amount", "0")
    assert none["amount"] == none["sparsity"] == 0
    plain, said = answer(capsys, *pattern), answer(capsys, "--n", "2", "--m", "4", "--method", "keep", "--amount", ".5")
    assert plain["matrices"][0]["gone"] == said["matrices"][0]["gone"] > 0 and plain["amount"] == said["amount"] == 0.5
    spared = answer(capsys, *pattern, "--spare", "fc1.weight", "--own", "fc2.weight=0", "--own", "fc3.weight=.5")
    assert [one["gone"] * 2 // one["of"] for one in spared["matrices"]] == [0, 0, 1]


def test_what_a_recipe_file_says_of_units_is_no_mistake(capsys, tmp_path):
    written = Recipe(subject="digits_mlp", amount=0.8, pool="l2", gone=("fc1:3",))
    path = tmp_path / "recipe.json"
    path.write_text(recipe_file.write(recipe_file.to_table(written, "", "", {})), "utf-8")
    assert answer(capsys, "--recipe", str(path), "--method", "keep")["amount"] == 0.8
    said = trouble(capsys, *MODEL, "--recipe", str(path), "--back", "fc1:4")
    assert "--back is about whole units" in said


@pytest.mark.parametrize(
    ("scope", "criterion"), [("row", None), ("layer", None), ("owl", None), ("erk", None), ("global", "magnitude")]
)
def test_the_criterion_is_named_where_it_decides_how_much_each_matrix_gives(capsys, scope, criterion):
    """SparseGPT chooses within a matrix; globally, the criterion's scores are compared, and another one shares otherwise."""
    found = {one: answer(capsys, "--amount", ".8", "--scope", scope, "--criterion", one) for one in ("magnitude", "wanda")}
    gone = [[one["gone"] for one in each["matrices"]] for each in found.values()]
    assert (gone[0] != gone[1]) == (criterion is not None) and found["magnitude"]["criterion"] == criterion


def test_of_a_matrix_that_is_done_only_its_numbers_are_kept(capsys, monkeypatch):
    alive, steps = [], oneshot.Work.steps

    def watched(work):
        for one in steps(work):
            alive.append(weakref.ref(one.solved.weight))
            yield one
            assert sum(each() is not None for each in alive) <= 2, "the last one, and the one before it"

    monkeypatch.setattr(oneshot.Work, "steps", watched)
    answer(capsys, "--amount", ".8", "--method", "least_squares")
    assert len(alive) == 3


CARD = """
name = "Few words"
task = "language_modelling"
weights = "model.safetensors"
[architecture]
build = "transformers"
config = "config.json"
[data]
file = "held.txt"
tokenizer = "tokenizer.json"
window = 150
context = 32
"""


@pytest.fixture
def language_model(tmp_path, capsys):
    """A folder of a language model that names a held-out text and none to learn from."""
    place = families.folder("llama", tmp_path / "model")
    capsys.readouterr()  # the library shows how far it is
    (place / "subject.toml").write_text(CARD, "utf-8")
    return place


def calibrated(place, text: str, *more: str) -> list[str]:
    (place / "mine.txt").write_text(text, "utf-8")
    asked = ["--subject", str(place / "subject.toml"), "--calibration", str(place / "mine.txt"), "--amount", ".5"]
    return ["oneshot", *asked, "--method", "keep", "--samples", "4", *more]


def test_a_text_of_ones_own_calibrates_and_its_scope_looks_at_it_too(capsys, language_model):
    """Nothing else is there to look at: no text to learn from, and no quarter of the held-out one is set aside."""
    place = language_model
    found = []
    for text in ((place / "other.txt").read_text(), "w1 w2 w3 w4 w5 w6 " * 60):
        assert main(calibrated(place, text, "--scope", "owl", "--out", str(place / "out"), "--no-onnx", "--seed", "3")) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["samples"] == 4 and found[0]["n"] == found[1]["n"] == 11
    assert [one["gone"] for one in found[0]["matrices"]] != [one["gone"] for one in found[1]["matrices"]]
    title = card.load(place / "out").title
    assert title == "Few words, one shot (wanda, shares by OWL, 50%, mine.txt, seed 3)"


@pytest.mark.parametrize(("text", "few"), [("w1 w2 w3", True), ("w1 w2 w3 w4 w5 w6 " * 60, False)])
def test_a_text_that_is_too_short_for_a_fit_is_said(text, few, capsys, language_model):
    assert main(calibrated(language_model, text)) == 0
    notes = " ".join(json.loads(capsys.readouterr().out)["notes"])
    assert ("to look at, and the widest matrix has 48 inputs: give more text" in notes) == few


def record(out) -> dict:
    return json.loads((out / "removal.json").read_text("utf-8"))["mask"]


def test_the_record_tells_the_run_that_was_made_on_a_text(capsys, language_model):
    """SparseGPT chooses itself: no criterion decided. Without its text no link repeats the run, so there is none."""
    out = language_model / "out"
    asked = calibrated(language_model, "w1 w2 w3 w4 w5 w6 " * 60, "--out", str(out), "--no-onnx", "--seed", "3")
    asked = [*asked, "--method", "sparsegpt", "--n", "2", "--m", "4"]
    assert main(asked) == 0
    found, said = json.loads(capsys.readouterr().out), record(out)
    assert found["calibration"] == "mine.txt"
    sha256 = hashlib.sha256((language_model / "mine.txt").read_bytes()).hexdigest()
    assert said["calibration"] == {"file": "mine.txt", "sha256": sha256, "samples": 4} and said["link"] == ""
    wanted = {"criterion": None, "granularity": "2:4", "scope": "row", "amount": 0.5, "seed": 3, "calibration": "mine.txt"}
    assert {key: said["recipe"][key] for key in wanted} == wanted
    course = said["recipe"]["course"]
    assert (course["lab"], course["method"], course["batch"]) == ("oneshot", "sparsegpt", 4)
    assert said["removed"] == sum(one["gone"] for one in found["matrices"])
    assert str(language_model) not in (out / "removal.json").read_text("utf-8") and card.load(out).title


def test_the_record_names_the_split_and_a_link_that_makes_the_run_again(capsys, tmp_path):
    found = answer(capsys, "--amount", ".8", "--method", "keep", "--out", str(tmp_path / "out"), "--no-onnx")
    said = record(tmp_path / "out")
    assert found["calibration"] == "training" and said["calibration"] == {"split": "training", "samples": 64}
    assert (said["recipe"]["criterion"], said["recipe"]["scope"], said["recipe"]["amount"]) == ("wanda", "row", 0.8)
    again, _ = from_query(dict(parse_qsl(said["link"].removeprefix("?"))))
    assert (again.criterion, again.scope, again.amount, again.course.method) == ("wanda", "row", 0.8, "keep")
    assert card.load(tmp_path / "out").sha256


def test_the_dialog_takes_an_export_that_was_moved(capsys, language_model, tmp_path, monkeypatch):
    """«Bring your own» with the path of an export: its files are found by their plain names, and nothing leads out."""
    asked = calibrated(language_model, "w1 w2 w3 w4 w5 w6 " * 60, "--out", str(language_model / "out"), "--no-onnx")
    assert main(asked) == 0
    capsys.readouterr()
    place = Path(shutil.move(language_model / "out", tmp_path / "elsewhere"))
    shutil.rmtree(language_model)
    monkeypatch.setattr(visitor, "own_machine", lambda: True)
    taken = model.recognised(heap.from_path("me", place / "subject.toml", Caps()), "", Caps())
    with folders.furnished({at: one.path for at, one in taken.files.items()}) as laid:
        again = card.from_table({**taken.table, "data": taken.data}, laid, "again")
    here = card.load(place)
    assert again.sha256 == here.sha256 and again.data_sha256 == here.data_sha256 and again.title == here.title


@pytest.mark.parametrize("before", ["", "w1 ", "\n"])
def test_a_text_that_holds_the_held_out_one_is_refused_wherever_it_begins(capsys, language_model, before):
    held, other = ((language_model / name).read_text() for name in ("held.txt", "other.txt"))
    for text in (before + held, f"{other} {before}{held} {other}"):
        assert "windows of the held-out text, which is to judge" in trouble(capsys, *calibrated(language_model, text))


def test_topics_that_judge_are_refused_as_a_file(capsys, tmp_path):
    """The sample's held-out windows are cut out of one stream of topics: a file of them is cut elsewhere."""
    (tmp_path / "topics.txt").write_text("\n".join(language_reference.held_out()), "utf-8")
    asked = ["oneshot", "--subject", "reference_lm", "--calibration", str(tmp_path / "topics.txt")]
    assert "holds 96 of the 96 windows of the held-out text" in trouble(capsys, *asked)


def test_a_folder_is_no_text(capsys, tmp_path):
    asked = ["oneshot", "--subject", "reference_lm", "--calibration", str(tmp_path)]
    assert "is a folder: give the path of one text" in trouble(capsys, *asked)


def test_a_model_without_data_is_told_what_is_missing(capsys, tmp_path):
    place = families.folder("llama", tmp_path / "model")
    capsys.readouterr()  # a bar that transformers draws while it writes
    said = trouble(capsys, "oneshot", "--subject", str(place), "--amount", ".5")
    assert "'model' is a folder of a model, without data to measure it on: add --data FILE" in said


def test_a_layer_is_spared_by_the_name_that_the_app_shows(capsys):
    found = answer(capsys, "--method", "keep", "--spare", "fc1", "--samples", "4")
    assert "fc1.weight" not in [one["name"] for one in found["matrices"] if one["gone"]]


def test_the_help_says_what_one_shot_takes(capsys):
    """Every method by its name, the defaults, no unit that is refused; a mistake leads to this help."""
    with pytest.raises(SystemExit):
        main(["oneshot", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert all(name in said for name in reconstruct.shelf()) and "default: 128" in said and "0.5 if nothing is said" in said
    assert "wanda if nothing is said" in said and not re.search(r"neuron|head|--gone|--pool", said)
    with pytest.raises(SystemExit):
        main(["oneshot", "--amount", "much"])
    assert capsys.readouterr().err.endswith("see python -m pruneviz oneshot --help\n")


def test_a_folder_is_streamed_into_another(capsys, tmp_path):
    place = families.folder("llama", tmp_path / "model")
    asked = ["oneshot", "--subject", str(place), "--stream", "--calibration", str(place / "other.txt"), "--length", "16"]
    assert main([*asked, "--amount", ".5", "--out", str(tmp_path / "out")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["value"] is None and len(found["matrices"]) == 7 * families.LAYERS and found["calibration"] == "other.txt"
    assert all(one["gone"] * 2 == one["of"] for one in found["matrices"])
    assert (tmp_path / "out" / "config.json").is_file()
