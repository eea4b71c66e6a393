"""The README's tables are generated from the code, and are what the code says today."""

from tests.readme_table import README, with_tables


def test_the_tables_are_current():
    text = README.read_text("utf-8")
    assert with_tables(text) == text, "the README's tables are old: run `make fix`"


def test_the_two_commands_are_there():
    text = README.read_text("utf-8")
    assert "make app" in text and "make test" in text
