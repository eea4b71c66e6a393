"""Labs: what do penalties do to the weights, and how much of the network can go then?"""

import streamlit as st

from pruneviz.studio import frame
from pruneviz.studio.labs import around, asked, found, live, regularise
from pruneviz.studio.lessons import offered

here = regularise.opened(asked.asked("regularise"))

st.title(regularise.headline(here), anchor=False)
offered.on("regularise", frame.PAGES)
asked.explain(here)
regularise.choices(here)
live.panel(here)
regularise.story(here)
regularise.said(here)
around.to_slider(here.recipe, found.exactly(here.recipe))
