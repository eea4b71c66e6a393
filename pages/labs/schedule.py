"""Labs: how fast should weights go, all at once or a few at a time while the network is trained?"""

import streamlit as st

from pruneviz.studio import frame
from pruneviz.studio.labs import around, asked, found, live, schedule
from pruneviz.studio.lessons import offered

here = asked.asked("schedule")

st.title(schedule.headline(here), anchor=False)
offered.on("schedule", frame.PAGES)
asked.explain(here)
schedule.choices(here)
live.panel(here)
schedule.plan(here)
schedule.story(here)
schedule.said(here)
around.to_slider(here.recipe, found.exactly(here.recipe))
