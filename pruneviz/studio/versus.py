"""Versus: criteria against each other, and each against the truth, for weights, for units and for patterns."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz import plain
from pruneviz.charts import criteria as criteria_charts
from pruneviz.charts import patterns as pattern_charts
from pruneviz.charts import truth as truth_charts
from pruneviz.recipe import Recipe
from pruneviz.report import Curve, Deletions
from pruneviz.studio import bench, catalogue, curves, insight, kitchen, panels, show, stage, words
from pruneviz.studio.scrubber import scrubber


def amounts(recipe: Recipe) -> dict[str, float]:
    """Each criterion's amount: its own, or the one that all share. Left out are those that cannot judge this model, and
    those that would have to be waited for."""
    own = dict(recipe.unlinked)
    keys = [key for key in catalogue.order(recipe.granularity) if not _absent(recipe, key)]
    return {key: own.get(key, recipe.amount) for key in keys}


def _absent(recipe: Recipe, key: str) -> str:
    """Why a criterion is not compared; empty where it is."""
    one = replace(recipe, criterion=key)
    if kitchen.heavy(recipe.subject) and key != recipe.criterion:
        amount = dict(recipe.unlinked).get(key, recipe.amount)
        if not curves.known(replace(one, amount=amount)):
            return f"{names()[key]} was not measured on this model yet, and it takes long: choose it as the criterion first."
    elif not kitchen.known(one):
        return f"{names()[key]} is measured unit by unit, on request: below, or as the criterion of the page Slider."
    return kitchen.trouble(replace(one, unlinked=())) or ""


def names() -> dict[str, str]:
    return {key: one.name for key, one in catalogue.criteria().items()}


def sliders(recipe: Recipe) -> None:
    """A live slider for each criterion, and their curves in one chart; at N:M a row for each."""
    if ":" in recipe.granularity:
        st.title(words.compared_patterns(recipe.granularity), anchor=False)
        try:
            rows = {names()[key]: stage.pair(replace(recipe, criterion=key)) for key in _able(recipe)}
        except ValueError as problem:  # of a heavy model they are asked of the worker, and can be cancelled
            st.info(f"The criteria are not compared: {plain.markdown(problem, 512)}")
            return
        show.chart(pattern_charts.patterns(rows, names()[recipe.criterion]), key="patterns")
        _left_out(recipe, [key for key in catalogue.order(recipe.granularity) if key not in _able(recipe)])
        return
    with st.spinner(f"Scoring and measuring {len(catalogue.order(recipe.granularity))} criteria …"):
        offered = curves.compared(recipe, amounts(recipe))
    st.title(words.compared(offered), anchor=False)
    cards = [panels.criterion(names()[one.key], one) for one in offered]
    scrubber(cards, key="criteria", linked=bench.linked(), on_commit=bench.take_commit)
    st.markdown(words.compared_help(offered))
    _published(recipe, [one.key for one in offered])
    _left_out(recipe, [key for key in catalogue.order(recipe.granularity) if key not in amounts(recipe)])
    curves.watch([one.curve for one in offered])
    measure = catalogue.kind(recipe.granularity).measure
    drawn = [_by_units(one.curve) if recipe.granularity in catalogue.UNITS else one.curve for one in offered]
    show.chart(criteria_charts.curves(drawn, names(), amounts(recipe), measure=measure), key="curves")


def _published(recipe: Recipe, keys: list[str]) -> None:
    """Which criteria are published for another competition than this one, and the way there: it may turn their order round.
    One shot opens with theirs, and so ranks them otherwise than a page that compares globally."""
    scopes, shelf = catalogue.scopes(recipe.granularity), catalogue.criteria()
    for scope in dict.fromkeys(shelf[key].published for key in keys):
        if not scope or scope == recipe.scope or scope not in scopes:
            continue
        mine = [shelf[key].name for key in keys if shelf[key].published == scope]
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"published-{scope}"):
            st.caption(
                f"{' and '.join(mine)} {'is' if len(mine) == 1 else 'are'} published for a comparison {scopes[scope].name}; "
                f"here all compete {scopes[recipe.scope].name}, under which another may be the best.",
                width="content",
            )
            label = f"Compare {scopes[scope].name}"
            st.button(label, key=f"compare-{scope}", on_click=bench.change, kwargs={"scope": scope})


def _able(recipe: Recipe) -> list[str]:
    """The criteria that can judge this model."""
    return [key for key in catalogue.order(recipe.granularity) if not kitchen.trouble(replace(recipe, criterion=key))]


def _left_out(recipe: Recipe, keys: list[str]) -> None:
    for key in keys:
        st.caption(f"Not compared: {plain.markdown(_absent(recipe, key).rstrip('.'), 512)}.")


def _by_units(curve: Curve) -> Curve:
    """The curve over the share of units that go, not over the share of weights that this comes to."""
    return replace(curve, points=tuple(replace(point, sparsity=point.amount) for point in curve.points))


def disagreement(recipe: Recipe) -> None:
    """How much of what two criteria remove is the same, and where they part."""
    at = amounts(recipe)
    order, pair = [*at], _pair(recipe, at)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="pair"):
        bench.choose("criterion", "criterion", order, names().get)
        bench.choose("against", "against", order, names().get, shown=pair[1])
    left, right = st.columns(2, gap="large")
    with left:
        show.chart(criteria_charts.agreement(insight.agreement(recipe, at), names()), key="agreement")
        st.markdown(words.agreement(kitchen.many(recipe)))
    if ":" in recipe.granularity:
        return  # a pattern has no order of leaving, only a choice within every M
    with right:
        ranks, n, many = insight.ranks(recipe, pair)
        of, called, shares = zip(*((ranks[key], names()[key], at[key]) for key in pair), strict=True)
        show.chart(criteria_charts.disagreement(of, n, called, shares, many), key="disagreement")


def _pair(recipe: Recipe, offered: dict[str, float]) -> tuple[str, str]:
    """The two criteria that are held against each other, of those that are compared."""
    others = [key for key in (recipe.against, "gradient", *offered) if key in offered and key != recipe.criterion]
    return recipe.criterion, others[0] if others else recipe.criterion


def one_weight(recipe: Recipe) -> None:
    """One weight: what each criterion says of it, and what happens to the loss along it."""
    if kitchen.heavy(recipe.subject):
        st.caption(words.too_heavy("a weight's slope and curvature"))
        return
    layers = insight.layer_sizes(recipe.subject)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="picking"):
        last = [*layers][-1]
        layer = bench.select("layer of the weight", "layer", [*layers], lambda one: layers[one][0], shown=last, width=260)
        index = bench.number("weight", "pick", 0, layers[layer][1] - 1, width=170)
        another = {"layer": layer, "pick": insight.next_pick(recipe, layer, index)}
        st.button("Another weight", key="another", on_click=bench.change, kwargs=another)
    try:
        story = insight.story(recipe, layer, index)
    except ValueError as problem:  # a language model's curvature is not computed
        st.caption(f"Not shown: {plain.markdown(problem, 512)}.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        show.table(words.story(story, names()), "What each criterion says of this weight, and what happens")
        st.markdown(words.taylor())
    with right:
        show.chart(truth_charts.along_weight(story), key="along")


def truth(recipe: Recipe) -> None:
    """What the two criteria predicted, against what happens when one weight, or one unit, goes alone."""
    if recipe.granularity in catalogue.UNITS:
        st.markdown(words.leaving_out(kitchen.kind(recipe)))
        trouble = insight.unit_truth_trouble(recipe)
        if trouble:
            st.caption(plain.markdown(trouble, 512))
            return
        st.button(f"Leave out each {kitchen.kind(recipe).one}", key="truth", on_click=bench.ask, args=("truth",))
        if bench.asked("truth") or insight.unit_truth_known(recipe):
            pair = _pair(recipe, amounts(recipe))
            work = "Leaving out one at a time …"
            _predictions(recipe, pair, show.progress(work, lambda told: insight.unit_truth(recipe, pair, told)))
        return
    if kitchen.heavy(recipe.subject):
        st.caption(words.too_heavy("deleting weights one at a time"))
        return
    st.markdown(words.deleting())
    counts = sorted({0, 200, 500, 2000, recipe.sampled})
    bench.choose("weights deleted, one at a time", "sampled", counts, words.how_many)
    if recipe.sampled:
        work = "Deleting weights one at a time …"
        pair = _pair(recipe, amounts(recipe))
        _predictions(recipe, pair, show.progress(work, lambda told: insight.deletions(recipe, told)))


def _predictions(recipe: Recipe, pair: tuple[str, str], found: Deletions) -> None:
    kind = kitchen.kind(recipe)
    for at, (place, key) in enumerate(zip(st.columns(2, gap="large"), pair, strict=True)):
        with place:
            in_loss = catalogue.criteria()[key].in_loss and recipe.granularity not in catalogue.UNITS
            drawn = truth_charts.predicted_against_true(found, key, names(), in_loss=in_loss, nouns=(kind.one, kind.many))
            show.chart(drawn, key=f"true-{at}")
    st.markdown(words.spearman(found, names(), kind.many))
