"""Slides: the five of them, each one headline and what proves it. Small in the preview, large on the projector."""

from __future__ import annotations

import streamlit as st

from pruneviz import facts, headlines, plain
from pruneviz.case import Case, Shown
from pruneviz.charts import anatomy, breakage, compare, river, tradeoff
from pruneviz.charts.chart import Chart
from pruneviz.studio import bench, curves, reality, show
from pruneviz.studio.present import chrome, gather, what_if
from pruneviz.studio.present.deck import Turn, deck

GROUPS = 8
"""So many groups fit on a slide as a row each; more are poured together as a river."""
CLASSES = 6
"""So many classes are on a slide, those that lose most."""
LIVE = "present-live"
HEIGHT = 430
"""Pixels of a chart on a slide: what a headline of two lines leaves of a screen of 900."""


def presented(case: Case) -> None:
    """The slide that is open, on the whole screen, and the bar that turns it."""
    slide, live = case.recipe.slide, bool(bench.noted(LIVE)) and case.recipe.slide == what_if.SLIDE
    chrome.style()
    with st.container(key="slide"):
        st.markdown(f"{slide} of {len(headlines.TOPICS)} · {headlines.TOPICS[slide - 1]}{_by(case)}")
        if live:
            what_if.live(case)
        else:
            slide_of(case, slide, large=True)
    deck(slide, live, on_turn=_turned)


def _by(case: Case) -> str:
    said = [plain.markdown(text) for text in (case.recipe.title, case.recipe.author) if text]
    return f" · {', '.join(said)}" if said else ""


def _turned(turn: Turn) -> None:
    bench.note(LIVE, turn.live)
    bench.note(what_if.AMOUNT, None)
    bench.change(slide=turn.slide)


def slide_of(case: Case, slide: int, *, large: bool) -> None:
    """One slide: its headline as a title where it fills the screen, as a line of text in the preview."""
    said = plain.markdown(headlines.headlines(case)[slide - 1], 1024)
    if large:
        st.title(said, anchor=False)
    else:
        st.markdown(f"**{slide} · {headlines.TOPICS[slide - 1]}**  \n{said}")
    (_decision, _trade_off, _removed, _affected, _confidence)[slide - 1](case, large)


def _chart(one: Chart, key: str, large: bool) -> None:
    size = "slide" if large else "preview"
    show.chart(tradeoff.large(one, HEIGHT) if large else one, key=f"{size}-{key}")


def _decision(case: Case, large: bool) -> None:
    with st.container(key=f"tiles-{large}"):
        for place, tile in zip(st.columns(3, gap="large" if large else "small"), facts.tiles(case), strict=True):
            place.metric(tile.label, tile.value, tile.below or None, delta_color="off", delta_arrow="off")
    if case.verdict.word:
        verdict(case, f"verdict-{large}")
    timing = gather.timing(case.recipe) if large else None
    if timing is not None and not timing.ended:
        reality.watch(timing)
    with st.container(key=f"setting-{large}"):
        st.markdown(plain.markdown(facts.setting(case), 1024))


def verdict(case: Case, key: str) -> None:
    """The verdict, and a row for each limit: what was measured, what is allowed, and the word."""
    with st.container(key=key, gap="small"):
        st.subheader(facts.overall(case), anchor=False)
        rows = [
            (plain.markdown(row.words), facts.measured(row), facts.allowed(row), f"**{row.verdict}**")
            for row in case.verdict.rows
        ]
        st.markdown(show.lines([("limit", "measured", "allowed", "verdict"), *rows]))


def verdict_notes(case: Case) -> None:
    """What each number of the verdict rests on."""
    for row in case.verdict.rows:
        if row.note:
            st.caption(plain.markdown(f"{row.words[:1].upper()}{row.words[1:]}: {row.note}.", 512))
        if row.ways:
            st.markdown(f"**What would settle «{plain.markdown(row.words)}»:** {plain.markdown(row.ways, 512)}.")


def _trade_off(case: Case, large: bool) -> None:
    curves.watch([case.curve, case.baseline])
    if len(case.candidates) > 1:
        _chart(tradeoff.starred(compare.pareto(case.candidates)), "pareto", large)
    elif case.curve is not None:
        _chart(tradeoff.trade_off(case), "curve", large)
    else:
        st.markdown(f"A pattern has one amount: of every {case.recipe.granularity.partition(':')[2]} neighbouring weights "
                    f"{case.recipe.granularity.partition(':')[0]} stay.")  # fmt: skip
    for one in case.left_out:
        st.caption(plain.markdown(one, 512))


def _removed(case: Case, large: bool) -> None:
    groups = [one for one in case.report.groups if not one.reason]
    if not groups:
        _chart(tradeoff.layers_left(case.report.layers), "layers", large)
    elif len(groups) > GROUPS and not groups[0].blocks:
        _chart(river.flow(groups, case.many), "river", large)
    else:
        _chart(anatomy.widths(groups, case.many), "widths", large)


def _affected(case: Case, large: bool) -> None:
    found = case.breakage
    if found is None:
        st.markdown("Who is affected was not measured.")
        return
    if not found.classes:
        _chart(breakage.tokens(found), "tokens", large)
        return
    left, right = st.columns([1, 1] if large else [3, 2], gap="large")
    with left:
        _chart(breakage.per_class(found, CLASSES), "classes", large)
    with right:
        _pictures(case, large)


def _pictures(case: Case, large: bool) -> None:
    """Some of those that changed sides, as they are, and what they were and are taken for."""
    if not case.examples:
        return
    wrong = sum(one.example.wrong for one in case.examples)
    sort = "turn wrong" if wrong == len(case.examples) else "change sides"
    many = case.breakage.newly_wrong + (0 if wrong == len(case.examples) else case.breakage.newly_right)
    with st.container(key=f"examples-{large}"):
        st.markdown(f"{len(case.examples)} of {many:,} that {sort}")
        for place, one in zip(st.columns(len(case.examples), gap="medium"), case.examples, strict=True):
            with place:
                _picture(one)


def _picture(one: Shown) -> None:
    if one.picture is not None:
        alt = f"held out, a {plain.one_line(one.example.label, 60)}"
        st.image(one.picture, width="stretch", output_format="PNG", alt=alt)
    elif one.text:
        st.markdown(f"“{plain.markdown(one.text, 160)}”")
    before, after = (plain.markdown(text) for text in (one.example.before, one.example.after))
    st.markdown(f"{before} → **{after}**{'' if one.example.wrong else ', right'}")


def _confidence(case: Case, large: bool) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        lines = [f"**{what}:** {plain.markdown(words)}" for what, words in facts.basis(case)]
        lost = facts.lost(case)
        st.markdown("  \n".join([*lines, *([f"**against dense:** {plain.markdown(lost, 512)}"] if lost else [])]))
    with right:
        recipe = case.recipe
        st.markdown(f"**not tested:** {plain.markdown(recipe.untested or facts.NOTHING_SAID)}")
        if recipe.contact:
            st.markdown(f"**ask:** {plain.markdown(recipe.contact)}")
    with st.container(key="fine" if large else "fine-preview"):
        st.markdown(f"{plain.markdown(facts.setting(case), 1024)}  \n[Open this setting]({case.link})")
        sources = [f"{what} `{sha[:16]}`" for what, sha in case.sources] + [
            f"{name} {number}" for name, number in case.versions
        ]
        st.markdown(" · ".join(sources))
