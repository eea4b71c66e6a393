"""Schedule: what a schedule asks for, what it costs on the way and at the end, and which layers are left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32, whole
from pruneviz.charts.labs import lanes
from pruneviz.charts.labs.gaps import based, clear, interval, told
from pruneviz.charts.labs.lanes import Lane
from pruneviz.traced import Spread, Traced, difference, ends, seeds, spread

BEFORE, AFTER = 3, 4
"""The columns of a row of `cuts` that are drawn."""


def asked(
    curves: Mapping[str, np.ndarray], chosen: str, order: Sequence[str], names: Mapping[str, str], steps: int, of: int
) -> Chart:
    """The sparsity that each schedule asks for at each of `steps` training steps, of all `of`; the chosen one is thick."""
    traces = []
    for key, points in curves.items():
        style = theme.ink(order.index(key))
        width = {"color": style["color"], "dash": style["dash"], "width": 4 if key == chosen else 1.8}
        traces.append(
            go.Scatter(
                x=float32([*(steps * points[:, 0]), of]),
                y=float32([*(100 * points[:, 1]), 100 * points[-1, 1]]),
                mode="lines",
                name=names.get(key, key),
                line=width,
                opacity=1 if key == chosen else 0.75,
                hovertemplate=f"{names.get(key, key)}<br>step %{{x:,.0f}}: %{{y:.1f}}% asked for<extra></extra>",
            )  # fmt: skip
        )
    chart = theme.figure(traces, "training step", "sparsity asked for (%)", 280)
    chart.update_yaxes(range=[-2, 102])
    chart.update_xaxes(range=[0, of])
    points = curves[chosen]
    name, high = names.get(chosen, chosen), points[-1, 1]
    half = float(steps * points[np.argmax(points[:, 1] >= high / 2), 0])
    title = f"{name} has removed half of what will go by step {half:,.0f}, and reaches {as_percent(high)} at step "
    title += f"{steps * points[np.argmax(points[:, 1] >= high), 0]:,.0f}."
    shown = np.linspace(0, 1, 11)
    at = {key: [_at(one, share) for share in shown] for key, one in curves.items()}
    rows = tuple((f"{steps * share:,.0f}", *(lanes.percent(at[key][i]) for key in at)) for i, share in enumerate(shown))
    return Chart(title, chart, f"{title} A line per schedule.", (("step", *(names.get(key, key) for key in at)), rows))


def _at(points: np.ndarray, share: float) -> float:
    """The amount at a share of the steps: that of the last point which is not behind it."""
    return float(points[max(0, np.searchsorted(points[:, 0], share, side="right") - 1), 1])


def recovery(found: Sequence[Lane], chosen: str) -> Chart:
    """Held-out accuracy over the training steps, a line per schedule with its band; of the chosen one also each cut, as
    the fall that it is."""
    traces = [trace for lane in found for trace in lanes.band(lane, "accuracy")]
    for lane in found:
        if lane.name == chosen:
            traces.append(_falls(lane))
    chart = theme.figure([one for one in traces if one is not None], "training step", "held-out accuracy (%)", 360)
    of = max((run.of for lane in found for run in lane.runs), default=0)
    if of:
        chart.update_xaxes(range=[0, of])
    title = _falls_title(found)
    header = ("schedule", "step", "accuracy, mean of the seeds", "95% from", "to", "seeds")
    return Chart(title, chart, f"{title} {_stands(found)}", (header, tuple(_rows(found))))


def _falls(lane: Lane) -> go.Scatter | None:
    """The cuts of the first seed: from the accuracy right before each to that right after it."""
    cuts = lane.runs[0].rows("cuts") if lane.runs else None
    if cuts is None or not len(cuts):
        return None
    x = np.repeat(cuts[:, 0], 3)
    y = np.stack((100 * cuts[:, BEFORE], 100 * cuts[:, AFTER], np.full(len(cuts), np.nan)), axis=-1).ravel()
    return go.Scatter(
        x=float32(x), y=float32(y), mode="lines+markers", name=f"cuts of {lane.name}, seed {lane.runs[0].recipe.seed}",
        line={"color": theme.QUIET, "width": 1.5}, marker={"size": 5, "color": theme.QUIET, "symbol": "line-ew-open"},
        hovertemplate="right before and right after the cut at step %{x:,}: %{y:.1f}%<extra></extra>",
    )  # fmt: skip


def deepest(lane: Lane) -> Spread:
    """How far the worst of a run's cuts throws it back at once, as a mean over its seeds."""
    found = [run.rows("cuts") for run in lane.runs]
    return spread([float(np.max(rows[:, BEFORE] - rows[:, AFTER])) for rows in found if rows is not None and len(rows)])


def _falls_title(found: Sequence[Lane]) -> str:
    falls = {lane.name: deepest(lane) for lane in found}
    falls = {name: one for name, one in falls.items() if one.n}
    if not falls:
        return "No run of this setting is there yet."
    said = [f"{name} {100 * one.mean:.1f}{_between(one)}" for name, one in falls.items()]
    return f"The deepest fall at one cut, in points of accuracy: {'; '.join(said)}."


def _between(one: Spread) -> str:
    if not one.known:
        return " (one seed)"
    return f" (95% interval {max(0.0, 100 * one.low):.1f} to {min(100.0, 100 * one.high):.1f})"


def _stands(found: Sequence[Lane]) -> str:
    runs = [run for lane in found for run in lane.runs]
    return f"A line per schedule, {lanes.measured_on(runs)}." if runs else ""


def _rows(found: Sequence[Lane]):
    for lane in found:
        one = seeds(lane.runs, "accuracy")
        for at in range(0, len(one.steps), max(1, len(one.steps) // 10)):
            spread_of = (lanes.percent(side[at]) for side in (one.mean, one.low, one.high))
            yield (lane.name, whole(int(one.steps[at])), *spread_of, one.n)


def outcome(found: Sequence[Lane], base: str) -> Chart:
    """Where each schedule ends: the mean of its seeds, its interval, and every seed as a dot."""
    ended = [lane for lane in found if ends(lane.runs, "accuracy").n]
    traces = [trace for lane in ended for trace in _end(lane)]
    chart = theme.figure(traces, "held-out accuracy at the end (%)", "", 120 + 46 * max(1, len(ended)))
    chart.update_layout(showlegend=False)
    chart.update_yaxes(autorange="reversed", title="")
    title = _ends_title(ended)
    rows = tuple(_end_row(lane, ended, base) for lane in ended)
    header = ("schedule", "accuracy, mean", "95% from", "to", "seeds", f"minus {base}", "95% from", "to", "deepest fall")
    return Chart(title, chart, f"{title} {_stands(ended)}", (header, rows))


def _end(lane: Lane) -> list[go.Scatter]:
    one, style = ends(lane.runs, "accuracy"), lane.style
    half = 100 * (one.high - one.mean) if one.known else 0
    each = [100 * run.last("accuracy") for run in lane.runs if run.done]
    mean = go.Scatter(
        x=[100 * one.mean], y=[lane.name], mode="markers", name=lane.name,
        error_x={"type": "data", "array": [half], "color": style["color"], "thickness": 2, "width": 6},
        marker={"symbol": style["marker"], "size": 13, "color": style["color"]},
        hovertemplate=f"{lane.name}: %{{x:.1f}}%, mean of {one.n}<extra></extra>",
    )  # fmt: skip
    dots = go.Scatter(
        x=float32(each), y=[lane.name] * len(each), mode="markers",
        marker={"symbol": "line-ns-open", "size": 12, "color": theme.QUIET, "line": {"width": 2}},
        hovertemplate="one seed: %{x:.1f}%<extra></extra>",
    )  # fmt: skip
    return [dots, mean]


def _ends_title(found: Sequence[Lane]) -> str:
    said = [f"{lane.name} ends at {lanes.percent(ends(lane.runs, 'accuracy').mean)}" for lane in found]
    if not said:
        return "No run of this setting has come to its end yet."
    return f"{', '.join(said)} ({lanes.measured_on([run for lane in found for run in lane.runs])})."


def outcome_title(found: Sequence[Lane], base: str) -> str:
    """How the others end against the one that they are compared with."""
    control = next((lane for lane in found if lane.name == base), None)
    others = [lane for lane in found if lane.name != base]
    if control is None or not others:
        known = "; ".join(f"{lane.name} ends at {lanes.percent(ends(lane.runs, 'accuracy').mean)}" for lane in found)
        return f"{known}, with nothing to compare." if known else "No run of this setting has come to its end yet."
    gaps = [(lane.name, difference(lane.runs, control.runs, "accuracy")) for lane in others]
    sure = [(f"{name} ends {told(one, base)}", one.n) for name, one in gaps if clear(one)]
    if sure:
        return f"{based(sure)}."
    name, best = max(gaps, key=lambda pair: abs(pair[1].mean) if pair[1].n else -1)
    if len(others) == 1 or not best.known:
        verb = "ends" if best.n else "is"
        return f"{name} {verb} {based([(told(best, base), best.n)])}."
    apart = f"{100 * best.mean:+.1f}".replace("-", "−")
    return (
        f"At the end no schedule can be told from {base}: {name} differs most, by {apart} points (95% interval "
        f"{interval(best)} over {best.n} seeds)."
    )


def _end_row(lane: Lane, found: Sequence[Lane], base: str) -> tuple[object, ...]:
    one, control = ends(lane.runs, "accuracy"), next((other for other in found if other.name == base), None)
    gap = difference(lane.runs, control.runs, "accuracy") if control and lane is not control else spread([])
    sides = [lanes.percent(side) for side in (one.mean, one.low, one.high)]
    apart = [lanes.percent(side) for side in (gap.mean, gap.low, gap.high)]
    return (lane.name, *sides, one.n, *apart, lanes.percent(deepest(lane).mean))


def alive(run: Traced, labels: Sequence[str], sizes: Sequence[int], name: str) -> Chart:
    """The weights that are left in each layer over the training steps, stacked."""
    found = list(run.arrays("alive"))
    steps = [one.step for one, _ in found]
    left = np.stack([array for _, array in found]) * np.asarray(sizes) if found else np.zeros((0, len(labels)))
    traces = [
        go.Scatter(
            x=steps, y=float32(left[:, at]), mode="lines", stackgroup="layers", name=label,
            line={"width": 1, "color": theme.KEPT}, fillcolor=theme.pale(theme.KEPT, _shade(at, len(labels))),
            customdata=float32(100 * left[:, at] / max(1, sizes[at])),
            hovertemplate=f"{label}<br>step %{{x:,}}: %{{y:,.0f}} weights left, %{{customdata:.1f}}%<extra></extra>",
        )
        for at, label in enumerate(labels)
    ]  # fmt: skip
    chart = theme.figure(traces, "training step", "weights left", 320)
    title = _alive_title(left, labels, sizes, name, run)
    rows = tuple((whole(step), *(whole(round(one)) for one in row)) for step, row in zip(steps, left, strict=True))
    return Chart(title, chart, f"{title} One area per layer, the first at the bottom.", (("step", *labels), rows))


def _shade(at: int, many: int) -> float:
    """A blue of its own for each layer, never so pale that it is white."""
    return 0.9 - 0.65 * at / max(1, many - 1)


def _alive_title(left: np.ndarray, labels: Sequence[str], sizes: Sequence[int], name: str, run: Traced) -> str:
    if not len(left):
        return "No weight has been counted yet."
    shares = left[-1] / np.maximum(1, np.asarray(sizes))
    low, high = int(np.argmin(shares)), int(np.argmax(shares))
    total = f"{whole(round(left[-1].sum()))} of {whole(int(sum(sizes)))} weights are left"
    each = f"{labels[high]} keeps {as_percent(shares[high])}, {labels[low]} {as_percent(shares[low])}"
    return f"Under {name}, {total}: {each} (seed {run.recipe.seed})."
