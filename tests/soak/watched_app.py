"""The app as it is, and at its end a word about the models that all visitors shared: what their tensors are by then.

There is no address that tells it, and shall be none: the server writes it to a file when it goes.
"""

import json
import os
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pruneviz.studio import door, server

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def lifespan(watched):
    async with server.lifespan(watched) as state:
        yield state
    from pruneviz import shipped
    from pruneviz.studio import kitchen
    from tests.soak.heavy import fingerprint

    names = [*shipped.titles(), *filter(None, os.environ.get("PRUNEVIZ_CARDS", "").split(os.pathsep))]
    told = {name: fingerprint(kitchen.subject(name)) for name in names}
    Path(os.environ["SOAK_MODELS"]).write_text(json.dumps(told), "utf-8")


server.check()
PagesManager.uses_pages_directory = False
app = st.App(ROOT / "app.py", lifespan=lifespan, middleware=door.middleware())
