"""Analyse: who pays for what was removed? Which classes, which examples, which tokens."""

import streamlit as st

from pruneviz.studio import bench, breakage, choices, explained, kitchen, payers
from pruneviz.studio import breakage_words as words

recipe = bench.recipe_now()
report = kitchen.first_report(recipe)
found = breakage.found(recipe)

st.title(words.headline(report, found), anchor=False)
st.markdown(words.told(report, found))
choices.all_of_it(recipe)
payers.beside_the_slider(recipe, report, found)

if found.classes:
    payers.whom_for_whom(found)
    payers.examples(recipe, found)
    explained.pair(recipe, recipe.example)
    payers.confidence(found)
    payers.first(recipe, found)
