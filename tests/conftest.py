"""What all tests share: where real data lies, and which skips are failures."""

from __future__ import annotations

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

settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")


def pytest_collection_modifyitems(items):
    # Browser tests last: what fails quickly should be heard first. Side by side they come first: they take longest, and
    # whoever is done with them helps with the rest.
    beside = "PYTEST_XDIST_WORKER" in os.environ
    items.sort(key=lambda item: ("browser" in item.keywords) != beside)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped browser test is a failure: `PRUNEVIZ_NO_SKIP=browser`."""
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
