"""The server's life: what happens once, before the first visitor comes."""

from __future__ import annotations

from contextlib import asynccontextmanager

from pruneviz.studio import background


@asynccontextmanager
async def lifespan(_app):
    """Imports torch and warms the default model in the background, while the first page is drawn from shipped curves."""
    background.start("preload", _preload)
    yield {}


def _preload() -> None:
    # Imported here: caches are set up at import and want the server's runtime, which is there by now.
    from pruneviz.studio import kitchen

    kitchen.preload()
