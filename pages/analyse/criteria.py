"""Analyse: do the criteria agree, which one is right, and what truly happens when one weight or one unit goes?"""

import streamlit as st

from pruneviz.studio import bench, catalogue, choices, versus

recipe = bench.recipe_now()

choices.what_goes(recipe)
choices.pooled(recipe)
versus.sliders(recipe)

st.header("Where two criteria disagree", anchor=False)
versus.disagreement(recipe)

if recipe.granularity not in catalogue.UNITS:
    st.header("One weight at a time", anchor=False)
    versus.one_weight(recipe)

st.header("Predicted against true", anchor=False)
versus.truth(recipe)
