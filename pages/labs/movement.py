"""Labs: should a weight go because it is small, or because it becomes small?"""

import streamlit as st

from pruneviz.studio import frame
from pruneviz.studio.labs import around, asked, found, live, movement
from pruneviz.studio.lessons import offered

here = asked.asked("movement")

st.title(movement.headline(here), anchor=False)
offered.on("movement", frame.PAGES)
asked.explain(here)
movement.choices(here)
live.panel(here)
movement.story(here)
movement.said(here)
around.to_slider(here.recipe, found.exactly(here.recipe))
