"""Decide: what became smaller, what became faster, and what did not?"""

import streamlit as st

from pruneviz.charts import reality as charts
from pruneviz.charts.throughput import throughput
from pruneviz.studio import bench, catalogue, choices, reality, show
from pruneviz.studio import reality_words as words

recipe = bench.recipe_now()
found = reality.measured(recipe)
truth = found.truth

st.title(words.headline(recipe, truth), anchor=False)
choices.what_goes(recipe)
with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="choices"):
    if ":" not in recipe.granularity:
        measure = catalogue.kind(recipe.granularity).measure
        bench.choose(measure, "amount", reality.amounts(recipe), lambda share: f"{100 * share:g}%")
    reality.choose(recipe)
reality.watch(found)

if truth and truth.stored:
    st.markdown(words.setting(truth))
    show.chart(charts.claims(truth), key="claims")
    st.markdown(words.budget(recipe, truth))
    st.markdown(words.zeros_on_disk(truth))

if truth and truth.times and truth.tokens:
    show.chart(throughput(truth), key="throughput")
    st.markdown(words.tokens(truth))

if truth and truth.times:
    left, right = st.columns(2, gap="large")
    with left:
        show.chart(charts.promise(truth), key="promise")
        st.markdown(words.share(truth))
        st.markdown(words.accuracy(recipe, truth))
        st.markdown(words.smaller_is_faster(truth))
    with right:
        if truth.crossings:
            show.chart(charts.crossings(truth.crossings), key="crossings")
            st.markdown(words.sparse_pays(truth))
        if truth.missing:
            st.markdown("**Not measured here**\n\n" + words.missing(truth))

st.header("On your own device", anchor=False)
st.markdown(words.elsewhere())
st.code(reality.command(recipe), language=None, wrap_lines=True)
other = reality.uploaded()
if other:
    if truth and words.another_setting(truth, other):
        st.warning(words.another_setting(truth, other))
    st.markdown(words.setting(other))
    both = {"this machine": truth, "the file": other}
    show.chart(charts.machines({name: one for name, one in both.items() if one and one.times}), key="machines")
