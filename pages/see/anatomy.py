"""See: which filters, neurons, heads and layers go, what goes with them, and what is left when they are really gone?"""

import streamlit as st

from pruneviz.studio import bench, dissection, kitchen

recipe = bench.recipe_now()
report = kitchen.first_report(recipe)

st.title(dissection.headline(recipe, report), anchor=False)
st.markdown(dissection.caption(recipe, report))

dissection.choose(recipe)
dissection.living(recipe, report)

st.header("What is left of the network", anchor=False)
dissection.left(recipe, report)
dissection.matrix(recipe)
if report.groups:
    dissection.removal(recipe)
