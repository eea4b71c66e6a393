"""What lies on a shelf is found, imported only when it is looked at, and has words."""

from __future__ import annotations

import sys

import pytest

from pruneviz.engine import looking


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A package of two things and something private; the second says nothing of itself."""
    place = tmp_path / "a_shelf_of_tests"
    place.mkdir()
    (place / "__init__.py").write_text("")
    (place / "second.py").write_text("name = 'b'\n")
    (place / "first.py").write_text('"""What it is.\n\n    More.\n"""\nname = "a"\n')
    (place / "_private.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield place.name
    for name in [name for name in sys.modules if name.partition(".")[0] == place.name]:
        del sys.modules[name]


def test_what_lies_there_is_found_by_name_and_not_imported(shelf):
    assert looking.names(shelf) == ["first", "second"] and f"{shelf}.first" not in sys.modules
    assert {name: module.name for name, module in looking.look(shelf).items()} == {"first": "a", "second": "b"}


def test_who_has_no_words_is_named(shelf):
    found = looking.look(shelf)
    assert looking.text(found["first"]) == "What it is.\n\nMore."
    with pytest.raises(ValueError, match="a_shelf_of_tests/second.py has no docstring: it is the text that visitors read"):
        looking.text(found["second"])
