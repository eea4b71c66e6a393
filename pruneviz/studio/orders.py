"""Orders: what takes long is asked of the worker process. Who asks for the same watches the same, and may leave it.

An order outlives its ticket: what was found stays in the larder, so that whoever asks again has it at once, and whoever
cancelled has what there was until then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st

from pruneviz.recipe import Recipe
from pruneviz.report import Curve
from pruneviz.studio import admission, background, house_rules, larder, library, visitor
from pruneviz.studio.order import Order

if TYPE_CHECKING:
    from pruneviz.runs.jobs import Job
    from pruneviz.runs.queue import Queue

SETTING = "PRUNEVIZ_HEAVY_SECONDS"
PATIENCE = 0.5
"""Seconds that a page may be held up by one measurement; what takes longer is asked of the worker process."""
TICK = 0.1
PASSING = ("measure", "breakage", "flips", "attributions", "continuations", "sensitivity", "script")
"""Kinds that end, where they were for a panel, when the page that has it is left."""
LONG = ("curve", "stand")
"""Kinds that go on for a while when everybody who watched has left: who comes back finds them further on."""


def patience() -> float:
    """How long a measurement may hold a page up; a setting."""
    return float(os.environ.get(SETTING) or PATIENCE)


@larder.kept(256, grows=True)
def _order(recipe: Recipe, kind: str, nodes: tuple) -> Order:
    return Order(kind, recipe, nodes)


_watched: dict[str, dict[tuple[str, str], Order]] = {}
_looked: dict[str, set[tuple[str, str]]] = {}
_outlived: dict[str, list[Order]] = {}
"""What a tab asked for before and looks at no more, and the worker goes on with: a curve is kept for whoever comes back."""
_cards: dict[str, str] = {}
_shown: dict[str, tuple[str, str]] = {}
_guard = threading.Lock()
_making = threading.Lock()
_telling = threading.local()


def queue() -> Queue:
    """The one queue of this server, however many ask for it first."""
    with _making:
        return _queue()


@cache
def _queue() -> Queue:
    from pruneviz.runs.queue import Queue

    return Queue(house_rules.caps())


def who() -> str:
    """Who watches: this visitor, in this tab; the server itself outside of a page."""
    tab = visitor.tab()
    return f"{visitor.name()}/{tab}" if tab else "server"


def look(recipe: Recipe, kind: str, nodes: tuple = (), panel: str = "") -> Order:
    """The order of a Recipe as far as it is: asked for now, unless it is over, or this visitor cancelled it.

    A tab waits for one order of a kind at a time, and a newer one leaves the older; a `panel` of its own has its own.
    """
    order, me = _order(recipe, kind, nodes), who()
    order.collect()
    with order.lock:
        if not order.over and me not in order.stopped:
            _ask(order, me, f"{me}/{panel}" if panel else me)
    with _guard:
        here = _watched.setdefault(me, {})
        _outlive(me, here.get((kind, panel)), order)
        here[kind, panel] = order
        _looked.setdefault(me, set()).add((kind, panel))
    order.drawn[me] = order.version
    return order


def _outlive(me: str, older: Order | None, newer: Order | None = None) -> None:
    """Notes what a tab leaves, where the worker goes on with it. The guard is held."""
    if older is not None and older is not newer and older.kind in LONG and older.ticket is not None:
        _outlived.setdefault(me, []).append(older)


def outlived() -> list[Order]:
    """What this tab asked for before, looks at no more, and is still being done or waits for its turn."""
    me = who()
    with _guard:
        found, here = _outlived.get(me, []), {*_watched.get(me, {}).values()}
        left = [one for one in dict.fromkeys(found) if one not in here and one.ticket is not None and not one.ticket.over]
        if found:
            _outlived[me] = left
    return left


def known(recipe: Recipe, kind: str, nodes: tuple = ()) -> bool:
    """Whether an order has all there is to find."""
    order = _order.known(recipe, kind, nodes)
    if order is not None:
        order.collect()
    return order is not None and order.state == "done"


def found(recipe: Recipe, kind: str, nodes: tuple = ()) -> Any:
    """What an order has found so far, without asking for more; None where nothing was asked, or nothing is known yet."""
    order = _order.known(recipe, kind, nodes)
    if order is None:
        return None
    order.collect()
    return order.latest


def _ask(order: Order, me: str, watcher: str) -> None:
    from pruneviz.runs.queue import QueueFull

    try:
        order.ticket = queue().watch(order.ticket.job if order.ticket else _job(order), watcher)
        order.state, order.trouble = "open", ""
        order.refused.pop(me, None)
    except QueueFull as problem:
        order.refused[me] = str(problem)


def why(order: Order) -> str:
    """Why this visitor gets nothing of an order, in a sentence; empty where nothing is wrong with it."""
    return order.refused.get(who()) or order.trouble


def _job(order: Order) -> Job:
    """What the worker is told: of a curve, only the points that are not there yet."""
    from pruneviz.engine.sources import limits
    from pruneviz.runs.jobs import Job

    nodes = order.nodes
    if isinstance(order.latest, Curve):
        there = {point.amount for point in order.latest.points if not point.partial}
        nodes = tuple(amount for amount in nodes if amount not in there)
    name = order.recipe.subject
    card = _cards[name] = admission.place(name)
    own = library.is_own(name)
    # What was brought is read there within the same bounds as here, and it has to be the very same.
    return Job(
        order.kind, order.recipe, card, nodes, keep=order.kind in LONG,
        limits=limits.limits(house_rules.caps()) if own else None, expects=_shown.get(name) if own else None,
    )  # fmt: skip


def shown(name: str, hashes: tuple[str, str]) -> None:
    """A model was loaded here, with these hashes of its weights and its data: the worker is to measure no other."""
    _shown[name] = hashes


def first(recipe: Recipe, kind: str, nodes: tuple = (), panel: str = "") -> Any:
    """The latest result of an order, once there is one. Whoever waits on a page can click elsewhere meanwhile."""
    order = wait(lambda: look(recipe, kind, nodes, panel), lambda one: one.latest is not None)
    if order.latest is None:
        raise ValueError(why(order) or "it was cancelled before anything was measured")
    return order.latest


def finished(recipe: Recipe, kind: str, told: Callable[[int, int], None] | None = None, panel: str = "") -> Any:
    """The last result of an order, waited for; `told(done, all)` hears how far it is."""

    def asked() -> Order:
        order = look(recipe, kind, panel=panel)
        progress = order.ticket.progress if order.ticket else None
        if told and progress:
            told(*map(int, progress))
        return order

    order = wait(asked, lambda one: one.state == "done")
    if order.state != "done":
        raise ValueError(why(order) or "it was cancelled")
    return order.latest


def wait(asked: Callable[[], Order], enough: Callable[[Order], bool]) -> Order:
    """Asks again and again until it is enough, or nothing more will come."""
    tell = getattr(_telling, "tell", None)
    while True:
        order = asked()
        ticket = order.ticket
        if enough(order) or ticket is None or who() in order.stopped or background.closing():
            return order
        if tell is not None:
            tell()
        steps = ticket.steps
        ticket.wait(TICK, lambda one, steps=steps: one.steps > steps)


@contextmanager
def telling(tell: Callable[[], None]) -> Iterator[None]:
    """While this page waits, `tell` says on it what for. Streamlit ends a run only where it draws: without a word now and
    then, a visitor who chose something else would have to wait, too."""
    _telling.tell = tell
    try:
        yield
    finally:
        _telling.tell = None


def anew(recipe: Recipe, kind: str, nodes: tuple = ()) -> None:
    """What an order came to is no longer there: whoever looks at it next has it done once more."""
    order = _order(recipe, kind, nodes)
    with order.lock:
        if order.state == "done":
            order.state, order.latest, order.seen, order.version = "open", None, None, order.version + 1
            queue().outdated(_job(order))


def mine() -> list[Order]:
    """What this tab looks at, the most urgent first."""
    with _guard:
        found = list(dict.fromkeys(_watched.get(who(), {}).values()))  # several panels may look at the same
    for order in found:
        order.collect()
    kinds = ("measure", "sweep", "stand", "curve")
    return sorted(found, key=lambda one: kinds.index(one.kind) if one.kind in kinds else len(kinds))


def on_page(order: Order) -> bool:
    """Whether the page of this tab, as it stands, has looked at an order; else it is of a page before."""
    me = who()
    with _guard:
        here = _watched.get(me, {})
        return any(here.get(place) is order for place in _looked.get(me, ()))


def attend(subject: str) -> None:
    """This tab looks at this model now: what it waited for of others may end."""
    me = who()
    if visitor.tab():
        _tab(me)
    with _guard:
        _looked[me] = set()
    _leave(me, lambda _place, order: order.recipe.subject != subject)


def tidy() -> None:
    """The page stands: what was measured for a panel that is on it no more may end."""
    me = who()
    looked = _looked.get(me, set())
    _leave(me, lambda place, _order: place[0] in PASSING and bool(place[1]) and place not in looked)


def _leave(me: str, unwanted: Callable[[tuple[str, str], Order], bool]) -> None:
    with _guard:
        here = _watched.get(me, {})
        left = [place for place, order in here.items() if unwanted(place, order)]
        gone = [(panel, here.pop((kind, panel))) for kind, panel in left]
        for _, order in gone:
            _outlive(me, order)
    for panel, order in gone:
        if order.ticket is not None:
            order.ticket.leave(f"{me}/{panel}" if panel else me)


def stop(orders: list[Order]) -> None:
    """Ends what this visitor no longer wants, truly where nobody else waits for it; what was found stays."""
    me = who()
    for order in orders:
        order.stopped.add(me)
        ticket = order.ticket
        if ticket is None:
            continue
        mine = {one for one in ticket.watchers if one == me or one.startswith(f"{me}/")}
        if ticket.watchers - mine:
            for one in mine:
                ticket.leave(one)
        else:
            ticket.cancel()
        order.collect()


def resume(orders: list[Order]) -> None:
    """Goes on where it was cancelled, or tries once more what failed."""
    for order in orders:
        order.stopped.discard(who())
        if order.state == "failed":
            order.state, order.trouble = "open", ""


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda me: _gone(me))
def _tab(me: str) -> str:
    return me


def _gone(me: str) -> None:
    """A tab is closed: what nobody else waits for ends, some of it after a while."""
    with _guard:
        known = _watched.pop(me, None)
        _looked.pop(me, None)
        _outlived.pop(me, None)
    if known is not None:
        queue().gone(me)


def forget(name: str) -> None:
    """Nobody may see a model any more: the worker gives back what it keeps of it."""
    _shown.pop(name, None)
    card = _cards.pop(name, None)
    if card is not None:
        queue().forget(card)
