"""The app as it is, and at its end a word about the models that all visitors shared, and how often each job was begun.

There is no address that tells it, and shall be none: the server writes it to a file when it goes.
"""

import json
import os
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pruneviz.runs import queue, ticket
from pruneviz.studio import door, server

ROOT = Path(__file__).resolve().parents[2]


begun: Counter[str] = Counter()


class Counted(ticket.Ticket):
    """A ticket that is counted when it is made: equal jobs that are one computation have one."""

    def __init__(self, number, job, *how):
        begun[f"{job.kind} {job.recipe.amount:g}"] += 1
        super().__init__(number, job, *how)


queue.Ticket = Counted


@asynccontextmanager
async def lifespan(watched):
    async with server.lifespan(watched) as state:
        yield state
    from pruneviz import shipped
    from pruneviz.studio import kitchen
    from tests.soak.heavy import fingerprint

    names = [*shipped.titles(), *filter(None, os.environ.get("PRUNEVIZ_CARDS", "").split(os.pathsep))]
    told = {name: fingerprint(kitchen.subject(name)) for name in names}
    Path(os.environ["SOAK_MODELS"]).write_text(json.dumps({**told, "begun": begun}), "utf-8")


server.check()
PagesManager.uses_pages_directory = False
app = st.App(ROOT / "app.py", lifespan=lifespan, middleware=door.middleware())
