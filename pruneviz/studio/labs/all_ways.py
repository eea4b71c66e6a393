"""All ways: one shot by the eight usual ways with one and the same setting, asked for at once, performed one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from pruneviz import came_of, plain
from pruneviz.charts.labs import oneshot as charts
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, larder
from pruneviz.studio.labs import found, live, office
from pruneviz.studio.labs.asked import Asked, at_home

METHODS = ("sparsegpt", "least_squares", "swaps", "swaps_refit")
"""Those that cover for what goes; beside them every criterion that leaves the survivors alone."""


def recipes(recipe: Recipe) -> dict[str, Recipe]:
    """This very setting by every way that it can be run, by the way's words. Where the visitor's method takes what a
    criterion chose, the others that do take the same; else they take what Wanda chooses."""
    asked = came_of.opinion(recipe) if recipe.course.method != "keep" else ""
    ways = [(key, "keep") for key in charts.CRITERIA] + [(asked or "wanda", method) for method in METHODS]
    made = [replace(recipe, criterion=key, course=replace(recipe.course, method=method)) for key, method in ways]
    return {charts.named(one): one for one in made if _bill(replace(one, seed=0))}


def panel(here: Asked) -> None:
    """What is still to be run so that all ways stand beside each other, by this seed or, where all of them were, by another;
    while some are, how many are done."""
    wanted, seed = recipes(here.recipe), here.recipe.seed
    stands = found.stand(wanted.values())
    if wanted and all(stands[one] == "done" for one in wanted.values()):
        seed = 1 + max(run.recipe.seed for run in found.siblings(here.recipe, "method", "criterion"))
        wanted = {name: replace(one, seed=seed) for name, one in wanted.items()}
        stands = found.stand(wanted.values())
    going = [one for one in wanted.values() if stands[one] in office.RUNNING]
    if going and going != [here.recipe]:
        _going(going, sum(word == "done" for word in stands.values()), len(wanted))
    left = {name: one for name, one in wanted.items() if stands[one] not in ("done", *office.RUNNING)}
    if len(wanted) > 1 and left and [*left.values()] != [here.recipe]:
        _offer(replace(here.recipe, seed=seed), left, len(wanted))


def _offer(recipe: Recipe, left: Mapping[str, Recipe], of: int) -> None:
    """The button that runs what is left, and what that is."""
    some = "way that is" if len(left) == 1 else f"{len(left)} ways that are"
    many = f"{of} ways" if len(left) == of else f"the {some} not done yet"
    label = f"Run {many}{live.on_model(recipe)}{f' with seed {recipe.seed}' if recipe.seed else ''}"
    each = f"{len(left)} runs{_takes(left)}, one after the other" if len(left) > 1 else f"1 run{_takes(left)}"
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="all-ways"):
        st.button(label, key="run-all", on_click=_start, args=(recipe, [*left.values()]))
        st.caption(f"{', '.join(left)}: {each}.", width="content")


@st.fragment(run_every=live.POLL)
def _going(going: Sequence[Recipe], done: int, of: int) -> None:
    """How many are done and how many still come. When one is over, the page is drawn anew: it has one dot more."""
    stands = found.stand(going)
    left = [one for one in going if stands[one] in office.RUNNING]
    done += sum(word == "done" for word in stands.values())
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="all-going"):
        st.progress(done / of, f"{done} of {of} ways are done, {len(left)} wait or run", width="stretch")
        pressed = st.button("Cancel all", key="cancel-all", on_click=_cancel, args=(left,))
    if pressed or (len(left) < len(going) and not bench.covered()):
        st.rerun()


def _start(recipe: Recipe, left: Sequence[Recipe]) -> None:
    after = at_home(recipe)
    trouble = bench.why_not(after)
    bench.commit(after, trouble)
    if trouble:
        return
    for begun, one in enumerate(left):
        try:
            office.start(one)
        except (ValueError, RuntimeError) as problem:
            first = f"{begun} of {len(left)} were begun; " if begun else ""
            bench.say(plain.markdown(f"{first}{problem}.", 512))
            return


def _cancel(left: Sequence[Recipe]) -> None:
    """Those that wait go first: else the end of the one that is performed would begin the next."""
    runs = [run for one in left if (run := office.exactly(one)) is not None]
    for run in sorted(runs, key=lambda run: run.state == "running"):
        office.cancel(run.key)


def _takes(left: Mapping[str, Recipe]) -> str:
    """How long they take together, where anything like each of them was run here; nothing where it was not."""
    each = [office.pace(one) for one in left.values()]
    if not all(each):
        return ""
    seconds = sum(pace * _bill(replace(one, seed=0)) for pace, one in zip(each, left.values(), strict=True))
    return f", about {live.duration(seconds)} on one core here"


@larder.kept(64, dry=True)
def _bill(recipe: Recipe) -> int:
    """What a run of this counts; 0 where it cannot be run: a scope that asks a criterion may not fit every way."""
    try:
        return live.planned(recipe)
    except ValueError:
        return 0
