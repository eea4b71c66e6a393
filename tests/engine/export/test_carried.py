"""What an export carries along: which files, under which names, up to which size."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from pruneviz.engine import evaluate
from pruneviz.engine.export import carried, folder, package
from pruneviz.engine.sources import card
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.recipe import Recipe
from tests.engine import families

RECIPE = Recipe(subject="some", granularity="weight", amount=0.5)


@pytest.fixture
def written(tmp_path):
    """A folder with a tokenizer under its usual name and a text."""
    place = tmp_path / "model"
    place.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "merges.txt", "mine.json", "vocab.bin", "notes.txt"):
        (place / name).write_text('{"x": 1}' if name.endswith("json") else "words", "utf-8")
    (place / "held out (1).txt").write_text("some words", "utf-8")
    return place


@pytest.mark.parametrize(
    ("tokenizer", "name", "files"),
    [
        (".", "tokenizer", {"tokenizer.json", "tokenizer_config.json", "merges.txt"}),
        ("tokenizer.json", "tokenizer", {"tokenizer.json", "tokenizer_config.json", "merges.txt"}),
        ("mine.json", "tokenizer/mine.json", {"mine.json", "tokenizer_config.json"}),
        ("vocab.bin", "tokenizer/vocab.bin", {"vocab.bin"}),
    ],
)
def test_a_tokenizer_goes_with_what_is_read_beside_it_and_nothing_else(written, tmp_path, tokenizer, name, files):
    (tmp_path / "out").mkdir()
    names, notes = carried.carry({"tokenizer": tokenizer, "file": "held out (1).txt"}, written, tmp_path / "out")
    assert names == {"tokenizer": name, "file": "data/held_out_1_.txt"} and notes == []
    assert {one.name for one in (tmp_path / "out" / "tokenizer").iterdir()} == files
    assert (tmp_path / "out" / "data" / "held_out_1_.txt").read_text() == "some words"


def test_two_texts_of_one_name_stay_two(written, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "notes.txt").write_text("others")
    names, _ = carried.carry({"file": "notes.txt", "training_file": "../notes.txt"}, written, tmp_path / "out")
    assert names == {"file": "data/notes.txt", "training_file": "data/2_notes.txt"}
    assert (tmp_path / "out" / "data" / "2_notes.txt").read_text() == "others"


def test_what_is_not_there_is_not_carried(written, tmp_path):
    (tmp_path / "out").mkdir()
    said = {"tokenizer": "gone", "file": "gone.txt", "set": "python_reference"}
    assert carried.carry(said, written, tmp_path / "out") == ({}, []) and not list((tmp_path / "out").iterdir())


def test_texts_that_are_too_large_stay_and_it_is_said(tmp_path, monkeypatch):
    """The held-out one keeps its path; the one to learn from is no longer named, and the export still loads."""
    monkeypatch.setattr(carried, "MOST", 1_000)
    one = families.subject(families.folder("llama", tmp_path / "model"))
    standing = evaluate.stand(one, RECIPE)
    made = package.write(one, RECIPE, standing, tmp_path / "out", convert=False)
    data = card.load(tmp_path / "out").origin.card["data"]
    assert data["file"] == "../model/held.txt" and data["tokenizer"] == "tokenizer" and "training_file" not in data
    said = [note for note in made.notes if "an export carries texts of at most 1 kB" in note]
    assert len(said) == 2 and said[0].startswith("held.txt has ") and "learn from was left out" in said[1]
    _, made = package.archive(one, RECIPE, standing, convert=False)
    assert any("Put held.txt beside subject.toml" in note for note in made.notes)


def test_equal_exports_of_a_text_model_are_equal_bytes_and_name_no_folder_of_this_machine(tmp_path):
    packed = []
    for at in ("one", "other"):
        one = families.subject(families.folder("llama", tmp_path / at / "model"))
        packed.append(package.archive(one, RECIPE, evaluate.stand(one, RECIPE), convert=False)[0])
    assert packed[0] == packed[1]
    held = zipfile.ZipFile(io.BytesIO(packed[0]))
    wanted = {"tokenizer/tokenizer.json", "data/held.txt", "data/other.txt"}
    assert wanted < set(held.namelist()) and all(str(tmp_path).encode() not in held.read(one) for one in held.namelist())


def test_the_built_in_text_stays_a_name(tmp_path):
    one = card.load("reference_lm")
    package.write(one, RECIPE, evaluate.stand(one, RECIPE), tmp_path / "out", convert=False)
    again = card.load(tmp_path / "out")
    assert again.origin.card["data"] == one.origin.card["data"] | {"tokenizer": "tokenizer"}
    assert again.data_sha256 == one.data_sha256 and not (tmp_path / "out" / "data").exists()


def test_an_export_with_its_files_is_replaced_and_one_with_somebody_elses_is_not(tmp_path):
    one, out = families.subject(families.folder("llama", tmp_path / "model")), tmp_path / "out"
    standing = evaluate.stand(one, RECIPE)
    package.write(one, RECIPE, standing, out, convert=False)
    package.write(card.load(out), RECIPE, standing, out, convert=False)
    assert json.loads((out / "removal.json").read_text())["subject"]["name"] == "out"
    for name in ("data/mine.txt", "tokenizer/mine.json"):
        (out / name).write_text("mine")
        with pytest.raises(SubjectError, match=f"holds '{name}' beside an export"):
            folder.check(out)
        (out / name).unlink()
    folder.check(out)
