"""Which output a folder or a label means: by name, by number, as the card says; never by order without a word."""

from __future__ import annotations

import pytest

from pruneviz.engine.sources.class_names import FOLDERS, LABELS, ClassOrder, outputs
from pruneviz.engine.sources.gate import SubjectError

PETS = ("cat", "dog", "guinea pig")


def test_by_the_outputs_names_whatever_the_folders_order():
    assert outputs(["dog", "cat"], PETS, None, FOLDERS) == {"cat": 0, "dog": 1}
    assert outputs(["Guinea_Pig", "DOG"], PETS, None, FOLDERS) == {"Guinea_Pig": 2, "DOG": 1}
    assert outputs(["goldfish"], ("tench, Tinca tinca", "goldfish, Carassius auratus"), None, FOLDERS) == {"goldfish": 1}


def test_as_the_card_says():
    assert outputs(["a", "b"], PETS, ["b", "x", "a"], FOLDERS) == {"a": 2, "b": 0}
    assert outputs(["1", "2"], (), ["2", "1"], LABELS) == {"1": 1, "2": 0}


def test_numbers_count_outputs_where_their_order_leaves_no_doubt():
    assert outputs(["0", "1", "2"], (), None, FOLDERS) == {"0": 0, "1": 1, "2": 2}
    assert outputs(["00", "10", "02"], (), None, FOLDERS) == {"00": 0, "02": 2, "10": 10}
    # Sorted as texts, 10 comes before 2: whoever trained on such folders has another order than the numbers say.
    with pytest.raises(ClassOrder):
        outputs(map(str, range(11)), (), None, FOLDERS)
    # In a list of labels a number is a number.
    assert outputs(map(str, range(11)), (), None, LABELS)["10"] == 10


@pytest.mark.parametrize(
    ("names", "classes", "word"),
    [
        (["cat", "dog"], (), "nothing says which of the network's outputs the 2 folders (cat, dog) mean"),
        (["cat", "horse"], PETS, "are not the names of the network's outputs"),
        (["crane"], ("crane", "crane", "dog"), "are not the names"),
        (["cat", "Cat"], PETS, "are not the names"),
        (["n01440764", "n01443537"], PETS, "are not the names"),
    ],
)
def test_everything_else_is_a_question_with_the_names_to_choose_from(names, classes, word):
    with pytest.raises(ClassOrder) as caught:
        outputs(names, classes, None, FOLDERS)
    assert word in str(caught.value) and caught.value.code == "class-order"
    assert caught.value.choices == tuple(sorted(names))
    assert isinstance(caught.value, SubjectError)


def test_a_list_that_is_too_short_or_names_one_twice():
    with pytest.raises(ClassOrder, match="does not name 1 of the folders") as caught:
        outputs(["a", "b"], (), ["a"], FOLDERS)
    assert caught.value.choices == ("a", "b")
    with pytest.raises(SubjectError, match="twice"):
        outputs(["a"], (), ["a", "A"], FOLDERS)


def test_names_of_strangers_are_cut_and_made_visible():
    with pytest.raises(ClassOrder) as caught:
        outputs(["x" * 5000, "\u202egpj"], (), None, FOLDERS)
    assert len(str(caught.value)) < 500 and "\u202e" not in str(caught.value)
