"""One browser for all browser tests, one server for all tests of the app; where either cannot be, the reason is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.browser.server import CHROMIUM, SHELL, WARM, Server, chromium, serving
from tests.browser.visitors import visits


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser tests")
    if not (SHELL or CHROMIUM):
        pytest.skip("no chromium on this machine: no browser tests")
    with chromium(SHELL or CHROMIUM, WARM) as found:
        yield found


@pytest.fixture(scope="session")
def app(browser) -> Iterator[Server]:
    """The app itself, served once for all tests; nothing they do may make it print a traceback."""
    with serving() as server:
        yield server
        assert "Traceback" not in server.said(), server.said()[-4000:]


@pytest.fixture
def visit(browser, app) -> Iterator[Callable]:
    with visits(browser, app.address) as open_page:
        yield open_page


@pytest.fixture(scope="session")
def axe() -> Callable:
    """Asks axe-core about a page: what breaks WCAG 2.x at level A or AA, as (rule, pieces of the page)."""
    found = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    # Every rule runs; but of what passes one piece is said, and not a thousand.
    options = {"runOnly": {"type": "tag", "values": tags}, "resultTypes": ["violations"]}

    def violations(page, context: str | None = None) -> list[tuple[str, list[str]]]:
        # Streamlit fades what is about to be drawn anew; a colour half-way through a fade is nobody's colour.
        page.add_style_tag(content="[data-stale] { opacity: 1 !important; transition: none !important; }")
        said = found.Axe().run(page, context=context, options=options).response
        assert len(said["passes"]) > 5, "axe looked at nothing"
        return [(item["id"], [node["html"][:160] for node in item["nodes"]]) for item in said["violations"]]

    return violations
