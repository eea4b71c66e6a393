"""Status: one line under the strip that says what is being computed, how far it is, and how to end it.

It is there only while something runs, or after it was ended before its time; and always in the same place.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pruneviz.recipe import Recipe
from pruneviz.report import Curve, Report
from pruneviz.studio import bench, catalogue, kitchen, orders, show
from pruneviz.studio.order import Order

TICK = 0.5
DOING = {
    "measure": ("Measuring", "measurement"),
    "curve": ("Measuring the curve", "curve"),
    "stand": ("Scoring", "scoring"),
    "sweep": ("Sorting and counting what goes at each percent", "sorting"),
    "shapes": ("Fitting distributions", "fitting"),
    "remove": ("Removing for real and comparing", "removal"),
    "alone": ("Leaving out one at a time", "leaving out"),
    "archive": ("Writing the smaller network", "export"),
    "breakage": ("Looking at what breaks", "look at what breaks"),
    "flips": ("Finding what changes sides first", "search for what changes sides first"),
    "continuations": ("Writing a text on", "writing"),
    "attributions": ("Asking which pixels count", "question which pixels count"),
    "sensitivity": ("Pruning each layer alone", "sensitivity map"),
    "allocate": ("Searching for the best amounts", "search"),
    "script": ("Writing the setting as Python", "script"),
}
"""What is being done, and what it is called: by the kind of an order."""
OTHER = ("Working", "work")

REDRAW = 2.0
"""A page on which a curve grows is drawn anew at most this often."""


def place(recipe: Recipe) -> DeltaGenerator:
    """Where the line stands; of a heavy model it keeps its height, so that nothing jumps when it comes and goes."""
    orders.attend(recipe.subject)
    return st.container(key="status" if kitchen.heavy(recipe.subject) else "status-quiet")


def wait(recipe: Recipe, line: DeltaGenerator) -> None:
    """Nothing can be drawn before there is a first number: says what is waited for, with a way out."""
    if kitchen.heavy(recipe.subject):
        order = orders.wait(lambda: kitchen.ordered(recipe), lambda one: one.latest is not None)
        if order.latest is None:
            bench.retreat(f"{_gave_up(order)} The setting before is shown.")
            st.rerun()
    elif not kitchen.known(recipe):
        _leave_out(recipe, line)


def _leave_out(recipe: Recipe, line: DeltaGenerator) -> None:
    """Where a criterion measures unit by unit: a bar that moves, and a way out."""
    with line:
        bar = st.empty()
    with bar.container():
        st.button("Cancel, and judge by magnitude", key="cancel", on_click=bench.change, kwargs={"criterion": "magnitude"})
        said = f"Leaving out each {kitchen.kind(recipe).one} …"
        show.progress(said, lambda told: kitchen.standing_of(recipe, lambda done, of: told(done / of)))
    bar.empty()


@contextmanager
def telling(line: DeltaGenerator) -> Iterator[None]:
    """What a page that waits says meanwhile: the line's words, and a way out."""
    drawn: list[DeltaGenerator] = []

    def tell() -> None:
        if not drawn:
            with line:
                drawn.append(st.empty())
            with drawn[0].container(horizontal=True, vertical_alignment="center", key="waiting"):
                drawn.append(st.empty())
                st.button("Cancel", key="cancel-waiting", on_click=_stop)
        drawn[1].caption(words(orders.mine()) or "Waiting …", width="content")

    with orders.telling(tell):
        yield
    if drawn:
        drawn[0].empty()


def newest(recipe: Recipe, report: Report) -> Report:
    """The Report of this very setting by now, of more samples than the one given."""
    wanted = kitchen.job_part(recipe)
    found = [order.latest for order in orders.mine() if order.kind == "measure" and order.recipe == wanted]
    return next((one for one in found if isinstance(one, Report)), report)


def line(where: DeltaGenerator, recipe: Recipe) -> None:
    """The line itself, once the page has said what it wants: it goes on telling until all is there."""
    found = orders.mine()
    with where:
        if any(_runs(order) or _fresh(order) for order in found) or orders.outlived():
            _living(time.monotonic())
        elif any(_ended(order) for order in found):
            _ended_line(found)


@st.fragment(run_every=TICK)
def _living(drawn: float) -> None:
    found = orders.mine()
    _draw(found)
    fresh = [order for order in found if _fresh(order)]
    runs = any(_runs(order) for order in found) or orders.outlived()
    over = not runs or any(not _runs(order) for order in fresh)
    due = over or (fresh and time.monotonic() - drawn > REDRAW)
    if due and not bench.covered():
        st.rerun()


def _draw(found: list[Order]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="running"):
        earlier = orders.outlived()
        st.caption(" · ".join(filter(None, (words(found), _earlier(earlier)))), width="content")
        if many := sum(_runs(order) for order in found) + len(earlier):
            st.button("Cancel" if many == 1 else "Cancel all", key="cancel-order", on_click=_stop)


def _earlier(orders_left: list[Order]) -> str:
    """What was asked for before and goes on, in a few words."""
    if not orders_left:
        return ""
    noun = DOING.get(orders_left[0].kind, OTHER)[1] if len({one.kind for one in orders_left}) == 1 else "job"
    return f"{len(orders_left)} earlier {noun}{'s' * (len(orders_left) > 1)} of yours too"


def _ended_line(found: list[Order]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="ended"):
        st.caption(ended_words(found), width="content")
        st.button("Go on", key="go-on", on_click=_resume)


def _stop() -> None:
    orders.stop([*(order for order in orders.mine() if _runs(order)), *orders.outlived()])


def _resume() -> None:
    orders.resume(orders.mine())


def _runs(order: Order) -> bool:
    return order.ticket is not None and not order.over and orders.who() not in order.stopped


def _fresh(order: Order) -> bool:
    """Whether more is known than the page shows: it may have come while the page was being drawn. What only a page before
    showed is nothing to draw this one anew for, again and again."""
    return orders.on_page(order) and order.version != order.drawn.get(orders.who())


def _ended(order: Order) -> bool:
    return order.state == "failed" or (order.state != "done" and orders.who() in order.stopped)


def words(found: list[Order]) -> str:
    """What runs, in one line: «Measuring: 96 of 500 images so far, about 20 s left · Curve: …»."""
    return " · ".join(_running_words(order) for order in found if _runs(order))


def _running_words(order: Order) -> str:
    ticket = order.ticket
    said = _far(order)
    if ticket is None:
        return said
    if ticket.state == "waiting" and ticket.position:
        before = ticket.position - 1
        ahead = f"{before} {'job' if before == 1 else 'jobs'} before it" if before else "next in turn"
        return f"{said}: waiting, {ahead}{_left(ticket.seconds_left)}"
    return f"{said}{_left(ticket.seconds_left)}"


def _far(order: Order) -> str:
    latest, progress = order.latest, order.ticket.progress if order.ticket else None
    if order.kind == "measure":
        if isinstance(latest, Report):
            return f"Measuring: {latest.score.n:,} of {latest.score.of or latest.score.n:,} {latest.score.noun} so far"
        return "Measuring the first samples"
    if order.kind == "curve":
        return f"Curve: {_points(latest, order.nodes)}"
    done = f": {int(progress[0]):,} of {int(progress[1]):,}" if progress else ""
    if order.kind == "stand":
        return f"Scoring by {catalogue.criteria()[order.recipe.criterion].name}{done}"
    return f"{DOING.get(order.kind, OTHER)[0]}{done}"


def _points(curve: Curve | None, nodes: tuple) -> str:
    points = curve.points if isinstance(curve, Curve) else ()
    whole = sum(not point.partial for point in points)
    few = [point.n for point in points if point.partial]
    rough = f", {len(few)} more on {max(few):,} of {points[0].of:,} {curve.noun}" if few else ""
    return f"{whole} of {len(nodes)} points{rough}"


def _left(seconds: float | None) -> str:
    if seconds is None or seconds < 1:
        return ""
    if seconds < 90:
        return f", about {max(5, 5 * round(seconds / 5))} s left"
    return f", about {seconds / 60:.0f} min left" if seconds < 5400 else ", more than an hour left"


def ended_words(found: list[Order]) -> str:
    """What was ended before its time: «The curve was cancelled at step 12; what was found until then stays.»."""
    said = []
    for order in (one for one in found if _ended(one)):
        if order.state == "failed":
            said.append(f"The {DOING.get(order.kind, OTHER)[1]} ended: {order.trouble.rstrip('.')}.")
        else:
            kept = "; what was found until then stays" if order.latest is not None else ""
            said.append(f"The {DOING.get(order.kind, OTHER)[1]} was cancelled at step {order.steps}{kept}.")
    return " ".join(said)


def _gave_up(order: Order) -> str:
    said = orders.why(order)
    if said:
        return f"{said[:1].upper()}{said[1:].rstrip('.')}."
    return f"Cancelled at step {order.steps}, before anything was measured."
