"""Regularise: the page that asks what a penalty does to the weights, and how much of the network can go then."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz import shipped_runs
from pruneviz.charts.chart import as_percent
from pruneviz.charts.labs import regularise as charts
from pruneviz.charts.labs.lanes import Lane, lanes
from pruneviz.engine.training import regularisers
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, kitchen, titles
from pruneviz.studio.labs import around, fields, found
from pruneviz.studio.labs.asked import UNITS, Asked, at_home, opens_with
from pruneviz.traced import Traced

ORDER = ("none", "l1", "l2", "group-lasso", "slimming")
"""The penalties on offer, and their looks in this order."""
STRENGTHS = {"none": 0.0, "l1": 3e-4, "l2": 5e-3, "group-lasso": 3e-4, "slimming": 1e-2}
"""How hard each pulls at first: L1 and L2 about as hard on a weight of usual size, 0.06."""
CUTS = {
    "slimming": {"granularity": "filter", "criterion": "bn_scale", "pool": "mean", "scope": "global"},
    "group-lasso": {"granularity": "filter", "criterion": "magnitude", "pool": "l2", "scope": "layer"},
}
"""How whole units are cut after a penalty on them: by the very numbers that it pulled on. Scales of all layers are
compared, as Liu et al. do; norms only within a layer, for they grow with a layer's inputs."""
WHOLE, FEWER = 0.9, 0.3
"""How much goes at first: of single weights, and of whole units, of which a network can spare fewer."""
LADDER = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 5e-3, 1e-2, 3e-2)


def names() -> dict[str, str]:
    """What the penalties are called."""
    shelf = regularisers.shelf()
    return {key: "no penalty" if key == "none" else one.name for key, one in shelf.items()}


def runs(here: Asked) -> list[Traced]:
    """The runs that differ by penalty, its strength and the seed alone: of each penalty those as strong as it is here, or
    as it is at first."""
    course = here.recipe.course

    def shown(run: Traced) -> bool:
        penalty, strength = run.recipe.course.penalty, run.recipe.course.strength
        return strength == (course.strength if penalty == course.penalty else STRENGTHS.get(penalty))

    # Every run prunes at many sparsities: one that asked for another has this one's curves, too.
    return [run for run in found.siblings(here.recipe, "penalty", "strength", "amount") if shown(run)]


def lanes_of(here: Asked) -> list[Lane]:
    """A lane for each penalty that somebody ran."""
    return lanes(found.grouped(runs(here), "penalty"), ORDER, names())


def opened(here: Asked) -> Asked:
    """What the page is about on a model of which only runs of whole units are shipped: those, until the visitor chooses."""
    if here.chosen or here.own is not None or runs(here):
        return here
    first = next((run.recipe for run in shipped_runs.read(here.recipe.subject, "regularise") if _slim(run.recipe)), None)
    return here if first is None else replace(here, recipe=first)


def _slim(recipe: Recipe) -> bool:
    return recipe.course.penalty == "slimming" and recipe.seed == 0


def headline(here: Asked) -> str:
    """What the runs say about Han's finding, or the question."""
    if _units(here) and lanes_of(here):
        return charts.restored(lanes_of(here), here.recipe.amount, here.recipe.granularity)
    pair = _hans(here)
    return charts.verdict(*pair, here.recipe.amount) if pair else "What do penalties do to the weights?"


def _hans(here: Asked) -> tuple[Lane, Lane] | None:
    """L1 and L2, where somebody ran both."""
    by_name = {lane.name: lane for lane in lanes_of(here)}
    first, second = by_name.get(names()["l1"]), by_name.get(names()["l2"])
    return (first, second) if first and second else None


def choices(here: Asked) -> None:
    """Which penalty, how strong, and how much is to go."""
    known, course = names(), here.recipe.course
    offered = [key for key in ORDER if key in known and (key == course.penalty or _fits(here, key))]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="regularise-choices"):
        take = lambda key: fields.changed(here, penalty=key, strength=STRENGTHS[key], **_cut(here, key))  # noqa: E731
        bench.choose_of("penalty", "lab-penalty", course.penalty, offered, known.get, take)
        if course.penalty != "none":
            fields.select(here, "strength λ", "strength", LADDER, lambda value: f"{value:g}", width=150)
        what = f"{here.recipe.granularity}s removed" if _units(here) else "sparsity"
        amounts = (0.3, 0.5, 0.7, 0.8) if _units(here) else (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
        fields.select(here, what, "amount", amounts, as_percent, width=150)
        if not _units(here) and (shown := _shipped_of_units(here)):
            label = f"Penalties on whole filters: {titles.title(shown.subject)}"
            st.button(label, key="to-units", on_click=_take, args=(shown,))
    one = regularisers.find(course.penalty)
    if course.penalty != "none":
        st.caption(f"{one.text.partition(chr(10) * 2)[0]} It adds ${one.formula}$ to the loss.")
    if _units(here):
        st.caption(_told_cut(here))


def _units(here: Asked) -> bool:
    """Whether whole units are cut here."""
    return here.recipe.granularity in UNITS


def _cut(here: Asked, penalty: str) -> dict[str, object]:
    """What is cut, and by which opinion, where a penalty is chosen: by what it pulls on. Without a penalty, as before."""
    plain = opens_with("regularise")
    if penalty in CUTS:
        has = kitchen.offers(replace(here.recipe, **CUTS[penalty]))
        kind = "filter" if "filter" in has or penalty == "slimming" else "neuron"
        amount = here.recipe.amount if _units(here) else FEWER
        return {**CUTS[penalty], "granularity": kind, "amount": amount}
    if penalty == "none" or not _units(here):
        return {}
    weights = ("granularity", "criterion", "pool", "scope")
    return {name: getattr(plain, name) for name in weights} | {"amount": WHOLE}


def _told_cut(here: Asked) -> str:
    """What is cut, and by what."""
    by = {"bn_scale": "the scale of its BatchNorm, of all layers together"}
    norm = "the length (L2) of its weights, within each layer" if here.recipe.pool == "l2" else "the size of its weights"
    return (
        f"Whole {here.recipe.granularity}s are cut here, each judged by {by.get(here.recipe.criterion, norm)}. «No penalty» "
        "is the same cut of a network that nothing pulled on."
    )


def _shipped_of_units(here: Asked) -> Recipe | None:
    """A setting of whole units that runs are shipped of, on another model; none where this model has its own."""
    if _fits(here, "slimming"):
        return None
    found = (run.recipe for one in shipped_runs.subjects("regularise") for run in shipped_runs.read(one, "regularise"))
    return next((one for one in found if _slim(one)), None)


def _take(recipe: Recipe) -> None:
    after = at_home(recipe)
    bench.commit(after, bench.why_not(after))


def _fits(here: Asked, penalty: str) -> bool:
    """Whether the model has anything that a penalty could pull on."""
    subject = kitchen.subject(here.recipe.subject)
    try:
        return penalty == "none" or bool(regularisers.find(penalty).targets(subject, subject.network))
    except ValueError:
        return False


def story(here: Asked) -> None:
    """The histogram over time, then both curves."""
    lane_list, known = lanes_of(here), runs(here)
    if not lane_list:
        st.info("Nobody ran this setting yet: run it live, or undo the last change.")
        return
    around.chart(charts.histogram(lane_list), "histogram", known)
    for column, when in zip(st.columns(2, gap="large"), ("before", "after"), strict=True):
        with column:
            around.chart(charts.pruned(lane_list, when, here.recipe.amount), when, known)
    if (pair := _hans(here)) and not _units(here):
        st.markdown(f"**These runs show:** {charts.sure_at(*pair)}")


def said(here: Asked) -> None:
    """What is often said of penalties, beside what the paper reports."""
    if _units(here):
        around.often_said(
            "Channels with a small BatchNorm scale can be cut without losing accuracy.",
            "With a penalty on the scales first, and fine-tuning after. VGG-19 on CIFAR-10: 93.77% without a penalty, "
            "93.30% trained with it, 32.54% right after 70% of the channels were cut, 93.78% fine-tuned. Sometimes all of a "
            "layer goes, and nothing is left to fine-tune.",
            "Liu et al. 2017 (arXiv 1708.06519), and the tables of the authors' repository",
        )
        return
    around.often_said(
        "L1 drives many weights to zero, so it is the penalty to prune with.",
        "L1 is better right after pruning; after retraining L2 gives the best results. Plain gradient steps under L1 seldom "
        "reach zero exactly: what is small is cut afterwards.",
        "Han et al. 2015, §3.1 and figure 5 (arXiv 1506.02626)",
    )
