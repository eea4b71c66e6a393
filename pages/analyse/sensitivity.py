"""Analyse: which layer breaks first, and how is a budget best shared out among the layers?"""

import streamlit as st

from pruneviz.studio import allocation, bench, choices, sensitivity

recipe = bench.recipe_now()
found, trouble = sensitivity.found(recipe)

st.title(sensitivity.headline(recipe, found), anchor=False)
st.markdown(sensitivity.told(recipe, found))
choices.all_of_it(recipe)
sensitivity.matrix(recipe, found, trouble)

st.header("Keep the accuracy, remove the most", anchor=False)
allocation.ask()
allocation.answer(recipe)
