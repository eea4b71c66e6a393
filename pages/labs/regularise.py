"""Labs: what do penalties do to the weights, and how much of the network can go then?"""

import streamlit as st

from pruneviz.studio.labs import around, asked, found, live, regularise

here = asked.asked("regularise")

st.title(regularise.headline(here), anchor=False)
asked.explain(here)
regularise.choices(here)
live.panel(here)
regularise.story(here)
regularise.said(here)
around.to_slider(here.recipe, found.exactly(here.recipe))
