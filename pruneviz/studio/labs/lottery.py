"""Lottery tickets: the page that asks whether a mask and its starting numbers are worth more than either alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from pruneviz.charts.chart import as_percent
from pruneviz.charts.labs import initial, masks, rewinding
from pruneviz.charts.labs import lottery as charts
from pruneviz.course import Course
from pruneviz.recipe import Recipe
from pruneviz.studio import kitchen
from pruneviz.studio.labs import around, fields, found, office
from pruneviz.studio.labs.asked import Asked, name_of, opens_with
from pruneviz.traced import Traced

CONTROLS = {
    "reinit,random": "re-rolled and random mask",
    "reinit,random,shuffled,one-shot": "these, shuffled, one shot",
    "reinit": "re-rolled only",
    "": "none",
}
"""Which controls are trained beside the ticket, as a menu says it."""
THEN = {"": "the same data", "upper-half": "the other half of the classes"}
"""What the ticket and its controls are trained on, as a menu says it; a link may also name another model's data."""
DEEDS = {
    rewinding.TRAIN: "Train", rewinding.PRUNE: "Prune", rewinding.REWIND: "Rewind", rewinding.REROLL: "Re-roll",
}  # fmt: skip
ELSEWHERE = (
    " The ticket is found on one task; there its mask and its numbers are trained on the other, and so is every control: "
    "only these are compared."
)
FEW = 3
"""The round that is looked at first: about half of the weights are left."""


def runs(here: Asked) -> list[Traced]:
    """The runs of this very setting, one for each seed. One that was given up tells nothing beside others that were not."""
    known = found.siblings(here.recipe)
    whole = [run for run in known if run.done or run.state in office.RUNNING]
    return whole if any(run.done for run in whole) else known


def headline(here: Asked) -> str:
    """What the runs say about the ticket, or the question."""
    return charts.verdict([run for run in runs(here) if run.done])


def choices(here: Asked) -> None:
    """How much each round takes, how often, where it goes back to, and beside what."""
    course = here.recipe.course
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="lottery-choices"):
        fields.select(here, "each round removes, of what is left", "amount", (0.1, 0.2, 0.3, 0.5), as_percent, width=240)
        fields.number(here, "rounds", "rounds", 1, 30, width=120)
        fields.number(here, "rewind to step", "rewind", 0, max(0, course.steps - 1), width=150)
        fields.choose(here, "compared", "scope", ("layer", "global"), {"layer": "per layer", "global": "globally"}.get)
        fields.select(here, "controls", "control", [*CONTROLS], lambda key: CONTROLS.get(key, key), width=240)
        named = lambda key: THEN.get(key) or f"the data of {name_of(key)}"  # noqa: E731
        fields.select(here, "ticket trained on", "second", [*THEN], named, width=250)
    st.caption(
        f"Train, remove the smallest of what is left, rewind the other weights to what they were {_when(course)}; again. "
        "Re-rolled is the control: the same mask with new starting numbers. Per layer, the output layer gives half as much."
        + (ELSEWHERE if course.second else "")
    )


def story(here: Asked) -> None:
    """What each lane comes to, round by round; then one round: how it learns, what is left, and what is done to it."""
    known = runs(here)
    if not known:
        st.info("Nobody ran this setting yet: run it live, or undo the last change.")
        return
    around.chart(charts.accuracy(known), "tickets", known)
    one = next((run for run in known if run.recipe.seed == here.recipe.seed), known[0])
    shown = next((run for run in (one, *known) if masks.rounds(run)), one)
    left = masks.rounds(shown)
    if not left:
        return
    at = _round(left)
    sides = st.columns(2, gap="large")
    with sides[0]:
        _deeds(shown, at)
    with sides[1]:
        around.chart(charts.within(known, max(1, at)), "within", known)
    around.chart(masks.matrices(shown), "matrices", [shown])


def said(here: Asked) -> None:
    """What is often said of tickets, beside what the papers report."""
    around.often_said(
        "Training only reveals which connections matter; any small network could have been trained from the start.",
        "The mask with its own starting numbers learns as well as the whole network, in no more steps; the same mask "
        "re-rolled does not. On large networks that holds only after rewinding to an early step, not to the start; at "
        "a well-chosen learning rate others found no advantage over new numbers. Tickets do transfer to other data sets.",
        "Frankle and Carbin 2019 (arXiv 1803.03635); Frankle et al. 2020 (arXiv 1912.05671); Liu et al. 2019 "
        "(arXiv 1810.05270); Morcos et al. 2019 (arXiv 1906.02773)",
    )


def before_training() -> None:
    """Whether one can tell before any training which weights will not be needed: the lab «initial», as it was run on the
    model that it opens with."""
    asked = opens_with("initial")
    known = found.siblings(asked, "method", "control", "amount", "scope")
    # Scores are compared over all layers, as their papers do; magnitudes after a training, the reference, within each.
    known = [run for run in known if run.recipe.scope == ("layer" if run.recipe.course.method == "trained" else asked.scope)]
    checked = [run for run in known if run.recipe.amount == asked.amount and run.recipe.course.control]
    if not checked:
        return
    st.subheader("Before any training?", anchor=False)
    st.markdown(
        "A ticket is found after training. SNIP, GraSP and SynFlow choose before: by the slope of one batch's loss, by what "
        "keeps the gradient flowing, by how much each weight lets through. Two controls ask what they have found: their "
        f"mask shuffled within each layer, and their mask with new starting numbers. Here: {name_of(asked.subject)}, "
        f"{as_percent(asked.amount)} of the weights removed, each network trained for {asked.course.steps:,} steps. "
        "The reference is magnitude after a training, within each layer; what is left then goes on from where it ended."
    )
    around.chart(initial.checked(found.grouped(checked, "method")), "foresight", checked)
    slim = [run for run in known if run.recipe.amount > asked.amount and not run.recipe.course.control]
    slim = [run for run in slim if run.recipe.amount == max(one.recipe.amount for one in slim)]
    if slim:
        around.chart(initial.emptied(found.grouped(slim, "method")), "emptied", slim)
    around.often_said(
        "A good criterion finds the right weights before training.",
        "SNIP, GraSP and SynFlow do better than pruning by lot, and stay below magnitude after training. Shuffling which "
        "weights they prune within each layer, or new starting numbers, preserves or improves accuracy: they find how much "
        "each layer needs. At extreme sparsities SNIP and GraSP empty a whole layer early; SynFlow is made not to.",
        "Frankle et al. 2021 (arXiv 2009.08576), abstract; Tanaka et al. 2020 (arXiv 2006.05467)",
    )


def left_in_the_end(here: Asked) -> Recipe:
    """The same model cut once to what the last round leaves."""
    gone = next((run.last("sparsity") for run in runs(here) if run.done), None)
    return replace(here.recipe, amount=round(_asked(here.recipe) if gone is None else gone, 4))


def _asked(recipe: Recipe) -> float:
    """The share of all weights that the last round leaves out, before anybody ran it."""
    from pruneviz.engine.training import tickets

    subject = kitchen.subject(recipe.subject)
    return tickets.share(subject, tickets.after(subject, recipe, tickets.output(subject), recipe.course.rounds))


def _when(course: Course) -> str:
    """Where the weights go back to, in words."""
    return f"after step {course.rewind:,}" if course.rewind else "at the start"


def _round(left: dict[int, float]) -> int:
    """Which round is looked at. It changes no number, so it is a way of looking and no choice of the run."""
    offered = [*left]
    if len(offered) == 1:
        return offered[0]
    name = lambda at: f"round {at}, {as_percent(left[at])} of the weights"  # noqa: E731
    return st.select_slider("look at", offered, offered[min(FEW, len(offered) - 1)], name, key="ticket-round")


def _deeds(run: Traced, at: int) -> None:
    """The four deeds of a round, and the weights after each."""
    deed = st.segmented_control(
        "what is done in this round", [*DEEDS], format_func=DEEDS.get, default=rewinding.PRUNE, key="deed", required=True
    )
    rolled = _rolled(run, at + 1) if deed == rewinding.REROLL else None
    around.chart(rewinding.weights(rewinding.lots(run)[at], deed, rolled), "deed-weights", [run])


def _rolled(run: Traced, at: int) -> np.ndarray | None:
    """The numbers that the re-rolled control of a round starts with, at the weights that are drawn: the very ones."""
    from pruneviz.engine.training import private
    from pruneviz.engine.training.trial import lot, picked

    subject, places = kitchen.subject(run.recipe.subject), run.array("places")
    if places is None:
        return None
    network = private.fresh(subject, lot(run.recipe.seed, f"round {at} reinit"))
    return picked(subject, network.state_dict(), places)
