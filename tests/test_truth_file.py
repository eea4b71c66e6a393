"""Files of times come from anywhere: each is a Truth or one sentence, and never anything else."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz import truth_file
from pruneviz.truths import CSR, Crossing, Timed, Truth
from tests.test_truths import HERE, spread, truth

CROSSING = Crossing("fc1", (300, 64), 1, (0.5, 0.9), (3.0, 0.5), (2.5, 0.4), (3.5, 0.6), 33)
WHOLE = replace(
    truth(),
    machine=replace(HERE, gpu="Some GPU", load=0.5),
    difference=1e-7,
    crossings=(CROSSING, replace(CROSSING, what="", shape=())),
    missing=(("semi", "needs another GPU; not here"),),
    complete=True,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def table() -> dict:
    return json.loads(json.dumps(truth_file.to_table(WHOLE)))


def paths(value, before=()):
    yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from paths(one, (*before, key))


def changed(path: tuple, value) -> dict:
    found = table()
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return found


def answer(data: bytes) -> Truth | str:
    """The Truth, or the one sentence."""
    try:
        return truth_file.read(data)
    except ValueError as problem:
        assert str(problem).startswith(("this file cannot be shown", "the file has")) and "\n" not in str(problem)
        assert len(str(problem)) < 400
        return str(problem)


def test_what_was_written_is_read():
    assert truth_file.read(json.dumps(truth_file.to_table(WHOLE)).encode()) == WHOLE
    assert truth_file.read(json.dumps(truth_file.to_table(truth())).encode()) == truth()


@given(st.data())
def test_any_change_is_a_truth_or_a_sentence(data):
    path = data.draw(st.sampled_from([path for path in paths(table()) if path]))
    found = answer(json.dumps(changed(path, data.draw(VALUES))).encode())
    if isinstance(found, Truth):  # then it is one that can be written and read again
        assert truth_file.from_table(json.loads(json.dumps(truth_file.to_table(found)))) == found


@given(st.binary(max_size=200))
def test_any_bytes_are_a_sentence(data):
    assert isinstance(answer(data), str)


SAID = [path for path in paths(table()) if path and not isinstance(path[-1], int) and path != ("tokens",)]


@pytest.mark.parametrize("path", SAID)
def test_nothing_may_be_missing_and_nothing_too_much(path):
    short, long = table(), table()
    for found, change in ((short, lambda place, key: place.pop(key)), (long, lambda place, _: place.update(more=1))):
        place = found
        for key in path[:-1]:
            place = place[key]
        change(place, path[-1])
        assert isinstance(answer(json.dumps(found).encode()), str)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("machine", "processor"), "<img src=x onerror=alert(1)>"),
        (("machine", "processor"), "![pixel](http://elsewhere/x.png)"),
        (("machine", "processor"), ""),
        (("subject",), "a" * 500),
        (("amount",), 1.5),
        (("batch",), 0),
        (("batch",), True),
        (("stored", 0, "way"), "magic"),
        (("stored", 0, "nonzero"), 101),
        (("stored", 0, "dense"), -1),
        (("stored", 0, "dense"), 10**30),
        (("times", 0, "milliseconds", "low"), 9.0),
        (("times", 0, "milliseconds", "median"), 1e400),
        (("times", 1, "device"), "tpu"),
        (("crossings", 0, "ratios"), [1.0]),
        (("crossings", 0, "sparsities"), [0.9, 0.5]),
        (("crossings", 0, "lows"), [0.0, 0.0]),
        (("missing",), [["semi"]]),
        (("version",), 2),
        (("kind",), "something else"),
    ],
)
def test_what_cannot_be_is_refused(path, value):
    assert isinstance(answer(json.dumps(changed(path, value)).encode()), str)


def test_names_that_occur_twice_and_deep_nests_are_refused():
    text = json.dumps(table())
    assert isinstance(answer(text.replace('"batch":', '"batch": 1, "batch":', 1).encode()), str)
    assert isinstance(answer(b"[" * 100_000), str) and isinstance(answer(b'{"kind": ' * 5_000), str)


def test_a_large_file_is_not_even_parsed():
    assert "bytes" in answer(b" " * (truth_file.LARGEST + 1))


def test_a_list_of_any_length_is_bounded():
    one = truth_file.to_table(WHOLE)["times"][0]
    assert isinstance(answer(json.dumps({**copy.deepcopy(table()), "times": [one] * 10_000}).encode()), str)


def test_a_time_of_another_way_is_read():
    more = replace(WHOLE, times=(*WHOLE.times, Timed(CSR, 8, spread(4.0), spread(2.0), spread(2.0))))
    assert truth_file.from_table(json.loads(json.dumps(truth_file.to_table(more)))) == more


def test_a_file_of_earlier_days_says_nothing_of_tokens():
    old = {key: value for key, value in table().items() if key != "tokens"}
    found = answer(json.dumps(old).encode())
    assert isinstance(found, Truth) and found.tokens == 0
    assert answer(json.dumps({**table(), "tokens": 410}).encode()).tokens == 410
    assert "tokens is" in answer(json.dumps({**table(), "tokens": -1}).encode())
    assert "is missing" in answer(json.dumps({key: value for key, value in old.items() if key != "length"}).encode())
