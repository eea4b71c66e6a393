"""What a search is worth against its peers, where nothing is right or wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz.allocation import Half
from pruneviz.charts import allocation
from tests.charts.test_sensitivity import allocated


@pytest.mark.parametrize(("theirs", "doubt"), [(12.5, True), (14.0, False)])
def test_of_a_loss_it_is_said_where_the_intervals_overlap(theirs, doubt):
    found = allocated(0, 0, 170)
    best, peer = (
        replace(one, reporting=Half(50, None, value, (value - 0.5, value + 0.5), 2.5))
        for one, value in ((found.best, 12.0), (found.peers[0], theirs))
    )
    said = allocation.versus(replace(found, best=best, peers=(peer,), higher=False))
    assert f"comes to 12.00 where global pruning comes to {theirs:.2f}" in said
    assert ("intervals of both overlap" in said) == doubt
