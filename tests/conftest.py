"""What all tests share: where real data lies, and which skips are failures."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"

# Once, before anything runs: on networks this small two threads mostly wait for each other. The servers that tests start
# hear of it, too: two of them run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)
# A worker that stands back for pages would wait for the tests beside it: here, they are all there is.
os.environ.setdefault("PRUNEVIZ_NICE", "0")

settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")


LONGEST = (
    "browser/test_bring_real.py", "browser/test_lessons.py", "browser/test_axe.py", "engine/test_real_units.py",
    "browser/test_anatomy.py", "browser/test_app.py", "test_shipped.py", "engine/export/test_package.py",
    "engine/export/test_script.py", "engine/structure/test_families.py", "studio/test_own_model.py", "browser/test_live.py",
    "studio/test_pages.py", "server/test_isolation.py", "studio/test_removal.py", "engine/test_stories.py",
)  # fmt: skip
"""The files that take longest, the longest first: half a minute to four minutes each."""


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Nothing that is imported is ever garbage: half a million objects which no collection need look at again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items):
    # Browser tests last: what fails quickly should be heard first. Side by side they come first, and before them the
    # longest files: whoever is done helps with the rest, and nobody is left alone with a long one at the end.
    beside = "PYTEST_XDIST_WORKER" in os.environ
    places = {str(ROOT / "tests" / name): at for at, name in enumerate(LONGEST)} if beside else {}

    def place(item) -> tuple[int, bool]:
        return places.get(str(item.path), len(LONGEST)), ("browser" in item.keywords) != beside

    items.sort(key=place)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skip of what needs one of these is a failure: `PRUNEVIZ_NO_SKIP=browser,postgresql,ray,disk`."""
    outcome = yield
    report = outcome.get_result()
    forbidden = os.environ.get("PRUNEVIZ_NO_SKIP", "").split(",")
    if report.skipped and any(mark in item.keywords for mark in forbidden if mark):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure here: {report.longrepr}"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data and weights; tests that need it skip where it is missing, and say so."""
    if not DATA.is_dir():
        pytest.skip(f"no real data at {DATA}")
    return DATA
