"""The larder: what is kept of a model is kept once, computed once, and given back at once."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from pruneviz.recipe import Recipe
from pruneviz.studio import scales
from pruneviz.studio.larder import Larder

MEGABYTE = 2**20


def larder(limit: int = 1 << 40, models: int = 24) -> Larder:
    return Larder(lambda: limit, models)


def test_the_same_is_made_once_and_another_is_made_anew():
    made, shelf = [], larder()

    @shelf.kept(4)
    def step(name: str, amount: int) -> list:
        made.append((name, amount))
        return [name, amount]

    assert step("cat", 1) is step("cat", 1) and step("cat", 2) == ["cat", 2] and step("dog", 1) == ["dog", 1]
    assert made == [("cat", 1), ("cat", 2), ("dog", 1)]


def test_a_recipe_names_its_model():
    shelf = larder()
    step = shelf.kept(4)(lambda recipe: np.zeros(MEGABYTE // 8))
    step(Recipe(subject="cat", amount=0.1)), step(Recipe(subject="cat", amount=0.2)), step(Recipe(subject="dog"))
    assert shelf.held() == {"cat": 2 * MEGABYTE, "dog": MEGABYTE}


def test_the_oldest_of_one_step_makes_room():
    made, shelf = [], larder()
    step = shelf.kept(2)(lambda name, at: made.append(at) or np.zeros(MEGABYTE // 8))
    for at in (1, 2, 1, 3, 1, 2):
        step("cat", at)
    assert made == [1, 2, 3, 2] and shelf.held() == {"cat": 2 * MEGABYTE}


def test_equal_ones_asked_for_at_once_are_made_once_and_others_are_not_held_up():
    made, shelf, going = [], larder(), threading.Event()

    @shelf.kept(8)
    def step(name: str, slow: bool) -> object:
        made.append(slow)
        if slow:
            assert going.wait(20)
        return object()

    found: list[object] = []
    waiting = [threading.Thread(target=lambda: found.append(step("cat", True))) for _ in range(8)]
    for thread in waiting:
        thread.start()
    while not made:
        time.sleep(0.001)
    step("cat", False), step("dog", False)  # while the slow one is being made
    assert made == [True, False, False] and not found
    going.set()
    for thread in waiting:
        thread.join(20)
    assert made == [True, False, False] and len(found) == 8 and len(set(map(id, found))) == 1


def test_a_failure_is_not_kept_and_the_next_one_tries_again():
    asked, shelf = [], larder()

    @shelf.kept(2)
    def step(name: str) -> str:
        asked.append(name)
        if len(asked) == 1:
            raise ValueError("not yet")
        return name

    with pytest.raises(ValueError, match="not yet"):
        step("cat")
    assert step("cat") == "cat" and asked == ["cat", "cat"]


def test_the_model_looked_at_longest_ago_makes_room_and_the_wanted_one_never():
    shelf = larder(limit=3 * MEGABYTE)
    step = shelf.kept(4)(lambda name, size: np.zeros(size // 8))
    step("a", MEGABYTE), step("b", MEGABYTE), step("c", MEGABYTE)
    step("a", MEGABYTE)  # looked at again
    step("d", MEGABYTE)
    assert set(shelf.held()) == {"a", "c", "d"}
    step("e", 8 * MEGABYTE)
    assert shelf.held() == {"e": 8 * MEGABYTE}


def test_models_are_counted_too():
    shelf = larder(models=2)
    step = shelf.kept(4)(lambda name: name)
    for name in "abc":
        step(name)
    assert set(shelf.held()) == {"b", "c"}


def test_dropping_forgets_all_of_one_model_and_nothing_of_another():
    made, shelf = [], larder()
    step = shelf.kept(4)(lambda name: made.append(name) or np.zeros(MEGABYTE))
    step("cat"), step("dog")
    shelf.drop("cat"), shelf.drop("nobody")
    assert set(shelf.held()) == {"dog"}
    step("cat"), step("dog")
    assert made == ["cat", "dog", "cat"]


def test_what_is_made_while_its_model_is_dropped_reaches_who_asked_and_nobody_keeps_it():
    shelf = larder()

    @shelf.kept(4)
    def step(name: str) -> str:
        shelf.drop(name)
        return name

    assert step("cat") == "cat" and shelf.held() == {}


def test_dropping_gives_memory_back():
    shelf = larder()
    step = shelf.kept(4)(lambda name, at: [torch.ones(2048) for _ in range(4000)])
    step("warm", 0)
    shelf.drop("warm")
    before = resident()
    step("cat", 0), step("cat", 1)
    filled = resident()
    assert filled - before > 50 * MEGABYTE
    shelf.drop("cat")
    assert resident() - before < 10 * MEGABYTE


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def test_dry_results_cannot_be_written_into():
    step = larder().kept(4, dry=True)(lambda name: Holder(np.zeros(3)))
    with pytest.raises(ValueError, match="read-only"):
        step("cat").array[0] = 1


def test_what_grows_is_weighed_again(monkeypatch):
    shelf = larder()
    growing = shelf.kept(4, grows=True)(lambda name: [])
    other = shelf.kept(4)(lambda name, at: at)
    growing("cat").append(np.zeros(MEGABYTE // 8))
    assert shelf.held() == {"cat": 0}
    other("cat", 1)
    assert shelf.held() == {"cat": 0}  # not every time: it takes a moment
    monkeypatch.setattr("pruneviz.studio.larder.AGAIN", 0.0)
    other("cat", 2)
    assert shelf.held() == {"cat": MEGABYTE}


def test_forgetting_one_result():
    made = []
    step = larder().kept(4)(lambda name, at: made.append(at) or at)
    step("cat", 1), step("cat", 2)
    assert step.known("cat", 1) == 1 and step.known("cat", 3) is None
    step.clear("cat", 1), step.clear("cat", 9)
    step("cat", 1), step("cat", 2)
    assert made == [1, 2, 1]


@dataclass(frozen=True, slots=True)
class Holder:
    """A record without a __dict__."""

    array: np.ndarray


def test_scales_count_a_block_once_however_many_look_at_it():
    flat = torch.zeros(MEGABYTE // 4)
    network = torch.nn.Linear(4, 4, bias=False)
    network.weight = torch.nn.Parameter(flat[:16].view(4, 4))
    things = {"tensor": flat, "view": flat[8:].numpy(), "record": Holder(flat.numpy()), "network": network}
    assert sum(scales.blocks(things).values()) == pytest.approx(MEGABYTE, rel=0.01, abs=64)
    assert sum(scales.blocks(Holder(np.zeros((2, MEGABYTE // 8))[1])).values()) == 2 * MEGABYTE
    loop: list = [bytes(MEGABYTE)]
    loop.append(loop)
    assert sum(scales.blocks(loop).values()) == MEGABYTE
    assert scales.blocks([1, None, "short", threading.Lock(), np, len]) == {}
    assert scales.memory() > 2**28


def test_one_step_is_forgotten_of_all_models():
    shelf = larder()
    step = shelf.kept(4)(lambda name, at=0: np.zeros(MEGABYTE // 8))
    step("cat", 1), step("dog", 1)
    assert shelf.held() == {"cat": MEGABYTE, "dog": MEGABYTE}
    step.clear()
    assert step.known("cat", 1) is None and not sum(shelf.held().values())
