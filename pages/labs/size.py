"""Labs: did the network have to be large before it was pruned, or would a small one have done?"""

import streamlit as st

from pruneviz.studio import frame
from pruneviz.studio.labs import around, asked, found, live, size
from pruneviz.studio.lessons import offered

here = asked.asked("size")

st.title(size.headline(here), anchor=False)
offered.on("size", frame.PAGES)
asked.explain(here)
size.choices(here)
live.panel(here)
size.story(here)
size.said(here)
around.to_slider(here.recipe, found.exactly(here.recipe))
