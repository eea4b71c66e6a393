"""Labs: which weights can go in one pass, with no step of training, and can the survivors cover for them?"""

import streamlit as st

from pruneviz.studio import frame
from pruneviz.studio.labs import all_ways, around, asked, found, live, oneshot
from pruneviz.studio.lessons import offered

here = asked.asked("oneshot")

st.title(oneshot.headline(here), anchor=False)
offered.on("oneshot", frame.PAGES)
asked.explain(here)
oneshot.choices(here)
live.panel(here)
all_ways.panel(here)
oneshot.story(here)
oneshot.said(here)
around.to_slider(here.recipe, found.exactly(here.recipe))
