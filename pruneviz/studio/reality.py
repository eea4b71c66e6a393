"""Reality: the measurement behind the page «Reality check». A worker process measures, one at a time; the page watches.

Threads are a choice of the whole process in torch, and other visitors live in this one: so a process of its own measures,
by the command that anybody can run elsewhere (`python -m pruneviz time`).
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import streamlit as st

from pruneviz import truth_file
from pruneviz.plain import markdown
from pruneviz.recipe import Recipe
from pruneviz.studio import admission, background, bench, kitchen, larder
from pruneviz.truths import Truth, plain

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 3.0
LONGEST = 600.0
"""Seconds after which a measurement is given up."""
UNSEEN = 30.0
"""A measurement at which nobody has looked for so many seconds is stopped."""
TICK = 1.0
ROOM = 2**27
"""A batch holds at most so many bytes of inputs, and of outputs: what flows between is many times as much."""
_turn = threading.Lock()


@dataclass
class Measuring:
    """One measurement, as far as it is. Whoever draws it reads; one thread writes.

    `stopped` says that somebody ended it, `left` that nobody looked any more; `seen` is when somebody last did.
    """

    recipe: Recipe
    done: float = 0.0
    words: str = "waiting for another measurement to end"
    truth: Truth | None = None
    trouble: str = ""
    ended: bool = False
    stopped: bool = False
    left: bool = False
    seen: float = field(default_factory=time.monotonic)


def measured(recipe: Recipe) -> Measuring:
    """The measurement of a Recipe on this machine: as far as it is, begun now where it was not."""
    key = _key(recipe)
    found = _measuring(key)
    if found.left:
        _measuring.clear(key)
        found = _measuring(key)
    found.seen = time.monotonic()
    return found


def known(recipe: Recipe) -> Truth | None:
    """What was timed of a Recipe already; nothing is begun for it."""
    found = _measuring.known(_key(recipe))
    return found.truth if found is not None else None


def again(found: Measuring) -> None:
    """Measures once more, from the beginning."""
    found.stopped = True
    _measuring.clear(found.recipe)


def stop(found: Measuring) -> None:
    """Ends a measurement; what is known of it stays."""
    found.stopped = True


def _key(recipe: Recipe) -> Recipe:
    """The part of a Recipe that a measurement depends on, with a batch that fits into memory."""
    batch = min(recipe.batch, most(recipe.subject))
    how = {"batch": batch, "length": recipe.length if takes_tokens(recipe.subject) else 0, "threads": recipe.threads}
    return replace(kitchen.measured_part(recipe), calibration=kitchen.calibration_of(recipe), **how)


@larder.kept(8)
def _measuring(key: Recipe) -> Measuring:
    found = Measuring(key)
    background.start("reality", _measure, found)
    return found


def _measure(found: Measuring) -> None:
    while not _turn.acquire(timeout=TICK):
        if _over(found, time.monotonic()):
            found.ended = True
            return
    try:
        found.words = "starting a process of its own"
        _run(found)
    except (OSError, ValueError) as problem:
        found.trouble = plain(str(problem))
    finally:
        found.ended = True
        _turn.release()


def _run(found: Measuring) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    # For the command a model that was brought is a folder; on the page it keeps its name.
    place = admission.place(found.recipe.subject)
    asked = arguments(replace(found.recipe, subject=place))
    command = [sys.executable, "-m", "pruneviz", *asked, f"--seconds={SECONDS}", "--stream"]
    with tempfile.TemporaryFile() as errors:
        worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors)
        background.start("reality-guard", _guard, found, worker)
        for line in worker.stdout:
            step = json.loads(line)
            found.truth = truth_file.from_table(step["truth"])
            found.done, found.words = float(step["done"]), plain(step["words"])
        if worker.wait() and not (found.stopped or found.left):
            errors.seek(0)
            last = errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()[-1:] or ["it ended without a word"]
            last = last[0].removeprefix("pruneviz: ").replace(place, found.recipe.subject)
            found.trouble = f"The measurement ended early: {plain(last)}"


def _guard(found: Measuring, worker: subprocess.Popen) -> None:
    """Ends a worker that takes too long, that nobody waits for, or whose server goes."""
    started = time.monotonic()
    while worker.poll() is None:
        if _over(found, started):
            worker.terminate()
            try:
                worker.wait(timeout=5)
            except subprocess.TimeoutExpired:
                worker.kill()
            return
        time.sleep(TICK / 4)


def _over(found: Measuring, started: float) -> bool:
    now = time.monotonic()
    if now - started > LONGEST:
        found.trouble = f"The measurement was given up after {LONGEST / 60:.0f} minutes: choose a smaller batch."
    found.left = found.left or now - found.seen > UNSEEN
    return bool(found.trouble) or found.stopped or found.left or background.closing()


def arguments(recipe: Recipe) -> list[str]:
    """The `time` command of a Recipe: what differs from the defaults, and always the model."""
    default, words = Recipe(), ["time", f"--subject={recipe.subject}"]
    single = ("criterion", "granularity", "scope", "pool", "floor", "calibration", "nonfinite", "seed")
    for name in (*single, "batch", "length", "threads"):
        if getattr(recipe, name) != getattr(default, name):
            words.append(f"--{name}={getattr(recipe, name)}")
    words.append(
        f"--amount={recipe.amount:g}" if float(f"{recipe.amount:g}") == recipe.amount else f"--amount={recipe.amount!r}"
    )
    words += [f"--spare={name}" for name in recipe.spared]
    words += [f"--own={name}={amount!r}" for name, amount in recipe.overrides]
    words += [f"--gone={unit}" for unit in recipe.gone] + [f"--back={unit}" for unit in recipe.back]
    return words


def command(recipe: Recipe) -> str:
    """The same as a line for a terminal."""
    said = arguments(_key(recipe))
    if recipe.subject.startswith("own:"):  # what was brought has no name elsewhere: there it is its card's path
        said = ["--subject=path/to/subject.toml" if one.startswith("--subject=") else one for one in said]
    return f"python -m pruneviz {shlex.join(said)} --json > times.json"


@larder.kept(1)
def most(name: str) -> int:
    """How many inputs of a model may go at once here, so that inputs and outputs fit into memory; at most 4,096."""
    from pruneviz.engine import ways

    return max(1, min(4096, ROOM // ways.bytes_of_one(kitchen.subject(name))))


def longest(name: str) -> int:
    """How many tokens an input of a language model has; 0 where inputs are no tokens."""
    stored = kitchen.subject(name).held_out.stored
    return stored.shape[1] if stored.ndim == 2 and not stored.is_floating_point() else 0


def takes_tokens(name: str) -> bool:
    """Whether a model's inputs are sequences, whose length can be chosen."""
    return longest(name) > 0


def choose(recipe: Recipe) -> None:
    """How it is measured: batch, threads, and the length of sequences. Each label says how far it goes here."""
    high, cores = most(recipe.subject), os.cpu_count() or 1
    bench.number(f"batch beside 1, up to {high:,} here", "batch", 1, high, width=240)
    bench.number(f"threads: {_up_to(cores)} here, 0 for all", "threads", 0, cores, width=240)
    if takes_tokens(recipe.subject):
        many = longest(recipe.subject)
        bench.number(f"tokens: {_up_to(many)} here, 0 for all", "length", 0, many, width=240)


def _up_to(high: int) -> str:
    return f"1 to {high:,}" if high > 1 else "1"


def amounts(recipe: Recipe) -> list[float]:
    """Amounts that a menu offers, the chosen one among them."""
    usual = (0.5, 0.7, 0.8, 0.9, 0.95) if recipe.granularity == "weight" else (0.1, 0.25, 0.5, 0.75)
    return sorted({*usual, recipe.amount})


def watch(found: Measuring) -> None:
    """How far the measurement is, with a way to end it; redraws the page whenever more is known."""
    if found.ended:
        _ended(found)
    else:
        _progress(found, found.truth)


@st.fragment(run_every=TICK)
def _progress(found: Measuring, drawn: Truth | None) -> None:
    found.seen = time.monotonic()
    with st.container(horizontal=True, vertical_alignment="center", key="progress"):
        st.progress(found.done, f"Measuring on this machine: {found.words}")
        st.button("Cancel", key="cancel", on_click=stop, args=(found,))
    if (found.ended or (found.truth is not drawn and _grown(found.truth, drawn))) and not bench.covered():
        st.rerun()


def _grown(now: Truth | None, drawn: Truth | None) -> bool:
    def parts(truth: Truth | None) -> tuple:
        return (truth.stored, truth.times, truth.crossings) if truth else ((), (), ())

    return parts(now) != parts(drawn)


def _ended(found: Measuring) -> None:
    if found.trouble:
        st.error(markdown(found.trouble, 512))
    elif found.stopped:
        st.info("The measurement was stopped. What was measured until then is shown.")
    st.button("Measure again", key="again", on_click=again, args=(found,))


def uploaded() -> Truth | None:
    """The times of another machine, from a file that the visitor gives; a sentence where it cannot be shown."""
    given = st.file_uploader("times from another machine", "json", key="times", max_upload_size=1, width=480)
    try:
        return truth_file.read(given.getvalue()) if given else None
    except ValueError as problem:
        st.error(markdown(problem, 512))
        return None
