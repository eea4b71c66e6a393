"""Regularise: what a penalty does to the weights, and how much can go then, before retraining and after it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32, number
from pruneviz.charts.labs import lanes
from pruneviz.charts.labs.gaps import based, clear, sure, told
from pruneviz.charts.labs.lanes import Lane, Point
from pruneviz.traced import Spread, Traced, judged_on, paired, spread

MIDDLE = 3
"""So many bins in the middle of the histogram are «close to zero»."""
WHEN = {"before": "before retraining", "after": "after retraining"}


def histogram(found: Sequence[Lane]) -> Chart:
    """The weights' histogram while they are trained: a line per penalty, a slider over the training steps."""
    shown = [(lane, lane.runs[0]) for lane in found if lane.runs and lane.runs[0].array("histogram") is not None]
    steps = sorted({one.step for _, run in shown for one, _ in run.arrays("histogram")})
    chart = theme.figure(_lines(shown, steps[-1]) if steps else [], "weight", "share of all weights (%)", 400)
    chart.update_yaxes(type="log", range=[-3, 2], tickvals=[0.001, 0.01, 0.1, 1, 10, 100])
    chart.frames = [go.Frame(data=_lines(shown, step), name=str(step)) for step in steps]
    if steps:
        chart.update_layout(sliders=[_slider(steps)], updatemenus=[_play()])
        chart.update_layout(margin={"b": 120}, legend={"yref": "paper", "y": 1.02, "yanchor": "bottom"})
    title = _close_title(found)
    rows = tuple(_close_row(lane) for lane in found)
    header = ("penalty", "close to zero: |w| below", "share of all weights", "95% from", "to", "seeds")
    alt = f"{title} A line per penalty; a slider goes through the training steps."
    return Chart(title, chart, alt, (header, rows))


def _lines(shown: Sequence[tuple[Lane, Traced]], step: int) -> list[go.Scatter]:
    """The lines at one step. The outer bins hold all that lies beyond them, and are not drawn."""
    traces = []
    for lane, run in shown:
        counts = _until(run, step)
        edges, style = run.array("edges"), lane.style
        traces.append(
            go.Scatter(
                x=float32((edges[1:] + edges[:-1]) / 2)[1:-1],
                y=float32(100 * np.maximum(counts, 0.5) / counts.sum())[1:-1],
                mode="lines",
                name=lane.name,
                line={"color": style["color"], "dash": style["dash"], "width": 2.5},
                hovertemplate=f"{lane.name}<br>around %{{x:.3f}}: %{{y:.2f}}% of the weights<extra></extra>",
            )  # fmt: skip
        )
    return traces


def _until(run: Traced, step: int) -> np.ndarray:
    """The latest histogram up to a step."""
    found = [(one.step, array) for one, array in run.arrays("histogram")]
    return next((array for at, array in reversed(found) if at <= step), found[0][1]).astype(np.float64)


def _slider(steps: Sequence[int]) -> dict[str, object]:
    how = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    return {
        "active": len(steps) - 1, "currentvalue": {"prefix": "training step ", "font": {"size": 13}}, "pad": {"t": 44},
        "steps": [{"label": str(step), "method": "animate", "args": [[str(step)], how]} for step in steps],
        "x": 0.2, "len": 0.8,
    }  # fmt: skip


def _play() -> dict[str, object]:
    how = {"frame": {"duration": 250, "redraw": True}, "transition": {"duration": 0}, "mode": "immediate"}
    return {
        "type": "buttons", "showactive": False, "x": 0, "xanchor": "left", "y": 0, "yanchor": "top", "pad": {"t": 58},
        "buttons": [{"label": "Play", "method": "animate", "args": [None, how]}],
    }  # fmt: skip


def close(run: Traced) -> tuple[float, float]:
    """The share of the weights in the middle bins at the end of training, and how far from zero these reach."""
    counts, edges = run.array("histogram"), run.array("edges")
    middle, side = len(counts) // 2, MIDDLE // 2
    inside = counts[middle - side : middle + side + 1].sum()
    return float(inside / counts.sum()), float(edges[middle + side + 1])


def _close(lane: Lane) -> tuple[Spread, float]:
    found = [close(run) for run in lane.runs if run.array("histogram") is not None]
    return spread([share for share, _ in found]), float(np.mean([reach for _, reach in found])) if found else float("nan")


def _close_title(found: Sequence[Lane]) -> str:
    known = {lane.name: _close(lane) for lane in found}
    known = {name: one for name, one in known.items() if one[0].n}
    if not known:
        return "No run of this setting is there yet."
    reach = max(one[1] for one in known.values())
    said = "; ".join(f"{name} {100 * one.mean:.1f}%{_interval(one)}" for name, (one, _) in known.items())
    return f"Weights closer to zero than {number(reach)} after training: {said}."


def _interval(one: Spread) -> str:
    return f" ({100 * one.low:.1f} to {100 * one.high:.1f})" if one.known else " (one seed)"


def _close_row(lane: Lane) -> tuple[object, ...]:
    one, reach = _close(lane)
    return (lane.name, number(reach), *(lanes.percent(side) for side in (one.mean, one.low, one.high)), one.n)


def curve(lane: Lane, when: str) -> list[Point]:
    """What the seeds say at each sparsity, before retraining or after it; where none is known, nothing."""
    known: dict[float, list[float]] = {}
    for run in lane.runs:
        amounts, values = run.array("amounts"), run.array(when)
        if amounts is not None and values is not None:
            for amount, value in zip(amounts.tolist(), values.tolist(), strict=True):
                if value == value:
                    known.setdefault(amount, []).append(value)
    return [Point(100 * amount, spread(values)) for amount, values in sorted(known.items())]


def pruned(found: Sequence[Lane], when: str, amount: float) -> Chart:
    """Accuracy at each sparsity, a line per penalty with its band; a line across at the sparsity that was asked for."""
    traces = [trace for lane in found for trace in lanes.line(lane, curve(lane, when), "%{x:g}% removed")]
    chart = theme.figure(traces, f"{_what(found)} (%) · {WHEN[when]}", "held-out accuracy (%)", 340)
    chart.update_yaxes(range=[0, 103])
    if traces:
        theme.upright(chart, 100 * amount, f"{as_percent(amount)} asked for")
    title = _pruned_title(found, when, amount)
    rows = tuple(
        (
            lane.name,
            f"{one.x:g}%",
            *(lanes.percent(x) for x in (one.spread.mean, one.spread.low, one.spread.high)),
            one.spread.n,
        )
        for lane in found
        for one in curve(lane, when)
    )
    header = ("penalty", _what(found), "accuracy, mean", "95% from", "to", "seeds")
    runs = [run for lane in found for run in lane.runs]
    alt = f"{title} A line per penalty, {lanes.measured_on(runs)}." if runs else title
    return Chart(title, chart, alt, (header, rows))


def _unit(found: Sequence[Lane]) -> str:
    """What is cut in these runs, whole units or single weights."""
    return next((run.recipe.granularity for lane in found for run in lane.runs), "weight")


def _what(found: Sequence[Lane]) -> str:
    return "sparsity" if _unit(found) == "weight" else f"{_unit(found)}s removed"


def _at(found: Sequence[Lane], amount: float) -> str:
    share = as_percent(amount)
    return f"at {share} sparsity" if _unit(found) == "weight" else f"with {share} of the {_unit(found)}s gone"


def at(lane: Lane, when: str, amount: float) -> dict[int, float]:
    """Of each seed, the accuracy at one sparsity, where it is known."""
    found = {}
    for run in lane.runs:
        amounts, values = run.array("amounts"), run.array(when)
        if amounts is not None and values is not None and amount in amounts:
            value = float(values[list(amounts).index(amount)])
            if value == value:
                found[run.recipe.seed] = value
    return found


def gap(one: Lane, other: Lane, when: str, amount: float) -> Spread:
    """How much better one penalty is than another at a sparsity, seed by seed."""
    first, second = at(one, when, amount), at(other, when, amount)
    n = judged_on([*one.runs, *other.runs])
    return paired([first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())], n)


def _pruned_title(found: Sequence[Lane], when: str, amount: float) -> str:
    means = {lane.name: spread([*at(lane, when, amount).values()]) for lane in found}
    known = [lane for lane in found if means[lane.name].n]
    if not known:
        return f"Nobody knows yet what the penalties cost {WHEN[when]}."
    best, *others = sorted(known, key=lambda lane: means[lane.name].mean, reverse=True)
    if not others:
        return f"{WHEN[when].capitalize()} at {as_percent(amount)}, {best.name} has {lanes.percent(means[best.name].mean)}."
    gaps = [(other.name, gap(best, other, when, amount)) for other in others]
    rest = based([(told(one, name), one.n) for name, one in gaps])
    return f"{WHEN[when].capitalize()} {_at(found, amount)}, {best.name} stands {rest}."


def verdict(first: Lane, second: Lane, amount: float) -> str:
    """Whether these runs show what Han et al. found: the first penalty better before retraining, the second after it."""
    said = []
    for when, expected in (("before", 1), ("after", -1)):
        found = gap(first, second, when, amount)
        if not found.n:
            said.append(f"{WHEN[when]} nobody knows yet")
        elif not found.known:
            said.append(f"{WHEN[when]} {first.name} is {_signed(found.mean)} (one seed: no more than an example)")
        else:
            word = "as reported" if found.mean * expected > 0 else "the other way round"
            word = word if clear(found) else "nobody can tell"
            low, high = _signed(found.low), _signed(found.high)
            said.append(
                f"{WHEN[when]} {first.name} minus {second.name} is {_signed(found.mean)} points ({low} to {high}): {word}"
            )
    return f"At {as_percent(amount)} sparsity, {'; '.join(said)}."


def restored(found: Sequence[Lane], amount: float, unit: str) -> str:
    """Of each penalty, what is right at once after whole units were cut, and after fine-tuning: two figures, and it is the
    second that papers report."""
    said = []
    for lane in found:
        cut, back = (spread([*at(lane, when, amount).values()]) for when in WHEN)
        if cut.n and back.n:
            said.append(
                f"{lane.name} has {lanes.percent(cut.mean)}{_share(cut)} right after the cut and "
                f"{lanes.percent(back.mean)}{_share(back)} after fine-tuning"
            )
    if not said:
        return "Nobody knows yet what a cut takes, and what fine-tuning brings back."
    n = min(spread([*at(lane, "after", amount).values()]).n for lane in found if at(lane, "after", amount))
    return f"With {as_percent(amount)} of the {unit}s gone, {'; '.join(said)}{sure(n)}."


def _share(one: Spread) -> str:
    return f" ({max(0.0, 100 * one.low):.1f} to {min(100.0, 100 * one.high):.1f})" if one.known else ""


def sure_at(first: Lane, second: Lane) -> str:
    """At which sparsities the interval of the difference leaves out zero, before retraining and after it."""
    said = []
    for when in WHEN:
        known = [point.x / 100 for point in curve(first, when)]
        gaps = [(amount, gap(first, second, when, amount)) for amount in known]
        better = [as_percent(amount) for amount, one in gaps if clear(one) and one.mean > 0]
        worse = [as_percent(amount) for amount, one in gaps if clear(one) and one.mean < 0]
        words = [f"{first.name} is better at {', '.join(better)}"] if better else []
        words += [f"{second.name} is better at {', '.join(worse)}"] if worse else []
        said.append(f"{WHEN[when]} {' and '.join(words) if words else 'nowhere'}")
    return (
        f"Where the 95% interval leaves out no difference: {'; '.join(said)}. Each sparsity is tested alone, so that one in "
        "twenty says so by chance."
    )


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")
