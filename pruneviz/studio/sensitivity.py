"""Sensitivity: the map of what each layer alone costs, measured by the worker row by row; a click sets a layer's amount."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz import plain
from pruneviz.charts import sensitivity as charts
from pruneviz.charts.chart import as_percent
from pruneviz.recipe import Recipe
from pruneviz.sensitivity import Sensitivity
from pruneviz.studio import bench, catalogue, kitchen, larder, orders, show

KIND = "sensitivity"
MOMENT, SQUARES = 1.0, 9
"""Seconds that a page may take to measure a map by itself, and squares of a row."""
FOLLOWS = "follows the slider"


def found(recipe: Recipe) -> tuple[Sensitivity | None, str]:
    """The map; where it takes long, as far as the worker has it. And why there is none, in a sentence.

    Of a heavy model it takes minutes: the worker begins only where somebody asks. Elsewhere it begins with the page, and
    ends where the page is left before it is there.
    """
    if ":" in recipe.granularity:
        return None, f"{recipe.granularity} is one choice for all layers: choose weights, filters, neurons, heads or layers."
    if _quick(recipe):
        return _map(replace(asked(recipe), calibration=recipe.calibration)), ""
    what = asked(recipe)
    if _unasked(recipe):
        return orders.found(what, KIND), ""
    order = orders.look(what, KIND, panel="" if kitchen.heavy(recipe.subject) else KIND)
    return order.latest, orders.why(order)


def _unasked(recipe: Recipe) -> bool:
    """Whether a map takes so long that it is asked for, and nobody did."""
    what = asked(recipe)
    return kitchen.heavy(recipe.subject) and not orders.known(what, KIND) and not bench.asked(KIND, what)


def _quick(recipe: Recipe) -> bool:
    """Whether the whole map takes less than a moment here: then nobody has to wait for another process to start."""
    if kitchen.heavy(recipe.subject) or not kitchen.known(recipe):
        return False
    units = recipe.granularity in catalogue.UNITS
    here = kitchen.structure(recipe.subject, recipe.granularity).groups if units else kitchen.subject(recipe.subject).layers
    return SQUARES * len(here) * kitchen.pace(recipe.subject) < MOMENT


@larder.kept(16, dry=True)
def _map(recipe: Recipe) -> Sensitivity:
    from pruneviz.engine import sensitivity as maps

    place, workspace = kitchen.standing_of(recipe), kitchen.workspace_of(recipe)
    latest = None
    for one in maps.sensitivity(kitchen.subject(recipe.subject), recipe, place, workspace):
        latest = one or latest
    return latest


def asked(recipe: Recipe) -> Recipe:
    """What a map depends on: neither the amount nor who competes with whom, for each layer is pruned alone."""
    return kitchen.job_part(recipe, amount=0.0, scope="layer", overrides=(), gone=(), back=())


def headline(recipe: Recipe, here: Sensitivity | None) -> str:
    """What the map says."""
    if here is None or not here.measured:
        return "Which layer breaks first?"
    return charts.headline(here)


def told(recipe: Recipe, here: Sensitivity | None) -> str:
    """How to read the map, on how many samples it stands, and how far it is."""
    many = kitchen.many(recipe)
    said = f"Each row prunes the {many} of one layer and leaves all others whole: one shot, no fine-tuning."
    if here is None or not here.measured:
        return said
    seen = f"{here.n:,} held-out {here.noun}"
    if here.fewest < here.n:
        seen = f"{here.fewest:,} to {here.n:,} held-out {here.noun} so far"
    test = "the samples that changed sides say so (sign test, 5%)" if here.higher else "the paired losses say so (5%)"
    point = "a point" if here.higher else f"1% of {here.metric}"
    return (
        f"{said} Measured on {seen}{_width(here)}. A layer counts as losing {point} only where {test}. Every square is "
        f"tested alone: nothing is corrected for there being {here.measured:,}, so one square by itself may have lost by "
        "chance; a row that goes on losing to its right hardly has. A layer is called robust "
        f"only where the 95% interval of its loss stays within {point} at every amount; else nobody can tell."
    )


def _width(here: Sensitivity) -> str:
    """How wide the interval around the dense value is, where it is known from a cell that loses nothing."""
    cells = [cell for row in here.rows for cell in row.cells if cell.n == here.n]
    if not cells or not here.higher:
        return ""
    best = max(cells, key=lambda cell: cell.value)
    low, high = best.interval
    return f", where 95% intervals are {100 * (high - low):.1f} points wide at best"


def matrix(recipe: Recipe, here: Sensitivity | None, trouble: str) -> None:
    """The map; a click on a square gives that layer this amount of its own, a second one takes it back."""
    if trouble:
        st.info(plain.markdown(trouble, 512))
    elif ":" not in recipe.granularity and _unasked(recipe):
        st.caption("Every layer is measured alone at eight or nine amounts: of this model that can take minutes.")
        st.button("Measure each layer alone", key="map", on_click=bench.ask, args=(KIND, asked(recipe)), type="primary")
    if here is None:
        return
    measure = catalogue.kind(recipe.granularity).measure
    show.chart(charts.matrix(here, dict(recipe.overrides), measure), "sensitivity", on_pick=lambda one: take(here, one))
    _together(here)
    _own(recipe, here)


def take(here: Sensitivity, picked: list[object]) -> None:
    """A click on a square: the layer gets that amount, or follows the slider again where it had it."""
    amount, _, name = str(picked[0]).partition(":")
    if name not in {row.name for row in here.rows if not row.reason}:
        return
    recipe, share = bench.recipe_now(), float(amount)
    own = None if dict(recipe.overrides).get(name) == share else share
    after = recipe.with_own(name, own)
    bench.commit(after, bench.why_not(after))


def _together(here: Sensitivity) -> None:
    together = [row for row in here.rows if row.others and not row.reason]
    tail = ""
    if together:
        few = f"{together[0].label}: with {', '.join(together[0].others[:3])}"
        more = {1: "", 2: ", and 1 more row like it"}.get(len(together), f", and {len(together) - 1} more rows like it")
        said = f"Coupled layers share a row, for none of them can lose a unit alone ({few}{more})."
        tail = f" {plain.markdown(said, 1024)}"
    st.markdown(f":small[Robust alone is not robust together: the search below prunes all layers at once.{tail}]")


def _own(recipe: Recipe, here: Sensitivity) -> None:
    """The same by keyboard: a layer, and the amount that it has of its own."""
    free = {row.name: row.label for row in here.rows if not row.reason}
    if not free or bench.is_hidden("overrides"):
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="own"):
        first = recipe.layer if recipe.layer in free else next(iter(free))
        layer = bench.select("layer", "layer", [*free], free.get, shown=first, width=260)
        now = dict(recipe.overrides).get(layer)
        amounts = sorted({0.0, *here.amounts, *([] if now is None else [now])})
        names = [FOLLOWS, *(as_percent(amount) for amount in amounts)]
        key, at = f"own-{layer}-{now}", 0 if now is None else 1 + amounts.index(now)
        st.selectbox("its own amount", names, at, key=key, width=200, on_change=_take_own, args=(layer, key))
        if recipe.overrides:
            st.button("All follow the slider", key="follow", on_click=bench.change, kwargs={"overrides": ()})


def _take_own(layer: str, key: str) -> None:
    chosen = str(bench.entered(key))
    after = bench.recipe_now().with_own(layer, float(chosen.rstrip("%")) / 100 if chosen.endswith("%") else None)
    bench.commit(after, bench.why_not(after))
