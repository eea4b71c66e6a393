"""In which order the tests run: side by side the longest files begin, alone those in a browser come last."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.conftest import LONGEST, ROOT, pytest_collection_modifyitems

BROWSER, QUICK = "browser/test_guide.py", "test_recipe.py"


def test_the_longest_files_are_there():
    """A file of another name would begin when its turn comes, and be waited for."""
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST) and not {BROWSER, QUICK} & set(LONGEST)


@pytest.mark.parametrize(
    ("worker", "order"),
    [("gw0", [LONGEST[0], LONGEST[3], BROWSER, QUICK]), (None, [QUICK, LONGEST[3], BROWSER, LONGEST[0]])],
)
def test_whoever_works_beside_others_begins_with_the_longest(monkeypatch, worker, order):
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    if worker:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    items = [
        SimpleNamespace(path=ROOT / "tests" / name, keywords=["browser"] if name.startswith("browser/") else [])
        for name in (QUICK, LONGEST[3], BROWSER, LONGEST[0])
    ]
    pytest_collection_modifyitems(items)
    assert [item.path for item in items] == [ROOT / "tests" / name for name in order]
