"""Decide: which of several settings is worth its price, how was each made, and where do they differ?"""

import streamlit as st

from pruneviz.studio import bench, compare

recipe = bench.recipe_now()
with st.spinner("Measuring the pinned settings …"):
    every = compare.found(recipe)

st.title(compare.headline(every), anchor=False)
if len(every) == 1:
    compare.empty()
else:
    compare.tradeoff(recipe, every)
    compare.rows(recipe, every)
    compare.layerwise(every)
