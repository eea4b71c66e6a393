"""By name: models and data that others publish. Size, licence and accuracy are shown first; nothing is fetched unasked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import streamlit as st

from pruneviz import plain
from pruneviz.studio import bench, house_rules, visitor
from pruneviz.studio.bring import draft as drafts
from pruneviz.studio.bring import heap, model, state
from pruneviz.studio.bring.model import Model

OFF = (
    "This server fetches nothing: its owner has downloads switched off (PRUNEVIZ_DOWNLOADS). Give the weights as a file "
    "instead: the architecture is recognised."
)
HUB = "transformers"
PUBLISHED = ("torchvision", "timm", HUB)
USUAL = ("mobilenet_v2", "mobilenetv2_100")


def ask_model() -> None:
    """A published model: its source, its name, its weights."""
    with st.spinner("Looking what there is …"):
        sources = _sources()
    ready = [name for name, (_, missing) in sources.items() if not missing]
    if ready:
        source = st.segmented_control(
            "source", ready, format_func=lambda name: sources[name][0], default=ready[0], required=True,
            key="bring-source", label_visibility="collapsed", wrap=True,
        )  # fmt: skip
    for title, missing in sources.values():
        if missing:
            st.caption(f"For {title}, {missing}.")
    if not house_rules.downloads():
        st.info(OFF)
    if ready and source == HUB:
        _hub()
    elif ready:
        _published(source)


def architecture(now: str, take: Callable[[str], None]) -> None:
    """The name of another architecture for the tensors that were given; `take` hears which."""
    with st.spinner("Looking what there is …"):
        names = architectures()
    key, at = f"bring-architecture-{now}", names.index(now) if now in names else None
    st.selectbox("architecture", names, index=at, key=key, on_change=lambda: take(bench.entered(key)))


@cache
def architectures() -> list[str]:
    """Every architecture that can be built by name, as a card writes it."""
    from pruneviz.engine.sources import shelf

    found = list(shelf.find(shelf.SHIPPED).names())
    for source in shelf.offered():
        module = shelf.find(source)
        if source not in (shelf.SHIPPED, HUB) and not module.missing():
            found += [f"{source}:{name}" for name in module.names()]
    return found


@cache
def _sources() -> dict[str, tuple[str, str]]:
    """The sources of published models: name → title, and what to install where something is missing."""
    from pruneviz.engine.sources import shelf

    names = [name for name in PUBLISHED if name in shelf.offered()]
    return {name: (shelf.find(name).title, shelf.find(name).missing()) for name in names}


@cache
def _names(source: str) -> list[str]:
    from pruneviz.engine.sources import shelf

    return list(shelf.find(source).names())


@cache
def _offers(source: str, name: str) -> tuple[Any, ...]:
    from pruneviz.engine.sources import shelf

    return tuple(reversed(shelf.find(source).weights(name)))


def _published(source: str) -> None:
    with st.spinner("Looking what there is …"):
        names = _names(source)
    usual = next((at for at, name in enumerate(names) if name in USUAL), 0)
    name = st.selectbox("model", names, index=usual, key=f"bring-name-{source}")
    offers = _offers(source, name)
    if not offers:
        st.caption("No weights are published for it: give your own as a file.")
        return
    at = st.radio("weights", range(len(offers)), format_func=lambda at: _told(offers[at]), key=f"bring-offer-{name}")
    st.caption(f"Licence: {plain.markdown(offers[at].licence)}. From {plain.markdown(offers[at].host)}.")
    _button("Fetch these weights", house_rules.downloads(), partial(_fetch, f"{source}:{name}", offers[at]))


def _button(label: str, possible: bool, work: Callable[[], None]) -> None:
    st.button(label, key="bring-fetch", disabled=not possible, on_click=state.later, args=("model", work))


def _told(offer: Any) -> str:
    """An offer as a menu says it: name, size, accuracy as its publisher measured it."""
    size = "size not said" if offer.bytes is None else plain.size(offer.bytes)
    accuracy = "" if offer.accuracy is None else f", {100 * offer.accuracy:.1f}% top-1 as published"
    return f"{plain.markdown(offer.title)}: {size}{accuracy}"


def _fetch(build: str, offer: Any) -> None:
    """Fetches published weights, with a bar that moves; the model is what its card says then."""
    from pruneviz.engine.sources import download

    _under_a_bar(lambda told: download.weights(offer.reference, _fetching(told)))
    arguments = {"arguments": dict(offer.arguments)} if offer.arguments else {}
    table = {
        "name": offer.title.partition("_Weights")[0],
        "task": "image_classification",
        "weights": offer.reference,
        "licence": offer.licence,
        "architecture": {"build": build, **arguments},
    }
    made = Model(table["name"], table, {}, dict(offer.preparation), (f"Published weights, {offer.title}.",))
    state.keep(drafts.with_model(state.draft(), made, {}))


def _hub() -> None:
    """A model of the hub, by name and revision: looked up first, and fetched by the commit that was shown."""
    name = st.text_input(
        "name on the hub", key="bring-hub", placeholder="distilbert/distilbert-base-uncased-finetuned-sst-2-english"
    ).strip()
    revision = st.text_input("revision (empty: the latest, noted down by its commit)", key="bring-revision").strip()
    asked, found = bench.noted("bring_hub", (None, None))
    possible = house_rules.downloads() and bool(name)
    if asked != (name, revision):
        _button("Look it up", possible, partial(_look_up, name, revision))
        return
    licence = plain.markdown(found.licence) if found.licence else "not said"
    st.caption(f"{plain.size(found.bytes)}, commit `{found.commit[:12]}`. Licence: {licence}. From huggingface.co.")
    _button("Fetch this model", possible, partial(_fetch_hub, name, found.commit))


def _look_up(name: str, revision: str) -> None:
    from pruneviz.engine.sources import hub

    bench.note("bring_hub", ((name, revision), hub.announced(name, revision or None, _fetching(None))))


def _fetch_hub(name: str, commit: str) -> None:
    from pruneviz.engine.sources import download

    folder = _under_a_bar(lambda told: download.hub(name, commit, _fetching(told)))
    files = heap.folder(folder)
    found = model.recognised(files, "", house_rules.caps())
    state.keep(drafts.with_model(state.draft(), found, files))


def _fetching(told: Callable[[int, int], None] | None) -> Any:
    """What may be fetched as a model: no more than could be uploaded."""
    from pruneviz.engine.sources import download

    return download.Fetch(house_rules.downloads(), told, house_rules.caps().upload_bytes)


def _under_a_bar(work: Callable[[Callable[[int, int], None]], Any]) -> Any:
    """Fetches something while a bar shows how far it is."""
    bar = st.progress(0.0, "Fetching …")

    def told(done: int, of: int) -> None:
        bar.progress(min(1.0, done / max(of, 1)), f"Fetching … {plain.size(done)}" + (f" of {plain.size(of)}" if of else ""))

    try:
        return work(told)
    finally:
        bar.empty()


def ask_data() -> None:
    """A published data set, by name, with the folder that it lies in or is to lie in."""
    from pruneviz.engine.sources import datasets

    offered = {one.name: one for one in datasets.offered()}
    name = st.selectbox("data set", [*offered], format_func=lambda key: offered[key].words, key="bring-set")
    st.caption(f"Licence: {plain.markdown(offered[name].licence)}.")
    root = ""
    if visitor.own_machine():
        root = st.text_input("folder that it lies in (empty: this account's cache)", key="bring-root").strip()
    if not house_rules.downloads():
        st.info(
            "This server fetches nothing, and has only what its owner put there: upload images as an archive, or use "
            "the digits that are here."
        )
    told = {"set": f"{datasets.PREFIX}{name}"} | ({"root": root} if root else {})
    work = partial(_take_set, told, name)
    st.button("Use this data set", key="bring-set-use", on_click=state.later, args=("data", work))


def _take_set(told: dict[str, Any], name: str) -> None:
    """Takes a published data set, fetched first where it is not there and the server allows it."""
    from pruneviz.engine.sources import datasets, download

    where = datasets.root(told, Path())
    if not datasets.here(name, where):
        one, most = datasets.find(name), house_rules.caps().unpacked_bytes
        _under_a_bar(lambda heard: datasets.fetch(one, where, download.Fetch(house_rules.downloads(), heard, most)))
    state.keep(drafts.with_data(state.draft(), told, {}))
    bench.note("bring_data_said", name)
