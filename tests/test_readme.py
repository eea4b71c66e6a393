"""The README's tables are generated from the code, and are what the code says today; its commands are commands."""

from __future__ import annotations

import re
import shlex

import pytest

from pruneviz import recipe_file
from pruneviz.__main__ import _parser
from pruneviz.recipe import Recipe
from tests.readme_table import README, with_tables


def test_the_tables_are_current():
    text = README.read_text("utf-8")
    assert with_tables(text) == text, "the README's tables are old: run `make fix`"


def test_the_two_commands_are_there():
    text = README.read_text("utf-8")
    assert "make app" in text and "make test" in text


def commands() -> list[list[str]]:
    """The arguments of every line that calls the command line."""
    lines = [line for line in README.read_text("utf-8").splitlines() if line.startswith("python -m pruneviz")]
    return [shlex.split(line, comments=True)[3:] for line in lines]


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_is_one_that_the_parser_knows(arguments, tmp_path, monkeypatch, capsys):
    (tmp_path / "recipe.json").write_text(
        recipe_file.write(recipe_file.to_table(Recipe(subject="digits_mlp"), "", "", {})), "utf-8"
    )
    monkeypatch.chdir(tmp_path)
    try:
        chosen = _parser().parse_args(arguments)
    except SystemExit:
        raise AssertionError(capsys.readouterr().err) from None
    assert callable(chosen.run)


def test_every_option_that_it_names_is_one_of_the_parsers():
    """Those in running text, between back ticks: each is an option of some command."""
    said = re.findall(r"`(--[a-z-]+)", README.read_text("utf-8"))
    commands = next(one.choices for one in _parser()._actions if one.choices)
    known = {option for command in commands.values() for option in command._option_string_actions}
    assert len(said) > 5 and set(said) <= known, set(said) - known
