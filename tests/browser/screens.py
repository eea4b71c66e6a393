"""Takes a picture of every page, wide and narrow, light and dark: `python -m tests.browser.screens FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.browser.server import PAGES, chromium, serving, settle

WIDTHS = {"wide": 1440, "narrow": 400}
SCHEMES = ("light", "dark")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as server, chromium() as browser:
        for scheme in SCHEMES:
            for name, width in WIDTHS.items():
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page = context.new_page()
                for title, path in PAGES.items():
                    print(take(page, server.address + path, folder / f"{title}-{name}-{scheme}.png"), flush=True)
                context.close()


def take(page, address: str, target: Path) -> Path:
    """One picture of a whole page. Streamlit scrolls inside the window, so the window is made as high as the page."""
    width = page.viewport_size["width"]
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    settle(page)
    height = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(700)  # charts answer a new height in their own time
    page.screenshot(path=target)
    return target


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".screens"))
