"""PruneViz: drag a sparsity slider over a real network and see what goes and what it truly costs.

This file is read twice. The server imports it once and finds `app`; each visitor's page runs it as a script.
"""

import streamlit as st

if __name__ == "__main__":
    from pruneviz.studio import sign_in

    if sign_in.passed():
        from pruneviz.studio import frame

        frame.open_page()
else:
    from pruneviz.studio import server

    server.check()  # before anything else: an older Streamlit has no `st.App`, and this says so in one sentence

    from streamlit.runtime.pages_manager import PagesManager

    from pruneviz.studio import door

    # Without this, a fresh server whose very first request is a deep link takes the folder `pages/` for Streamlit's old
    # page discovery and shows «Page not found» for a moment (docs/decisions/0003-front-door.md).
    PagesManager.uses_pages_directory = False
    app = st.App(__file__, lifespan=server.lifespan, middleware=door.middleware())
