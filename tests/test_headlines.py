"""Headlines say what the numbers say: never a word for a number that it is not, never «no cost» without its samples."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pruneviz import facts, findings, headlines, verdict
from pruneviz.breakage import TokenRise
from pruneviz.case import neighbours, size
from pruneviz.truths import Spread, Timed
from tests.cases import breakage, case, curve, report, score, units

COUNTS = some.tuples(*[some.integers(0, 300)] * 4).filter(sum)


@given(some.floats(0, 1))
def test_a_word_stands_only_for_its_number(share):
    said = headlines.in_words(share)
    words = {"a quarter": 25, "a third": 100 / 3, "half": 50, "two thirds": 200 / 3, "three quarters": 75}
    if said.removeprefix("about ") in words:
        assert abs(100 * share - words[said.removeprefix("about ")]) <= 1 + 1e-9
        assert said.startswith("about ") or findings.percent(share) == findings.percent(words[said] / 100)
    else:
        assert said == findings.percent(share)


@pytest.mark.parametrize(
    ("share", "said"), [(0.45, "45%"), (0.5, "half"), (0.509, "about half"), (0.52, "52%"), (0.33, "about a third")]
)
def test_forty_five_is_never_half(share, said):
    assert headlines.in_words(share) == said


@given(COUNTS, some.integers(1, 1000))
def test_the_decision_states_the_reports_own_numbers(counts, removed):
    made = report(score(*counts), removed=removed)
    said = headlines.decision(case(made))
    lost, (low, high) = verdict.lost(made)
    assert headlines.in_words(removed / 1000) in said
    assert ("half" in said) == (490 <= removed <= 510)
    assert "no measurable cost" not in said or (low <= 0 <= high <= 1 and f"{sum(counts):,} images" in said)
    most = re.search(r"costs at most ([\d.]+) points? of accuracy \(95%, ", said)
    assert not most or (low <= 0 and 1 < high < 5 and abs(float(most[1]) - high) <= 0.05 + 1e-9)
    found = re.search(r"(costs|gains) (less than )?([\d.]+) points?", said)
    if found:
        stated = float(found[3]) * (1 if found[1] == "costs" else -1)
        assert abs(stated - lost) <= (0.1 if found[2] else 0.05 + 1e-9)
    else:
        assert low <= 0 <= high and f"{sum(counts):,} images" in said


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((450, 40, 2, 8), "Removing 80% of the weights costs 7.6 points of accuracy."),
        ((400, 2, 40, 58), "Removing 80% of the weights gains 7.6 points of accuracy."),
        ((950, 3, 2, 45), "Removing 80% of the weights has no measurable cost on 1,000 images."),
        ((450, 22, 13, 15), "Removing 80% of the weights costs at most 4.3 points of accuracy (95%, 500 images)."),
        ((480, 0, 0, 20), "Removing 80% of the weights turns none of 500 images wrong."),
        ((24, 2, 1, 3), "Removing 80% of the weights costs 3.3 points of accuracy, though 30 images are too few to be sure"),
        ((24, 1, 1, 4), "Removing 80% of the weights shows no cost, but 30 images are too few to rule one out"),
    ],
)
def test_decisions(counts, said):
    assert headlines.decision(case(report(score(*counts)))) == f"{said.removesuffix('.')}."


@given(some.integers(100, 3000), some.floats(0, 0.1), some.floats(0, 0.1))
def test_no_cost_is_claimed_of_a_setting_that_may_lose_a_point(n, wrong, right):
    turned = round(wrong * n), round(right * n)
    made = report(score(n - sum(turned) - n // 50, *turned, n // 50))
    lost, (low, high) = verdict.lost(made)
    said = headlines.cost(made)
    assert ("no measurable cost" in said) == (low <= 0 <= high <= 1 and sum(turned) > 0)
    assert ("at most" in said) == (low <= 0 and 1 < high < 5 and sum(turned) > 0) and (lost <= 1 or "cost" in said)


def test_what_is_not_removed_and_what_is_not_complete_is_said():
    assert headlines.decision(case(report(removed=0))) == "Nothing is removed: this is Digits as it was trained."
    assert "(500 of 5,000 images so far)" in headlines.decision(case(report(score(of=5000))))
    tokens = report(score(correct=None, dense_correct=None, metric="perplexity", value=12.3456, dense_value=10.0))
    assert headlines.decision(case(tokens)) == "Removing 80% of the weights takes perplexity from 10.00 to 12.35."


def test_the_trade_off_names_its_neighbours():
    values = [0.98] * 75 + [0.96] * 5 + [0.94] * 5 + [0.9] * 16
    made = case(report(score(450, 40, 2, 8)), curve=curve(values))
    less, more = neighbours(made)
    assert (less.amount, more.amount) == (0.75, 0.85)
    assert headlines.trade_off(made) == "Accuracy is 90.4% here, 96% one step back (75%), 90% one step further (85%)."
    ends = [case(report(), amount=amount, curve=curve(values)) for amount in (0.0, 1.0)]
    assert neighbours(ends[0])[0] is None and neighbours(ends[1])[1] is None
    assert "a pattern has no other amount" in headlines.trade_off(case(curve=None))
    growing = case(curve=curve(values[::10]))
    assert headlines.trade_off(growing).endswith("; the curve is still being measured.")


@given(some.integers(0, 100))
def test_neighbours_lie_on_both_sides(percent):
    less, more = neighbours(case(amount=percent / 100, curve=curve([0.9] * 101)))
    assert (less is None) == (percent < 2) and (more is None) == (percent >= 99)
    assert less is None or 100 * less.amount <= percent - 1.5 + 1e-9
    assert more is None or 100 * more.amount >= percent + 1.5 - 1e-9


def test_what_was_removed_says_where():
    assert headlines.removed(case(report(removed=400))) == "fc1 loses most, 50% of its weights; fc2 loses 25%."
    assert headlines.removed(case(report(removed=0))) == "Every weight is still there."


def test_who_is_affected_has_a_name_and_counts():
    found = breakage((40, 10, 0, 0), (48, 1, 1, 0))
    made = case(report(score(88, 11, 1, 0)), broken=found)
    assert headlines.affected(made) == (
        "«class 0» loses most of 2 classes (picked after the fact, beyond chance): 50 of 50 right before, "
        "40 now; 11 of 100 images turn wrong, 1 turns right."
    )
    unsure = case(report(score(97, 3, 0, 0)), broken=breakage((48, 2, 0, 0), (49, 1, 0, 0)))
    assert "«class 0» loses most of 2 classes (picked after the fact, perhaps by chance)" in headlines.affected(unsure)
    few = case(report(score(7, 3, 0, 0)), broken=breakage((3, 2, 0, 0), (4, 1, 0, 0)))
    assert headlines.affected(few) == "3 of 10 images turn wrong, none turns right." and not facts.worst(few)
    alone = case(report(score(40, 10, 0, 0)), broken=breakage((40, 10, 0, 0)))
    assert headlines.affected(alone).startswith("«class 0» loses: 50 of 50") and not facts.worst(alone)
    nobody = case(report(score(90, 0, 0, 10)), broken=breakage((45, 0, 0, 5), (45, 0, 0, 5)))
    assert headlines.affected(nobody) == "Nobody on this data: not one of 100 images changes sides."
    assert headlines.affected(case(report(score(90, 1, 0, 9)))) == "1 of 100 images turns wrong, none turns right."
    rise = TokenRise(" dragon", "once upon a", 1.0, 4.25, 3, 7)
    tokens = replace(breakage((1, 0, 0, 0)), classes=(), tokens=(rise,))
    perplexity = report(score(correct=None, dense_correct=None, metric="perplexity"))
    assert headlines.affected(case(perplexity, broken=tokens)) == (
        "«dragon» becomes hardest to foresee: its loss goes from 1.00 to 4.25 nats."
    )


@given(COUNTS)
def test_confidence_is_the_reports(counts):
    made = report(score(*counts))
    said = headlines.confidence(case(made))
    low, high = made.score.interval
    assert f"on {made.score.n:,} held-out images" in said and f"{100 * low:.1f} to {100 * high:.1f}%" in said
    assert findings.percent(made.score.value) in said


def test_the_figures_beside_are_the_reports():
    made = case(units(score(450, 40, 2, 8)))
    left, time, accuracy = facts.tiles(made)
    assert left.value == "0.0012 MB" and left.below == "27.3% of 0.0044 MB; parameters alone"
    assert time.value == "not measured" and accuracy.value == "90.4%" and accuracy.below.endswith("500 images; 98% before")
    dense = facts.size(case())
    assert dense.value == "0.0044 MB" and "0.0012 MB are not zero" in dense.below
    assert size(case().report).left == 1.0 and size(made.report).left == pytest.approx(300 / 1100)


def test_times_are_less_more_or_the_same():
    peer = Spread(2.0, 1.9, 2.1, 21)
    for median, said in ((1.0, "50% less time"), (3.0, "50% more time"), (2.0, "no difference")):
        here = Spread(median, 0.95 * median, 1.05 * median, 21)
        ratio = Spread(median / 2, 0.9 * median / 2, 1.1 * median / 2, 21)
        assert facts.gain(Timed("smaller", 1, here, ratio, peer)) == said


def test_the_worst_class_is_told_with_what_its_pick_is_worth():
    """10 of 50 lost: the lower end of one class of ten lies further out than that of one class alone."""
    row = (40, 10, 0, 0)
    two, ten = (facts.worst(case(broken=breakage(row, *[(50, 0, 0, 0)] * many))) for many in (1, 9))
    low, high = (float(re.search(pattern, ten)[1]) for pattern in (r"lost, ([\d.]+) \(", r"to ([\d.]+), on"))
    assert "picked after the fact among 10: 20.0 points lost" in ten and "Šidák 1967" in ten and low < 20 < high
    assert float(re.search(r"lost, ([\d.]+) ", two)[1]) > low
    assert ("worst class", ten) in facts.basis(case(broken=breakage(row, *[(50, 0, 0, 0)] * 9)))
    assert all(what not in ("worst class", "amounts", "timed on") for what, _ in facts.basis(case()))


def test_amounts_that_may_have_been_chosen_on_these_samples_are_hedged():
    limits = {"limits": (("points", 50.0), ("worst", 50.0), ("mb", 1.0), ("ms", 1.0))}
    found = breakage((90, 10, 0, 0), (500, 0, 0, 0))
    plain, chosen = (
        case(broken=found, chosen={**limits, **how})
        for how in ({"spared": ("fc1.weight",)}, {"overrides": (("fc1.weight", 0.2), ("fc2.weight", 0.9))})
    )
    said = dict(facts.basis(chosen))["amounts"]
    assert "own amounts in 2 layers" in said and "chosen on these images" in said and "page Sensitivity" in said
    assert [said in row.note for row in chosen.verdict.rows] == [True, True, False, False]
    assert [row.verdict for row in chosen.verdict.rows] == [row.verdict for row in plain.verdict.rows]
    assert "amounts" not in dict(facts.basis(plain)) and not any("amounts" in row.note for row in plain.verdict.rows)


def test_the_setting_says_what_was_done_by_hand():
    chosen = {"overrides": (("fc1.weight", 0.2),), "gone": ("fc1:3",)}
    said = facts.setting(case(chosen=chosen))
    assert (
        "1 layer with an amount of its own" in said
        and "1 of the weights by hand" in said
        and said.endswith("without fine-tuning.")
    )


def test_the_verdict_is_told_with_its_interval():
    made = case(report(score(450, 40, 2, 8)), chosen={"limits": (("points", 1.0), ("mb", 1.0))})
    assert facts.overall(made) == "Misses the limits" and facts.overall(case()) == ""
    points, weight = made.verdict.rows
    assert re.fullmatch(r"7\.6 \(\d\.\d to \d+\.\d\)", facts.measured(points)) and facts.allowed(points) == "at most 1"
    assert facts.measured(weight) == "0.0044"
