"""Start: what happens when you remove most of a trained network?"""

import streamlit as st

from pruneviz import findings
from pruneviz.studio import as_python, bench, catalogue, choices, kitchen, recovery, stage, words

recipe = bench.recipe_now()
report = kitchen.first_report(recipe)
curve = stage.curve_of(recipe)

st.title(findings.headline(report), anchor=False)
with st.container(key="told"):
    st.caption(words.start(report, curve, len(recipe.own_amounts())))

choices.all_of_it(recipe)
stage.hero(recipe, report, curve)
recovery.part(recipe)

left, right = st.columns(2, gap="large")
with left:
    st.subheader(words.why_title(report), anchor=False)
    st.markdown(words.why(report, recipe.criterion))
with right:
    st.subheader(f"How «{catalogue.criteria()[recipe.criterion].name}» decides", anchor=False)
    words.criterion(recipe.criterion)
    words.compared_by(recipe)
st.caption(words.evidence(report, kitchen.chance(recipe)))
as_python.part(recipe)
