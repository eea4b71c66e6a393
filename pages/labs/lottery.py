"""Labs: is there a small network inside the large one that learns as well from the same starting numbers?"""

import streamlit as st

from pruneviz.studio import frame
from pruneviz.studio.labs import around, asked, found, live, lottery
from pruneviz.studio.lessons import offered

here = asked.asked("lottery")

st.title(lottery.headline(here), anchor=False)
offered.on("lottery", frame.PAGES)
asked.explain(here)
lottery.choices(here)
live.panel(here)
lottery.story(here)
lottery.said(here)
lottery.before_training()
around.to_slider(lottery.left_in_the_end(here), found.exactly(here.recipe))
