"""Facts: what stands beside the headlines of a Case. Three figures, the words of a verdict, and what the numbers rest on."""

from __future__ import annotations

from dataclasses import dataclass

from pruneviz import case as cases
from pruneviz import findings, headlines, verdict
from pruneviz.case import Case
from pruneviz.truths import Spread, Timed
from pruneviz.verdict import Row

NOTHING_SAID = "Not said. Whoever presents this can name it before presenting."
ALONE = "parameters alone"
"""Of what a size is: a file has a header and buffers besides, and the page Reality check says how much that is."""
OVERALL = {
    "meets": "Meets the limits",
    "misses": "Misses the limits",
    "cannot tell": "Cannot tell whether it keeps the limits",
}
"""A verdict on all limits together, in words."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One large figure: what it is, the figure, and what stands below it."""

    label: str
    value: str
    below: str


def tiles(case: Case) -> tuple[Tile, Tile, Tile]:
    """Size left, measured time, accuracy."""
    return size(case), speed(case), accuracy(case)


def size(case: Case) -> Tile:
    """What the parameters weigh now; where weights go, the zeros are stored like any number."""
    found = case.size
    if found is None:
        return Tile("size", "not measured", "")
    if case.report.units:
        share = findings.percent(round(found.left, 3))
        return Tile("size left", megabytes(found.stored), f"{share} of {megabytes(found.before)}; {ALONE}")
    said = f"zeros are stored, too; {megabytes(found.nonzero)} are not zero" if found.nonzero < found.stored else "all of it"
    return Tile("size left, stored dense", megabytes(found.stored), f"{said}; {ALONE}")


def megabytes(value: float) -> str:
    """Megabytes with three digits: «1.19 MB», «0.057 MB», «24,600 MB»."""
    return f"{value:,.0f} MB" if value >= 100 else f"{value:.3g} MB"


def speed(case: Case) -> Tile:
    """The time of one input as it was measured, or that it was not."""
    found = case.timed
    if found is None:
        return Tile("time for one input", "not measured", "smaller is not faster until it is measured")
    busy = " The machine was busy." if case.truth.machine.busy else ""
    spread, peer = milliseconds(found.milliseconds), milliseconds(found.peer)
    return Tile("time for one input", gain(found), f"{spread}; before {peer}.{busy}")


def gain(found: Timed) -> str:
    """What a ratio of times means: «39% less time», «no difference»."""
    ratio = found.ratio.median
    if found.same:
        return "no difference"
    return f"{findings.percent(round(abs(1 - ratio), 3))} {'less' if ratio < 1 else 'more'} time"


def milliseconds(spread: Spread) -> str:
    """A time with its quartiles: «0.61 ms (0.60 to 0.63)»."""
    middle, low, high = (number(one) for one in (spread.median, spread.low, spread.high))
    return f"{middle} ms ({low} to {high})"


def number(value: float) -> str:
    """Three digits, no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 else f"{value:.4f}"


def accuracy(case: Case) -> Tile:
    """The metric with its interval and n, beside the dense network's."""
    score = case.report.score
    many = f"{score.n:,} of {score.of:,}" if score.partial else f"{score.n:,}"
    seen = f"{many} {score.noun}{' so far' * score.partial}"
    low, high = score.interval
    if score.correct is None:
        ends = f"interval {low:.2f} to {high:.2f}"
        return Tile(score.metric, f"{score.value:.2f}", f"{ends}, {seen}; {score.dense_value:.2f} before")
    ends = f"interval {100 * low:.1f} to {100 * high:.1f}%"
    return Tile(score.metric, findings.percent(score.value), f"{ends}, {seen}; {findings.percent(score.dense_value)} before")


def overall(case: Case) -> str:
    """The verdict in a few words; empty where no limit was set."""
    return OVERALL.get(case.verdict.word, "")


def measured(row: Row) -> str:
    """What was measured for a limit, with its interval: «0.6 (−0.2 to 1.4)»."""
    if row.value is None:
        return "not measured"
    said = _signed(row.value, row.limit)
    if row.interval is None:
        return said
    low, high = (_signed(end, row.limit) for end in row.interval)
    return f"{said} ({low} to {high}){' so far' * row.so_far}"


def _signed(value: float, limit: str) -> str:
    text = f"{value:.1f}" if limit in ("points", "worst") else number(value)
    return text.replace("-", "−") if float(text.replace(",", "")) else text.removeprefix("-")


def allowed(row: Row) -> str:
    """How much of it is allowed."""
    return f"at most {row.allowed:g}"


def rests(row: Row) -> str:
    """What a row of the verdict rests on, and what would settle it where it cannot be told."""
    return f"{row.note}. To settle it: {row.ways}" if row.ways else row.note


def setting(case: Case) -> str:
    """How it was pruned, in one line."""
    recipe = case.recipe
    scope = "" if ":" in recipe.granularity else f", compared {case.scope}"
    said = f"{findings.percent(case.share)} of the {case.many} removed by {case.criterion}{scope}"
    own, hand = len(recipe.own_amounts()), len(recipe.gone) + len(recipe.back)
    if own:
        said += f", {own} {'layer with an amount of its' if own == 1 else 'layers with amounts of their'} own"
    if hand:
        said += f", {hand} of the {case.many} by hand"
    return f"{case.model}: {said}; {findings.how_cut(recipe.subject)}.{f' {case.came}' if case.came else ''}"


def basis(case: Case) -> tuple[tuple[str, str], ...]:
    """What the numbers rest on: (what, words)."""
    report, score = case.report, case.report.score
    many = f"{score.n:,} of {score.of:,}" if score.partial else f"{score.n:,}"
    interval = f"{score.method or 'Wilson score interval'}, 95%"
    looked = f"{report.calibration_n:,} calibration samples ({report.calibration})" if report.calibration_n else "no data"
    rows = (
        ("measured on", f"{many} held-out {score.noun}{' so far' * score.partial}"),
        ("interval", interval),
        ("criterion looked at", looked),
        ("seed", str(report.seed)),
        ("hardware", case.hardware or report.device),
        ("amounts", cases.chosen(case.recipe, score.noun)),
        ("worst class", worst(case)),
        ("timed on", timed_on(case) if case.truth else ""),
    )
    return tuple((what, words) for what, words in rows if words)


def worst(case: Case) -> str:
    """What the class that loses most is worth: it was picked after the fact. Empty where no class loses, or there is one."""
    row = headlines.worst_class(case.breakage)
    many = len(case.breakage.classes) if case.breakage else 0
    if row is None or many < 2:
        return ""
    value, ends = verdict.class_lost(row, many)
    low, high = (f"{end:.1f}".replace("-", "−") for end in ends)
    return (
        f"picked after the fact among {many:,}: {value:.1f} points lost, {low} (corrected for that, Šidák 1967) to {high}, "
        f"on {row.n:,} {case.report.score.noun}"
    )


def timed_on(case: Case) -> str:
    """Where it was timed, and how often."""
    here, found = case.truth.machine, case.timed
    rounds = f", {found.milliseconds.n:,} rounds" if found else ""
    return f"{here.processor}, {here.threads} of {here.cores} threads, PyTorch {here.torch}{rounds}"


def lost(case: Case) -> str:
    """Points lost with the paired interval, and where that comes from; empty where nothing is right or wrong."""
    found = verdict.lost(case.report)
    if found is None:
        return ""
    value, (low, high) = found
    ends = " to ".join(f"{end:.1f}".replace("-", "−") for end in (low, high))
    said = f"{value:.1f}".replace("-", "−")
    return (
        f"{said} points lost, 95% interval {ends}: the same {case.report.score.noun} before and after "
        "(Newcombe 1998, Statistics in Medicine 17: 2635-2650, method 10)"
    )
