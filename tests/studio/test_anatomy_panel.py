"""What travels between Python and the anatomy: nothing lost on the way down, nothing foreign on the way up."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from pruneviz.recipe import Recipe
from pruneviz.report import GroupReport
from pruneviz.studio import cutting, portraits, units
from pruneviz.studio.anatomy import Anatomy, Picture, Toggle, Units, toggle_of
from pruneviz.studio.anatomy.panel import payload


def group(**changes: object) -> Units:
    """Three filters: the weakest is gone at a third, the strongest never goes."""
    plain = {"name": "conv1", "label": "conv1", "kind": "strip", "kept": np.array([True, False, True])}
    plain |= {"scores": np.array([0.2, 0.1, 0.3]), "leaves": np.array([0.5, 0.2, 2.0]), "forced": np.zeros(3, np.int8)}
    return Units(**{**plain, **changes})


def shown(*groups: Units, amount: float = 30.0) -> Anatomy:
    return Anatomy(amount, "filters", "filter", "mean |w|", groups or (group(),))


def unpacked(data: str, kind: str) -> list:
    return np.frombuffer(base64.b64decode(data), kind).tolist()


def test_every_unit_arrives_with_its_importance_its_leaving_and_its_state():
    said = json.loads(json.dumps(payload(shown(group(forced=np.array([0, 1, -1])))), allow_nan=False))
    (one,) = said["groups"]
    assert unpacked(one["kept"], "u1") == [1, 0, 1] and unpacked(one["forced"], "i1") == [0, 1, -1]
    assert unpacked(one["scores"], "<f4") == pytest.approx([0.2, 0.1, 0.3])
    assert unpacked(one["leaves"], "<f4") == pytest.approx([0.5, 0.2, 2.0]) and one["natural"] is None


def test_what_the_rank_alone_would_do_travels_where_a_hand_changed_it():
    one = payload(shown(group(natural=np.array([0.5, 0.2, 0.9]))))["groups"][0]
    assert unpacked(one["natural"], "<f4") == pytest.approx([0.5, 0.2, 0.9])


def test_the_key_changes_with_the_units_and_not_with_their_state():
    key = payload(shown())["key"]
    assert payload(shown(group(kept=np.ones(3, bool)), amount=10))["key"] == key
    assert payload(shown(replace(group(), name="conv2")))["key"] != key


@given(some.lists(some.floats(-1, 1, width=32), min_size=4, max_size=4))
def test_a_weight_keeps_its_sign_and_a_gap_is_no_weight(values):
    cells = np.array(values, np.float32).reshape(1, 2, 2)
    cells[0, 1, 1] = np.nan
    sent = payload(shown(group(picture=Picture(cells, 2, 2, 1, 0, 1, 1))))["groups"][0]["picture"]
    bytes_ = unpacked(sent["cells"], "u1")
    assert bytes_[3] == 0 and all(1 <= byte <= 255 for byte in bytes_[:3])
    for value, byte in zip(values[:3], bytes_[:3], strict=True):
        assert abs((byte - 128) / 127 - value) <= 0.5 / 127 + 1e-6


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (lambda: group(kind="pie"), "wall, matrix"),
        (lambda: group(scores=np.zeros(2)), "3 units but 2 scores"),
        (lambda: shown(amount=101.0), "not a percent"),
        (lambda: shown(amount=float("nan")), "not a percent"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(broken, word):
    with pytest.raises(ValueError, match=word):
        broken()


def test_a_switch_is_a_unit_and_what_to_do_with_it():
    assert toggle_of({"nonce": 1, "unit": "layer1.0:conv:17", "gone": True}) == Toggle("layer1.0:conv:17", True)
    assert toggle_of({"unit": "conv1:0", "gone": None}).gone is None


@pytest.mark.parametrize(
    "event",
    [
        {"unit": "conv1", "gone": True},
        {"unit": "conv1:x", "gone": True},
        {"unit": ":1", "gone": True},
        {"unit": 3, "gone": True},
        {"unit": "a" * 600 + ":1", "gone": True},
        {"unit": "conv1:1", "gone": "yes"},
        {},
    ],
)
def test_a_browser_can_send_anything_and_nothing_foreign_is_taken(event):
    with pytest.raises(ValueError, match="not a unit|does not say"):
        toggle_of(event)


def test_kernels_lie_slice_by_slice_each_on_its_own_scale():
    """Two filters with two input slices of 1×2: the slices lie beside each other, one gap between them."""
    kernels = np.array([[[[1.0, -2.0]], [[4.0, 0.0]]], [[[0.5, 0.25]], [[0.0, -0.5]]]], np.float32)
    drawn = portraits._picture(kernels)
    expected = [[[0.25, -0.5, np.nan, 1, 0]], [[1, 0.5, np.nan, 0, -1]]]
    np.testing.assert_allclose(drawn.cells, expected)
    assert (drawn.high, drawn.wide, drawn.across, drawn.gap, drawn.slices, drawn.inputs) == (1, 2, 2, 1, 2, 2)


def test_of_too_many_slices_the_strongest_are_drawn_and_the_note_says_so():
    kernels = np.ones((1, 600, 3, 3), np.float32) * np.arange(600)[None, :, None, None]
    drawn = portraits._picture(kernels)
    assert drawn.slices < drawn.inputs == 600 and drawn.cells[0].size <= portraits.CELLS
    assert f"strongest {drawn.slices} of 600" in drawn.note
    assert np.nanmin(drawn.cells) == pytest.approx((600 - drawn.slices) / 599, rel=1e-5)


def test_every_filter_of_a_model_is_drawn_as_it_is():
    drawn, model = portraits.portraits("digits_cnn", "filter"), units.kitchen.subject("digits_cnn")
    first = model.network.conv1.weight.detach().numpy()[:, 0]
    np.testing.assert_allclose(drawn["conv1"].cells, first / np.abs(first).max(axis=(1, 2), keepdims=True), rtol=1e-5)
    assert drawn["conv2"].inputs == 32 and drawn["conv2"].slices == 32


def test_neurons_that_look_at_the_image_are_drawn_as_images():
    drawn = portraits.portraits("digits_mlp", "neuron")
    assert [*drawn] == ["fc1"] and drawn["fc1"].cells.shape == (300, 8, 8)


def test_what_hangs_on_a_filter_is_its_batchnorm_and_the_next_layers_inputs():
    norm, reader = units.hangs("digits_cnn", "filter")["conv1"]
    assert (norm.words, norm.numbers, norm.group) == ("bn1 row {i}", 4, "")
    assert (reader.words, reader.numbers, reader.group) == ("conv2 input {i}", 576, "conv2")
    assert units.readers(Recipe(granularity="filter"))["conv1"] == ("conv2", 576)


def test_a_coupled_filter_names_those_that_go_with_it():
    words = [one.words for one in units.hangs("digits_resnet", "filter")["conv1"]]
    assert "layer1.0.conv2 filter {i}" in words and "layer1.1.conv2 filter {i}" in words
    assert not any(one.startswith("conv1 filter") for one in words), "that is the unit itself"


def test_a_hand_is_remembered_where_it_was():
    three = GroupReport("conv1", "conv1", "filter", 3, *(np.ones(3),) * 3)
    recipe = Recipe(granularity="filter", gone=("conv1:2", "conv2:0"), back=("conv1:0",))
    assert units.forced(recipe, three).tolist() == [-1, 0, 1]


def test_half_of_a_matrix_goes_in_three_ways():
    """|w| = 1 … 16 in a 4×4 matrix: the smaller half are the first two rows; whole rows and columns cost one of each."""
    sizes = np.arange(1.0, 17).reshape(4, 4)
    assert cutting.scattered(sizes).sum(axis=1).tolist() == [0, 0, 4, 4]
    kept = cutting.crossed(sizes)
    assert kept.sum() == 9 and not kept[0].any() and not kept[:, 0].any()


def test_two_of_every_four_inputs_stay_in_the_third_way():
    free, lines, pattern = cutting.holes("digits_cnn", "conv2.weight")
    assert free.kept.shape == lines.kept.shape == pattern.kept.shape == (64, 288)
    assert (pattern.kept.reshape(64, -1, 4).sum(axis=2) == 2).all(), "neighbouring inputs lie side by side"
    assert free.zeros == pytest.approx(0.5, abs=1e-3) and lines.zeros == pytest.approx(0.5, abs=0.02)
    assert lines.smaller == (45, 204) and free.smaller == pattern.smaller == (64, 288)
