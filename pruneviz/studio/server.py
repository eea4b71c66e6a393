"""The server's life: what happens once, before the first visitor comes."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager


@asynccontextmanager
async def lifespan(_app):
    """Imports torch and warms the default model in the background, while the first page is drawn from shipped curves."""
    threading.Thread(target=_preload, name="preload", daemon=True).start()
    yield {}


def _preload() -> None:
    # Imported here: caches are set up at import and want the server's runtime, which is there by now.
    from pruneviz.studio import kitchen

    kitchen.preload()
