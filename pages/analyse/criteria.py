"""Analyse: do the criteria agree, which one is right, and what truly happens when one weight goes?"""

import streamlit as st

from pruneviz.charts import criteria as criteria_charts
from pruneviz.charts import truth as truth_charts
from pruneviz.studio import bench, catalogue, curves, insight, panels, show, words
from pruneviz.studio.scrubber import scrubber

recipe = bench.recipe_now()
names = {key: one.name for key, one in catalogue.criteria().items()}
amounts = {key: dict(recipe.unlinked).get(key, recipe.amount) for key in catalogue.order()}
offered = curves.compared(recipe, amounts)

st.title(words.compared(offered), anchor=False)
cards = [panels.criterion(names[one.key], one) for one in offered]
scrubber(cards, key="criteria", linked=bench.linked(), on_commit=bench.take_commit)
st.markdown(words.compared_help(offered))
curves.watch([one.curve for one in offered])
show.chart(criteria_charts.curves([one.curve for one in offered], names, amounts), key="curves")

st.header("Where two criteria disagree", anchor=False)
with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="choices"):
    bench.choose("criterion", "criterion", catalogue.order(), names.get)
    bench.choose("against", "against", catalogue.order(), names.get)
pair = (recipe.criterion, recipe.against)
left, right = st.columns(2, gap="large")
with left:
    show.chart(criteria_charts.agreement(insight.agreement(recipe, amounts), names), key="agreement")
    st.markdown(words.agreement())
with right:
    ranks, n = insight.ranks(recipe, pair), offered[0].sweep.weights
    of, words_of, at = zip(*((ranks[key], names[key], amounts[key]) for key in pair), strict=True)
    show.chart(criteria_charts.disagreement(of, n, words_of, at), key="disagreement")

st.header("One weight at a time", anchor=False)
layers = insight.layer_sizes(recipe.subject)
with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="picking"):
    last = [*layers][-1]
    layer = bench.select("layer of the weight", "layer", [*layers], lambda name: layers[name][0], shown=last, width=260)
    index = bench.number("weight", "pick", 0, layers[layer][1] - 1, width=170)
    another = {"layer": layer, "pick": insight.next_pick(recipe, layer, index)}
    st.button("Another weight", key="another", on_click=bench.change, kwargs=another)
story = insight.story(recipe, layer, index)
left, right = st.columns(2, gap="large")
with left:
    show.table(words.story(story, names), "What each criterion says of this weight, and what happens")
    st.markdown(words.taylor())
with right:
    show.chart(truth_charts.along_weight(story), key="along")

st.header("Predicted against true", anchor=False)
st.markdown(words.deleting())
bench.choose("weights deleted, one at a time", "sampled", sorted({0, 200, 500, 2000, recipe.sampled}), words.how_many)
if recipe.sampled:
    found = show.progress("Deleting weights one at a time …", lambda told: insight.deletions(recipe, told))
    for at, (place, key) in enumerate(zip(st.columns(2, gap="large"), pair, strict=True)):
        with place:
            in_loss = catalogue.criteria()[key].in_loss
            show.chart(truth_charts.predicted_against_true(found, key, names, in_loss=in_loss), key=f"true-{at}")
    st.markdown(words.spearman(found, names))
