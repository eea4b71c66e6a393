"""What a visitor waits for between two pages: from the click in the navigation until the page has run to its end.

Each row compares with the promise that the app makes, so its ratio is target / measured: above 1 the promise is kept.
`python -m benchmarks.pages` runs it alone and prints each page's own figures, too.
"""

from __future__ import annotations

import sys
from statistics import median

import numpy as np

from tests.browser.server import PAGES, PATIENCE, STANDS, chromium, serving, settle

TARGET = 1000.0
ROUNDS = 8
LINK = '.st-key-menu a[href="{name}"]'

# The clock runs from the click to the first frame in which the new page stands: the address and the title are its own,
# nothing on it is about to be drawn anew, and its script has ended.
AWAIT = """([name, stands]) => {
    const link = document.querySelector(`.st-key-menu a[href="${name.slice(1)}"]`)
    const before = document.querySelector('h1')?.innerText
    const start = performance.now()
    link.click()
    return new Promise((found) => {
        const look = () => {
            const here = location.pathname === name && document.querySelector(stands)
            const still = document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]')
            const old = document.querySelector('[data-stale="true"]')
            const title = document.querySelector('h1')?.innerText
            if (here && still && !old && title && title !== before) found(performance.now() - start)
            else requestAnimationFrame(look)
        }
        requestAnimationFrame(look)
    })
}"""


def rows() -> list[dict]:
    """One row: every page from every one before it, in the order of the navigation, on the default model."""
    found = measured()
    together = [value for each in found.values() for value in each]
    slowest = max(found, key=lambda name: median(found[name]))
    p95 = float(np.percentile(together, 95))
    return [
        {
            "name": "page change, p95, default model",
            "ours_ms": p95,
            "peer": "the target",
            "peer_ms": TARGET,
            "ratio": TARGET / p95,
            "unit": "× target / measured",
            "note": f"{p95:.0f} ms against {TARGET:.0f}; median {median(together):.0f} ms over {len(together)} changes; "
            f"slowest page {slowest} (median {median(found[slowest]):.0f} ms)",
        }
    ]


def measured() -> dict[str, list[float]]:
    """Milliseconds of each page's changes, its first visit left out: that one computes what the next ones find."""
    found: dict[str, list[float]] = {name: [] for name in PAGES}
    with chromium() as browser, serving() as server:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(server.address + "/")
        settle(page)
        names = list(PAGES)
        order = [*names[1:], names[0]]
        for turn in range(ROUNDS + 1):
            for name in order if turn % 2 == 0 else [*reversed(order[:-1]), order[-1]]:
                if name == order[0] and turn % 2 and page.url.endswith(PAGES[name]):
                    continue
                page.wait_for_selector(LINK.format(name=PAGES[name][1:]), state="attached")
                took = page.evaluate(AWAIT, [PAGES[name], STANDS])
                settle(page)
                if turn:
                    found[name].append(took)
    return found


if __name__ == "__main__":
    for name, each in measured().items():
        sys.stdout.write(f"{name:12} median {median(each):6.0f}  slowest {max(each):6.0f} ms, {len(each)} changes\n")
