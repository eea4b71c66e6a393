"""A link says what it was made with, carries its card within bounds, and never leads anywhere."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.query import from_query, to_query
from pruneviz.recipe import Recipe
from pruneviz.studio.library import File, Held
from pruneviz.studio.link import travel

REFERENCE = "own:0123456789abcdef01234567"
CARD = {"name": "Mine", "weights": "model/w.pth", "architecture": {"build": "lenet5"}, "data": {"file": "data/data.zip"}}
FILES = {
    "model/w.pth": File("we:ird~%name.pth", "ab" * 32, 7, Path("/nowhere/1")),
    "data/data.zip": File("cats & dogs.zip", "cd" * 32, 9, Path("/nowhere/2")),
}
HELD = Held(REFERENCE, CARD, FILES, "ab" * 32, "cd" * 32)


def test_a_link_says_which_files_it_was_made_with_and_how_they_fit_together():
    sealed = travel.sealed(Recipe(subject=REFERENCE, amount=0.9), (HELD.sha256, HELD.data_sha256), HELD)
    opened, words = from_query(to_query(sealed))
    assert words == [] and opened == sealed and travel.bare(opened) == Recipe(subject=REFERENCE, amount=0.9)
    assert (opened.model_sha, opened.data_sha) == ("ab" * 8, "cd" * 8)
    wanted = {one.place: one for one in travel.needed(opened)}
    assert {place: (one.name, one.sha256) for place, one in wanted.items()} == {
        "model/w.pth": ("we:ird~%name.pth", "ab" * 8),
        "data/data.zip": ("cats & dogs.zip", "cd" * 8),
    }
    assert wanted["model/w.pth"].fits(FILES["model/w.pth"]) and not wanted["model/w.pth"].fits(FILES["data/data.zip"])
    assert travel.unpack(opened.card) == CARD
    assert "/nowhere" not in str(to_query(sealed)), "a link says nothing of where files lie"


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_any_letters_are_a_card_or_none(letters):
    found = travel.unpack(letters)
    assert found is None or isinstance(found, dict)


@given(
    st.recursive(
        st.text(max_size=9) | st.integers() | st.booleans(), lambda inner: st.lists(inner, max_size=3), max_leaves=9
    )
)
def test_what_is_packed_comes_out_as_it_was(value):
    assert travel.unpack(travel.pack({"x": value})) == {"x": value}


def test_a_card_that_swells_is_not_opened_and_one_that_is_too_long_does_not_travel():
    bomb = base64.urlsafe_b64encode(zlib.compress(json.dumps({"x": "0" * 10_000_000}).encode())).decode()
    assert len(bomb) < 20_000 and travel.unpack(bomb) is None
    deep = base64.urlsafe_b64encode(zlib.compress(("[" * 100_000).encode())).decode()
    assert travel.unpack(deep) is None
    assert travel.pack({"classes": [f"{at:x}-{at**7:x}" for at in range(1_000)]}) == ""


@pytest.mark.parametrize(
    "need", ["../x:a:0123456789abcdef", "model/..:a", "model/x:a:xyz", "x:y:0123456789abcdef", "model/x"]
)
def test_a_file_that_a_link_cannot_need_is_left_out(need):
    assert travel.needed(Recipe(subject=REFERENCE, files=(need,))) == []


def test_other_files_than_the_links_are_said_and_equal_ones_are_not():
    recipe = Recipe(model_sha="ab" * 8, data_sha="cd" * 8)
    assert travel.difference(recipe, ("ab" * 32, "cd" * 32)) is None
    assert travel.difference(recipe, None) is None and travel.difference(Recipe(), ("ab" * 32, "cd" * 32)) is None
    said = travel.difference(recipe, ("ab" * 32, "ef" * 32))
    assert "made with other data than" in said and "cdcdcdcdcdcd" in said and "efefefefefef" in said
