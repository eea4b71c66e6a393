"""Published results: shares are computed from what was printed, every number has a source, taught figures are placed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz import scale
from pruneviz.scale import BERT, HEADS, LAYERS, OPT, RESNET, STUDIES, VGG, Result


@pytest.mark.parametrize(
    ("study", "at", "share"),
    [
        (BERT, 0, 0.964), (BERT, 1, 0.951), (BERT, 2, 0.934), (VGG, 0, 1.005),
        (RESNET, 0, 0.986), (RESNET, 3, 0.998), (LAYERS, 0, 0.98),
    ],
)  # fmt: skip
def test_shares_are_the_printed_scores_over_the_printed_dense_score(study, at, share):
    assert study.share(study.papers[at]) == pytest.approx(share, abs=0.0006)


def test_controls_are_worse_than_what_they_control():
    assert RESNET.share(RESNET.controls[0]) == pytest.approx(0.916, abs=0.0006)
    for study in STUDIES:
        for control in study.controls:
            beside = [one for one in study.papers if one.sparsity == control.sparsity]
            assert beside and all(study.share(control) < study.share(one) for one in beside)


def test_words_without_a_number_have_no_share():
    assert [HEADS.share(one) for one in HEADS.papers] == [None, None] and all(one.said for one in HEADS.papers)


def test_a_score_that_no_source_prints_is_not_invented():
    """Sajjad et al. say «up to 98%» and print no score of a dense model for it."""
    assert LAYERS.dense is None and HEADS.dense is None and [one.score for one in LAYERS.papers] == [None]
    assert LAYERS.share(LAYERS.papers[0]) == 0.98


def test_taught_figures_are_placed_as_they_are_said():
    said = {study.name: (study.taught.sparsity, round(study.share(study.taught), 3)) for study in scale.placed()}
    assert said == {BERT.name: (0.95, 0.93), VGG.name: (0.90, 0.989), RESNET.name: (0.80, 0.97)}
    assert all(0 <= study.pair < len(study.papers) for study in scale.placed())


def test_beaten_means_more_kept_at_no_less_sparsity():
    assert BERT.beaten and VGG.beaten and RESNET.beaten and not HEADS.beaten
    assert not replace(VGG, papers=(Result(0.925, 87.0),)).beaten
    assert not replace(VGG, papers=(Result(0.85, 89.5),)).beaten


def test_the_farthest_result_is_of_weights_and_keeps_enough():
    study, result = scale.farthest(0.95)
    assert (study, result.sparsity) == (BERT, 0.94)
    assert scale.farthest(0.93)[1].sparsity == 0.97 and scale.farthest(1.0)[0] is VGG


def test_every_number_has_a_source():
    for source in [*(study.source for study in STUDIES), scale.SPARSEGPT]:
        assert source.cite[-4:].isdigit() and source.where and source.url.startswith("https://")
    assert all(study.often and study.reports and study.how and study.gone for study in STUDIES)


def test_what_sparsegpt_costs_shrinks_with_size():
    ratios = {one.size: one.sparsegpt / one.dense for one in OPT}
    assert ratios["125M"] == pytest.approx(1.33, abs=0.005) and ratios["175B"] < 1 < ratios["2.7B"]
    assert all(one.magnitude > 4 * one.dense > 0 for one in OPT)
