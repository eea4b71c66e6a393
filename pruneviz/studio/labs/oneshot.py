"""One shot: the page that asks what can go without any retraining, and whether the survivors can cover for it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz import came_of
from pruneviz.charts.chart import as_percent
from pruneviz.charts.labs import oneshot as charts
from pruneviz.charts.labs import reach
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, catalogue
from pruneviz.studio.labs import around, closeup, fields, found
from pruneviz.studio.labs import oneshot_words as words
from pruneviz.studio.labs.asked import Asked, name_of, opens_with, take
from pruneviz.traced import Traced

AMOUNTS = (0.3, 0.5, 0.6, 0.7, 0.8)
PATTERNS = ("2:4", "4:8")
SCOPES = ("row", "layer", "owl", "global")
WINDOWS = (8, 256, closeup.STEP)
"""Calibration samples: from, to, in steps of."""
OFFERED = 8
"""So many settings that were run are offered where the chosen one was not."""
SEEN = 240
"""So many kept runs, the latest, are looked at to say how far one pass goes: eight ways, five sparsities, six seeds."""


def runs(here: Asked, *free: str, most: int = found.MOST) -> dict[str, list[Traced]]:
    """The runs that differ by what chooses, by method, by seed and by these choices, by the words of their way; of the kept
    ones the latest `most`."""
    ways: dict[str, dict[tuple, Traced]] = {}
    for run in _of_one_text(here.recipe.subject, found.siblings(here.recipe, "method", "criterion", *free, most=most)):
        mine, place = ways.setdefault(charts.way(run), {}), (run.recipe.seed, run.recipe.amount)
        if run.done or place not in mine:
            mine[place] = run
    return {name: [*mine.values()] for name, mine in ways.items()}


def _of_one_text(subject: str, found: list[Traced]) -> list[Traced]:
    """Shipped runs are of the text that the sample's author had. Where this Python carries another, they are shown until one
    came to its end here, and never beside it."""
    own = [run for run in found if not run.shipped]
    return own if words.elsewhere(subject) and any(run.done for run in own) else found


def headline(here: Asked) -> str:
    """What the runs say, or the question."""
    return charts.headline(runs(here))


def choices(here: Asked) -> None:
    """What goes, who chooses it, what becomes of the survivors, and on how much text."""
    recipe = here.recipe
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="oneshot-choices"):
        name = lambda one: one if ":" in one else catalogue.granularity_name(one)  # noqa: E731
        offered = ("weight", *PATTERNS)
        bench.choose_of("what goes", "lab-granularity", recipe.granularity, offered, name, lambda one: _of(here, one))
        if ":" not in recipe.granularity:
            fields.select(here, "sparsity", "amount", AMOUNTS, as_percent, width=130)
        fields.select(here, "method", "method", [*charts.METHODS], lambda key: charts.METHODS.get(key, key), width=260)
        _competition(here)
        low, high, step = WINDOWS
        fields.slide(here, "calibration samples", "batch", low, high, step, width=240)
    st.caption(" ".join(filter(None, (words.told(recipe), words.set_aside(recipe), words.strip(recipe)))))


def _competition(here: Asked) -> None:
    """Whose scores decide, where any do, and who competes by them. A method that chooses for itself compares in blocks of
    columns: a scope only shares the budget there, and a criterion is asked where its scores say who gives how much."""
    recipe, chooses = here.recipe, here.recipe.course.method in charts.CHOOSES
    if came_of.opinion(recipe):
        words = "how much each matrix gives, by" if chooses else "what goes is chosen by"
        fields.select(here, words, "criterion", [*charts.CRITERIA], lambda key: charts.CRITERIA.get(key, key), width=220)
    if ":" in recipe.granularity:
        return
    names, scopes = {key: one.name for key, one in catalogue.scopes("weight").items()}, SCOPES
    if chooses:
        alike = "layer" if recipe.scope == "layer" else "row"
        scopes, names = (alike, "owl", "global"), names | {alike: charts.ALIKE}
    fields.select(here, "compared", "scope", scopes, lambda key: names.get(key, key), width=210)


def story(here: Asked) -> None:
    """How each way leaves the whole network; then one matrix: what each way loses of it, and the sweep itself."""
    groups = runs(here)
    known = [run for group in groups.values() for run in group]
    if charts.ends(groups):
        around.chart(charts.outcomes(groups, charts.named(here.recipe)), "outcomes", known)
        st.caption(f"{words.outcomes(here.recipe, groups)}{charts.blocks(groups)}{_whose_text(here, known)}")
    elif not known:
        _elsewhere(here)
    _how_far(here)
    closeup.story(here.recipe)


def _how_far(here: Asked) -> None:
    """The same at every sparsity that was run; a pattern has but one."""
    ways = {} if ":" in here.recipe.granularity else runs(here, "amount", most=SEEN)
    if not reach.enough(ways):
        return
    st.header("How far does one pass go?", anchor=False)
    drawn = [run for group in ways.values() for run in group]
    around.chart(reach.reach(ways, charts.named(here.recipe)), "reach", drawn)
    st.caption(f"{words.reached(ways)}{_whose_text(here, drawn)}")


def _whose_text(here: Asked, drawn: Sequence[Traced]) -> str:
    """Of which text the shipped runs in a chart are, where that is not the one that this Python carries."""
    said = words.elsewhere(here.recipe.subject) if any(run.shipped for run in drawn) else ""
    return f" {said}" * bool(said)


def _elsewhere(here: Asked) -> None:
    """Of what there are runs where nobody ran this: other settings of this model, else the model that comes with some. Each
    is a click away, by the visitor's method."""
    recipe, opens = here.recipe, opens_with(here.lab)
    run = found.settings(recipe, "method", "criterion")[:OFFERED]
    own = [words.by_same(one, recipe) for one in sorted(run, key=lambda one: (":" in one.granularity, one.amount))]
    other = [] if own or recipe.subject == opens.subject else [opens]
    if not (own or other):
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="elsewhere"):
        st.caption("Settings that were run:" if own else "Runs come with another model:", width="content")
        for at, one in enumerate(own):
            st.button(words.setting(one, recipe), key=f"setting-{at}", on_click=take, args=(one,))
        for one in other:
            st.button(f"Show those of {name_of(one.subject)}", key="shipped-model", on_click=take, args=(one,))


def said(here: Asked) -> None:
    """What is often said of one-shot pruning of language models, beside what the papers report."""
    around.often_said(
        "SparseGPT is structured pruning: it takes half of any language model in one pass, and nothing is lost.",
        "It removes single weights, or 2 of every 4. It goes layer by layer over a calibration text, and the weights that "
        "stay are changed. At half of the weights perplexity goes from 8.35 to 8.21 for OPT-175B, from 12.47 to 13.48 for "
        "2.7B, and from 27.66 to 36.85 for 125M: the smaller the model, the more it costs.",
        "Frantar & Alistarh 2023 (arXiv 2301.00774), tables of OPT on raw-WikiText2",
    )


def _of(here: Asked, granularity: str) -> Recipe:
    """The visitor's Recipe with something else that goes; a pattern has one amount."""
    n, colon, m = granularity.partition(":")
    amount = 1 - int(n) / int(m) if colon else here.recipe.amount
    # A pattern takes as much of every matrix: there is nothing that a scope could share.
    scope = {"scope": "row"} if colon else {}
    return fields.changed(here, granularity=granularity, amount=amount, **scope)
