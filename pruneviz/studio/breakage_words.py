"""Breakage words: the text on the page «What breaks». Every number in it is measured; every claim has its source."""

from __future__ import annotations

from pruneviz import findings, plain
from pruneviz.breakage import Breakage
from pruneviz.first_flips import FirstFlips
from pruneviz.report import Report
from pruneviz.studio import catalogue


def headline(report: Report, found: Breakage) -> str:
    """Who pays, in one sentence: the average beside the class that loses most, or the tokens that became harder."""
    gone = f"{findings.percent(findings.share(report))} of the {findings.many(report)} go"
    if found.spread is not None:
        harder = findings.percent(found.spread.harder / found.spread.tokens) if found.spread.tokens else "none"
        return f"{gone}, and {harder} of the tokens become harder to predict."
    if not found.newly_wrong and not found.newly_right:
        return (
            f"{gone}, and not one of {found.n:,} {found.noun} changes sides."
            if report.removed
            else findings.headline(report)
        )
    lost = 100 * (found.newly_wrong - found.newly_right) / found.n
    average = f"the average loses {_points(lost)}" if lost > 0 else "the average loses nothing"
    if found.scarce:
        return f"{gone}: {average}; {found.newly_wrong:,} of {found.n:,} {found.noun} turn wrong."
    worst = found.worst
    if worst.points <= 0:
        if not found.newly_wrong:
            return f"{gone}: of {found.n:,} {found.noun} none turns wrong, and no class loses accuracy."
        turn = "turns" if found.newly_wrong == 1 else "turn"
        return f"{gone}: {found.newly_wrong:,} of {found.n:,} {found.noun} {turn} wrong, and yet no class loses accuracy."
    return f"{gone}: {average}, the class «{plain.markdown(worst.name, 40)}» {_points(worst.points)}."


def told(report: Report, found: Breakage) -> str:
    """What to do here, and on how many samples its numbers are."""
    seen = (
        f"{found.n:,} of {found.of:,} held-out {found.noun} so far"
        if found.partial
        else f"{found.n:,} held-out {found.noun}"
    )
    tail = f"All numbers are of {seen}, {findings.how_cut(report.subject)}."
    if found.spread is not None:
        what = "a pattern" if ":" in report.granularity else f"a {catalogue.kind(report.granularity).measure}"
        return f"Choose {what} and see which tokens it costs. {tail}"
    if ":" in report.granularity:
        return f"Choose a pattern, then click a class to see its {found.noun}. {tail}"
    return f"Drag the slider, then click a class to see its {found.noun}. {tail}"


def classes(found: Breakage, shown: int) -> str:
    """What the rows rest on, and what a worst class is worth; at most so many are shown."""
    if not found.classes:
        return ""
    many, fewest = len(found.classes), min(row.n for row in found.classes)
    drawn = f"The {many} classes" if many <= shown else f"The {shown} of {many:,} classes that lose most"
    said = f"{drawn}, each with the number of its {found.noun} ({fewest:,} or more); bars are 95% Wilson intervals."
    if many < 2:
        return said
    return (
        f"{said} The class that loses most of {many:,} is picked here, so part of its loss may be chance: compare its "
        "interval with those of the others."
    )


def papers() -> str:
    """What is often said of an average, beside what was reported."""
    return (
        "**Often said:** accuracy is nearly unchanged, so nothing was lost. **The papers report:** networks with comparable "
        "accuracy differ on a small part of the data, and on rare and unusual images most "
        "([Hooker et al. 2019](https://arxiv.org/abs/1911.05248)). Pruning makes the recall of classes below the average "
        "relatively worse, and at low pruning ratios sometimes better "
        "([Good et al. 2022](https://arxiv.org/abs/2206.02976)). The charts here show what holds for this model."
    )


def wall(found: Breakage, group: int) -> str:
    """How many changed sides, and how many of them are shown."""
    rows = [row for row in found.classes if group in (-1, row.index)]
    wrong, right = sum(row.newly_wrong for row in rows), sum(row.newly_right for row in rows)
    of = f" of the class «{plain.markdown(rows[0].name, 40)}»" if group >= 0 and rows else ""
    if not wrong and not right:
        return f"None of the {found.noun}{of} changes sides at this setting."
    return (
        f"{_count(wrong, found.noun)}{of} {'turns' if wrong == 1 else 'turn'} wrong and {right:,} right. Those come first "
        "of which the model was surest. Bars: the three likeliest classes, outlined before and filled after pruning; the "
        "true class is underlined."
    )


def unseen(noun: str) -> str:
    """What stands there where samples cannot be shown."""
    return f"The {noun} of this model cannot be shown, so a table says which of them change sides."


def spread(found: Breakage) -> str:
    """How the added loss of a text is spread over its tokens."""
    one = found.spread
    if one is None:
        return ""
    return (
        f"Of {one.tokens:,} predicted tokens {one.harder:,} become harder and {one.easier:,} easier to predict. The "
        f"hardest-hit hundredth has {findings.percent(one.share)} of all rises. A language model is right or wrong about no "
        "window as a whole, so there are no classes here; the loss of a token is −ln of the probability that it was given, "
        "and the exponential of its mean is the perplexity in the strip."
    )


def confidence() -> str:
    """What a reliability line says."""
    return (
        "Of the answers that a well-calibrated model gives with a confidence of 80%, 80% are right. Below the dashed line "
        "it is too sure of itself. The calibration error is how far both lie apart on average over tenths of confidence, "
        "weighed by samples ([Guo et al. 2017](https://arxiv.org/abs/1706.04599), eq. 3); small tenths move it by chance, "
        "and their intervals say how much."
    )


def first(found: FirstFlips | None, noun: str, granularity: str) -> str:
    """What the last section does."""
    measure = catalogue.kind(granularity).measure
    if found is None:
        return f"At which {measure} does each of the {noun} first change sides? It takes a measurement for every 5%."
    far = f" So far {len(found.amounts)} of {found.of} amounts are measured." if found.partial else ""
    return (
        f"Each of the {noun} is followed from 5% to 100% {measure}, in steps of 5%. What changes sides may change back, and "
        f"later again: bars count those that are newly wrong at that step.{far}"
    )


def searching(noun: str, many: int) -> str:
    """What the button says that starts the search."""
    return f"Find which {noun} change sides first: {many} measurements"


def _points(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return f"{text} point" if text == "1" else f"{text} points"


def _count(many: int, noun: str) -> str:
    return f"1 of the {noun}" if many == 1 else f"{many:,} {noun}"
