"""Compare: several settings against each other. What is selected in one picture is selected in all."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz import came_of, plain
from pruneviz.candidates import COSTS, Candidate, apart, cost, layers, paired, shared
from pruneviz.charts import candidate_words as words
from pruneviz.charts import compare as charts
from pruneviz.charts.layer_pair import by_layer
from pruneviz.charts.lineage import lineage
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, show
from pruneviz.studio.candidates import Absent, candidates, looked, sentence, setting, told_apart

__all__ = ["candidates", "drawn", "empty", "found", "headline", "layerwise", "rows", "tradeoff"]

BY = {"parameters": "parameters left", "macs": "MACs left", "ms": "milliseconds"}
MANY = 6
"""More candidates than this are drawn as a line each, too."""


def found(recipe: Recipe) -> list[Candidate | Absent]:
    """Every candidate, with numbers or with the reason why there are none."""
    return looked(recipe)


def drawn(every: Sequence[Candidate | Absent]) -> list[Candidate]:
    """Those with numbers; the live setting only where it is not one of the pinned."""
    known = [one for one in every if isinstance(one, Candidate)]
    return [one for one in known if not (one.live and bench.pinned() and len(known) > 1)]


def headline(every: Sequence[Candidate | Absent]) -> str:
    """What the page says first: the live setting against A."""
    known = [one for one in every if isinstance(one, Candidate)]
    if len(every) == 1:
        return "Pin a setting, and every page compares with it."
    if known[0].live:
        return "A cannot be compared with here."
    return sentence(known[-1], known[0])


def empty() -> None:
    """What a pin is, and a way to make one."""
    st.markdown(
        "A **pin** keeps a setting while you go on. The first is the *baseline*, A: from then on the strip says what the "
        "live setting costs against it, sample by sample, and the slider's curve shows where it lies. Pin more, and this "
        "page asks which of them none of the others beats, how each was made, and in which layers they differ. Pins travel "
        "in the link."
    )
    st.button("Pin the live setting as baseline", key="pin-first", type="primary", on_click=bench.pin)


def tradeoff(recipe: Recipe, every: Sequence[Candidate | Absent]) -> None:
    """Who costs what, and how each was made: two pictures of the same candidates."""
    known = drawn(every)
    same, other = apart(known)
    by = recipe.held_against if recipe.held_against in BY else "parameters"
    bench.choose("held against", "held_against", [*BY], BY.get)
    left, right = st.columns(2, gap="large")
    with left:
        show.chart(charts.pareto(same, by, bench.marked()), key="pareto", on_pick=_mark)
        st.caption(_explained(same, by))
        for one in other:
            st.caption(f"Not drawn: {one.letter} was measured on other samples than {same[0].letter}.")
    with right:
        if len(known) > 1:
            _made(known, by)
    if len(same) > MANY:
        show.chart(charts.parallel(same), key="parallel")


def _made(known: Sequence[Candidate], by: str) -> None:
    ways = told_apart(known)
    show.chart(lineage(known, ways, by, bench.marked()), key="lineage", on_pick=_mark)
    common = plain.markdown(" · ".join(filter(None, shared(ways))), 1024)
    st.caption(
        f"{f'All share: {common}. ' if common else ''}Colour: the difference to {known[0].letter}, purple where it is "
        f"higher and green where it is lower; size: {COSTS[by]}."
    )


def _explained(same: Sequence[Candidate], by: str) -> str:
    score = same[0].report.score
    metric = f"{score.metric[:1].upper()}{score.metric[1:]}"
    ran = any(came_of.run(one.recipe.subject) for one in same)
    how = "each cut at once; what a run trained before says so" if ran else "one shot, no fine-tuning"
    said = (
        f"{metric} on the same {score.n:,} held-out {score.noun}, with 95% intervals; {how}. Where two "
        "intervals overlap, the table below still compares sample by sample. Click a mark to select it."
    )
    if by == "ms":
        return f"{said} Milliseconds are the median of one input's forward pass, measured on the page *Reality check*."
    if all(one.report.units for one in same):
        return said
    return f"{said} Where single weights go, what is left counts what is not zero: no dense kernel skips it."


def _mark(letters: list[str]) -> None:
    bench.mark(*letters)


def rows(recipe: Recipe, every: Sequence[Candidate | Absent]) -> None:
    """A row per candidate with what can be done with it, then all of their numbers."""
    st.subheader("The candidates", anchor=False)
    for at, one in enumerate(every):
        _row(at, one, recipe)
    known = [one for one in every if isinstance(one, Candidate)]
    with st.container(key="numbers"):
        _worth(known)
        _prices(known)


def _worth(known: Sequence[Candidate]) -> None:
    """What each is worth: two narrow tables instead of one that no telephone can hold."""
    first = known[0]
    against = f"against {first.letter}, 95% interval"
    header = ("", first.report.score.metric, "95% interval", "n", against, "newly wrong / right")
    body = [(one.letter, *_numbers(one, first)) for one in known]
    said = "«Within chance»: the interval of the difference holds 0. Each is held against it alone, not all at once."
    show.table([header, *body], f"What each is worth; {first.letter} is what the others are held against. {said}")


def _prices(known: Sequence[Candidate]) -> None:
    by = [key for key in COSTS if any(cost(one, key) is not None for one in known)]
    body = [(one.letter, *(words.costs(one, key) for key in by)) for one in known]
    show.table([("", *(COSTS[key] for key in by)), *body], "What is left of each, and its share of the dense model.")


def _row(at: int, one: Candidate | Absent, recipe: Recipe) -> None:
    live = one.letter == "live"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"candidate-{one.letter}"):
        if isinstance(one, Candidate):
            bench.tick(f"**{one.letter}**", one.letter)
        else:
            st.markdown(f"**{one.letter}**", width="content")
        said = setting(one.recipe, beside=recipe)
        why = f": {one.why}" if isinstance(one, Absent) else ""
        st.markdown(plain.markdown(f"{said}{why}"), width="content")
        if live:
            st.button("Pin it", key="pin-live", on_click=bench.pin, disabled=bench.pinned())
            return
        st.button("Return to it", key=f"return-{at}", on_click=bench.return_to, args=(at,))
        if at:
            st.button("Make it the baseline", key=f"baseline-{at}", on_click=bench.make_baseline, args=(at,))
        st.button("Take it away", key=f"unpin-{at}", on_click=bench.unpin, args=(at,))


def _numbers(one: Candidate, first: Candidate) -> tuple[str, ...]:
    score, pair = one.report.score, None if one is first else paired(one.report, first.report)
    sides = f"{pair.newly_wrong:,} / {pair.newly_right:,}" if pair else "–"
    against = "–" if one is first else words.difference(one.report, first.report)
    return words.value(one), words.interval(one), f"{score.n:,}", against, sides


def layerwise(every: Sequence[Candidate | Absent]) -> None:
    """The layers of two candidates: the two that are selected, else A and the live one."""
    known = drawn(every)
    pair = _pair(known)
    if pair is None:
        return
    if not layers(pair[0].report, pair[1].report):
        st.caption(f"{pair[0].letter} and {pair[1].letter} are different models: their layers are not compared.")
        return
    show.chart(by_layer(*pair), key="by-layer")
    st.caption(f"Ring: {pair[0].letter}. Dot: {pair[1].letter}. Select two others above, and these rows follow.")


def _pair(known: Sequence[Candidate]) -> tuple[Candidate, Candidate] | None:
    if len(known) < 2:
        return None
    marked = [one for one in known if one.letter in bench.marked()]
    rest = [one for one in (known[0], known[-1], *known) if one not in marked]
    first, second = [*marked, *rest][:2]
    order = list(known)
    return (first, second) if order.index(first) < order.index(second) else (second, first)
