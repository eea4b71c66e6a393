"""Times are taken in turns, in rounds, after a warm-up; medians and quartiles are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from pruneviz.engine import timing


class Clock:
    """A clock that only work moves; `log` says who worked."""

    def __init__(self, monkeypatch):
        self.now, self.log = 0.0, []
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)

    def work(self, name, *seconds):
        durations = iter(seconds)
        last = seconds[-1]

        def run():
            self.log.append(name)
            self.now += next(durations, last)

        return run


def test_works_take_turns_and_the_order_turns_too(monkeypatch):
    clock = Clock(monkeypatch)
    found = timing.interleaved({"a": clock.work("a", 0.002), "b": clock.work("b", 0.004)}, repeats=4)
    warm = timing.WARM_UP
    assert clock.log == ["a"] * warm + ["b"] * warm + ["a", "b", "b", "a"] * 2
    assert found["a"] == pytest.approx([2.0] * 4) and found["b"] == pytest.approx([4.0] * 4)


def test_the_warm_up_is_not_counted(monkeypatch):
    clock = Clock(monkeypatch)
    found = timing.interleaved({"a": clock.work("a", 0.09, 0.05, 0.05, 0.004)}, repeats=5)
    assert found["a"] == pytest.approx([4.0] * 5)


def test_slow_work_is_warm_after_one_call(monkeypatch):
    clock = Clock(monkeypatch)
    timing.interleaved({"a": clock.work("a", 2.0)}, repeats=1)
    assert len(clock.log) == 1 + 1


def test_quick_work_is_repeated_inside_a_sample(monkeypatch):
    """50 µs of work: ten calls fill half a millisecond, after one that does not count; what is noted is one call."""
    clock = Clock(monkeypatch)
    found = timing.interleaved({"a": clock.work("a", 50e-6)}, repeats=3)
    assert len(clock.log) == timing.WARM_UP + 3 * (1 + 10) and found["a"] == pytest.approx([0.05] * 3)


def test_as_many_rounds_as_fit_but_never_too_few(monkeypatch):
    clock = Clock(monkeypatch)
    assert len(timing.interleaved({"a": clock.work("a", 1.0)}, seconds=3)["a"]) == timing.LEAST
    assert len(timing.interleaved({"a": clock.work("a", 0.1)}, seconds=3)["a"]) == pytest.approx(30, abs=1)
    assert len(timing.interleaved({"a": clock.work("a", 2e-3)}, seconds=3)["a"]) == timing.MOST


def test_a_ratio_is_taken_inside_its_round():
    """A machine that halves its speed mid-way moves both times and no ratio."""
    slow = np.array([1.0, 1.0, 2.0, 2.0])
    found = timing.ratio(3 * slow, slow)
    assert (found.low, found.median, found.high, found.n) == (3.0, 3.0, 3.0, 4)
    assert timing.spread(np.array([4.0, 1.0, 2.0, 3.0, 5.0])) == timing.Spread(3.0, 2.0, 4.0, 5)


def test_the_machine_is_named_in_harmless_words():
    here = timing.machine(3)
    assert here.processor and here.cores >= 1 and here.threads == 3 and here.torch[0].isdigit()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 9B45\n", "AMD EPYC 9B45"),
        (
            "processor\t: 0\nBogoMIPS\t: 108.00\n\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n",
            "BCM2835",
        ),
        ("model\t\t: 85\nmodel name\t: Xeon\n", "Xeon"),
    ],
)
def test_processors_of_several_systems(monkeypatch, text, name):
    monkeypatch.setattr(timing.Path, "read_text", lambda *_, **__: text)
    assert timing.machine(1).processor == name
