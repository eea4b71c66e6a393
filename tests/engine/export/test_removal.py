"""removal.json: what was written is read again as it was; whatever else is read, the answer is one SubjectError."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn

from pruneviz.engine.export import removal
from pruneviz.engine.export.removal import Record, Step
from pruneviz.engine.export.replay import replay
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.structure.surgery import Removal


class Small(nn.Module):
    """Two matrices with a count of heads beside them: 6 → 4 → 3."""

    def __init__(self):
        super().__init__()
        self.heads = 4
        self.one, self.two = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.two(self.one(x).relu())


STEPS = (
    Step(
        Removal(
            slices=(("one.weight", 0, (0, 1, 3)), ("one.bias", 0, (0, 1, 3)), ("two.weight", 1, (0, 1, 3))),
            repairs=(("", "heads", 3),),
        ),
        {"subject": "small", "amount": 0.25},
        "?s=25",
        27,
    ),
    Step(Removal((("one.weight", 0, (2,)), ("one.bias", 0, (2,)), ("two.weight", 1, (2,)))), {}, "", 10),
)
RECORD = Record("digits_mlp", {"classes": 10}, STEPS, "f" * 64, {"subject": {"name": "smäll"}, "mask": None, "proof": None})
TABLE = json.loads(removal.text(RECORD))


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(one.shape) for name, one in network.state_dict().items()}


def sealed(table: dict) -> str:
    return json.dumps(table | {"seal": removal.seal(table)})


def test_a_record_is_read_as_it_was_written():
    found = removal.parse(removal.text(RECORD))
    assert (found.architecture, found.arguments, found.steps) == (RECORD.architecture, RECORD.arguments, RECORD.steps)
    assert found.weights_sha256 == "f" * 64 and found.facts["subject"] == {"name": "smäll"}
    assert removal.text(found) == removal.text(RECORD)


def test_steps_are_done_one_after_the_other():
    """Of the rows 0 1 2 3 the first step leaves 0 1 3, and of these the second leaves the last: row 3."""
    network = Small()
    before = {name: one.clone() for name, one in network.state_dict().items()}
    smaller = replay(network, STEPS)
    assert torch.equal(smaller.one.weight, before["one.weight"][3:]) and torch.equal(
        smaller.one.bias, before["one.bias"][3:]
    )
    assert torch.equal(smaller.two.weight, before["two.weight"][:, 3:])
    assert (smaller.one.out_features, smaller.two.in_features, smaller.heads) == (1, 1, 3)


@given(some.sets(some.integers(0, 300)))
def test_positions_are_written_as_ranges_and_read_again(positions):
    kept = tuple(sorted(positions))
    assert removal._positions(removal.ranges(kept), [1000]) == kept


def test_tensors_that_lose_the_same_positions_name_them_once():
    assert TABLE["steps"][0]["stays"] == ["0-1,3"]


@pytest.mark.parametrize(
    ("ranges", "word"),
    [
        ("3,1", "increase"),
        ("1,1", "increase"),
        ("4-2", "increase"),
        ("-1", "like 0-4,6"),
        ("1,", "like 0-4,6"),
        ("٣", "like 0-4"),
    ]
    + [("0-999999999", "more than"), ("0-3999999,5000000", "more than"), (7, "like 0-4,6")],
)
def test_positions_that_are_none_are_refused(ranges, word):
    table = copy.deepcopy(TABLE)
    table["steps"][0]["stays"] = [ranges]
    with pytest.raises(SubjectError, match=word):
        removal.parse(sealed(table))


def changed(path: list, value: object) -> str:
    table = copy.deepcopy(TABLE)
    place = table
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return sealed(table)


STEP = ["steps", 0]


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        (["format"], "somebody else's", "format"),
        (["version"], 2, "reads version 1"),
        (["version"], True, "reads version 1"),
        (["extra"], 1, "extra"),
        (["architecture"], {"build": "digits_mlp"}, "architecture"),
        (["weights"], {"file": "weights.safetensors", "sha256": 3}, "weights"),
        (["steps"], {}, "steps"),
        (["steps"], [{}] * 1001, "at most"),
        ([*STEP, "surprise"], 1, "just the keys"),
        ([*STEP, "recipe"], [], "recipe"),
        ([*STEP, "parameters"], -1, "parameters"),
        ([*STEP, "parameters"], True, "parameters"),
        ([*STEP, "slices"], [["one.weight", 0, 1]], "slice"),
        ([*STEP, "slices"], [["one.weight", -1, 0]], "slice"),
        ([*STEP, "slices"], [["one.weight", 0, 0]] * 2, "cut twice"),
        ([*STEP, "slims"], [["one"]], "slims are not pairs"),
        ([*STEP, "repairs"], [["", "heads", 1.0]], "repair"),
        ([*STEP, "repairs"], [["", "training", 0]], "may set"),
        ([*STEP, "repairs"], [["", "__class__", 0]], "may set"),
        ([*STEP, "repairs"], [["", "one.heads", 0]], "may set"),
        ([*STEP, "repairs"], [["", "forward.__globals__.heads", 0]], "may set"),
        ([*STEP, "blocks"], [3], "blocks"),
        ([*STEP, "biases"], ["one", "one"], "biases are no distinct names"),
        ([*STEP, "unfolded"], [["one:1", 3]], "unfolded are not pairs"),
        ([*STEP, "blocks"], ["one", "one"], "distinct"),
    ],
)
def test_a_record_that_breaks_a_rule_is_refused_in_one_sentence(path, value, word):
    with pytest.raises(SubjectError, match=word) as caught:
        removal.parse(changed(path, value))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ([*STEP, "slices", 0, 0], "three.weight", "no tensor 'three.weight'"),
        ([*STEP, "slices", 0, 0], "forward", "no tensor 'forward'"),
        ([*STEP, "slices", 0, 1], 2, "no axis 2"),
        ([*STEP, "stays"], ["0-1,4"], "has 4 positions and no 4"),
        ([*STEP, "slims"], [["three", "multihead_attention"]], "no module 'three'"),
        ([*STEP, "slims"], [["one", "no such kind"]], "cannot be done"),
        ([*STEP, "repairs"], [["", "heads", 5]], "is 4 and cannot become 5"),
        ([*STEP, "repairs"], [["one", "heads", 1]], "no whole number"),
        ([*STEP, "repairs"], [["", "config.heads", 1]], "no whole number"),
        ([*STEP, "blocks"], ["three"], "no module 'three'"),
        ([*STEP, "biases"], ["three"], "no module 'three'"),
        ([*STEP, "blocks"], ["one"], "cannot be done"),
    ],
)
def test_a_record_that_does_not_fit_the_network_is_refused_in_one_sentence(path, value, word):
    record = removal.parse(changed(path, value))
    with pytest.raises(SubjectError, match=word) as caught:
        replay(Small(), record.steps)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        "[" * 100_000,
        '{"format": 1, "format": 1}',
        '{"version": NaN}',
        '{"version": ' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_record_is_refused(text):
    with pytest.raises(SubjectError):
        removal.parse(text)


def test_a_number_too_large_for_a_float_is_refused():
    """1e999 is JSON, and infinite once it is read."""
    with pytest.raises(SubjectError):
        removal.parse(removal.text(RECORD).replace('"parameters": 27', '"parameters": 1e999'))


def test_a_changed_letter_is_noticed():
    with pytest.raises(SubjectError, match="seal"):
        removal.parse(removal.text(RECORD).replace("smäll", "small"))


PLAIN = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@some.composite
def mutated(draw):
    """The record with one part of it, anywhere, replaced, left out, or doubled; sealed again, as a stranger would."""
    table = copy.deepcopy(TABLE)
    place: dict | list = table
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(some.sampled_from(keys))
        inner = place[key]
        if isinstance(inner, dict | list) and inner and draw(some.booleans()):
            place = inner
            continue
        how = draw(some.sampled_from(["replace", "drop", "nudge"]))
        if how == "drop":
            del place[key]
        elif how == "nudge" and type(inner) is int:
            place[key] = inner + draw(some.sampled_from([-1, 1, 2**40]))
        elif how == "nudge" and isinstance(inner, str) and inner:
            at = draw(some.integers(0, len(inner) - 1))
            place[key] = inner[:at] + draw(some.characters()) + inner[at + 1 :]
        else:
            place[key] = draw(PLAIN)
        return table


@given(mutated())
def test_a_mutated_record_loads_or_is_refused_and_never_anything_else(table):
    """Whatever comes through has cut the network just where it says, and set nothing but its number of heads."""
    network = Small()
    try:
        record = removal.parse(sealed(table))
        smaller = replay(network, record.steps)
    except SubjectError:
        return
    assert set(vars(smaller)) == set(vars(Small())) and type(smaller) is Small and 0 <= smaller.heads <= 4
    wanted = shapes(Small())
    for step in record.steps:
        for name, axis, stay in step.removal.slices:
            wanted[name] = tuple(len(stay) if at == axis else size for at, size in enumerate(wanted[name]))
    assert shapes(smaller) == wanted


@given(some.binary(max_size=4), some.data())
def test_a_damaged_text_loads_equal_or_is_refused(noise, data):
    text = removal.text(RECORD)
    at = data.draw(some.integers(0, len(text)))
    damaged = text[:at] + noise.decode("latin-1") + text[at + len(noise) :]
    try:
        found = removal.parse(damaged)
    except SubjectError:
        return
    assert json.loads(removal.text(found)) == TABLE
