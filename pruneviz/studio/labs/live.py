"""Live: a run that a visitor wants to watch. It says what it costs before, how far it is meanwhile, and can be left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pruneviz import came_of, plain, shipped_runs
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, kitchen, titles
from pruneviz.studio.labs import found, office
from pruneviz.studio.labs.asked import Asked, at_home
from pruneviz.traced import Traced

if TYPE_CHECKING:
    from pruneviz.runs.store.records import Run

POLL = 1.0
"""Seconds between two looks at a run that goes on."""
PAST = 8
"""So many past runs are listed."""
WORDS = {
    "waiting": "waits for its turn", "running": "is running", "done": "is done",
    "cancelled": "was cancelled", "failed": "failed",
}  # fmt: skip
"""The states of a run, as a sentence says them."""


def planned(recipe: Recipe) -> int:
    """The bill of a run, in what its lab counts: training steps, but for one."""
    from pruneviz.engine.training import labs

    return labs.find(recipe.course.lab).planned(kitchen.subject(recipe.subject), recipe)


def counted(recipe: Recipe, many: int) -> str:
    """So many of what a run's bill counts."""
    from pruneviz.engine.training import labs

    return labs.find(recipe.course.lab).counted(many)


def panel(here: Asked) -> None:
    """The run of this very Recipe: what it costs, how far it is, and what can be done with it."""
    try:
        steps = planned(here.recipe)
    except ValueError as problem:
        st.info(plain.markdown(f"This cannot be run: {problem}.", 512))
        return
    run = found.exactly(here.recipe)
    if run is not None and goes_on(run):
        _going(run)
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="live"):
        label, recipe = _offered(here.recipe, run)
        if _interrupted(run):
            st.progress(min(1.0, run.step / max(1, run.of)), _left_off(run, steps), width="stretch")
            st.button(label, key="run-live", on_click=_start, args=(recipe,), type="primary")
        else:
            st.button(label, key="run-live", on_click=_start, args=(recipe,))
            st.caption(f"{_bill(here.recipe, steps)} {_there(here.recipe, run)}", width="content")
    _past(here)


def goes_on(run: Traced | Run) -> bool:
    """Whether somebody performs a run, or is going to."""
    return run.state in office.RUNNING and not office.watch(run.key).idle


def _interrupted(run: Traced | None) -> bool:
    """Whether a run that nobody performs was left before its end: the server went, say. A visitor's cancelling is none."""
    return run is not None and run.state in ("paused", *office.RUNNING)


def _left_off(run: Traced, steps: int) -> str:
    """How far an interrupted run came, how long the rest takes, and why it was interrupted, where that is known."""
    of = run.of or steps
    each = run.seconds / run.step if run.step and run.seconds else office.pace(run.recipe)
    left = f"; the rest takes about {duration((of - run.step) * each)} on one core here" if each else ""
    why = f" ({plain.markdown(run.trouble, 300)})" if run.trouble else ""
    return f"Interrupted after {run.step:,} of {counted(run.recipe, of)}{why}{left}"


def _offered(recipe: Recipe, run: Traced | None) -> tuple[str, Recipe]:
    """What can be run: this very Recipe, or where that is done, the same with a seed that nobody had yet. Of another model
    than the visitor's its name is said: whoever runs it turns to it."""
    on = on_model(recipe)
    if run is None:
        return f"Run live{on}", recipe
    if not run.done:
        return f"{'Try again' if run.state == 'failed' else 'Resume'}{on}", recipe
    seed = 1 + max(one.recipe.seed for one in found.siblings(recipe))
    return f"Run live{on} with seed {seed}", replace(recipe, seed=seed)


def on_model(recipe: Recipe) -> str:
    """On which model a button runs something, where that is not the visitor's; empty where it is."""
    return "" if recipe.subject == bench.recipe_now().subject else f" on {titles.title(recipe.subject)}"


def _start(recipe: Recipe) -> None:
    after = at_home(recipe)
    trouble = bench.why_not(after)
    bench.commit(after, trouble)
    if trouble:
        return
    try:
        office.start(recipe)
    except (ValueError, RuntimeError) as problem:
        bench.say(plain.markdown(f"{problem}.", 512))


@st.fragment(run_every=POLL)
def _going(run: Traced) -> None:
    """How far a run is. When it has come further, the page is drawn anew: its curves have grown; and so it is when whoever
    performed it is gone."""
    watched = office.watch(run.key)
    now = watched.run
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="going"):
        st.progress(min(1.0, now.step / max(1, now.of)), _how_far(watched), width="stretch")
        pressed = st.button("Cancel", key="cancel-run", on_click=office.cancel, args=(run.key,))
    further = (now.step, now.state) != (run.step, run.state) or watched.idle
    if pressed or (further and not bench.covered()):
        st.rerun()


def _how_far(watched) -> str:
    if not watched.run.step:
        return f"number {watched.position + 1} in the queue" if watched.position else "it begins"
    left = f", about {duration(watched.left)} left" if watched.left else ""
    return f"{watched.run.step:,} of {counted(watched.run.recipe, watched.run.of)}{left}"


def _past(here: Asked) -> None:
    """The runs of this lab that are kept; each can be looked at again."""
    runs = office.past(here.lab, PAST)
    if not runs:
        return
    with st.expander(f"Past runs of this lab ({len(runs)})", key="past-runs"):
        for run in runs:
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                trouble = f": {plain.markdown(run.trouble, 200)}" if run.trouble else ""
                st.caption(f"{plain.markdown(_called(run), 200)}: {stands(run)}, {_came(run)}{trouble}")
                st.button("Show", key=f"show-{run.key[:12]}", on_click=_show, args=(run.recipe,))


def _called(run: Run) -> str:
    """What a past run is called among its like: its lab and model, what was done, and the seed."""
    done = came_of.words(run.recipe)
    seed = f", seed {run.recipe.seed}"
    return f"{run.title}, {done}{seed * (not done.endswith(seed))}"


def _came(run: Run) -> str:
    """How far a run came, in what its lab counts; one that nobody began has no bill yet."""
    return f"{run.step:,} of {counted(run.recipe, run.of)}" if run.of else "before it began"


def stands(run: Traced | Run) -> str:
    """The state of a run; where the store says that it goes on and nobody performs it, that it was interrupted."""
    gone = run.state == "paused" or (run.state in office.RUNNING and not goes_on(run))
    return "was interrupted" if gone else WORDS[run.state]


def _show(recipe: Recipe) -> None:
    after = at_home(recipe)
    bench.commit(after, bench.why_not(after))


def _bill(recipe: Recipe, steps: int) -> str:
    return f"One run of this: {counted(recipe, steps)}{takes(recipe, steps)}."


def takes(recipe: Recipe, steps: int) -> str:
    """How long so many steps take, as the end of a clause: as runs that were performed here took them, else as those did
    that are shipped. Where nobody ran anything like it, nothing."""
    if each := office.pace(recipe):
        return f", about {duration(steps * each)} on one core here"
    like = [
        run
        for run in shipped_runs.read(recipe.subject, recipe.course.lab)
        if run.seconds and office.costs(run.recipe) == office.costs(recipe)
    ]
    if not like:
        return ""
    each = sum(run.seconds for run in like) / sum(run.of for run in like)
    return f", about {duration(steps * each)} where the shipped runs were made"


def _there(recipe: Recipe, run: Traced | None) -> str:
    if run is None:
        return "Nobody ran it with this seed yet." if found.siblings(recipe) else "Nobody ran it yet."
    if run.shipped:
        seeds = sorted({one.recipe.seed for one in found.siblings(recipe) if one.shipped} | {run.recipe.seed})
        several = f"{', '.join(map(str, seeds[:-1]))} and {seeds[-1]} come"
        return f"Seeds {several} with the model." if len(seeds) > 1 else f"Seed {seeds[0]} comes with the model."
    return f"The run with seed {run.recipe.seed} {stands(run)}."


def duration(seconds: float) -> str:
    """A time for a sentence: «9 s», «2 min», «3 h»."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
