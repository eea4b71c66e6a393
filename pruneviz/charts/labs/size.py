"""Size: a large network pruned beside two that never were large, of equal size and equal steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, whole
from pruneviz.charts.labs import lanes as drawn
from pruneviz.charts.labs.gaps import based, clear, interval, told
from pruneviz.charts.labs.lanes import Lane
from pruneviz.traced import Spread, Traced, difference, ends, seeds, spread

PRUNED, SMALL, SCRATCH = "pruned", "small", "scratch"
METHODS = {PRUNED: "large, then pruned", SMALL: "small from the start", SCRATCH: "pruned shape, trained afresh"}
"""The three networks that are judged, in the order in which they are drawn, and their words."""
NAMES = {PRUNED: "the pruned network", SMALL: "a small one", SCRATCH: "its shape trained afresh"}
"""The same in a sentence."""
LARGE = "large"
"""The stage in which the large network is trained."""
WHOLE = Lane("the large network, before the cut", (), len(METHODS))
Groups = Mapping[str, Sequence[Traced]]


def judged(run: Traced) -> Traced:
    """A run without the large network's training, its steps counted as those of the network that is judged."""
    own = [one for one in run.moments if one.stage != LARGE and "own" in one.values]
    return replace(run, moments=tuple(replace(one, step=int(one.values["own"])) for one in own))


def large(run: Traced) -> Traced:
    """The large network's training alone."""
    return replace(run, moments=tuple(one for one in run.moments if one.stage == LARGE))


def headline(groups: Groups) -> str:
    """How the pruned network ends against the two that never were large, in one sentence."""
    base, size = groups.get(PRUNED, ()), parameters(groups)
    others = [method for method in (SMALL, SCRATCH) if ends(groups.get(method, ()), "accuracy").n]
    gaps = {method: difference(base, groups[method], "accuracy") for method in others}
    if not size or not any(gap.n for gap in gaps.values()):
        return "Was the size needed, or would a small network have done?"
    if all(gap.known and not clear(gap) for gap in gaps.values()) and len({gap.n for gap in gaps.values()}) == 1:
        said = " or from ".join(f"{NAMES[method]} ({interval(gap)})" for method, gap in gaps.items())
        said = based([(said, gap.n) for gap in [*gaps.values()][:1]])
        return f"With {_size(size)} parameters each, nobody can tell {NAMES[PRUNED]} from {said}."
    said = based([(told(gap, NAMES[method]), gap.n) for method, gap in gaps.items()])
    return f"With {_size(size)} parameters each, {NAMES[PRUNED]} ends {said}."


def verdict(groups: Groups) -> str:
    """Which of the two papers these runs agree with: whether weights that were trained are worth more than fresh ones."""
    found = difference(groups.get(PRUNED, ()), groups.get(SCRATCH, ()), "accuracy")
    if not found.known:
        return "Not enough seeds yet: at least two of the pruned network and of its shape trained afresh have to end."
    said = f"Trained weights minus fresh ones in the same shape: {interval(found)}, 95% interval over {found.n} seeds"
    if not clear(found):
        return f"{said}. Nobody can tell them apart here."
    return (
        f"{said}. {'The trained ones are better, as Li et al. report' if found.mean > 0 else 'The fresh ones are better'}."
    )


def parameters(groups: Groups) -> tuple[int, int]:
    """The fewest and the most parameters of the networks that are judged; nothing where none was measured yet."""
    found = [judged(run).last("parameters") for runs in groups.values() for run in runs]
    known = [int(one) for one in found if one is not None]
    return (min(known), max(known)) if known else ()


def accuracy(groups: Groups) -> Chart:
    """Accuracy over each network's own steps, a line with a band per method; before the cut also the large network's."""
    found = drawn.lanes({method: [judged(run) for run in runs] for method, runs in groups.items()}, (*METHODS,), METHODS)
    chart = theme.figure([], "training steps of its own", "held-out accuracy (%)", 400)
    before = [large(run) for run in groups.get(PRUNED, ())]
    if any(run.moments for run in before):
        chart.add_traces(drawn.band(replace(WHOLE, runs=before), "accuracy"))
    for lane in found:
        chart.add_traces(drawn.band(lane, "accuracy"))
    cut = next((run.moments[-1].step for run in before if run.moments), 0)
    if any(lane.name == METHODS[PRUNED] and any(run.moments for run in lane.runs) for lane in found):
        theme.upright(chart, cut, "the cut", dash="dot")
    title = _cut_title(before, [judged(run) for run in groups.get(PRUNED, ())], headline(groups))
    runs = [run for lane in found for run in lane.runs]
    alt = f"{title} A line per method against its own training steps, {drawn.measured_on(runs)}." if runs else title
    header = ("network", "step of its own", "accuracy, mean", "95% from", "to", "seeds")
    return Chart(title, chart, alt, (header, tuple(row for lane in found for row in _rows(lane))))


def _cut_title(before: Sequence[Traced], after: Sequence[Traced], otherwise: str) -> str:
    """What the cut takes at once and what training brings back, as means; before that is known, what is known."""
    whole_ends = spread([run.last("accuracy") for run in before if run.moments])
    cuts = spread([run.series("accuracy")[1][0] for run in after if len(run.series("accuracy")[1])])
    back = ends(after, "accuracy")
    if not (whole_ends.n and cuts.n and back.n):
        return otherwise
    fall = f"The cut takes the large network from {drawn.percent(whole_ends.mean)} to {drawn.percent(cuts.mean)}"
    return f"{fall}; after it was trained on, {drawn.percent(back.mean)}{between(back)} are back."


def _size(size: tuple[int, int]) -> str:
    return whole(size[0]) if size[0] == size[1] else f"{whole(size[0])} to {whole(size[1])}"


def _rows(lane: Lane) -> list[tuple[object, ...]]:
    found = seeds(lane.runs, "accuracy")
    shown = [at for at in range(len(found.steps)) if at % max(1, len(found.steps) // 10) == 0 or at == len(found.steps) - 1]
    sides = (found.mean, found.low, found.high)
    return [
        (lane.name, whole(int(found.steps[at])), *(drawn.percent(float(side[at])) for side in sides), found.n)
        for at in shown
    ]


def between(one: Spread) -> str:
    """The interval of a share, in brackets; nothing where there is none."""
    return f" ({100 * one.low:.1f} to {min(100.0, 100 * one.high):.1f})" if one.known else ""
