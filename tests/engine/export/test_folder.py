"""The folder of an export: whole or not at all, and never over what somebody else put there."""

from __future__ import annotations

import json

import pytest

from pruneviz.engine.export import folder
from pruneviz.engine.export.removal import FORMAT, NAME
from pruneviz.engine.sources.gate import SubjectError


def names(place) -> set[str]:
    return {path.name for path in place.iterdir()}


def export(place, weights: str) -> None:
    place.mkdir(exist_ok=True)
    (place / NAME).write_text(json.dumps({"format": FORMAT}))
    (place / "weights.safetensors").write_text(weights)


def test_a_new_an_empty_and_an_earlier_folder_are_taken(tmp_path):
    empty, earlier = tmp_path / "empty", tmp_path / "earlier"
    empty.mkdir()
    export(earlier, "old")
    for out in (tmp_path / "deep" / "new", empty, earlier):
        with folder.replacing(folder.check(out)) as place:
            (place / "weights.safetensors").write_text("new")
        assert names(out) == {"weights.safetensors"} and (out / "weights.safetensors").read_text() == "new"
    assert names(tmp_path) == {"deep", "empty", "earlier"}


def test_an_export_that_breaks_leaves_everything_as_it_was(tmp_path):
    earlier = tmp_path / "earlier"
    export(earlier, "old")
    for out in (earlier, tmp_path / "new"):
        with pytest.raises(ZeroDivisionError), folder.replacing(folder.check(out)) as place:
            (place / "weights.safetensors").write_text("new")
            raise ZeroDivisionError
    assert (earlier / "weights.safetensors").read_text() == "old" and names(tmp_path) == {"earlier"}


def test_what_appears_in_the_folder_meanwhile_is_not_lost(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(SubjectError, match="no export"), folder.replacing(folder.check(out)):
        out.mkdir()
        (out / "thesis.txt").write_text("years of work")
    assert (out / "thesis.txt").read_text() == "years of work" and names(tmp_path) == {"out"}


def test_a_rename_that_fails_brings_the_earlier_export_back(tmp_path, monkeypatch):
    earlier = tmp_path / "earlier"
    export(earlier, "old")
    replace = folder.os.replace

    def failing(source, target):
        if str(source).endswith(".new"):
            raise OSError("no space left")
        replace(source, target)

    monkeypatch.setattr(folder.os, "replace", failing)
    with pytest.raises(OSError, match="no space left"), folder.replacing(earlier):
        pass
    assert (earlier / "weights.safetensors").read_text() == "old" and names(tmp_path) == {"earlier"}


@pytest.mark.parametrize("held", ["thesis.txt", "removal.json", "weights.safetensors"])
def test_a_folder_with_other_files_is_refused(tmp_path, held):
    (tmp_path / held).write_text("{}")
    with pytest.raises(SubjectError, match="is no export"):
        folder.check(tmp_path)


def test_an_export_with_somebody_elses_file_in_it_is_refused(tmp_path):
    export(tmp_path, "old")
    (tmp_path / "__pycache__").mkdir()
    assert folder.check(tmp_path) == tmp_path
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SubjectError, match="'thesis.txt' beside an export"):
        folder.check(tmp_path)


def test_what_cannot_be_a_folder_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    for out in ("", tmp_path / "file", tmp_path / "file" / "deeper", "nul\0byte", "x" * 5000):
        with pytest.raises(SubjectError) as caught, folder.replacing(folder.check(out)):
            pass
        assert "\n" not in str(caught.value)
