"""Learn: short lessons, each done on the app's real pages, with what is often said and what holds."""

import streamlit as st

from pruneviz.studio import frame
from pruneviz.studio.lessons import listing, teacher

st.title(listing.headline(), anchor=False)
st.caption("Each is done on the real pages: a box above the page says what to do next and ticks it off when it is done.")
listing.listed(frame.PAGES)

with st.expander("For teachers: hide controls, share a link, add a lesson", key="for-teachers"):
    teacher.editor(frame.PAGES)
