"""The words of a search: what goes, what stays, and whether what was asked for is kept where nobody chose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz.allocation import CANNOT_TELL, KEEPS, KEEPS_NOT
from pruneviz.studio.allocation import headline, told
from tests.test_allocation import KEPT, reported

SAID = {
    KEEPS: ": the 98% asked for are kept.",
    KEEPS_NOT: ": the 98% asked for are not kept.",
    CANNOT_TELL: ": whether the 98% asked for are kept, they cannot tell.",
}


@pytest.mark.parametrize(("counts", "word"), KEPT.items())
def test_the_headline_says_whether_what_was_asked_for_is_kept(counts, word):
    found = reported(*counts)
    said = headline(found)
    assert said.startswith("50% of the parameters go, and ") and said.endswith(SAID[word])
    assert f"stay on {sum(counts):,} other images (95% interval " in said and "both halves together" in told(found)


def test_until_the_other_half_was_seen_nothing_is_kept_for_sure():
    found = reported(980, 2, 4, 14)
    begun = replace(found, best=replace(found.best, reporting=None), complete=False)
    assert headline(begun) == "So far 50% of the parameters can go."
